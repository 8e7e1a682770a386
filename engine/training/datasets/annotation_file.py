"""Reads annotation files of COCO's layout (images and annotations) with messages that name what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import InputError

Names = tuple[str, ...]
"""Keys under which files keep the same thing, the first found counts; "a.b" looks into the mapping under "a"."""


@dataclass(frozen=True)
class Record:
    """One entry of an annotation file with the entry of its picture behind it; `where` names it in messages."""

    where: str
    values: tuple[Mapping[str, Any], ...]

    def find(self, names: Names) -> Any | None:
        """The value under the first of the names that the entry or its picture's has; None without any."""
        for name in names:
            for value in self.values:
                found: Any = value
                for part in name.split("."):
                    found = found.get(part) if isinstance(found, Mapping) else None
                if found is not None:
                    return found
        return None

    def require(self, names: Names) -> Any:
        """The same. Raises InputError that names all keys that would have done."""
        found = self.find(names)
        if found is None:
            raise InputError(f"{self.where} has none of the keys {', '.join(names)}; it is not a file of this data set")
        return found

    def array(self, names: Names, *shape: int) -> np.ndarray:
        """The numbers under a required key in this shape (-1 in front: any number), float64."""
        return self._shaped(self.require(names), names, shape)

    def optional_array(self, names: Names, *shape: int) -> np.ndarray | None:
        """The same, or None where there is no such key."""
        found = self.find(names)
        return None if found is None else self._shaped(found, names, shape)

    def _shaped(self, found: Any, names: Names, shape: tuple[int, ...]) -> np.ndarray:
        try:
            return np.array(found, np.float64).reshape(shape)
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{self.where}: {names[0]} does not hold the numbers of an array {shape} ({error})"
            ) from error


def read_records(path: Path) -> Iterator[Record]:
    """Every annotation of the file with its picture, in the order of the file.

    Raises InputError for a file that cannot be read, is not such JSON, or has an annotation without a picture.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
    except OSError as error:
        raise InputError(f"annotation file {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"annotation file {path} is not JSON: {error}; download it again") from error
    parts = [content.get(key) if isinstance(content, dict) else None for key in ("images", "annotations")]
    if not all(isinstance(part, list) and all(isinstance(entry, dict) for entry in part) for part in parts):
        raise InputError(f"annotation file {path} does not hold the lists 'images' and 'annotations'")
    del content
    images = {entry.get("id"): entry for entry in parts[0] or []}
    for place, annotation in enumerate(parts[1] or []):
        where = f"{path}, annotation {place}"
        image = images.get(annotation.get("image_id"))
        if image is None:
            raise InputError(f"{where} belongs to the picture {annotation.get('image_id')!r}, which the file lacks")
        yield Record(where, (annotation, image))

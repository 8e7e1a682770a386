"""A folder of array chunks that is filled from front to back, survives interruptions and knows what it belongs to."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rig.array_file import save_arrays
from rig.atomic_file import replacing

from .errors import OutputError


class ChunkFolder:
    """Chunks `frames_<first>.npz`, each complete or absent, and `key.json` that says what they are of.

    what     names the content in errors
    counted  array whose length is a chunk's number of entries
    needed   names of the arrays without which a chunk counts as damaged

    A chunk that is damaged, and all behind it, count as absent. Raises OutputError when the folder cannot be written.
    """

    def __init__(self, folder: Path, what: str, counted: str, needed: Collection[str]) -> None:
        self.folder = Path(folder)
        self._what, self._counted, self._needed = what, counted, {counted, *needed}

    def claim(self, key: dict[str, Any]) -> None:
        """Empty the folder unless it already belongs to this key of plain JSON values."""
        key = json.loads(json.dumps(key))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if _read_json(self.folder / "key.json") != key:
                for path in [*self.folder.glob("frames_*.npz"), self.folder / "finished.json"]:
                    path.unlink(missing_ok=True)
                _write_json(self.folder / "key.json", key)
        except OSError as error:
            raise self._unwritable(error) from error

    @property
    def key(self) -> dict[str, Any]:
        """What the folder belongs to; empty where nothing has claimed it."""
        key = _read_json(self.folder / "key.json")
        return key if isinstance(key, dict) else {}

    def chunks(self) -> Iterator[dict[str, np.ndarray]]:
        """The arrays of each chunk, from the first entry on up to the first one that is missing or damaged."""
        expected = 0
        while (chunk := self._read(self.folder / f"frames_{expected:09d}.npz")) is not None:
            yield chunk
            expected += len(chunk[self._counted])

    def append(self, first: int, arrays: dict[str, np.ndarray]) -> None:
        """Add a chunk whose first entry is number `first`: as many as the chunks before it hold."""
        path = self.folder / f"frames_{first:09d}.npz"
        try:
            # Only what stands behind a damaged chunk can be here, cut at places that the new chunks need not share.
            for stale in self.folder.glob("frames_*.npz"):
                if stale.name >= path.name:
                    stale.unlink()
            save_arrays(path, arrays)
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self, values: dict[str, Any]) -> None:
        """Mark the folder as complete, with plain JSON values to keep."""
        try:
            _write_json(self.folder / "finished.json", values)
        except OSError as error:
            raise self._unwritable(error) from error

    @property
    def finished(self) -> dict[str, Any] | None:
        """What `finish` kept; None before."""
        finished = _read_json(self.folder / "finished.json")
        return finished if isinstance(finished, dict) else None

    def _read(self, path: Path) -> dict[str, np.ndarray] | None:
        """All arrays of a chunk, whose checksums the archive proves; None where it is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as archive:
                chunk = dict(archive)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        return chunk if chunk.keys() >= self._needed and len(chunk[self._counted]) else None

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"{self._what} cannot be written to {self.folder}: {error.strerror or error}")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _write_json(path: Path, value: Any) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True), encoding="utf-8")

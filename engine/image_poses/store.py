"""Keeps what a network said about one person in the job folder, in chunks, so that an interrupted run continues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..chunk_folder import ChunkFolder
from ..errors import InputError
from .evidence import NetworkEvidence, NetworkFacts, PersonEvidence, joined, nothing_seen

SCHEMA = 1
_ARRAYS = tuple(NetworkEvidence.__dataclass_fields__)


@dataclass(frozen=True)
class Look:
    """What the network said about one crop (N = 1) of frame `row`, cut out of square_xyxy (4,) px."""

    row: int
    square_xyxy: np.ndarray
    said: NetworkEvidence


class EvidenceStore:
    """The folder of one person's evidence; opening it with another key empties it, without one it is only read."""

    def __init__(self, folder: Path, key: dict[str, Any] | None = None) -> None:
        self._chunks = ChunkFolder(
            folder, "network results", "rows", ("squares_xyxy", "uvd", "twist", "betas", "rest_joints", "maxvals")
        )
        self.folder = self._chunks.folder
        if key is not None:
            self._chunks.claim(key)

    @property
    def key(self) -> dict[str, Any]:
        """What decided what is stored."""
        return self._chunks.key

    def progress(self) -> tuple[int, int]:
        """(crops stored without a hole, the row behind the last of them)."""
        count, row = 0, 0
        for chunk in self._chunks.chunks():
            count, row = count + len(chunk["rows"]), int(chunk["rows"][-1]) + 1
        return count, row

    def append(self, first: int, looks: Sequence[Look]) -> None:
        """Store looks, by increasing row, that follow the `first` ones stored."""
        if not looks:
            return
        said = joined([look.said for look in looks])
        rows = np.array([look.row for look in looks], dtype=np.int64)
        squares = np.stack([look.square_xyxy for look in looks])
        arrays = {name: array.astype(np.float32) for name, array in said.arrays().items()}
        self._chunks.append(first, {"rows": rows, "squares_xyxy": squares, **arrays})

    def finish(self, facts: NetworkFacts) -> None:
        """Mark the clip as looked at to its end, by a network of which `facts` are true."""
        self._chunks.finish({"crops": self.progress()[0], "facts": asdict(facts)})

    @property
    def is_finished(self) -> bool:
        """The whole clip was looked at, and all of it is still there."""
        finished = self._chunks.finished
        return finished is not None and finished.get("crops") == self.progress()[0]

    def read(self) -> PersonEvidence:
        """Everything stored. Raises InputError when the clip was not looked at to its end or the folder is damaged."""
        if not self.is_finished:
            raise InputError(
                f"{self.folder} holds what the network saw in only {self.progress()[0]} crops, expected all; "
                "the same `mocap run` as before completes them"
            )
        try:
            facts = NetworkFacts(**(self._chunks.finished or {})["facts"])
            chunks = list(self._chunks.chunks())
            if not chunks:
                return PersonEvidence(np.empty(0, np.int64), np.empty((0, 4)), nothing_seen(facts), facts)
            evidence = [NetworkEvidence(**{n: chunk[n] for n in _ARRAYS if n in chunk}) for chunk in chunks]
            return PersonEvidence(
                rows=np.concatenate([chunk["rows"] for chunk in chunks]),
                squares_xyxy=np.concatenate([chunk["squares_xyxy"] for chunk in chunks]),
                network=joined(evidence),
                facts=facts,
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"{self.folder} is damaged ({error}); delete it and run `mocap run` again") from error

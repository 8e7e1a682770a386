"""Keeps a video's detections on disk in chunks, so that memory stays flat and an interrupted run continues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from ..chunk_folder import ChunkFolder
from ..video import ReadOptions
from .appearance import APPEARANCE_SIZE
from .detections import ARRAYS, Detections, FrameDetections
from .landmark_detector import DetectorOptions, DetectorState
from .track import Track

SCHEMA = 3
_CHUNK_ARRAYS = {*ARRAYS, "frame_indices", "counts", "state_regions", "state_counts"} - {"appearances"}
_LATER_ARRAYS = {*ARRAYS, "frame_indices", "person_ids"}


def detection_key(video_hash: str, reading: ReadOptions, detector: DetectorOptions, model_hash: str) -> dict[str, Any]:
    """All that decides what is detected, as plain JSON values; threads only decide how fast."""
    values = asdict(reading) | {f"detector_{name}": value for name, value in asdict(detector).items()}
    del values["threads"], values["detector_bundle"]
    plain = {
        name: value.value if isinstance(value, Enum) else value if isinstance(value, float | int | None) else str(value)
        for name, value in values.items()
    }
    return {"schema": SCHEMA, "video": video_hash, "model": model_hash, **plain}


@dataclass(frozen=True)
class Progress:
    """Where a stored run stands: frames kept, the last one's time, s, and the state to continue from."""

    frames: int
    last_time_s: float | None
    state: DetectorState


class DetectionStore:
    """A folder of chunks of frames, and the key that says what they are of.

    Opening it with another key empties it; without one it is only read. A chunk that is damaged, and all behind it,
    count as absent. Raises OutputError when the folder cannot be written.
    """

    def __init__(self, folder: Path, key: dict[str, Any] | None = None) -> None:
        self._chunks = ChunkFolder(folder, "detections", "times_s", _CHUNK_ARRAYS)
        self._later = ChunkFolder(folder / "second_look", "detections", "times_s", _LATER_ARRAYS)
        self.folder = self._chunks.folder
        if key is not None:
            self._chunks.claim(key)
            self._later.claim(key)

    @property
    def key(self) -> dict[str, Any]:
        """All that decided what is stored."""
        return self._chunks.key

    def progress(self) -> Progress:
        """How far the store is filled without a hole."""
        frames, last_time_s, state = 0, None, DetectorState()
        for chunk in self._chunks.chunks():
            last_time_s = float(chunk["times_s"][-1])
            state = DetectorState(chunk["state_regions"], *(int(value) for value in chunk["state_counts"]))
            frames += len(chunk["times_s"])
        return Progress(frames, last_time_s, state)

    def append(self, frames: Sequence[FrameDetections], state: DetectorState) -> None:
        """Add frames that follow the stored ones, and the detector's state after the last of them."""
        if not frames:
            return
        people = [frame.people for frame in frames]
        arrays = {name: np.concatenate([getattr(p, name) for p in people]).astype(np.float32) for name in ARRAYS}
        self._chunks.append(
            frames[0].index,
            {
                "frame_indices": np.array([frame.index for frame in frames], dtype=np.int64),
                "times_s": np.array([frame.time_s for frame in frames], dtype=np.float64),
                "counts": np.array([len(p) for p in people], dtype=np.int64),
                "state_regions": state.regions,
                "state_counts": np.array([state.pictures, state.searches, state.alert], dtype=np.int64),
                **arrays,
            },
        )

    def keep_found_later(self, found: Sequence[Track]) -> None:
        """Keep what a second look found besides, in place of what one kept before."""
        rows = [track for track in found if len(track)]
        if not rows:
            return
        self._later.append(
            0,
            {
                "person_ids": np.concatenate([np.full(len(track), track.person_id) for track in rows]),
                "frame_indices": np.concatenate([track.frame_indices for track in rows]),
                "times_s": np.concatenate([track.times_s for track in rows]),
                **{
                    name: np.concatenate([getattr(track.people, name) for track in rows]).astype(np.float32)
                    for name in ARRAYS
                },
            },
        )

    def found_later(self) -> list[Track]:
        """What a second look found besides, by the ids of the people that `build_tracks` makes of `frames` alone."""
        if self._later.key != self.key:
            return []
        found = []
        for chunk in self._later.chunks():
            people = Detections(**{name: chunk[name].astype(np.float64) for name in ARRAYS})
            everybody = Track(0, chunk["frame_indices"], chunk["times_s"], people)
            found += [
                replace(everybody.take(chunk["person_ids"] == person_id), person_id=int(person_id))
                for person_id in np.unique(chunk["person_ids"])
            ]
        return found

    def frames(self) -> Iterator[FrameDetections]:
        """All stored frames in order; one chunk is in memory at a time."""
        for chunk in self._chunks.chunks():
            # Schema 1 knew no appearances; its jobs can still be refined.
            chunk.setdefault("appearances", np.full((len(chunk["scores"]), APPEARANCE_SIZE), np.nan))
            arrays = {name: chunk[name].astype(np.float64) for name in ARRAYS}
            indices, times, counts = chunk["frame_indices"], chunk["times_s"], chunk["counts"]
            ends = np.cumsum(counts)
            for row, end in enumerate(ends):
                part = slice(int(end - counts[row]), int(end))
                people = Detections(**{name: array[part] for name, array in arrays.items()})
                yield FrameDetections(int(indices[row]), float(times[row]), people)

    def finish(self, warnings: Sequence[str]) -> None:
        """Mark the video as read to its end, with what was wrong in it."""
        self._chunks.finish({"frames": self.progress().frames, "warnings": list(warnings)})

    @property
    def is_finished(self) -> bool:
        """The whole range was detected, and all of it is still there."""
        finished = self._chunks.finished
        return finished is not None and finished.get("frames") == self.progress().frames

    @property
    def warnings(self) -> list[str]:
        """What was wrong in a video that was read to its end."""
        return [str(warning) for warning in (self._chunks.finished or {}).get("warnings", ())]

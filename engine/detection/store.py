"""Keeps a video's detections on disk in chunks, so that memory stays flat and an interrupted run continues."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from rig.atomic_file import replacing

from ..errors import OutputError
from ..video import ReadOptions
from .detections import Detections, FrameDetections
from .landmark_detector import DetectorOptions, DetectorState

SCHEMA = 1
_ARRAYS = ("boxes_xyxy", "scores", "landmarks_2d", "landmarks_3d", "landmark_scores")


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
    """A folder of chunks `frames_<first>.npz`, each complete or absent, and `key.json` that says what they are of.

    Opening it with another key empties it. Raises OutputError when the folder cannot be written.
    """

    def __init__(self, folder: Path, key: dict[str, Any]) -> None:
        self.folder = Path(folder)
        key = json.loads(json.dumps(key))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if _read_json(self.folder / "key.json") != key:
                for path in [*self.folder.glob("frames_*.npz"), self.folder / "finished.json"]:
                    path.unlink(missing_ok=True)
                _write_json(self.folder / "key.json", key)
        except OSError as error:
            raise self._unwritable(error) from error

    def progress(self) -> Progress:
        """How far the store is filled without a hole."""
        frames, last_time_s, state = 0, None, DetectorState()
        for path, count in self._chunks():
            with np.load(path) as chunk:
                last_time_s = float(chunk["times_s"][-1])
                state = DetectorState(chunk["state_regions"], *(int(value) for value in chunk["state_counts"]))
            frames += count
        return Progress(frames, last_time_s, state)

    def append(self, frames: Sequence[FrameDetections], state: DetectorState) -> None:
        """Add frames that follow the stored ones, and the detector's state after the last of them."""
        if not frames:
            return
        people = [frame.people for frame in frames]
        arrays = {name: np.concatenate([getattr(p, name) for p in people]).astype(np.float32) for name in _ARRAYS}
        path = self.folder / f"frames_{frames[0].index:09d}.npz"
        try:
            with replacing(path) as temporary:
                np.savez(
                    temporary,
                    frame_indices=np.array([frame.index for frame in frames], dtype=np.int64),
                    times_s=np.array([frame.time_s for frame in frames], dtype=np.float64),
                    counts=np.array([len(p) for p in people], dtype=np.int64),
                    state_regions=state.regions,
                    state_counts=np.array([state.pictures, state.searches, state.alert], dtype=np.int64),
                    **arrays,
                )
        except OSError as error:
            raise self._unwritable(error) from error

    def frames(self) -> Iterator[FrameDetections]:
        """All stored frames in order; one chunk is in memory at a time."""
        for path, _ in self._chunks():
            with np.load(path) as chunk:
                arrays = {name: chunk[name].astype(np.float64) for name in _ARRAYS}
                indices, times, counts = chunk["frame_indices"], chunk["times_s"], chunk["counts"]
            ends = np.cumsum(counts)
            for row, end in enumerate(ends):
                part = slice(int(end - counts[row]), int(end))
                people = Detections(**{name: array[part] for name, array in arrays.items()})
                yield FrameDetections(int(indices[row]), float(times[row]), people)

    def finish(self, warnings: Sequence[str]) -> None:
        """Mark the video as read to its end, with what was wrong in it."""
        try:
            _write_json(self.folder / "finished.json", {"warnings": list(warnings)})
        except OSError as error:
            raise self._unwritable(error) from error

    @property
    def is_finished(self) -> bool:
        """The whole range was detected."""
        return _read_json(self.folder / "finished.json") is not None

    @property
    def warnings(self) -> list[str]:
        """What was wrong in a video that was read to its end."""
        finished = _read_json(self.folder / "finished.json")
        return list(finished["warnings"]) if finished else []

    def _chunks(self) -> Iterator[tuple[Path, int]]:
        """Chunks from the first frame on up to the first hole, with their frame counts."""
        expected = 0
        for path in sorted(self.folder.glob("frames_*.npz")):
            match = re.fullmatch(r"frames_(\d+)", path.stem)
            if match is None or int(match[1]) != expected:
                return
            try:
                with np.load(path) as chunk:
                    count = len(chunk["frame_indices"])
            except (OSError, ValueError, KeyError, zipfile.BadZipFile):
                return
            yield path, count
            expected += count

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"detections cannot be written to {self.folder}: {error.strerror or error}")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _write_json(path: Path, value: Any) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True), encoding="utf-8")

"""Keeps a video's detections on disk in chunks, so that memory stays flat and an interrupted run continues."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from rig.array_file import save_arrays
from rig.atomic_file import replacing

from ..errors import OutputError
from ..video import ReadOptions
from .detections import Detections, FrameDetections
from .landmark_detector import DetectorOptions, DetectorState

SCHEMA = 1
_ARRAYS = ("boxes_xyxy", "scores", "landmarks_2d", "landmarks_3d", "landmark_scores")
_CHUNK_ARRAYS = {*_ARRAYS, "frame_indices", "times_s", "counts", "state_regions", "state_counts"}


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

    Opening it with another key empties it; without one it is only read. A chunk that is damaged, and all behind it,
    count as absent. Raises OutputError when the folder cannot be written.
    """

    def __init__(self, folder: Path, key: dict[str, Any] | None = None) -> None:
        self.folder = Path(folder)
        if key is not None:
            self._claim(key)

    def _claim(self, key: dict[str, Any]) -> None:
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
        for chunk in self._chunks():
            last_time_s = float(chunk["times_s"][-1])
            state = DetectorState(chunk["state_regions"], *(int(value) for value in chunk["state_counts"]))
            frames += len(chunk["times_s"])
        return Progress(frames, last_time_s, state)

    def append(self, frames: Sequence[FrameDetections], state: DetectorState) -> None:
        """Add frames that follow the stored ones, and the detector's state after the last of them."""
        if not frames:
            return
        people = [frame.people for frame in frames]
        arrays = {name: np.concatenate([getattr(p, name) for p in people]).astype(np.float32) for name in _ARRAYS}
        path = self.folder / f"frames_{frames[0].index:09d}.npz"
        try:
            # Only what stands behind a damaged chunk can be here, cut at places that the new chunks need not share.
            for stale in self.folder.glob("frames_*.npz"):
                if stale.name >= path.name:
                    stale.unlink()
            save_arrays(
                path,
                {
                    "frame_indices": np.array([frame.index for frame in frames], dtype=np.int64),
                    "times_s": np.array([frame.time_s for frame in frames], dtype=np.float64),
                    "counts": np.array([len(p) for p in people], dtype=np.int64),
                    "state_regions": state.regions,
                    "state_counts": np.array([state.pictures, state.searches, state.alert], dtype=np.int64),
                    **arrays,
                },
            )
        except OSError as error:
            raise self._unwritable(error) from error

    def frames(self) -> Iterator[FrameDetections]:
        """All stored frames in order; one chunk is in memory at a time."""
        for chunk in self._chunks():
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
            _write_json(self.folder / "finished.json", {"frames": self.progress().frames, "warnings": list(warnings)})
        except OSError as error:
            raise self._unwritable(error) from error

    @property
    def is_finished(self) -> bool:
        """The whole range was detected, and all of it is still there."""
        finished = _read_json(self.folder / "finished.json")
        return isinstance(finished, dict) and finished.get("frames") == self.progress().frames

    @property
    def warnings(self) -> list[str]:
        """What was wrong in a video that was read to its end."""
        finished = _read_json(self.folder / "finished.json")
        return [str(warning) for warning in finished.get("warnings", ())] if isinstance(finished, dict) else []

    def _chunks(self) -> Iterator[dict[str, np.ndarray]]:
        """The arrays of each chunk, from the first frame on up to the first one that is missing or damaged."""
        expected = 0
        while (chunk := _read_chunk(self.folder / f"frames_{expected:09d}.npz")) is not None:
            yield chunk
            expected += len(chunk["times_s"])

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"detections cannot be written to {self.folder}: {error.strerror or error}")


def _read_chunk(path: Path) -> dict[str, np.ndarray] | None:
    """All arrays of a chunk, whose checksums the archive proves; None where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            chunk = dict(archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return chunk if chunk.keys() >= _CHUNK_ARRAYS and len(chunk["times_s"]) else None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _write_json(path: Path, value: Any) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True), encoding="utf-8")

"""The people that were tracked in a job's video, each with a picture, and the user's edits of their tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rig.atomic_file import replacing

from .detection.detect_video import stored_tracks
from .detection.store import DetectionStore
from .detection.track import Track
from .detection.track_edits import Edit, Split, edit_as_json, edit_tracks, load_edits, save_edits
from .errors import InputError, OutputError
from .estimate import detect_people, open_clip, read_options
from .job import Job, find_job
from .progress import Reporter
from .settings import NETWORK_SETTINGS, Settings, settings_from
from .video import Frame, VideoReader, hash_video

FOLDER = "people"
_SIDE_PX = 192
_MARGIN = 0.15


@dataclass(frozen=True)
class TrackedPerson:
    """Somebody in a clip: where seen, s of the video as it plays, how well, 0 to 1, and a picture of the person.

    frames are those with the person in them; thumbnail is the path of a square PNG, empty where there is none.
    """

    id: int
    frames: int
    start_s: float
    end_s: float
    mean_score: float
    thumbnail: str


@dataclass(frozen=True)
class FoundPeople:
    """Everybody of a job after the edits, oldest edit first."""

    job: str
    people: tuple[TrackedPerson, ...]
    edits: tuple[Edit, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "job": self.job,
            "people": [asdict(person) for person in self.people],
            "edits": [edit_as_json(edit) for edit in self.edits],
        }


def find_people(video: str, values: dict[str, Any], folder: Path, reporter: Reporter) -> Job:
    """Detect the people of a video, or go on detecting; the job that a capture of the same settings goes on from.

    values are the settings asked for; where the folder holds this very video, its job's settings stand behind them.
    Raises EngineError.
    """
    earlier = find_job(folder)
    if earlier is not None and earlier.video_hash != _hash(video):
        earlier = None
    base = earlier.settings if earlier is not None else Settings()
    settings = settings_from({**asdict(base), **values}, "command line")
    if earlier is not None and all(getattr(settings, name) == getattr(base, name) for name in NETWORK_SETTINGS):
        job = replace(earlier, video=str(Path(video).absolute()))  # what it captured stays finished
    else:
        job = open_clip(video, settings, folder)
    detect_people(job, reporter)
    return job


def edit_people(job: Job, added: Sequence[Edit], *, reset: bool = False, undo: bool = False) -> tuple[Edit, ...]:
    """Add edits to the job's, after all were taken back (reset) or the last one (undo); all edits that hold now.

    Times of splits are s of the video as it plays. Raises InputError, with nothing changed, for an edit that does not
    fit the tracks.
    """
    store = DetectionStore(job.detections_folder)
    edits = () if reset else load_edits(job.folder, store.key)
    if undo:
        if not edits:
            raise InputError(f"job {job.folder} has no edit of tracks to take back")
        edits = edits[:-1]
    slow = job.settings.slow_motion
    edits = (*edits, *(replace(edit, time_s=edit.time_s / slow) if isinstance(edit, Split) else edit for edit in added))
    edit_tracks(stored_tracks(store), edits)
    save_edits(job.folder, store.key, edits)
    return edits


def list_people(job: Job, edits: Sequence[Edit], reporter: Reporter) -> FoundPeople:
    """Everybody after the edits, each with a picture, made where the job folder has none yet. Raises EngineError."""
    tracks = edit_tracks(stored_tracks(DetectionStore(job.detections_folder)), edits)
    shown = {track.person_id: _clearest_row(track) for track in tracks}
    paths = _thumbnails(job, tracks, shown, reporter)
    slow, frame_s = job.settings.slow_motion, 1 / float(job.clip.fps)
    people = tuple(
        TrackedPerson(
            id=track.person_id,
            frames=len(track),
            start_s=round(float(track.times_s[0]) * slow, 6),
            end_s=round((float(track.times_s[-1]) + frame_s) * slow, 6),
            mean_score=round(float(track.people.scores.mean()), 4),
            thumbnail=str(paths.get(track.person_id, "")),
        )
        for track in tracks
    )
    return FoundPeople(str(job.folder.absolute()), people, tuple(edits))


def _hash(video: str) -> str:
    try:
        return hash_video(video)
    except InputError:
        return ""  # a camera, or nothing: opening it says so


def _clearest_row(track: Track) -> int:
    """The row where the person is seen large and well, not at an end of the track unless it is short."""
    boxes = track.people.boxes_xyxy
    worth = np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1) * track.people.scores**2
    tenth = len(track) // 10
    inner = worth[tenth : len(track) - tenth]
    return tenth + int(np.argmax(inner))


def _thumbnails(job: Job, tracks: Sequence[Track], rows: dict[int, int], reporter: Reporter) -> dict[int, Path]:
    """Paths of the pictures by person; one pass from picture to picture writes those that are not there."""
    folder = job.folder / FOLDER
    paths, missing = {}, []
    for track in tracks:
        index = int(track.frame_indices[rows[track.person_id]])
        # Named after what it shows, so that one of an earlier edit is never taken for it.
        path = paths[track.person_id] = folder / f"person_{track.person_id}_frame_{index}.png"
        if not path.is_file():
            missing.append((index, track))
    if not missing:
        return paths
    missing.sort(key=lambda wanted: wanted[0])
    times_s = {int(i): float(t) for track in tracks for i, t in zip(track.frame_indices, track.times_s, strict=True)}
    try:
        folder.mkdir(exist_ok=True)
        with VideoReader(job.video, read_options(job.settings)) as video:
            for done, (index, track) in enumerate(missing):
                reporter.progress("pictures", done, len(missing))
                frame = next(iter(video.frames(index, times_s.get(index - 1))), None)
                if frame is None:
                    del paths[track.person_id]
                    continue
                _write_crop(paths[track.person_id], frame, track.people.boxes_xyxy[rows[track.person_id]])
        reporter.progress("pictures", len(missing), len(missing))
        for old in set(folder.glob("person_*.png")) - set(paths.values()):
            old.unlink()
    except OSError as error:
        raise OutputError(f"job folder {job.folder} cannot be written: {error.strerror or error}") from error
    return paths


def _write_crop(path: Path, frame: Frame, box_xyxy: np.ndarray) -> None:
    """The square around the box, black beyond the picture."""
    import cv2

    scale = frame.image_rgb.shape[1] / frame.size[0]
    box = box_xyxy * scale
    side = (1 + 2 * _MARGIN) * float((box[2:] - box[:2]).max())
    low = (box[:2] + box[2:]) / 2 - side / 2
    to_thumbnail = np.array([[1, 0, -low[0]], [0, 1, -low[1]]]) * (_SIDE_PX / side)
    flags = cv2.INTER_AREA if side > _SIDE_PX else cv2.INTER_LINEAR
    picture = cv2.warpAffine(frame.image_rgb, to_thumbnail, (_SIDE_PX, _SIDE_PX), flags=flags)
    ok, coded = cv2.imencode(".png", picture[..., ::-1])
    if not ok:
        raise OutputError(f"{path} cannot be written: the picture cannot be coded as PNG")
    with replacing(path) as temporary:
        temporary.write_bytes(coded.tobytes())

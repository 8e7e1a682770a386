"""Runs the detector over a video into a store, from wherever an earlier run stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..poses import LandmarkSequence
from ..video import ReadOptions, Source, VideoReader
from .detections import FrameDetections
from .landmark_detector import DetectorOptions, LandmarkDetector
from .model_bundle import find_bundle
from .read_ahead import read_ahead
from .second_look import look_again
from .selection import PersonSelection, select_people
from .store import DetectionStore, detection_key
from .track import Track, to_landmark_sequence
from .track_edits import Edit, edit_tracks
from .tracks import TrackOptions, build_tracks

CHUNK_FRAMES = 256
MAX_SIDE_PX = 2560
"""Larger pictures are shrunk to this: a person as high as a tenth of it still fills the network's 256 px.

Crops are cut out of it at full size; coordinates refer to the video's own picture."""


@dataclass(frozen=True)
class DetectionRun:
    """How a run ended: frames in the store, of them new, whether all are there, and what was wrong in the video."""

    frames: int
    new_frames: int
    is_complete: bool
    warnings: tuple[str, ...]


def open_store(folder: Path, video_hash: str, reading: ReadOptions, detector: DetectorOptions) -> DetectionStore:
    """The store of one video and one set of options in `folder`; what another video or option left there is removed."""
    model_hash = hashlib.blake2b(find_bundle(detector.bundle).read_bytes(), digest_size=16).hexdigest()
    return DetectionStore(folder, detection_key(video_hash, reading, detector, model_hash))


def detect_video(
    source: Source,
    reading: ReadOptions,
    detector: DetectorOptions,
    store: DetectionStore,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_frame: Callable[[FrameDetections], None] = lambda frame: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> DetectionRun:
    """Detect people in every frame that the store does not hold yet.

    on_progress  called with frames done and frames in all (0 where unknown) after every frame
    on_frame     called with the detections of every new frame
    should_stop  asked after every frame; what was detected until then is stored, and a later call continues there
                 with the same result as if nothing had happened

    Decoding runs ahead in a thread. Memory does not grow with the video. Raises InputError for a source that cannot
    be read, OutputError when the store cannot be written, MissingTool or InputError for unfit models.
    """
    before = store.progress()
    if store.is_finished:
        on_progress(before.frames, before.frames)
        return DetectionRun(before.frames, 0, True, tuple(store.warnings))
    reading = replace(reading, max_side_px=min(reading.max_side_px or MAX_SIDE_PX, MAX_SIDE_PX))
    done, stopped = before.frames, False
    pending: list[FrameDetections] = []
    with VideoReader(source, reading) as video, LandmarkDetector(detector) as landmarks:
        landmarks.state = before.state
        total = video.expected_frames or 0
        try:
            with closing(read_ahead(video.frames(before.frames, before.last_time_s), stop=video.close)) as frames:
                for frame in frames:
                    people = landmarks.detect(frame.image_rgb, frame.size)
                    pending.append(FrameDetections(frame.index, frame.time_s, people))
                    done += 1
                    on_frame(pending[-1])
                    on_progress(done, max(total, done) if total else 0)
                    if len(pending) == CHUNK_FRAMES:
                        store.append(pending, landmarks.state)
                        pending = []
                    if should_stop():
                        stopped = True
                        break
        finally:
            store.append(pending, landmarks.state)
        if not stopped:
            warnings = tuple(video.warnings)
            for _ in _second_look(store, landmarks, video):
                on_progress(done, done)
                if should_stop():
                    return DetectionRun(done, done - before.frames, False, warnings)
            store.finish(warnings)
        return DetectionRun(done, done - before.frames, not stopped, tuple(video.warnings))


def _second_look(store: DetectionStore, landmarks: LandmarkDetector, video: VideoReader) -> Iterator[None]:
    """Look again where somebody is missing, and keep it once all is done; yields after every picture.

    It works on what is stored, so that an interrupted run ends with the same result.
    """
    found: list[Track] = []
    for track in look_again(video, list(store.frames()), landmarks.networks):
        found += [] if track is None else [track]
        yield
    store.keep_found_later(found)


def stored_tracks(store: DetectionStore, options: TrackOptions | None = None) -> list[Track]:
    """Everybody in a store, with what a second look found of them."""
    return build_tracks(store.frames(), options, store.found_later())


def landmark_sequences(
    store: DetectionStore,
    selection: PersonSelection,
    options: TrackOptions | None = None,
    edits: Sequence[Edit] = (),
) -> list[LandmarkSequence]:
    """The chosen people of a store over all of its frames, once the user's edits are applied.

    Raises NobodyFound when there is no person at all, InputError when the selection or an edit fits none.
    """
    indices: list[int] = []
    times_s: list[float] = []

    def noted(frame: FrameDetections) -> FrameDetections:
        indices.append(frame.index)
        times_s.append(frame.time_s)
        return frame

    tracks = edit_tracks(build_tracks(map(noted, store.frames()), options, store.found_later()), edits)
    return [
        to_landmark_sequence(track, np.array(indices, dtype=np.int64), np.array(times_s))
        for track in select_people(tracks, selection)
    ]

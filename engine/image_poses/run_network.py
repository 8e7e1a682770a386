"""Runs an image network over the chosen people of a video into stores, from wherever an earlier run stopped."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..detection.detect_video import MAX_SIDE_PX
from ..detection.read_ahead import read_ahead
from ..models.crops import CropFrame, crop_frame, normalise, warp_crop
from ..poses import LandmarkSequence
from ..video import Frame, ReadOptions, Source, VideoReader
from .evidence import NetworkEvidence, Predictor
from .mirrored import predict_with_mirror
from .person_boxes import person_boxes
from .store import SCHEMA, EvidenceStore, Look

CHUNK_CROPS = 256


@dataclass(frozen=True)
class NetworkOptions:
    """name and content hash of the network, whether mirror images are averaged in, whether it is asked to calculate in

    half precision, crops looked at together.
    """

    name: str
    model_hash: str
    flip_test: bool = False
    half: bool = False
    batch_size: int = 16


class _Person:
    """One person while the video is read; boxes_xyxy (T, 4) px, NaN where there is nothing to see."""

    def __init__(self, boxes_xyxy: np.ndarray, store: EvidenceStore) -> None:
        self.boxes_xyxy, self.store = boxes_xyxy, store
        self.total = int(np.isfinite(boxes_xyxy).all(axis=1).sum())
        self.stored, self.next_row = store.progress()
        self._pending: list[Look] = []

    def crop(self, row: int) -> CropFrame | None:
        """Where to cut this person out of frame `row`; None where there is nothing to see or it was looked at."""
        box = self.boxes_xyxy[row]
        return crop_frame(box) if row >= self.next_row and np.isfinite(box).all() else None

    def add(self, look: Look) -> None:
        """Keep what was said; it is stored when a chunk is full."""
        self._pending.append(look)
        if len(self._pending) == CHUNK_CROPS:
            self.keep()

    def keep(self) -> None:
        """Store what was said and is not stored yet."""
        looks, self._pending = self._pending, []
        self.store.append(self.stored, looks)
        self.stored += len(looks)


def person_folder(folder: Path, person_id: int) -> Path:
    """Where a person's evidence is kept inside the folder of all."""
    return folder / f"person_{person_id}"


def run_network(
    source: Source,
    reading: ReadOptions,
    people: Sequence[LandmarkSequence],
    image_size: tuple[int, int],
    options: NetworkOptions,
    load: Callable[[], Predictor],
    folder: Path,
    detection_key: dict[str, Any],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Look at every crop of every person that the stores in `folder` do not hold yet.

    load           gives the network; called only when there is something left to look at
    detection_key  what the people were found by; other detections make earlier evidence worthless
    on_progress    called with crops looked at and crops in all

    The video is read once more, once for all people. Batches hold crops of several people and frames; memory does not
    grow with the video. What was looked at before an interruption is kept. Raises InputError for a source that
    cannot be read, OutputError when a store cannot be written, and what `load` raises.
    """
    everybody = [_open(person, image_size, options, folder, detection_key) for person in people]
    _forget_strangers(folder, evidence_key(options, detection_key))
    total = sum(person.total for person in everybody)
    done = sum(person.stored for person in everybody)
    on_progress(done, total)
    unfinished = [person for person in everybody if not person.store.is_finished]
    if not unfinished:
        return
    predictor = load()
    first = min(person.next_row for person in unfinished)
    after_s = float(people[0].times_s[first - 1]) if first else None
    reading = replace(reading, max_side_px=min(reading.max_side_px or MAX_SIDE_PX, MAX_SIDE_PX))
    batch: list[_Crop] = []
    try:
        with VideoReader(source, reading) as video:
            frames = read_ahead(video.frames(first, after_s), stop=video.close)
            with closing(frames):
                for crop in _crops(frames, unfinished):
                    batch.append(crop)
                    if len(batch) >= options.batch_size:
                        done += _look(predictor, batch, options.flip_test)
                        on_progress(done, total)
                        batch = []
        if batch:
            done += _look(predictor, batch, options.flip_test)
            on_progress(done, total)
    finally:
        for person in unfinished:
            person.keep()
    for person in unfinished:
        person.store.finish(predictor.facts)


@dataclass(frozen=True)
class _Crop:
    person: _Person
    row: int
    square_xyxy: np.ndarray
    image_rgb: np.ndarray


def _crops(frames: Iterator[Frame], people: Sequence[_Person]) -> Iterator[_Crop]:
    """The crops (256, 256, 3) uint8 of everybody in every frame."""
    for frame in frames:
        if frame.index >= len(people[0].boxes_xyxy):
            return
        for person in people:
            whole = person.crop(frame.index)
            if whole is None:
                continue
            # The picture may have been shrunk on reading; boxes are in pixels of the full one.
            shrunk = frame.image_rgb.shape[1] / frame.size[0]
            here = whole if shrunk == 1.0 else crop_frame(person.boxes_xyxy[frame.index] * shrunk)
            yield _Crop(person, frame.index, whole.square_box_xyxy, warp_crop(frame.image_rgb, here))


def _look(predictor: Predictor, batch: Sequence[_Crop], flip_test: bool) -> int:
    """Run the network over a batch and hand each person what was said; returns the number of crops."""
    crops = normalise(np.stack([crop.image_rgb for crop in batch]))
    said: NetworkEvidence = predict_with_mirror(predictor, crops) if flip_test else predictor.predict(crops)
    for number, crop in enumerate(batch):
        crop.person.add(Look(crop.row, crop.square_xyxy, said.take(slice(number, number + 1))))
    return len(batch)


def _open(
    landmarks: LandmarkSequence,
    image_size: tuple[int, int],
    options: NetworkOptions,
    folder: Path,
    detection_key: dict[str, Any],
) -> _Person:
    boxes = person_boxes(landmarks, image_size)
    key = {**evidence_key(options, detection_key), "boxes": _boxes_hash(boxes)}
    store = EvidenceStore(person_folder(folder, landmarks.person_id), key)
    return _Person(boxes, store)


def looked_at(landmarks: LandmarkSequence, image_size: tuple[int, int]) -> str:
    """The hash, in a person's evidence under "boxes", of where the network looks for this person."""
    return _boxes_hash(person_boxes(landmarks, image_size))


def _boxes_hash(boxes_xyxy: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(boxes_xyxy).tobytes(), digest_size=16).hexdigest()


def evidence_key(options: NetworkOptions, detection_key: dict[str, Any]) -> dict[str, Any]:
    """All but a person's boxes that decides what a network says, as plain JSON values."""
    values = asdict(options)
    del values["batch_size"]  # decides only how fast
    return {"schema": SCHEMA, "detections": detection_key, **values}


def _forget_strangers(folder: Path, key: dict[str, Any]) -> None:
    """Take away what another network, or this one in another video, said about people who are not chosen now."""
    for place in folder.glob("person_*"):
        held = EvidenceStore(place).key
        if any(held.get(name) != value for name, value in key.items()):
            shutil.rmtree(place, ignore_errors=True)

"""Follows people from picture to picture and gives the 33 BlazePose landmarks of each."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from types import TracebackType

import numpy as np

from ..poses import BLAZEPOSE_NAMES
from .appearance import APPEARANCE_SIZE, appearance
from .detections import Detections, make_detections, without_duplicates
from .model_bundle import find_bundle
from .pose_networks import Device, PoseNetworks, RegionPose

_SAME_REGION_IOU = 0.6
_ALERT_PICTURES = 60


@dataclass(frozen=True)
class DetectorOptions:
    """How people are looked for.

    max_people           most people followed at a time
    min_detection_score  below it a person is not detected
    min_presence_score   below it a followed person counts as lost
    search_every         people who are not followed yet are searched in every n-th picture; in every picture while
                         nobody is followed, and in every other one for a while after somebody was lost
    bundle               a pose_landmarker .task file in place of the packaged models
    device               where the networks run
    """

    max_people: int = 4
    min_detection_score: float = 0.5
    min_presence_score: float = 0.5
    search_every: int = 5
    bundle: str | None = None
    device: Device = Device.CPU


@dataclass(frozen=True)
class DetectorState:
    """What the detector carries from one picture to the next; restoring it continues a run exactly.

    regions   (K, 5) where the followed people are expected, layout as `RegionPose.next_region`
    pictures  how many pictures were seen
    searches  how many searches were made
    alert     for how many more pictures somebody who was lost is searched with more effort
    """

    regions: np.ndarray = field(default_factory=lambda: np.empty((0, 5)))
    pictures: int = 0
    searches: int = 0
    alert: int = 0


class LandmarkDetector:
    """People and their landmarks in consecutive pictures; use it as a context manager or call `close`.

    A followed person's region comes from the landmarks of the picture before, which is faster and steadier than
    detecting anew. New people are searched in the whole picture and, in turn, in square parts of it, where people
    who are small in the whole picture become large enough to be seen; while there is nobody, also turned.
    Raises InputError for a model bundle that cannot be used, MissingTool when there is none.
    """

    def __init__(self, options: DetectorOptions | None = None) -> None:
        self.options = options or DetectorOptions()
        os.environ.setdefault("GLOG_minloglevel", "2")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        self.networks = PoseNetworks(
            find_bundle(self.options.bundle),
            max_people=self.options.max_people,
            min_detection=self.options.min_detection_score,
            min_presence=self.options.min_presence_score,
            device=self.options.device,
        )
        self.state = DetectorState()

    def __enter__(self) -> LandmarkDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the networks."""
        self.networks.close()

    def detect(self, image_rgb: np.ndarray, size: tuple[int, int] | None = None) -> Detections:
        """People in the next picture.

        image_rgb  (H, W, 3) uint8, C-contiguous
        size       (width, height) px of the picture that pixel coordinates refer to; the image's own if None
        """
        size = size or (image_rgb.shape[1], image_rgb.shape[0])
        picture = self.networks.picture(image_rgb)
        state, searches = self.state, self.state.searches
        poses = [pose for region in state.regions if (pose := self.networks.look(picture, region)) is not None]
        lost = len(poses) < len(state.regions)
        alert = _ALERT_PICTURES if lost else max(state.alert - 1, 0)
        every = min(2, self.options.search_every) if alert else self.options.search_every
        due = state.pictures % every == 0 and len(poses) < self.options.max_people
        if lost or due or not poses:
            for place in _places(size, searches, alone=not poses):
                for region in self.networks.search(image_rgb, place.part, place.quarter_turns):
                    known = any(_overlap(region, pose.next_region) > _SAME_REGION_IOU for pose in poses)
                    if not known and (pose := self.networks.look(picture, region)) is not None:
                        poses.append(pose)
            searches += 1
        people, rows = _chosen(poses, size, self.options.max_people)
        people = replace(people, appearances=_appearances(image_rgb, [poses[row] for row in rows]))
        regions = np.array([poses[row].next_region for row in rows]).reshape(-1, 5)
        self.state = DetectorState(regions, state.pictures + 1, searches, alert)
        return people


def _chosen(poses: list[RegionPose], size: tuple[int, int], most: int) -> tuple[Detections, np.ndarray]:
    """The distinct people among poses, at most `most` by score, and their rows in `poses`."""
    landmarks = np.array([pose.landmarks for pose in poses]).reshape(-1, len(BLAZEPOSE_NAMES), 3)
    people = make_detections(
        landmarks[..., :2] * size,
        np.array([pose.world for pose in poses]).reshape(landmarks.shape),
        np.clip(landmarks[..., 2], 0.0, 1.0),
        size,
    )
    rows = np.flatnonzero(without_duplicates(people))
    rows = np.sort(rows[np.argsort(-people.scores[rows], kind="stable")][:most])
    return people.take(rows), rows


def _appearances(image_rgb: np.ndarray, poses: list[RegionPose]) -> np.ndarray:
    """(N, APPEARANCE_SIZE) of each pose in an (H, W, 3) picture."""
    size = image_rgb.shape[1], image_rgb.shape[0]
    rows = [appearance(image_rgb, pose.landmarks[:, :2] * size, pose.landmarks[:, 2]) for pose in poses]
    return np.array(rows).reshape(len(poses), APPEARANCE_SIZE)


@dataclass(frozen=True)
class _Place:
    """Where to search: (4,) centre x, y, width, height in 0..1 of the picture, turned counter-clockwise first."""

    part: np.ndarray
    quarter_turns: int = 0


def _places(size: tuple[int, int], searches: int, *, alone: bool) -> list[_Place]:
    """Where to search this time, in turn: the whole picture and its largest squares.

    alone  nobody is followed: besides, the whole picture turned, and smaller and smaller parts of it. Otherwise those
           would find the crowd in the background, and following each of them takes as long as following somebody near.
    """
    whole = np.array([0.5, 0.5, 1.0, 1.0])
    squares = _parts(size, 1.0)
    coarse = [_Place(part) for square in squares for part in (whole, square)] if len(squares) > 1 else [_Place(whole)]
    places = [coarse[searches % len(coarse)]]
    if alone:
        other = [_Place(whole, turns) for turns in (1, 3, 2)]
        other += [_Place(part) for share in (1 / 2, 1 / 3) for part in _parts(size, share)]
        places.append(other[searches % len(other)])
    return places


def _parts(size: tuple[int, int], share: float) -> list[np.ndarray]:
    """(4,) overlapping squares that cover the picture, their side a share of its shorter one."""
    side = share * min(size)
    counts = [1 + math.ceil(max(length - side, 0.0) / (0.6 * side) - 0.34) for length in size]
    centres = [
        np.linspace(side / 2, length - side / 2, count) / length for length, count in zip(size, counts, strict=True)
    ]
    return [np.array([x, y, side / size[0], side / size[1]]) for y in centres[1] for x in centres[0]]


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two (5,) regions, their turn left aside."""
    low = np.maximum(a[:2] - a[2:4] / 2, b[:2] - b[2:4] / 2)
    high = np.minimum(a[:2] + a[2:4] / 2, b[:2] + b[2:4] / 2)
    shared = float(np.prod(np.maximum(high - low, 0.0)))
    return shared / float(a[2] * a[3] + b[2] * b[3] - shared + 1e-12)

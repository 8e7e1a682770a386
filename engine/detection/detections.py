"""The people found in one picture, and how alike two of their poses are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from rig.validation import check_array

from ..poses import BLAZEPOSE, BLAZEPOSE_NAMES
from .appearance import APPEARANCE_SIZE

_COUNT = len(BLAZEPOSE_NAMES)
_BODY = np.array([BLAZEPOSE["nose"], *range(BLAZEPOSE["left_shoulder"], _COUNT)])
_FALL_OFF = 0.08

TRUNK = np.array([BLAZEPOSE[name] for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")])
"""Rows of the landmarks at the corners of the trunk."""


@dataclass(frozen=True)
class Detections:
    """The people found in one picture, in no particular order.

    boxes_xyxy       (N, 4) px, around the landmarks
    scores           (N,) 0..1, mean visibility of the landmarks, those outside of the picture counting as unseen
    landmarks_2d     (N, 33, 2) px of the full upright picture
    landmarks_3d     (N, 33, 3) m, camera axes (x right, y down, z forward), origin between the hips
    landmark_scores  (N, 33) 0..1 visibility
    appearances      (N, APPEARANCE_SIZE) how each is dressed, see `appearance`; NaN where unknown
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    landmarks_2d: np.ndarray
    landmarks_3d: np.ndarray
    landmark_scores: np.ndarray
    appearances: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for name, shape in (
            ("boxes_xyxy", ("N", 4)),
            ("scores", ("N",)),
            ("landmarks_2d", ("N", _COUNT, 2)),
            ("landmarks_3d", ("N", _COUNT, 3)),
            ("landmark_scores", ("N", _COUNT)),
            ("appearances", ("N", APPEARANCE_SIZE)),
        ):
            object.__setattr__(self, name, check_array(name, getattr(self, name), shape, sizes=sizes))

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: np.ndarray) -> Detections:
        """Only some of the people: (M,) indices or (N,) booleans."""
        return Detections(*(getattr(self, name)[rows] for name in ARRAYS))

    @staticmethod
    def joined(parts: Sequence[Detections]) -> Detections:
        """The people of one or more detections, one after the other."""
        return Detections(*(np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS))


ARRAYS = tuple(field.name for field in fields(Detections))
"""Names of the arrays of `Detections`, in the order of its constructor."""


@dataclass(frozen=True)
class FrameDetections:
    """The people found in one frame: its number in the order read, its time, s, and who is in it."""

    index: int
    time_s: float
    people: Detections


def make_detections(
    landmarks_2d: np.ndarray,
    landmarks_3d: np.ndarray,
    landmark_scores: np.ndarray,
    size: tuple[int, int],
    appearances: np.ndarray | None = None,
) -> Detections:
    """Detections of (N, 33, ...) landmarks in a picture of `size` (width, height) px, with their boxes and scores."""
    people = len(landmarks_2d)
    inside = ((landmarks_2d >= 0) & (landmarks_2d <= size)).all(axis=-1)
    low, high = (landmarks_2d.min(axis=1), landmarks_2d.max(axis=1)) if people else (np.empty((0, 2)),) * 2
    return Detections(
        boxes_xyxy=np.concatenate([low, high], axis=-1),
        scores=(landmark_scores * inside).mean(axis=1) if people else np.empty(0),
        landmarks_2d=landmarks_2d,
        landmarks_3d=landmarks_3d,
        landmark_scores=landmark_scores,
        appearances=np.full((people, APPEARANCE_SIZE), np.nan) if appearances is None else appearances,
    )


def pose_similarity(a_px: np.ndarray, b_px: np.ndarray) -> np.ndarray:
    """How alike poses are in place, size and posture, 0..1, for every pair: (A, B).

    a_px, b_px  (A, 33, 2) and (B, 33, 2) px

    The mean over body landmarks of exp(-d^2 / (2 (k s)^2)), d the distance, s the larger pose's extent and k = 0.08:
    object keypoint similarity (COCO keypoint evaluation) with one constant for all landmarks.
    """
    return np.exp(-(_apart(a_px, b_px) ** 2) / (2 * _FALL_OFF**2)).mean(axis=-1)


def pose_distance(a_px: np.ndarray, b_px: np.ndarray) -> np.ndarray:
    """(A, B) mean distance between the body landmarks of (A, 33, 2) and (B, 33, 2) px, by the larger one's extent."""
    return _apart(a_px, b_px).mean(axis=-1)


def _apart(a_px: np.ndarray, b_px: np.ndarray) -> np.ndarray:
    """(A, B, landmarks) distances by the larger one's extent."""
    extent = np.maximum(_extent(a_px)[:, None], _extent(b_px)[None])
    return np.linalg.norm(a_px[:, None, _BODY] - b_px[None, :, _BODY], axis=-1) / extent[..., None]


def _extent(points_px: np.ndarray) -> np.ndarray:
    """(N, 33, 2) px to (N,) the diagonal of each pose's box, px, at least 1."""
    body = points_px[:, _BODY]
    return np.maximum(np.linalg.norm(body.max(axis=1) - body.min(axis=1), axis=-1), 1.0)


def without_duplicates(people: Detections, alike: float = 0.5) -> np.ndarray:
    """(N,) bool, False for a pose that another pose with a higher score (or an earlier equal one) already covers."""
    keep = np.ones(len(people), dtype=bool)
    similarity = pose_similarity(people.landmarks_2d, people.landmarks_2d)
    order = np.argsort(-people.scores, kind="stable")
    for place, row in enumerate(order):
        better = order[:place]
        keep[row] = not (similarity[row, better[keep[better]]] > alike).any()
    return keep

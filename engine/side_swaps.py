"""Undoing the detector's left/right swaps: moments in which it takes a front for a back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .poses import BLAZEPOSE, BLAZEPOSE_NAMES, LandmarkSequence


@dataclass(frozen=True)
class SwapConfig:
    """When a swap is believed; distances in body sizes (diagonal of the box).

    longest_step_s   frames further apart than this say nothing: limbs really do change places in between
    jump             mean distance saved that one change of sides must be worth
    swapped_per_s    cost of calling frames swapped, so that a lasting change stays as it was seen
    trust            factor on the scores of relabelled frames
    """

    longest_step_s: float = 0.12
    jump: float = 0.04
    swapped_per_s: float = 0.12
    trust: float = 0.7


_DEFAULT = SwapConfig()
_BODY = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_LEFT = [BLAZEPOSE[f"left_{part}"] for part in _BODY]
_RIGHT = [BLAZEPOSE[f"right_{part}"] for part in _BODY]
_FACE = [BLAZEPOSE[name] for name in ("nose", "mouth_left", "mouth_right")] + [
    index for name, index in BLAZEPOSE.items() if "eye" in name
]


def _counterpart(name: str) -> str:
    return name.replace("left", "\0").replace("right", "left").replace("\0", "right")


_MIRROR = [BLAZEPOSE[_counterpart(name)] for name in BLAZEPOSE_NAMES]


def undo_side_swaps(landmarks: LandmarkSequence, config: SwapConfig = _DEFAULT) -> LandmarkSequence:
    """The sequence with left and right exchanged back where the detector had them swapped for a moment.

    Each frame is labelled as seen or swapped so that landmarks move least from frame to frame (Viterbi over two
    labels); a person who really turns moves little at every step and is left alone. Relabelled frames lose trust,
    and their face, which the detector placed on the wrong side of the head, counts as unseen.
    """
    swapped = find_side_swaps(landmarks, config)
    if not swapped.any():
        return landmarks
    points_2d, points_3d = landmarks.landmarks_2d.copy(), landmarks.landmarks_3d.copy()
    scores = landmarks.scores.copy()
    for values in (points_2d, points_3d, scores):
        values[swapped] = values[swapped][:, _MIRROR]
    scores[swapped] *= config.trust
    scores[np.ix_(np.flatnonzero(swapped), np.array(_FACE))] = 0.0
    return replace(landmarks, landmarks_2d=points_2d, landmarks_3d=points_3d, scores=scores)


def find_side_swaps(landmarks: LandmarkSequence, config: SwapConfig = _DEFAULT) -> np.ndarray:
    """(T,) bool: frames in which left and right are taken for each other."""
    swapped = np.zeros(len(landmarks), dtype=bool)
    rows = np.flatnonzero(landmarks.seen)
    if len(rows) < 3:
        return swapped
    points = landmarks.landmarks_2d[rows]
    boxes = landmarks.boxes_xyxy[rows]
    size = np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1)
    left, right = points[:, _LEFT], points[:, _RIGHT]
    step_s = np.diff(landmarks.times_s[rows])
    scale = np.maximum(0.5 * (size[1:] + size[:-1]), 1.0)[:, None]

    def moved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (np.linalg.norm(b[1:] - a[:-1], axis=-1) / scale).mean(axis=1)

    same = moved(left, left) + moved(right, right)
    crossed = moved(right, left) + moved(left, right) + config.jump
    unknown = step_s > config.longest_step_s
    same[unknown] = crossed[unknown] = 0.0
    cost = np.array([0.0, config.swapped_per_s * step_s[0]])
    came_from = np.zeros((len(rows), 2), dtype=np.int64)
    for row in range(1, len(rows)):
        step = np.array([[same[row - 1], crossed[row - 1]], [crossed[row - 1], same[row - 1]]])
        paths = cost[:, None] + step
        came_from[row] = paths.argmin(axis=0)
        cost = paths.min(axis=0) + np.array([0.0, config.swapped_per_s * min(step_s[row - 1], 0.5)])
    label = int(cost.argmin())
    for row in range(len(rows) - 1, -1, -1):
        swapped[rows[row]] = bool(label)
        label = int(came_from[row, label])
    return swapped

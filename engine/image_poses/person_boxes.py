"""Where to cut out a person: the tight box of the whole body, which detector landmarks only hint at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.local_regression import smooth_series

from ..poses import BLAZEPOSE, BLAZEPOSE_NAMES, LandmarkSequence


@dataclass(frozen=True)
class BoxConfig:
    """How boxes are steadied.

    bandwidth_s     of the smoothing of the box's edges in time, s
    bridge_s        boxes are interpolated over frames without a detection for gaps up to this long, s
    smallest_px     boxes narrower or lower than this show nothing
    """

    bandwidth_s: float = 0.08
    bridge_s: float = 0.5
    smallest_px: float = 8.0


_DEFAULT = BoxConfig()

_REACH_M = {
    "shoulder": 0.07, "elbow": 0.05, "wrist": 0.04, "pinky": 0.06, "index": 0.06, "thumb": 0.05,
    "hip": 0.11, "knee": 0.06, "ankle": 0.05, "heel": 0.03, "foot_index": 0.05,
}  # fmt: skip
"""How far the body reaches beyond its landmarks, m."""

_FACE_REACH_M = 0.04
_HEAD_REACH_M = 0.12
"""Of the skull around the point between the ears, a little above it."""

_HEAD_RISE_M = 0.045
_TRUNK = [BLAZEPOSE[name] for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")]


def person_boxes(landmarks: LandmarkSequence, image_size: tuple[int, int], config: BoxConfig = _DEFAULT) -> np.ndarray:
    """(T, 4) tight boxes x0, y0, x1, y1 px of the person, cut at the picture's edges; NaN where nothing is to be seen.

    The networks were trained with boxes around the whole silhouette, annotated or detected, cut at the picture. Every
    landmark is widened by the flesh around it, at the scale at which the detector's metric landmarks match the
    picture's, and a skull is put over the ears.
    """
    boxes = np.full((len(landmarks), 4), np.nan)
    rows = np.flatnonzero(landmarks.seen & np.isfinite(landmarks.landmarks_3d).all(axis=(1, 2)))
    if not len(rows):
        return boxes
    boxes[rows] = _outlines(landmarks.landmarks_2d[rows], landmarks.landmarks_3d[rows])
    for piece in _pieces(landmarks.times_s, rows, config.bridge_s):
        inside = np.arange(piece[0], piece[-1] + 1)
        times = landmarks.times_s[inside]
        known = np.isin(inside, piece)
        edges = np.stack([np.interp(times, times[known], column) for column in boxes[piece].T], axis=1)
        boxes[inside] = smooth_series(times, edges, config.bandwidth_s, known + 0.01, order=1)
    size = np.array([*image_size, *image_size], dtype=np.float64)
    boxes = np.clip(boxes, 0.0, size)
    too_small = (boxes[:, 2:] - boxes[:, :2] < config.smallest_px).any(axis=1)
    boxes[too_small] = np.nan
    return boxes


def _outlines(points_px: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    """(T, 33, 2) px and (T, 33, 3) m to (T, 4) boxes of the widened landmarks, px."""
    spread_px = points_px - points_px.mean(axis=1, keepdims=True)
    spread_m = (points_m - points_m.mean(axis=1, keepdims=True))[..., :2]
    scale = np.sum(spread_px * spread_m, axis=(1, 2)) / np.maximum(np.sum(spread_m**2, axis=(1, 2)), 1e-6)
    extent = np.linalg.norm(np.ptp(points_px, axis=1), axis=-1)
    # A person is 0.5 to 3 m across: keeps a broken 3D pose from ruling the box.
    scale = np.clip(scale, extent / 3.0, extent / 0.5)[:, None, None]
    ears = 0.5 * (points_px[:, BLAZEPOSE["left_ear"]] + points_px[:, BLAZEPOSE["right_ear"]])
    shoulders = points_px[:, _TRUNK[:2]].mean(axis=1)
    up = ears - shoulders
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1.0)
    skull = (ears + _HEAD_RISE_M * scale[:, 0] * up)[:, None]
    discs = np.concatenate([points_px, skull], axis=1)
    reach = scale * np.array([*_reaches(), _HEAD_REACH_M])[:, None]
    return np.concatenate([(discs - reach).min(axis=1), (discs + reach).max(axis=1)], axis=1)


def _reaches() -> list[float]:
    parts = [name.removeprefix("left_").removeprefix("right_") for name in BLAZEPOSE_NAMES]
    return [_REACH_M.get(part, _FACE_REACH_M) for part in parts]


def _pieces(times_s: np.ndarray, rows: np.ndarray, bridge_s: float) -> list[np.ndarray]:
    """Rows split where the time between neighbours is longer than a gap that is bridged."""
    apart = np.diff(times_s[rows]) > bridge_s
    return np.split(rows, np.flatnonzero(apart & (np.diff(rows) > 1)) + 1)

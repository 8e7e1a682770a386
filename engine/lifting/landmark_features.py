"""What the landmark transformer sees of a person: landmarks in the view of a camera turned to look at them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..poses import BLAZEPOSE

LANDMARK_FEATURES = 7
"""Numbers that describe one landmark: x, y, score, the detector's own x, y, z, and whether there are such."""

OWN_DEPTH = slice(3, LANDMARK_FEATURES)
"""Those of a landmark that come from the detector's own three dimensions; all zero where it has none."""

FRAME_FEATURES = 6
"""Numbers that describe one frame: bearing x, y, log spread, and the speed of the three."""

_BODY = tuple(
    BLAZEPOSE[name]
    for name in (
        "nose",
        *(
            f"{side}_{part}"
            for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
            for side in ("left", "right")
        ),
    )
)
"""Landmarks whose middle and spread say where the person is and how large."""

_LEAST_DEPTH = 0.1  # of a ray's direction in the turned view; rays beside or behind the camera are bent to it
_LEAST_SPREAD = 1e-3
_WORLD_UNIT_M = 0.5
_SPEED_UNIT = 4.0  # spreads a second
_LOG_SPREAD_MIDDLE = -2.0


@dataclass(frozen=True)
class View:
    """The cameras at the same place that look at the person, one a frame.

    turn    (..., T, 3, 3) rotation from camera axes to the view's axes
    spread  (..., T) root mean square of the distance of body landmarks from the optical axis, in rays (x/z)
    """

    turn: np.ndarray
    spread: np.ndarray

    def to_camera(self, vectors: np.ndarray) -> np.ndarray:
        """(..., T, N, 3) vectors in the views' axes to camera axes."""
        return np.einsum("...tji,...tnj->...tni", self.turn, vectors)

    def to_view(self, vectors: np.ndarray) -> np.ndarray:
        """(..., T, N, 3) vectors in camera axes to the views' axes."""
        return np.einsum("...tij,...tnj->...tni", self.turn, vectors)


@dataclass(frozen=True)
class Features:
    """What the network reads, float32; frames without a person are zero.

    landmarks  (..., T, 33, LANDMARK_FEATURES)
    frame      (..., T, FRAME_FEATURES)
    view       the cameras that the landmarks are seen by
    """

    landmarks: np.ndarray
    frame: np.ndarray
    view: View


def extract_features(
    rays: np.ndarray, scores: np.ndarray, world: np.ndarray, times_s: np.ndarray, seen: np.ndarray
) -> Features:
    """Features of landmark windows; nothing in a frame depends on later frames.

    rays     (..., T, 33, 2) bearings x/z, y/z in the camera frame
    scores   (..., T, 33) 0..1
    world    (..., T, 33, 3) m, the detector's own landmarks in three dimensions about the hips, along the axis it
             looked in; NaN where there are none
    times_s  (..., T) s
    seen     (..., T) bool

    Each frame's camera is turned by the smallest rotation that brings the person's middle onto the optical axis, so
    that the same pose looks the same wherever in the picture it is, whatever the lens.
    """
    rays = np.where(seen[..., None, None], rays, 0.0)
    bearing = rays[..., _BODY, :].mean(-2)
    turn = turn_to_axis(bearing)
    directions = np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1)
    turned = np.einsum("...tij,...tnj->...tni", turn, directions)
    flat = turned[..., :2] / np.maximum(turned[..., 2:], _LEAST_DEPTH)
    spread = np.sqrt(np.maximum((flat[..., _BODY, :] ** 2).sum(-1).mean(-1), _LEAST_SPREAD**2))
    has_world = np.isfinite(world).all((-1, -2)) & seen
    own = np.where(has_world[..., None, None], world, 0.0) / _WORLD_UNIT_M
    flag = np.broadcast_to(has_world[..., None, None], (*rays.shape[:-1], 1))
    landmarks = np.concatenate([flat / spread[..., None, None], scores[..., None], own, flag], axis=-1)
    landmarks = np.where(seen[..., None, None], landmarks, 0.0)
    log_spread = np.log(spread)
    place = np.concatenate([bearing / spread[..., None], log_spread[..., None]], axis=-1)
    speed = _speeds(place, times_s, seen) / _SPEED_UNIT
    frame = np.concatenate([bearing, log_spread[..., None] - _LOG_SPREAD_MIDDLE, np.clip(speed, -3.0, 3.0)], axis=-1)
    return Features(
        landmarks=landmarks.astype(np.float32),
        frame=np.where(seen[..., None], frame, 0.0).astype(np.float32),
        view=View(turn=turn, spread=spread),
    )


def turn_to_axis(bearing: np.ndarray) -> np.ndarray:
    """(..., 2) bearings x/z, y/z to the (..., 3, 3) smallest rotations that bring them onto the optical axis."""
    ray = np.concatenate([bearing, np.ones((*bearing.shape[:-1], 1))], axis=-1)
    x, y, z = np.moveaxis(ray / np.linalg.norm(ray, axis=-1, keepdims=True), -1, 0)
    share = 1.0 / (1.0 + z)
    rows = [[1.0 - share * x * x, -share * x * y, -x], [-share * x * y, 1.0 - share * y * y, -y], [x, y, z]]
    return np.stack([np.stack(np.broadcast_arrays(*row), axis=-1) for row in rows], axis=-2)


def attention_mask(seen: np.ndarray, causal: bool) -> np.ndarray:
    """(..., T) seen frames to the (..., T, T) float32 sum that keeps frames from reading unseen, or later, ones."""
    count = seen.shape[-1]
    allowed = np.broadcast_to(seen[..., None, :], (*seen.shape, count)) | np.eye(count, dtype=bool)
    if causal:
        allowed = allowed & np.tri(count, dtype=bool)
    return np.where(allowed, 0.0, -1e4).astype(np.float32)


def _speeds(values: np.ndarray, times_s: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(..., T, K) values to their speeds against the frame before, 1/s; zero where either is unseen."""
    step = np.maximum(np.diff(times_s, axis=-1), 1e-3)[..., None]
    both = (seen[..., 1:] & seen[..., :-1])[..., None]
    speeds = np.where(both, np.diff(values, axis=-2) / step, 0.0)
    return np.concatenate([np.zeros_like(values[..., :1, :]), speeds], axis=-2)

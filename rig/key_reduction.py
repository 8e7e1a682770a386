"""Leaving out keyframes that straight lines between their neighbours give again, within a bound that is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import RigError
from .euler_angles import euler_rotmats
from .rotations import rotvec_to_rotmat


@dataclass(frozen=True)
class KeyTolerance:
    """How far reduced curves may be from the dense ones on any frame, for each bone by itself.

    rotation_deg  angle between the two rotations, degrees
    location_mm   distance between the two locations in the world, mm
    """

    rotation_deg: float = 0.5
    location_mm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("rotation_deg", "location_mm"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise RigError(f"{name} is {value}, expected a tolerance of 0 or more")


def quaternion_keys(quats_wxyz: np.ndarray, tolerance_deg: float) -> np.ndarray:
    """Frames to key of (T, 4) sign-continuous unit quaternions whose components are interpolated linearly.

    Blender brings the interpolated quaternion back to length 1; the error is the angle left after that.
    """
    return _keys(quats_wxyz, np.radians(tolerance_deg), quaternion_errors)


def euler_keys(angles: np.ndarray, order: str, tolerance_deg: float) -> np.ndarray:
    """Frames to key of (T, 3) Euler angles, rad, of one of Blender's orders, interpolated linearly."""

    def errors(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return _angle(euler_rotmats(given, order), euler_rotmats(wanted, order))

    return _keys(angles, np.radians(tolerance_deg), errors)


def axis_angle_keys(values: np.ndarray, tolerance_deg: float) -> np.ndarray:
    """Frames to key of (T, 4) angle, rad, and axis, interpolated linearly."""

    def rotmats(rows: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(rows[:, 1:], axis=1, keepdims=True)
        return rotvec_to_rotmat(rows[:, :1] * rows[:, 1:] / np.maximum(length, 1e-12))

    def errors(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return _angle(rotmats(given), rotmats(wanted))

    return _keys(values, np.radians(tolerance_deg), errors)


def location_keys(locations: np.ndarray, tolerance: float) -> np.ndarray:
    """Frames to key of (T, 3) locations interpolated linearly; the tolerance is in their unit."""

    def errors(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(given - wanted, axis=1))

    return _keys(locations, tolerance, errors)


def quaternion_errors(given_wxyz: np.ndarray, wanted_wxyz: np.ndarray) -> np.ndarray:
    """(T,) angles between quaternions of any length, rad, accurate for small ones."""
    given = given_wxyz / np.maximum(np.linalg.norm(given_wxyz, axis=1, keepdims=True), 1e-12)
    apart = np.minimum(np.linalg.norm(given - wanted_wxyz, axis=1), np.linalg.norm(given + wanted_wxyz, axis=1))
    return np.asarray(4.0 * np.arcsin(np.clip(apart / 2.0, 0.0, 1.0)))


def interpolated(frames: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """(count, C) values on every frame from keys at `frames` (K,) with `values` (K, C), straight between them."""
    every = np.arange(count)
    return np.stack([np.interp(every, frames, column) for column in values.T], axis=1)


def _keys(values: np.ndarray, tolerance: float, errors: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Frames to key: each stretch between two is checked on every frame and split where it is worst (Ramer 1972)."""
    values = np.asarray(values, dtype=np.float64)
    last = len(values) - 1
    if last < 1:
        return np.arange(len(values))
    kept = {0, last}
    waiting = [(0, last)]
    while waiting:
        start, end = waiting.pop()
        if end - start < 2:
            continue
        share = (np.arange(start + 1, end) - start)[:, None] / (end - start)
        off = errors(values[start] + share * (values[end] - values[start]), values[start + 1 : end])
        worst = int(off.argmax())
        if off[worst] > tolerance:
            split = start + 1 + worst
            kept.add(split)
            waiting += [(start, split), (split, end)]
    frames = np.array(sorted(kept))
    # One key is enough for what never leaves it.
    if np.all(errors(np.broadcast_to(values[0], values.shape), values) <= tolerance):
        return frames[:1]
    return frames


def _angle(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    apart = np.linalg.norm(given - wanted, axis=(1, 2))
    return np.asarray(2.0 * np.arcsin(np.clip(apart / np.sqrt(8.0), 0.0, 1.0)))

"""Sharing a limb's turn about itself among the bones along it."""

from __future__ import annotations

import numpy as np

from .rotations import rotvec_to_rotmat, swing_twist


def twist_rad(before: np.ndarray, after: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(T,) angle about a limb by which one turn goes beyond another, unwrapped over time, rad.

    before, after  (T, 3, 3) turns from the reference pose, of what the limb hangs from and of the limb, or of the limb
                   and of what hangs from it
    direction      (3,) unit direction of the limb in the reference pose
    """
    _, angle = swing_twist(np.swapaxes(before, 1, 2) @ after, direction)
    unwrapped = np.unwrap(angle)
    return np.asarray(unwrapped - 2 * np.pi * np.round(unwrapped[0] / (2 * np.pi)))


def turned_about(turn: np.ndarray, direction: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(T, 3, 3) turns with an angle (T,) about the limb's reference direction put before them."""
    return np.asarray(turn @ rotvec_to_rotmat(angle[:, None] * direction))


def inline_shares(count: int) -> np.ndarray:
    """(count,) part of the twist that bones one behind the other along a limb have: the first none, the last all."""
    return np.ones(1) if count == 1 else np.linspace(0.0, 1.0, count)

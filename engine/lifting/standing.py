"""How surely a foot keeps its place from one frame to the next, by what a network and the picture say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.local_regression import smooth_series
from rig.skeleton import CONTACT_NAMES, JOINT

FOOT_JOINTS = tuple(JOINT[f"{side}_{part}"] for side in ("left", "right") for part in ("ankle", "foot"))
"""Joints that keep their place: an ankle while heel and toe stand, the ball of a foot while the toe does."""

_STANDS_WITH = tuple(
    tuple(CONTACT_NAMES.index(f"{side}_{point}") for point in points)
    for side in ("left", "right")
    for points in (("heel", "big_toe"), ("big_toe",))
)


@dataclass(frozen=True)
class StandingConfig:
    """When a contact is believed.

    across_m_s, across_width_m_s  speed across the line of sight at which it is believed by half, and the width of that
                                  transition: feet that the picture shows moving do not stand, or the camera moves too
    along_m_s                     robust scale of the speed along the line of sight (Geman & McClure 1987)
    window_s                      standard deviation of the window speed is measured over, s
    longest_step_s                frames farther apart say nothing of each other
    """

    across_m_s: float = 0.25
    across_width_m_s: float = 0.05
    along_m_s: float = 0.5
    window_s: float = 0.06
    longest_step_s: float = 0.25


_DEFAULT = StandingConfig()


def standing_weights(
    times_s: np.ndarray, feet: np.ndarray, contacts: np.ndarray, config: StandingConfig = _DEFAULT
) -> np.ndarray:
    """(T - 1, 4) 0..1: that each of FOOT_JOINTS, (T, 4, 3) m in the camera frame, keeps its place until the next frame.

    contacts (T, 4) 0..1 in the order of CONTACT_NAMES, NaN where not known. The camera is taken to stand still.
    """
    known = np.nan_to_num(contacts)
    likely = np.stack([known[:, points].min(axis=1) for points in _STANDS_WITH], axis=1)
    step_s = np.diff(times_s)
    path = smooth_series(times_s, feet.reshape(len(feet), -1), config.window_s).reshape(feet.shape)
    velocity = np.diff(path, axis=0) / step_s[:, None, None]
    sight = path[1:] / np.maximum(np.linalg.norm(path[1:], axis=-1, keepdims=True), 1e-6)
    along = np.sum(velocity * sight, axis=-1)
    across = np.linalg.norm(velocity - along[..., None] * sight, axis=-1)
    slow = 1.0 / (1.0 + np.exp(np.clip((across - config.across_m_s) / config.across_width_m_s, -40.0, 40.0)))
    weights = np.minimum(likely[1:], likely[:-1]) * slow / (1.0 + (along / config.along_m_s) ** 2) ** 2
    return np.where(step_s[:, None] <= config.longest_step_s, weights, 0.0)

"""How far away somebody is over time: as the picture's perspective says, and so that standing feet keep their place."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rig.local_regression import smooth_series

from .standing import FOOT_JOINTS, StandingConfig, standing_weights
from .window_fit import acceleration_coefficients

_NEAREST_M = 0.1


@dataclass(frozen=True)
class RootPathConfig:
    """Standard deviations of what is known of the distance.

    depth_share         of a frame's own distance, as a part of it: perspective is a poor measure of distance
    depth_robust        deviation from which on it counts for little, in units of that
    standing_m_s        of the speed of a foot that stands, m/s
    standing_share      and what each m/s of the foot against the hips adds: strides are found too short or too long
    speed_window_s      standard deviation of the window that speed is measured over, s
    acceleration_m_s2   of the hips along the line of sight, m/s^2
    start_s             standard deviation of the smoothing in time of the first guess, s
    iterations          of re-weighting
    """

    depth_share: float = 0.03
    depth_robust: float = 3.0
    standing_m_s: float = 0.05
    standing_share: float = 1.0
    speed_window_s: float = 0.1
    acceleration_m_s2: float = 8.0
    start_s: float = 0.1
    iterations: int = 4
    standing: StandingConfig = field(default_factory=StandingConfig)


_DEFAULT = RootPathConfig()


def steady_root(
    times_s: np.ndarray,
    root: np.ndarray,
    joints: np.ndarray,
    contacts: np.ndarray,
    config: RootPathConfig = _DEFAULT,
) -> np.ndarray:
    """(T, 3) the pelvis root (T, 3), m, camera frame, moved along its lines of sight; joints (T, 24, 3) relative to it.

    While a foot stands, the hips go where the leg says: much surer than a person's size in the picture, which says
    where they are after seconds only. contacts (T, 4) as in `standing_weights`; where the camera moves or no foot
    stands, the picture alone decides. Linear least squares in the distances of all frames, iteratively re-weighted.
    """
    from scipy.linalg import solveh_banded

    frames = len(times_s)
    if frames < 3:
        return root.copy()
    seen = np.maximum(root[:, 2], _NEAREST_M)
    ray = root / seen[:, None]
    distance = np.exp(smooth_series(times_s, np.log(seen)[:, None], config.start_s))[:, 0]
    sight = ray / np.linalg.norm(ray, axis=1, keepdims=True)
    sight = 0.5 * (sight[1:] + sight[:-1])
    before, after = (np.sum(sight * part, axis=1) for part in (ray[:-1], ray[1:]))
    feet = joints[:, FOOT_JOINTS]
    step_s = np.diff(times_s)
    retreat = -np.einsum("tfk,tk->tf", np.diff(feet, axis=0), sight)  # of the hips, while the foot stands
    sigma_m = step_s[:, None] * np.hypot(config.standing_m_s, config.standing_share * _speeds(times_s, feet, config))
    bend = acceleration_coefficients(times_s) / config.acceleration_m_s2
    for _ in range(config.iterations):
        band, right = np.zeros((3, frames)), np.zeros(frames)
        sigma = config.depth_share * distance
        weight = _robust((distance - seen) / (config.depth_robust * sigma)) / sigma**2
        band[0] += weight
        right += weight * seen
        places = (distance[:, None] * ray)[:, None] + feet
        each = standing_weights(times_s, places, contacts, config.standing) / sigma_m**2
        weight, wanted = each.sum(axis=1), (each * retreat).sum(axis=1)
        band[0, 1:] += weight * after**2
        band[0, :-1] += weight * before**2
        band[1, :-1] -= weight * before * after
        right[1:] += wanted * after
        right[:-1] -= wanted * before
        for i in range(3):
            for j in range(i, 3):
                band[j - i, i : frames - 2 + i] += bend[:, i] * bend[:, j]
        distance = np.maximum(solveh_banded(band, right, lower=True), _NEAREST_M)
    return distance[:, None] * ray


def _speeds(times_s: np.ndarray, feet: np.ndarray, config: RootPathConfig) -> np.ndarray:
    """(T - 1, 4) speeds of feet (T, 4, 3) against the hips, m/s."""
    path = smooth_series(times_s, feet.reshape(len(feet), -1), config.speed_window_s).reshape(feet.shape)
    return np.linalg.norm(np.diff(path, axis=0), axis=-1) / np.diff(times_s)[:, None]


def _robust(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + x**2) ** 2

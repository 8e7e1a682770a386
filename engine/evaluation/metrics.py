"""Error measures between a predicted and a true human motion, as pure functions of arrays.

Positions are (T, P, 3) in metres, T frames of P points in one common frame of reference; NaN in either side means
missing and is left out. Every mean is over what both sides have and is NaN where that is nothing.
"""

from __future__ import annotations

import numpy as np

from rig.rotations import rotation_angle, swing_twist

from .procrustes import align_similarity

STILL_FOOT_M = 0.01
"""A true foot point that moves less than this between two frames counts as standing, m."""


def position_errors(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(..., 3) and (..., 3) points, m, to their (...) distances, m; NaN where either is missing."""
    return np.linalg.norm(np.asarray(predicted, np.float64) - np.asarray(truth, np.float64), axis=-1)


def mean_present(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Mean of the values that are not NaN; NaN (without a warning) where there are none."""
    values = np.asarray(values, np.float64)
    present = ~np.isnan(values)
    total = np.where(present, values, 0.0).sum(axis=axis)
    count = present.sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def aligned_errors(
    predicted: np.ndarray, truth: np.ndarray, predicted_origin: np.ndarray, true_origin: np.ndarray
) -> np.ndarray:
    """(T, P) distances, m, after moving each frame's origin (T, 3), usually the middle of the hips, to zero.

    Their mean is the MPJPE. Source: Ionescu et al., Human3.6M, PAMI 2014, with the mid-hip as root.
    """
    return position_errors(predicted - predicted_origin[:, None], truth - true_origin[:, None])


def procrustes_errors(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(T, P) distances, m, after the best similarity transform (no reflection) of each frame; their mean is PA-MPJPE.

    Frames with fewer than three points on both sides are NaN: a similarity can bring any two points together.
    Source: Umeyama, Least-squares estimation of transformation parameters between two point patterns, PAMI 1991,
    eqs. 40-42.
    """
    errors = position_errors(align_similarity(predicted, truth), truth)
    enough = np.isfinite(errors).sum(1) >= 3
    return np.where(enough[:, None], errors, np.nan)


def root_drift(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(T,) distances, m, between two root paths (T, 3) moved so that they meet in the first frame both have.

    NaN everywhere when no frame is common. Unlike the absolute error it does not charge a constant error of depth.
    """
    common = np.flatnonzero(np.isfinite(predicted).all(-1) & np.isfinite(truth).all(-1))
    if not len(common):
        return np.full(len(truth), np.nan)
    first = common[0]
    return position_errors(predicted - predicted[first], truth - truth[first])


def path_length(positions: np.ndarray) -> float:
    """Length of a path (T, 3), m, over the frames that are present; a gap is crossed in a straight line."""
    present = positions[np.isfinite(positions).all(-1)]
    return float(np.linalg.norm(np.diff(present, axis=0), axis=-1).sum())


def accelerations(positions: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(T, P, 3) m at (T,) s to (T-2, P, 3) m/s^2: twice the second divided difference.

    For even times this is the second difference times fps^2; uneven ones (variable frame rate) are exact for a
    constant acceleration.
    """
    return 2.0 * _divided_difference(positions, times_s, 2)


def acceleration_errors(predicted: np.ndarray, truth: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(T-2, P) length of the difference of accelerations, m/s^2, both sampled at times_s (T,).

    Source: Kanazawa et al., Learning 3D Human Dynamics from Video, CVPR 2019.
    """
    return np.linalg.norm(accelerations(predicted, times_s) - accelerations(truth, times_s), axis=-1)


def jitter(positions: np.ndarray, times_s: np.ndarray) -> float:
    """Mean length of the third time derivative of (T, P, 3) positions, in 10 m/s^3.

    For even times: mean |third difference| fps^3 / 10. Compare only values of one frame rate. Source: Yi et al.,
    TransPose, SIGGRAPH 2021, in the unit of Shen et al., GVHMR, SIGGRAPH Asia 2024.
    """
    return float(mean_present(np.linalg.norm(6.0 * _divided_difference(positions, times_s, 3), axis=-1))) / 10.0


def foot_skate(predicted: np.ndarray, truth: np.ndarray, still_m: float = STILL_FOOT_M) -> float:
    """Mean displacement of predicted foot points, m a frame, while the true point moves less than still_m a frame.

    predicted and truth (T, P, 3), each in a frame of reference in which the floor stands still, sampled at the same
    consecutive frames. NaN when no true foot point ever stands. Source: Shen et al., GVHMR, SIGGRAPH Asia 2024.
    """
    predicted_step = np.linalg.norm(np.diff(predicted, axis=0), axis=-1)
    true_step = np.linalg.norm(np.diff(truth, axis=0), axis=-1)
    with np.errstate(invalid="ignore"):
        standing = true_step < still_m
    return float(mean_present(np.where(standing, predicted_step, np.nan)))


def bone_lengths(positions: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """(T, P, 3) points and (B, 2) index pairs to (T, B) lengths, m."""
    bones = np.asarray(bones, np.int64).reshape(-1, 2)
    return np.linalg.norm(positions[:, bones[:, 0]] - positions[:, bones[:, 1]], axis=-1)


def bone_length_variation(lengths: np.ndarray) -> float:
    """Mean over bones of the standard deviation of each bone's length over time, m, from (T, B) lengths, m."""
    middle = mean_present(lengths, axis=0)
    return float(mean_present(np.sqrt(mean_present((lengths - middle) ** 2, axis=0))))


def bone_length_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean over bones of |mean predicted length - mean true length|, m, from (T, B) and (T, B) lengths, m."""
    return float(mean_present(np.abs(mean_present(predicted, axis=0) - mean_present(truth, axis=0))))


def rotation_errors_deg(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(..., 3, 3) and (..., 3, 3) rotations to the angle of predicted^T truth, degrees in [0, 180].

    The geodesic distance on SO(3). Source: Huynh, Metrics for 3D Rotations, 2009, metric 6.
    """
    missing = ~(np.isfinite(predicted).all((-1, -2)) & np.isfinite(truth).all((-1, -2)))
    identity = np.eye(3)
    a = np.where(missing[..., None, None], identity, predicted)
    b = np.where(missing[..., None, None], identity, truth)
    return np.where(missing, np.nan, np.degrees(rotation_angle(np.swapaxes(a, -1, -2) @ b)))


def swing_twist_errors_deg(predicted: np.ndarray, truth: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors of where a bone points and of its turn about itself, degrees, for one joint.

    predicted, truth (..., 3, 3) local rotations; axis (3,) unit rest direction of the joint's bone. Returns the angle
    between the two turned bones, in [0, 180], and the difference of the two twist angles about the axis, in [0, 180];
    each rotation is swing @ twist. Source: Li et al., HybrIK, CVPR 2021, section 3.2.
    """
    axis = np.asarray(axis, np.float64)
    a, b = predicted @ axis, truth @ axis
    swing = np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1)))
    difference = swing_twist(predicted, axis)[1] - swing_twist(truth, axis)[1]
    twist = np.degrees(np.abs((difference + np.pi) % (2.0 * np.pi) - np.pi))
    return swing, twist


def _divided_difference(positions: np.ndarray, times_s: np.ndarray, order: int) -> np.ndarray:
    """Newton's divided differences of `order` along axis 0: (T, P, 3) to (T - order, P, 3)."""
    values, times_s = np.asarray(positions, np.float64), np.asarray(times_s, np.float64)
    for step in range(1, order + 1):
        span = times_s[step:] - times_s[:-step]
        values = np.diff(values, axis=0) / span[:, None, None]
    return values

"""Turns annotations of one person in one crop into the numbers that the image networks are trained towards."""

from __future__ import annotations

import numpy as np

from engine.ik.reference_rotations import rotmat_to_label_quat_wxyz, rotvec_to_rotmat
from engine.models.crops import CROP_SIZE


def uvd_targets(
    joints_crop: np.ndarray,
    weights: np.ndarray,
    depth_factor: float,
    drop_outside: bool = True,
    size: int = CROP_SIZE,
) -> tuple[np.ndarray, np.ndarray]:
    """Network coordinates of joints (..., K, 3) and their weights (..., K, 3).

    joints_crop holds x and y in crop px and z relative to the root in the unit of depth_factor (2 m or 2000 mm for
    HybrIK-Transformer, 2.2 m for the camera networks); u = x / 256 - 0.5, likewise v, d = z / depth_factor. With
    drop_outside (HybrIK-Transformer; off for the camera networks) a joint with any coordinate beyond +-0.5 weighs 0.
    """
    uvd = np.asarray(joints_crop, np.float64).copy()
    uvd[..., :2] = uvd[..., :2] / size - 0.5
    uvd[..., 2] /= depth_factor
    inside = (np.abs(uvd) <= 0.5).all(axis=-1, keepdims=True)
    return uvd, np.where(inside | (not drop_outside), weights, 0.0)


def xyz_targets(joints: np.ndarray, depth_factor: float) -> np.ndarray:
    """Root-relative joints (..., 3) in units of depth_factor (same unit as the joints)."""
    return np.asarray(joints, np.float64) / depth_factor


def label_quats_wxyz(rotvecs: np.ndarray) -> np.ndarray:
    """(..., 3) rotation vectors, rad, to (..., 4) label quaternions: w >= 0, poor near half turns.

    Predictions are converted by another rule (`engine.ik.reference_rotations.rotmat_to_quat_wxyz`), so that a label
    and an equal prediction can differ in sign; the published networks were trained that way.
    """
    return rotmat_to_label_quat_wxyz(rotvec_to_rotmat(np.asarray(rotvecs, np.float64)))

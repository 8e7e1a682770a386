"""Turns labels in the picture plane, as a turned crop turns what is seen; only the camera networks want it.

HybrIK-Transformer's labels stay as they are: its decoding goes back through the affine of the turned crop.
"""

from __future__ import annotations

import numpy as np

from rig.rotations import rotmat_to_rotvec, rotvec_to_rotmat


def plane_rotmat(crop_rotation_deg: float) -> np.ndarray:
    """(3, 3) rotation of the camera frame (x right, y down, z away) seen in a crop turned by crop_rotation_deg.

    The crop's frame turns clockwise (`engine.models.crops.crop_frame`), so its contents turn the other way.
    """
    angle = np.radians(crop_rotation_deg)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def turn_positions(positions: np.ndarray, crop_rotation_deg: float) -> np.ndarray:
    """Root-relative positions (..., 3) in the camera frame to those that a turned crop shows."""
    return np.asarray(positions, np.float64) @ plane_rotmat(crop_rotation_deg).T


def turn_root(rotvecs: np.ndarray, crop_rotation_deg: float) -> np.ndarray:
    """Local rotation vectors (..., 24, 3): that of the pelvis, joint 0, is turned with the picture."""
    turned = np.array(rotvecs, np.float64)
    turned[..., 0, :] = rotmat_to_rotvec(plane_rotmat(crop_rotation_deg) @ rotvec_to_rotmat(turned[..., 0, :]))
    return turned

"""Forward kinematics: local rotations and a skeleton to joint positions."""

from __future__ import annotations

import numpy as np

from .frames import rotate
from .skeleton import Skeleton


def global_rotations(parents: tuple[int, ...], local_rotmats: np.ndarray) -> np.ndarray:
    """(..., J, 3, 3) local rotations to global ones: G_i = G_parent(i) R_i."""
    result = np.array(local_rotmats, dtype=np.float64)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            result[..., joint, :, :] = result[..., parent, :, :] @ result[..., joint, :, :]
    return result


def local_rotations(parents: tuple[int, ...], global_rotmats: np.ndarray) -> np.ndarray:
    """(..., J, 3, 3) global rotations to local ones: R_i = G_parent(i)^T G_i."""
    result = np.array(global_rotmats, dtype=np.float64)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            result[..., joint, :, :] = (
                np.swapaxes(global_rotmats[..., parent, :, :], -1, -2) @ global_rotmats[..., joint, :, :]
            )
    return result


def joint_positions(skeleton: Skeleton, global_rotmats: np.ndarray, transl: np.ndarray) -> np.ndarray:
    """(..., J, 3) joint positions, m, from global rotations (..., J, 3, 3) and `transl` (..., 3).

    The pelvis lies at `transl + rest_joints[0]` (SMPL's convention).
    """
    offsets = skeleton.offsets
    positions = np.empty((*global_rotmats.shape[:-2], 3))
    for joint, parent in enumerate(skeleton.parents):
        if parent < 0:
            positions[..., joint, :] = transl + offsets[joint]
        else:
            step = rotate(global_rotmats[..., parent, :, :], offsets[joint])
            positions[..., joint, :] = positions[..., parent, :] + step
    return positions


def landmark_positions(skeleton: Skeleton, global_rotmats: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(..., L, 3) positions of the skeleton's surface points, m, given its posed joints (..., J, 3)."""
    owner = list(skeleton.landmark_joints)
    offsets = skeleton.rest_landmarks - skeleton.rest_joints[owner]
    return joints[..., owner, :] + rotate(global_rotmats[..., owner, :, :], offsets)

"""The twist angles that training labels hold, from true rotations and the rest pose."""

from __future__ import annotations

import numpy as np

from rig.rotations import rotmat_to_rotvec
from rig.skeleton import SMPL_PARENTS

PARENTS29 = (*SMPL_PARENTS, 15, 22, 23, 10, 11)
"""Parents of the 24 joints and of head top, middle fingertips, big toes."""

INVALID_ANGLE = -999.0

_CHILD = tuple(max((joint for joint in range(29) if PARENTS29[joint] == parent), default=-1) for parent in range(24))
"""The last child of each joint: spine3 is measured along its right collar, though the network swings it to the neck."""

_OPPOSITE = 1.8
"""Least distance of two unit axes that counts as opposite."""

_NO_TURN_RAD = 1e-7


def twist_angles(rotmats: np.ndarray, rest_joints: np.ndarray) -> np.ndarray:
    """(N, 24, 3, 3) local rotations and (N, 29, 3) rest joints, m, to (N, 23) twist angles of joints 1 to 23, rad.

    With u the rest bone to the joint's last child, the twist is swing(u -> R u)^T R, a turn about u, positive along
    it; -999 where its axis is not that of the bone (R turns the bone by half a turn, or is no rotation). Source: Li
    et al., HybrIK, CVPR 2021, section 3.2, as its training labels were made.
    """
    rotmats, rest = np.asarray(rotmats, np.float64)[:, 1:], np.asarray(rest_joints, np.float64)
    bone = rest[:, list(_CHILD[1:])] - rest[:, 1:24]
    bone /= np.linalg.norm(bone, axis=-1, keepdims=True)
    turned = (rotmats @ bone[..., None])[..., 0]
    twist = np.swapaxes(_swing(bone, turned), -1, -2) @ rotmats
    rotvec = rotmat_to_rotvec(twist)
    angle = np.linalg.norm(rotvec, axis=-1)
    axis = rotvec / np.maximum(angle, _NO_TURN_RAD)[..., None]
    to_same, to_opposite = np.linalg.norm(bone - axis, axis=-1), np.linalg.norm(bone + axis, axis=-1)
    signed = np.where(to_opposite < to_same, -angle, angle)
    valid = (np.maximum(to_same, to_opposite) > _OPPOSITE) | (angle < _NO_TURN_RAD)
    return np.where(valid, signed, INVALID_ANGLE)


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Smallest rotations (..., 3, 3) that turn unit vectors (..., 3) into others; undefined for opposite ones."""
    cross, cosine = np.cross(start, end), (start * end).sum(-1)[..., None, None]
    skew = np.zeros((*cross.shape, 3))
    skew[..., 0, 1], skew[..., 0, 2], skew[..., 1, 2] = -cross[..., 2], cross[..., 1], -cross[..., 0]
    skew -= np.swapaxes(skew, -1, -2)
    return np.eye(3) + skew + skew @ skew / np.maximum(1.0 + cosine, 1e-12)

"""Rotations as Blender's Euler angles of any order or as axis and angle, without jumps over time."""

from __future__ import annotations

import numpy as np

from .errors import RigError
from .rotations import rotvec_to_rotmat

EULER_ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
_LOCKED = 1e-6


def euler_angles(rotmats: np.ndarray, order: str) -> np.ndarray:
    """(T, 3, 3) rotations to (T, 3) angles about x, y and z, rad, as Blender's rotation mode `order` reads them.

    Mode "XYZ" turns about x first: R = Rz Ry Rx. Of the two triples that give a rotation, and their whole turns, each
    frame takes the one nearest to the frame before. Raises RigError for an unknown order.
    """
    if order not in EULER_ORDERS:
        raise RigError(f"Euler order is {order!r}, expected one of {', '.join(EULER_ORDERS)}")
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = 1.0 if (i, j, k) in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) else -1.0
    r = np.asarray(rotmats, np.float64)
    cosine = np.hypot(r[:, i, i], r[:, j, i])
    locked = cosine < _LOCKED
    middle = np.arctan2(-sign * r[:, k, i], cosine)
    first = np.where(locked, np.arctan2(-sign * r[:, j, k], r[:, j, j]), np.arctan2(sign * r[:, k, j], r[:, k, k]))
    last = np.where(locked, 0.0, np.arctan2(sign * r[:, j, i], r[:, i, i]))
    result = np.empty((len(r), 3))
    before = np.zeros(3)
    for frame, angles in enumerate(np.stack([first, middle, last], axis=-1)):
        candidates = np.stack([angles, angles * [1.0, -1.0, 1.0] + np.pi])
        candidates -= 2 * np.pi * np.round((candidates - before) / (2 * np.pi))
        before = candidates[int(np.abs(candidates[1] - before).sum() < np.abs(candidates[0] - before).sum() - 1e-9)]
        result[frame] = before
    ordered = np.empty_like(result)
    ordered[:, [i, j, k]] = result
    return ordered


def euler_rotmats(angles: np.ndarray, order: str) -> np.ndarray:
    """(T, 3) angles about x, y and z, rad, to the (T, 3, 3) rotations that Blender's mode `order` makes of them."""
    if order not in EULER_ORDERS:
        raise RigError(f"Euler order is {order!r}, expected one of {', '.join(EULER_ORDERS)}")
    i, j, k = ("XYZ".index(axis) for axis in order)
    about = [rotvec_to_rotmat(np.asarray(angles)[:, axis, None] * np.eye(3)[axis]) for axis in range(3)]
    return np.asarray(about[k] @ about[j] @ about[i])


def axis_angles(quats_wxyz: np.ndarray) -> np.ndarray:
    """(T, 4) sign-continuous unit quaternions to (T, 4) angle, rad, and unit axis, which turns as little as it can.

    Near rotation zero the axis says nothing; such frames keep the axis of the frame before.
    """
    quats = np.asarray(quats_wxyz, np.float64)
    sine = np.linalg.norm(quats[:, 1:], axis=1)
    result = np.empty((len(quats), 4))
    axis, before = np.array([0.0, 1.0, 0.0]), 0.0
    for frame, quat in enumerate(quats):
        if sine[frame] > 1e-6:
            new = quat[1:] / sine[frame]
            axis = new if new @ axis >= 0 else -new
        angle = 2.0 * np.arctan2(float(quat[1:] @ axis), float(quat[0]))
        before = angle - 2 * np.pi * np.round((angle - before) / (2 * np.pi))
        result[frame] = [before, *axis]
    return result

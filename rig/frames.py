"""Coordinate frames and the fixed rotations between them.

camera     x right, y down, z forward (OpenCV)
world      y up; at rest the subject faces +z and its left is +x (SMPL)
armature   z up (Blender): (x, y, z) of world is (x, -z, y)
"""

from __future__ import annotations

import numpy as np

WORLD_TO_CAMERA_UPRIGHT = np.diag([1.0, -1.0, -1.0])
"""A level camera at the world's origin that looks along -z: half a turn about x. Its own inverse."""

WORLD_TO_ARMATURE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""A quarter turn about x: y up to z up."""


def rotate(rotmat: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply (..., 3, 3) rotations to (..., 3) points, broadcasting over the leading axes."""
    return np.einsum("...ij,...j->...i", rotmat, points)


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply (..., 4, 4) rigid transforms to (..., 3) points, broadcasting over the leading axes."""
    return rotate(matrix[..., :3, :3], points) + matrix[..., :3, 3]


def rigid_transform(rotmat: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """(3, 3) rotation and (3,) translation to one (4, 4) matrix."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotmat
    matrix[:3, 3] = translation
    return matrix


def rigid_inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of (..., 4, 4) rigid transforms."""
    inverse = np.array(matrix, dtype=np.float64)
    inverse[..., :3, :3] = np.swapaxes(matrix[..., :3, :3], -1, -2)
    inverse[..., :3, 3] = -rotate(inverse[..., :3, :3], matrix[..., :3, 3])
    return inverse

"""Quaternions and vectors kept component by component, so that one operation works on a whole batch.

Quaternions are (4, ...) arrays w, x, y, z, vectors (3, ...); the other axes broadcast. All keep the arrays' own dtype.
"""

from __future__ import annotations

import numpy as np


def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Hamilton product: the rotation `right` followed by `left`."""
    w1, x1, y1, z1 = left
    w2, x2, y2, z2 = right
    return np.stack(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ]
    )


def cross(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cross product."""
    a, b, c = left
    x, y, z = right
    return np.stack([b * z - c * y, c * x - a * z, a * y - b * x])


def rotate(quats: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors turned by unit quaternions."""
    axis = quats[1:]
    turn = cross(axis, vectors)
    turn += turn
    return vectors + quats[:1] * turn + cross(axis, turn)


def conjugate(quats: np.ndarray) -> np.ndarray:
    """The opposite rotations."""
    return np.concatenate([quats[:1], -quats[1:]])


def normalised(values: np.ndarray) -> np.ndarray:
    """Quaternions or vectors of unit length; zero stays zero."""
    length = np.sqrt(np.einsum("c...,c...->...", values, values))
    return values / np.maximum(length, np.float32(1e-12))


def blend(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Quaternions on the shorter way from `first` (share 0) to `second` (share 1), by normalised interpolation."""
    near = np.where(np.einsum("c...,c...->...", first, second) < 0, -share, share)
    return normalised(first * (1 - share) + second * near)


def from_rotvec(vectors: np.ndarray) -> np.ndarray:
    """Rotation vectors, radians, to quaternions."""
    half = 0.5 * np.sqrt(np.einsum("c...,c...->...", vectors, vectors))[None]
    scale = 0.5 * np.sinc(half / np.float32(np.pi))
    return np.concatenate([np.cos(half), vectors * scale]).astype(vectors.dtype)


def about(axis: int, angles: np.ndarray) -> np.ndarray:
    """Rotations about a coordinate axis by angles in radians."""
    result = np.zeros((4, *np.shape(angles)), dtype=np.float32)
    result[0], result[1 + axis] = np.cos(0.5 * angles), np.sin(0.5 * angles)
    return result


def swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotations from unit vectors to unit vectors; none where they are opposite."""
    axis = cross(start, end)
    w = 1.0 + np.einsum("c...,c...->...", np.broadcast_to(start, axis.shape), np.broadcast_to(end, axis.shape))
    result = np.concatenate([w[None], axis])
    result[0] += np.float32(1e-7)
    return normalised(result)


def heading(quats: np.ndarray) -> np.ndarray:
    """The part of rotations that turns about the vertical y axis, the swing coming after it."""
    turn = np.zeros_like(quats)
    turn[0], turn[2] = quats[0], quats[2]
    length = np.sqrt(turn[0] ** 2 + turn[2] ** 2)
    turn[0] = np.where(length < 1e-6, 1.0, turn[0])
    return turn / np.where(length < 1e-6, 1.0, length)


def to_rotmats(quats: np.ndarray) -> np.ndarray:
    """(4, ...) unit quaternions to (3, 3, ...) matrices."""
    w, x, y, z = quats
    result = np.empty((3, 3, *quats.shape[1:]), dtype=quats.dtype)
    xx, yy, zz, xy, xz, yz = x * x, y * y, z * z, x * y, x * z, y * z
    wx, wy, wz = w * x, w * y, w * z
    result[0, 0] = 1 - 2 * (yy + zz)
    result[0, 1] = 2 * (xy - wz)
    result[0, 2] = 2 * (xz + wy)
    result[1, 0] = 2 * (xy + wz)
    result[1, 1] = 1 - 2 * (xx + zz)
    result[1, 2] = 2 * (yz - wx)
    result[2, 0] = 2 * (xz - wy)
    result[2, 1] = 2 * (yz + wx)
    result[2, 2] = 1 - 2 * (xx + yy)
    return result

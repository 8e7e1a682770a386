"""Conversions between rotation vectors, matrices and quaternions, and interpolation between them.

Rotation vectors are in radians; quaternions are (w, x, y, z); matrices act on column vectors. All
functions work on any leading batch shape and return float64.
"""

from __future__ import annotations

import numpy as np


def rotvec_to_rotmat(rotvec: np.ndarray) -> np.ndarray:
    """(..., 3) rotation vectors to (..., 3, 3) matrices (Rodrigues' formula, exact near zero)."""
    v = np.asarray(rotvec, dtype=np.float64)
    angle2 = np.sum(v * v, axis=-1)
    angle = np.sqrt(angle2)
    small = angle < 1e-4
    safe2 = np.where(small, 1.0, angle2)
    a = np.where(small, 1.0 - angle2 / 6.0, np.sin(angle) / np.where(small, 1.0, angle))
    b = np.where(small, 0.5 - angle2 / 24.0, (1.0 - np.cos(angle)) / safe2)
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    matrix = np.empty((*v.shape[:-1], 3, 3))
    matrix[..., 0, 0] = 1.0 - b * (y * y + z * z)
    matrix[..., 1, 1] = 1.0 - b * (x * x + z * z)
    matrix[..., 2, 2] = 1.0 - b * (x * x + y * y)
    matrix[..., 0, 1] = b * x * y - a * z
    matrix[..., 1, 0] = b * x * y + a * z
    matrix[..., 0, 2] = b * x * z + a * y
    matrix[..., 2, 0] = b * x * z - a * y
    matrix[..., 1, 2] = b * y * z - a * x
    matrix[..., 2, 1] = b * y * z + a * x
    return matrix


def rotmat_to_quat_wxyz(rotmat: np.ndarray) -> np.ndarray:
    """(..., 3, 3) matrices to (..., 4) unit quaternions with w >= 0 (Shepperd's method)."""
    m = np.asarray(rotmat, dtype=np.float64)
    diagonal = np.stack([m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], axis=-1)
    trace = diagonal.sum(-1)
    choice = np.concatenate([trace[..., None], diagonal], axis=-1).argmax(-1)
    # Four candidates, each well conditioned where its own leading entry is the largest.
    w = np.stack(
        [1.0 + trace, m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]], -1
    )
    i = np.stack(
        [w[..., 1], 1.0 + 2 * m[..., 0, 0] - trace, m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0]], -1
    )
    j = np.stack([w[..., 2], i[..., 2], 1.0 + 2 * m[..., 1, 1] - trace, m[..., 1, 2] + m[..., 2, 1]], -1)
    k = np.stack([w[..., 3], i[..., 3], j[..., 3], 1.0 + 2 * m[..., 2, 2] - trace], -1)
    candidates = np.stack([w, i, j, k], axis=-2)
    quat = np.take_along_axis(candidates, choice[..., None, None], axis=-2)[..., 0, :]
    quat = quat / np.linalg.norm(quat, axis=-1, keepdims=True)
    return np.where(quat[..., :1] < 0, -quat, quat)


def quat_wxyz_to_rotmat(quat_wxyz: np.ndarray) -> np.ndarray:
    """(..., 4) quaternions of any non-zero length to (..., 3, 3) matrices."""
    q = np.asarray(quat_wxyz, dtype=np.float64)
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quat_wxyz_to_rotvec(quat_wxyz: np.ndarray) -> np.ndarray:
    """(..., 4) unit quaternions to (..., 3) rotation vectors of length <= pi."""
    q = np.asarray(quat_wxyz, dtype=np.float64)
    q = np.where(q[..., :1] < 0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1)
    angle = 2.0 * np.arctan2(sine, q[..., 0])
    small = sine < 1e-8
    scale = np.where(small, 2.0, angle / np.where(small, 1.0, sine))
    return q[..., 1:] * scale[..., None]


def rotvec_to_quat_wxyz(rotvec: np.ndarray) -> np.ndarray:
    """(..., 3) rotation vectors to (..., 4) unit quaternions."""
    v = np.asarray(rotvec, dtype=np.float64)
    half = 0.5 * np.linalg.norm(v, axis=-1, keepdims=True)
    return np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * v], axis=-1)


def rotmat_to_rotvec(rotmat: np.ndarray) -> np.ndarray:
    """(..., 3, 3) matrices to (..., 3) rotation vectors of length <= pi, accurate near 0 and pi."""
    return quat_wxyz_to_rotvec(rotmat_to_quat_wxyz(rotmat))


def quat_multiply(left_wxyz: np.ndarray, right_wxyz: np.ndarray) -> np.ndarray:
    """Hamilton product of (..., 4) quaternions: the rotation `right` followed by `left`."""
    w1, x1, y1, z1 = np.moveaxis(np.asarray(left_wxyz, dtype=np.float64), -1, 0)
    w2, x2, y2, z2 = np.moveaxis(np.asarray(right_wxyz, dtype=np.float64), -1, 0)
    return np.stack(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ],
        axis=-1,
    )


def make_sign_continuous(quat_wxyz: np.ndarray) -> np.ndarray:
    """Flip signs along axis 0 (time) so that neighbouring quaternions lie in the same hemisphere.

    quat_wxyz (T, ..., 4); per-component interpolation, as Blender's curves do, is then safe.
    """
    q = np.array(quat_wxyz, dtype=np.float64)
    if len(q) > 1:
        dots = np.sum(q[1:] * q[:-1], axis=-1)
        signs = np.cumprod(np.where(dots < 0, -1.0, 1.0), axis=0)
        q[1:] *= signs[..., None]
    return q


def slerp(start_wxyz: np.ndarray, end_wxyz: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Spherical interpolation between (..., 4) unit quaternions along the shorter arc.

    `fraction` broadcasts against the leading shape; 0 gives `start`, 1 gives `end`.
    """
    a, b = np.asarray(start_wxyz, dtype=np.float64), np.asarray(end_wxyz, dtype=np.float64)
    t = np.asarray(fraction, dtype=np.float64)[..., None]
    dot = np.sum(a * b, axis=-1, keepdims=True)
    b = np.where(dot < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    sine = np.sin(angle)
    near = sine < 1e-6
    safe = np.where(near, 1.0, sine)
    wa = np.where(near, 1.0 - t, np.sin((1.0 - t) * angle) / safe)
    wb = np.where(near, t, np.sin(t * angle) / safe)
    q = wa * a + wb * b
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def rotation_angle(rotmat: np.ndarray) -> np.ndarray:
    """(..., 3, 3) matrices to the angle of each rotation in [0, pi], radians, accurate near 0 and pi."""
    return np.linalg.norm(rotmat_to_rotvec(rotmat), axis=-1)


def swing_twist(rotmat: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split R = swing @ twist, where twist turns about the unit `axis` (3,) and swing's axis is perpendicular.

    rotmat (..., 3, 3) -> swing (..., 3, 3), twist angle (...,) radians in (-pi, pi].
    """
    q = rotmat_to_quat_wxyz(rotmat)
    n = np.asarray(axis, dtype=np.float64)
    angle = 2.0 * np.arctan2(np.sum(q[..., 1:] * n, axis=-1), q[..., 0])
    angle = (angle + np.pi) % (2.0 * np.pi) - np.pi
    twist = rotvec_to_rotmat(angle[..., None] * n)
    return np.asarray(rotmat, dtype=np.float64) @ np.swapaxes(twist, -1, -2), angle

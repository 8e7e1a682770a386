"""Turns directions of bones and planes of bending into global rotations of a limb's joints."""

from __future__ import annotations

import numpy as np

from rig.frames import rotate

# How elbows and knees hinge, predicted from where the upper bone points: hinge = bias + direction @ matrix, in the
# frame of chest or pelvis (x left, y up, z front) for the left side. Fitted to the bends of 18888 poses of the CMU
# motion capture database (mocap.cs.cmu.edu, created with funding from NSF EIA-0196217); median error 17 and 6 degrees.
ELBOW_HINGE = np.array(
    [[-0.614, -0.138, 0.287], [0.310, -0.429, 0.428], [0.314, -0.035, 0.473], [-0.035, -0.204, -0.209]]
)
KNEE_HINGE = np.array(
    [[0.907, -0.263, -0.157], [-0.166, 0.705, -0.510], [-0.056, -0.254, -0.103], [0.045, 0.077, 0.044]]
)
_MIRROR = np.array([-1.0, 1.0, 1.0])


def unit(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) vectors to unit length; a zero vector stays zero."""
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norm > 1e-12, norm, 1.0)


def across(vectors: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The part of (..., 3) vectors that is perpendicular to unit axes (..., 3)."""
    return vectors - axis * np.sum(vectors * axis, axis=-1, keepdims=True)


def frame(primary: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """(..., 3, 3) right-handed orthonormal columns: along `primary`, towards `secondary`, and their cross product."""
    x = unit(primary)
    y = unit(across(secondary, x))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def frame_rotation(
    primary: np.ndarray, secondary: np.ndarray, rest_primary: np.ndarray, rest_secondary: np.ndarray
) -> np.ndarray:
    """(..., 3, 3) rotations that carry the rest directions (3,) onto the seen ones (..., 3), the primary exactly."""
    return frame(primary, secondary) @ frame(rest_primary, rest_secondary).T


def swing_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(..., 3, 3) smallest rotations from directions (..., 3) to directions (..., 3); half a turn if opposite.

    R v = v cos + (a x b) x v + (a x b) (a x b).v / (1 + cos), for unit a, b.
    """
    a, b = np.broadcast_arrays(unit(np.asarray(start, np.float64)), unit(np.asarray(end, np.float64)))
    cross = np.cross(a, b)
    cosine = np.sum(a * b, axis=-1)[..., None, None]
    skew = np.zeros((*cross.shape, 3))
    skew[..., 0, 1], skew[..., 0, 2], skew[..., 1, 2] = -cross[..., 2], cross[..., 1], -cross[..., 0]
    skew[..., 1, 0], skew[..., 2, 0], skew[..., 2, 1] = cross[..., 2], -cross[..., 1], cross[..., 0]
    opposite = cosine < -1.0 + 1e-9
    result = np.eye(3) + skew + skew @ skew / np.where(opposite, 1.0, 1.0 + cosine)
    # Half a turn about any axis perpendicular to a.
    other = np.where(np.abs(a[..., :1]) < 0.9, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    normal = unit(across(other, a))
    half_turn = 2.0 * normal[..., :, None] * normal[..., None, :] - np.eye(3)
    return np.where(opposite, half_turn, result)


def likely_hinge(table: np.ndarray, direction: np.ndarray, parent: np.ndarray, is_left: bool) -> np.ndarray:
    """(T, 3) unit axis a limb most likely bends about, for its upper bone's direction (T, 3) under `parent` (T, 3, 3).

    table is ELBOW_HINGE or KNEE_HINGE. The axis is perpendicular to the direction.
    """
    local = rotate(np.swapaxes(parent, -1, -2), unit(direction))
    if not is_left:
        local = local * _MIRROR
    hinge = table[0] + local @ table[1:]
    if not is_left:
        hinge = -hinge * _MIRROR  # an axis of rotation mirrors with the opposite sign
    return unit(across(rotate(parent, hinge), unit(direction)))

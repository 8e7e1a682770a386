"""Conversions between rotations exactly as SMPL's and HybrIK's programs calculate them.

They differ from `rig.rotations` in small constants and in the sign of quaternions; only numbers that must agree with
those programs need them. NumPy or torch, any leading batch shape.
"""

from __future__ import annotations

from array_api_compat import array_namespace, device

from .components import Array

EPSILON = 1e-8

TINY = 1e-30
"""Keeps the gradient of a length finite at zero; far below what changes a result."""


def rotvec_to_rotmat(rotvec: Array) -> Array:
    """(..., 3) rotation vectors, rad, to (..., 3, 3); the angle is the length of the vector + 1e-8 (1, 1, 1)."""
    xp = array_namespace(rotvec)
    shifted = rotvec + EPSILON
    angle = xp.sqrt(xp.sum(shifted * shifted, axis=-1))
    axis = rotvec / angle[..., None]
    x, y, z = axis[..., 0], axis[..., 1], axis[..., 2]
    zero = xp.zeros_like(x)
    skew = xp.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1)
    skew = xp.reshape(skew, (*rotvec.shape, 3))
    sine, cosine = xp.sin(angle)[..., None, None], xp.cos(angle)[..., None, None]
    identity = xp.eye(3, dtype=rotvec.dtype, device=device(rotvec))
    return identity + sine * skew + (1.0 - cosine) * (skew @ skew)


def quat_wxyz_to_rotmat(quat_wxyz: Array) -> Array:
    """(..., 4) quaternions of any length to (..., 3, 3); the zero quaternion gives the zero matrix."""
    xp = array_namespace(quat_wxyz)
    q = quat_wxyz / (xp.sqrt(xp.sum(quat_wxyz * quat_wxyz, axis=-1) + TINY) + EPSILON)[..., None]
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    entries = [
        w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z,
    ]  # fmt: skip
    return xp.reshape(xp.stack(entries, axis=-1), (*quat_wxyz.shape[:-1], 3, 3))


def rotmat_to_quat_wxyz(rotmat: Array) -> Array:
    """(..., 3, 3) to (..., 4) as the networks' outputs hold them: the component chosen as pivot is positive, w need

    not be. The pivot follows from the signs of m22 and of m00 -+ m11.
    """
    xp = array_namespace(rotmat)
    m00, m01, m02 = rotmat[..., 0, 0], rotmat[..., 0, 1], rotmat[..., 0, 2]
    m10, m11, m12 = rotmat[..., 1, 0], rotmat[..., 1, 1], rotmat[..., 1, 2]
    m20, m21, m22 = rotmat[..., 2, 0], rotmat[..., 2, 1], rotmat[..., 2, 2]
    low = m22 < 1e-6
    t = xp.stack([1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22, 1 + m00 + m11 + m22])
    wx, wy, wz = m21 - m12, m02 - m20, m10 - m01
    xy, xz, yz = m01 + m10, m02 + m20, m12 + m21
    x_pivot = xp.stack([wx, t[0], xy, xz], axis=-1)
    y_pivot = xp.stack([wy, xy, t[1], yz], axis=-1)
    z_pivot = xp.stack([wz, xz, yz, t[2]], axis=-1)
    w_pivot = xp.stack([t[3], wx, wy, wz], axis=-1)
    x_chosen, z_chosen = m00 > m11, m00 < -m11
    pivot = xp.where(low, xp.where(x_chosen, t[0], t[1]), xp.where(z_chosen, t[2], t[3]))
    low, x_chosen, z_chosen = low[..., None], x_chosen[..., None], z_chosen[..., None]
    quat = xp.where(low, xp.where(x_chosen, x_pivot, y_pivot), xp.where(z_chosen, z_pivot, w_pivot))
    return 0.5 * quat / xp.sqrt(pivot)[..., None]


def rotmat_to_label_quat_wxyz(rotmat: Array) -> Array:
    """(..., 3, 3) to (..., 4) as training labels hold them: w >= 0 from the trace; poor near half turns."""
    xp = array_namespace(rotmat)
    trace = rotmat[..., 0, 0] + rotmat[..., 1, 1] + rotmat[..., 2, 2]
    w = 0.5 * xp.sqrt(xp.where(trace + 1 > EPSILON, trace + 1, xp.full_like(trace, EPSILON)))
    skew = xp.stack(
        [
            rotmat[..., 2, 1] - rotmat[..., 1, 2],
            rotmat[..., 0, 2] - rotmat[..., 2, 0],
            rotmat[..., 1, 0] - rotmat[..., 0, 1],
        ],
        axis=-1,
    )
    return xp.concat([w[..., None], skew / (4 * w)[..., None]], axis=-1)

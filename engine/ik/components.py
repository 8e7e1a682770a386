"""Products of 3-vectors and 3x3 matrices whose components are the leading axes.

A vector is (3, ...), a matrix (3, 3, ...); all other axes are batch axes that broadcast. With the batch last, every
operation runs over long contiguous rows: many times faster than stacks of tiny matrices, on a CPU as on a GPU, for a
few Python calls more. Works on any array type with operators and basic indexing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

Array = Any
"""An array of any library that follows the array-API standard."""


def components_first(array: Array, xp: Any) -> Array:
    """(N, J, 3) to (3, J, N), (N, J, 3, 3) to (3, 3, J, N); shared by all frames, (J, 3), to (3, J, 1). Contiguous."""
    if array.ndim == 2:
        return array.T[:, :, None]
    view = xp.permute_dims(array, (2, 1, 0) if array.ndim == 3 else (2, 3, 1, 0))
    if is_numpy_array(view):
        return np.ascontiguousarray(view)
    return view.contiguous() if is_torch_array(view) else view


def dot(a: Array, b: Array) -> Array:
    """(3, ...) . (3, ...) -> (...)"""
    p = a * b
    return p[0] + p[1] + p[2]


def cross(a: Array, b: Array, xp: Any) -> Array:
    """(3, ...) x (3, ...) -> (3, ...)"""
    return xp.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def matmul(a: Array, b: Array) -> Array:
    """(3, 3, ...) (3, 3, ...) -> (3, 3, ...)"""
    p = a[:, :, None] * b[None]
    return p[:, 0] + p[:, 1] + p[:, 2]


def matvec(a: Array, v: Array) -> Array:
    """(3, 3, ...) (3, ...) -> (3, ...)"""
    p = a * v[None]
    return p[:, 0] + p[:, 1] + p[:, 2]


def vecmat(v: Array, a: Array) -> Array:
    """The transposed matrix times the vector: (3, ...) (3, 3, ...) -> (3, ...)"""
    p = v[:, None] * a
    return p[0] + p[1] + p[2]


def transposed_matmul(a: Array, b: Array) -> Array:
    """The transpose of the first times the second: (3, 3, ...) (3, 3, ...) -> (3, 3, ...)"""
    p = a[:, :, None] * b[:, None]
    return p[0] + p[1] + p[2]


def outer(a: Array, b: Array) -> Array:
    """(3, ...) (3, ...) -> (3, 3, ...)"""
    return a[:, None] * b[None]


def skew(a: Array, xp: Any) -> Array:
    """The matrix of the cross product with a: (3, ...) -> (3, 3, ...)"""
    x, y, z = a[0], a[1], a[2]
    zero = xp.zeros_like(x)
    return xp.reshape(xp.stack([zero, -z, y, z, zero, -x, -y, x, zero]), (3, *a.shape))

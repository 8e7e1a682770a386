"""The rotation that best turns several bones onto their targets."""

from __future__ import annotations

from typing import Any

from array_api_compat import is_torch_array

from .components import Array, dot, matmul, transposed_matmul

MAX_NEWTON_STEPS = 40
"""Most inputs need three to five; only reflections whose two smaller singular values nearly agree need many."""

CONVERGED = 1e-9
"""Change of the root, relative to the Frobenius norm of the matrix, after which the next one is below rounding."""


def nearest_rotation(matrix: Array, xp: Any) -> Array:
    """(3, 3, ...) matrices B = sum of target rest^T to the rotation R (det +1) that maximises tr(R^T B).

    With B = sum_k target_k rest_k^T this is the least squares rotation rest -> target (Wahba's problem). Markley's
    FOAM (1993, J. Astronautical Sciences 41(2)): with l = tr(R^T B), the largest root of
    (l^2 - |B|^2)^2 - 8 l det B - 4 |adj B|^2 = 0 (found by Newton's method),
        R = ((k + |B|^2) B + l adj(B)^T - B B^T B) / (k l - det B),   k = (l^2 - |B|^2) / 2.
    Exact also for matrices of rank two and for reflections; no decomposition, so gradients stay finite and large
    batches are cheap. Calculated in double precision, returned in the type of `matrix`. Where the rotation is not
    unique (rank one or zero) the result is finite but no rotation: add a multiple of a default rotation to B first.
    """
    dtype = matrix.dtype
    b = xp.astype(matrix, xp.float64)
    scale = xp.sqrt(_sum_squares(b) + 1e-60)
    b = b / scale
    # Rows and columns repeated, so that all nine cofactors are four slices.
    wide = xp.concat([b, b[:, :2]], axis=1)
    wide = xp.concat([wide, wide[:2]], axis=0)
    cofactors = wide[1:4, 1:4] * wide[2:, 2:] - wide[1:4, 2:] * wide[2:, 1:4]
    det8 = 8.0 * dot(b[0], cofactors[0])
    minors4 = 4.0 * _sum_squares(cofactors)
    # |B| = 1 from here on. The start is the root for det B = 0; the derivative is positive there.
    root = xp.sqrt(1.0 + xp.sqrt(minors4 + 1e-60))
    may_look = not _is_recorded(b)
    for _ in range(MAX_NEWTON_STEPS):
        square = root * root - 1.0
        change = (square * square - det8 * root - minors4) / (4.0 * square * root - det8 + 1e-60)
        root = root - change
        if may_look and not (abs(change) > CONVERGED).any():
            break
    half = 0.5 * (root * root - 1.0)
    numerator = (half + 1.0) * b + root * cofactors - matmul(b, transposed_matmul(b, b))
    return xp.astype(numerator / (half * root - 0.125 * det8 + 1e-60), dtype)


def _is_recorded(array: Array) -> bool:
    """Whether operations are recorded to be replayed on other numbers, so that control must not depend on these."""
    if not is_torch_array(array):
        return False
    import torch

    traced = type(array) not in (torch.Tensor, torch.nn.Parameter) or torch.compiler.is_compiling()
    return traced or (array.is_cuda and torch.cuda.is_current_stream_capturing())


def _sum_squares(matrix: Array) -> Array:
    p = matrix * matrix
    p = p[0] + p[1] + p[2]
    return p[0] + p[1] + p[2]

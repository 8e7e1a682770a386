"""Rotations of joints that point one bone and twist about it, in closed form."""

from __future__ import annotations

from typing import Any

from array_api_compat import device

from .components import Array, dot, outer, skew, vecmat

TINY_M2 = 1e-16
"""Square of a length below which a direction counts as none, m^2."""

MIN_LEAN = 1e-9
"""How far, in radians, a rest bone is leant to one side to give a reversed bone an axis to turn about."""


class SwingTwist:
    """Joints whose rotation is a twist about their rest bone followed by the smallest swing onto an aim.

    R = swing twist (Li et al. 2021, HybrIK, eq. 5-8). With the half-way vector m = n + w between the rest bone n and
    the aim w, both unit, the swing is two half turns, (2 m m^T / m^2 - 1) (2 n n^T - 1); the second half turn and the
    twist share their axis, so
        R = 2 m (m^T K) / m^2 - K,   K = (2 n n^T - 1) twist = (1 + cos) n n^T - cos 1 - sin [n],
    with K known before the walk. No aim (w = 0) gives the twist alone. For w = -n, where the swing is not unique, it
    turns about a fixed axis square to the bone.
    """

    def __init__(self, bones: Array, twists: Array, xp: Any) -> None:
        """bones (3, J, N) rest bones, m; twists (2, J, N) unit (cos, sin); 1 instead of N where all frames share it."""
        self._xp = xp
        n = bones / xp.sqrt(dot(bones, bones) + TINY_M2)
        eye = xp.eye(3, dtype=n.dtype, device=device(n))
        nn = outer(n, n)
        self._turned = nn + (nn - eye[:, :, None, None]) * twists[0] - skew(n, xp) * twists[1]
        # Off the bone by a little more than rounding, square to it and to a coordinate axis: decides w = -n.
        x_is_far = (xp.abs(n[0]) <= xp.abs(n[1])) | (xp.abs(n[0]) <= xp.abs(n[2]))
        square = xp.where(x_is_far, eye[:, 0][:, None, None] - nn[:, 0], eye[:, 1][:, None, None] - nn[:, 1])
        self._units = n + max(100.0 * float(xp.finfo(n.dtype).eps), MIN_LEAN) * square

    def rotations(self, part: slice, aim: Array, seen: Array | None = None) -> Array:
        """(3, 3, C, N) rotations of the joints in `part`.

        aim (3, C, N) of any length, in the frame the joints' parents have turned; seen (C, N) 0 where there is no aim.
        """
        scale = 1.0 / self._xp.sqrt(dot(aim, aim) + TINY_M2)
        if seen is not None:
            scale = scale * seen
        m = self._units[:, part] + aim * scale
        k = self._turned[:, :, part]
        return outer(m, vecmat(m, k) * (2.0 / dot(m, m))) - k

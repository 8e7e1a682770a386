"""Between arrays with frames first and the solver's arrays with components first."""

from __future__ import annotations

from typing import Any

from .chains import ChainPose
from .components import Array, matvec
from .plan import ChainPlan


def assemble(plan: ChainPlan, rest: Array, pose: ChainPose, leaf_local: Array, xp: Any) -> tuple[Array, Array]:
    """(N, 24, 3, 3) local rotations and (N, 24, 3) positions, m, of the solved joints and the leaves, in SMPL's order.

    rest (3, K, N) m, leaf_local (3, 3, L, N) local rotations of the plan's leaves.
    """
    local, positions = dict(pose.local), dict(pose.positions)
    for k, (leaf, parent) in enumerate(zip(plan.leaves, plan.leaf_parents, strict=True)):
        offset = rest[:, leaf : leaf + 1] - rest[:, parent : parent + 1]
        local[leaf] = leaf_local[:, :, k : k + 1]
        positions[leaf] = positions[parent] + matvec(pose.rotmats[parent], offset)
    joints = range(len(local))
    rotmats = xp.concat([local[joint] for joint in joints], axis=2)
    points = xp.concat([positions[joint] for joint in joints], axis=1)
    return xp.permute_dims(rotmats, (3, 2, 0, 1)), xp.permute_dims(points, (2, 1, 0))

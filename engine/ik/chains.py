"""Walks the chains of the body: the torso joint by joint, then the five limbs together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .components import Array, matmul, matvec, transposed_matmul
from .plan import TORSO, ChainPlan

Turn = Callable[[slice, Array, Array], Array]
"""(part of plan.joints, their parents' global rotations (3, 3, C, N), their positions (3, C, N) m) -> their local
rotations (3, 3, C, N)."""

Spread = Callable[[Array, Array], Array]
"""(parent's global rotation (3, 3, 1, N), position of spine3 (3, 1, N) m) -> global rotation of spine3 (3, 3, 1, N)."""


@dataclass(frozen=True)
class ChainPose:
    """By joint: local (3, 3, 1, N) and global `rotmats` (3, 3, 1, N), positions (3, 1, N) m with rest bone lengths."""

    local: dict[int, Array]
    rotmats: dict[int, Array]
    positions: dict[int, Array]

    def put(self, joints: tuple[int, ...], local: Array, rotmats: Array, positions: Array) -> None:
        """Store the joints of one level, (3, 3, C, N) and (3, C, N)."""
        for k, joint in enumerate(joints):
            self.local[joint] = local[:, :, k : k + 1]
            self.rotmats[joint] = rotmats[:, :, k : k + 1]
            self.positions[joint] = positions[:, k : k + 1]


def solve_chains(
    plan: ChainPlan, offsets: Array, root: Array, pelvis: Array, turn: Turn, xp: Any, spread: Spread | None = None
) -> ChainPose:
    """Solve the torso joint by joint, then the five limbs together, joint by joint, all frames at once (HKMR's chains).

    plan     order of the joints
    offsets  (3, J, N) of each joint of the plan from its parent at rest, m; 1 instead of N where all frames share it
    root     (3, 3, 1, N) rotation of the pelvis;  pelvis (3, 1, N) its position, m
    turn     how one joint is turned, given what was reconstructed upstream
    spread   rotation of spine3 from its several children, or None: `turn` like any other joint
    """
    pose = ChainPose({}, {}, {})
    rotmat, position = root, pelvis
    pose.put(TORSO[:1], root, root, pelvis)
    for k, joint in enumerate(TORSO[1:]):
        part = slice(k, k + 1)
        parent = rotmat
        position = position + matvec(parent, offsets[:, part])
        if spread is not None and joint == TORSO[-1]:
            rotmat = spread(parent, position)
            local = transposed_matmul(parent, rotmat)
        else:
            local = turn(part, parent, position)
            rotmat = matmul(parent, local)
        pose.put((joint,), local, rotmat, position)

    # Each limb hangs from one joint of the torso; a level's limbs are the first ones of the level before.
    rotmat = xp.concat([pose.rotmats[base] for base in plan.limb_bases], axis=2)
    position = xp.concat([pose.positions[base] for base in plan.limb_bases], axis=1)
    for start, stop in plan.levels:
        part = slice(start, stop)
        parent = rotmat[:, :, : stop - start]
        position = position[:, : stop - start] + matvec(parent, offsets[:, part])
        local = turn(part, parent, position)
        rotmat = matmul(parent, local)
        pose.put(plan.joints[start:stop], local, rotmat, position)
    return pose

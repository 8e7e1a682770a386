"""Hierarchical-chain inverse kinematics: bone targets and twists to joint rotations, in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from array_api_compat import device

from .components import Array, dot, matmul, matvec, outer, transposed_matmul, vecmat
from .plan import TORSO, ChainPlan

TINY_M2 = 1e-16
"""Square of a length below which a direction counts as none, m^2."""

Aim = Callable[[Array, Array], Array]
"""(from the reconstructed joint to the tip's target, bone direction between the two targets at rest length) -> aim.

Both arguments and the result are (3, C, N), m.
"""

Spread = Callable[[Array, Array], Array]
"""(parent's global rotation (3, 3, 1, N), position of spine3 (3, 1, N)) -> global rotation of spine3 (3, 3, 1, N)."""


@dataclass(frozen=True)
class Bones:
    """What every joint of a plan aims with and at; components first, N frames last (1 where all frames share it).

    offsets  (3, J, N) of the joint from its parent at rest, m
    bones    (3, J, N) from the joint to its tip at rest, m
    tips     (3, J, N) target of the tip, m, in the frame in which the pelvis lies on its rest position
    steps    (3, J, N) from the joint's own target to its tip's, scaled to the rest length, m
    twists   (2, J, N) cos and sin of the twist about the bone
    seen     (J, N) 1 where the joint has a target, 0 where it keeps its rest rotation; or None: all seen
    kept     (3, 3, J, N) local rotations to use instead where nothing is seen, or None: the twist alone
    """

    offsets: Array
    bones: Array
    tips: Array
    steps: Array
    twists: Array
    seen: Array | None = None
    kept: Array | None = None


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
    plan: ChainPlan, bones: Bones, root: Array, pelvis: Array, aim: Aim, xp: Any, spread: Spread | None = None
) -> ChainPose:
    """Solve the torso joint by joint, then the five limbs together, joint by joint, all frames at once.

    plan    order of the joints
    root    (3, 3, 1, N) rotation of the pelvis;  pelvis (3, 1, N) its rest position, m
    aim     how upstream error is treated (adaptive, naive, ...)
    spread  rotation of spine3 from its several children, or None: swing and twist like any other joint

    A joint turns by R = swing twist (Li et al. 2021, HybrIK, eq. 5-8): twist about the rest bone n, then the smallest
    rotation that brings n to the aim w seen from the parent. With the half-way vector m = n + w the swing is two half
    turns, (2 m m^T / m^2 - 1)(2 n n^T - 1); the second one and the twist share their axis, so
        R = 2 m (m^T K) / m^2 - K,   K = (2 n n^T - 1) twist = (1 + cos) n n^T - cos 1 - sin [n].
    No aim (w = 0) gives the twist alone. For w = -n the swing turns about a fixed axis square to the bone.
    """
    units, turned = _rest_bones(bones, xp)

    def turn(part: slice, parent: Array, position: Array) -> Array:
        """Local rotations of the joints in `part` given their parents' rotations and their own positions."""
        w = vecmat(aim(bones.tips[:, part] - position, bones.steps[:, part]), parent)
        scale = 1.0 / xp.sqrt(dot(w, w) + TINY_M2)
        if bones.seen is not None:
            scale = scale * bones.seen[part]
        m = units[:, part] + w * scale
        k = turned[:, :, part]
        local = outer(m, vecmat(m, k) * (2.0 / dot(m, m))) - k
        if bones.kept is not None and bones.seen is not None:
            local = xp.where(bones.seen[part] > 0, local, bones.kept[:, :, part])
        return local

    pose = ChainPose({}, {}, {})
    rotmat, position = root, pelvis
    pose.put(TORSO[:1], root, root, pelvis)
    for k, joint in enumerate(TORSO[1:]):
        part = slice(k, k + 1)
        parent = rotmat
        position = position + matvec(parent, bones.offsets[:, part])
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
        position = position[:, : stop - start] + matvec(parent, bones.offsets[:, part])
        local = turn(part, parent, position)
        rotmat = matmul(parent, local)
        pose.put(plan.joints[start:stop], local, rotmat, position)
    return pose


def _rest_bones(bones: Bones, xp: Any) -> tuple[Array, Array]:
    """Unit rest bones (3, J, N), off by rounding towards a perpendicular, and the matrices K (3, 3, J, N)."""
    b = bones.bones
    n = b / xp.sqrt(dot(b, b) + TINY_M2)
    eye = xp.eye(3, dtype=n.dtype, device=device(n))
    zero = xp.zeros_like(n[0])
    skew = xp.stack([xp.stack([zero, -n[2], n[1]]), xp.stack([n[2], zero, -n[0]]), xp.stack([-n[1], n[0], zero])])
    nn = outer(n, n)
    cosine, sine = bones.twists[0], bones.twists[1]
    turned = nn + (nn - eye[:, :, None, None]) * cosine - skew * sine
    # Square to the bone: the column of the projector off the bone that belongs to the bone's smallest component.
    x_small = (xp.abs(n[0]) <= xp.abs(n[1])) | (xp.abs(n[0]) <= xp.abs(n[2]))
    square = xp.where(x_small, eye[:, 0][:, None, None] - nn[:, 0], eye[:, 1][:, None, None] - nn[:, 1])
    return n + 8.0 * xp.finfo(n.dtype).eps * square, turned

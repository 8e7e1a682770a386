"""Inverse kinematics exactly as the released HybrIK and HybrIK-Transformer programs calculate it.

Checkpoints were trained through these formulas, accidents included, so their numbers are only reproduced by them:
the pelvis turned by its hips' midpoint in the naive and training forms, the jump at 15 mm in the adaptive form, raw
leaf rotations consumed in joint order, and a right hand that aims at the rest position of the pelvis (its tip index
is 0). For animation use `inverse_kinematics.solve_ik`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from array_api_compat import array_namespace, device

from engine.errors import InputError

from .assembly import assemble
from .batches import in_batches
from .chains import solve_chains
from .components import Array, components_first, cross, dot, matmul, matvec, outer, skew, vecmat
from .plan import TIPS_24, TIPS_29, ChainPlan, chain_plan
from .procrustes import nearest_rotation
from .reference_rotations import quat_wxyz_to_rotmat

EPSILON = 1e-8
"""Added to every length before a division."""

TINY_M = 1e-15
"""Keeps gradients of lengths finite; far below what changes a result, m."""

JUMP_M = 0.015
"""Adaptive form: where absorbing the upstream error would move the aim by more than this, it is not absorbed."""

RIGHT_HAND = 23
LEAF_SLOTS = (10, 11, 15, 22, RIGHT_HAND)
"""Joint that consumes each of the five leaf rotations; released trees never use the fifth (RELEASED_TIPS_24)."""

RELEASED_TIPS_24 = (*TIPS_24[:RIGHT_HAND], 0)
"""What the bones of the released networks of 24 joints point to. The right hand, a leaf, points to the pelvis: while
the tree was made, the pelvis' parent of -1 was used as an index, and that is the last joint."""


class ReferenceForm(Enum):
    """Which of the reference programs' solvers to reproduce."""

    ADAPTIVE = "adaptive"
    """Evaluation: Procrustes at the pelvis, upstream error absorbed up to `JUMP_M`."""

    TRAINING = "training"
    """Adaptive without the jump, the pelvis turned in two steps."""

    NAIVE = "naive"
    """Bone directions only, the pelvis turned in two steps."""


@dataclass(frozen=True)
class ReferencePose:
    """local_rotmats (N, 24, 3, 3), the pelvis' global; joints (N, 24 or 29, 3) m as reconstructed on the way (surface

    points 24..28 stay zero).
    """

    local_rotmats: Array
    joints: Array


def solve_reference(
    rest_joints: Array,
    targets: Array,
    twist: Array,
    leaf_quats_wxyz: Array | None = None,
    form: ReferenceForm = ReferenceForm.ADAPTIVE,
    tips: tuple[int, ...] | None = None,
) -> ReferencePose:
    """Joint rotations of the reference programs.

    rest_joints      (N, 29, 3), or (N, 24, 3) with leaf rotations, m
    targets          the same shape, m
    twist            (N, 23, 2) raw (cos, sin), divided by their length here
    leaf_quats_wxyz  (N, 5, 4) raw local rotations of joints 10, 11, 15, 22 and of none, for 24 joints; else None
    form             see ReferenceForm
    tips             joint each of the 24 bones points to, -1 for a leaf: None for TIPS_29, or RELEASED_TIPS_24 with
                     leaf rotations; TIPS_24 makes the right hand a leaf that consumes the fifth

    Raises InputError where shapes disagree. One dtype and device for all arrays, NumPy or torch.
    """
    xp = array_namespace(targets)
    frames = targets.shape[0]
    count = 29 if leaf_quats_wxyz is None else 24
    for name, array, shape in (
        ("rest_joints", rest_joints, (frames, count, 3)),
        ("targets", targets, (frames, count, 3)),
        ("twist", twist, (frames, 23, 2)),
        ("leaf_quats_wxyz", leaf_quats_wxyz, (frames, 5, 4)),
    ):
        if array is not None and tuple(array.shape) != shape:
            raise InputError(f"{name} has shape {tuple(array.shape)}, expected {shape}")

    if tips is None:
        tips = TIPS_29 if leaf_quats_wxyz is None else RELEASED_TIPS_24
    plan = chain_plan(tips)

    def solve(rest: Array, target: Array, phi: Array, leaves: Array | None) -> tuple[Array, ...]:
        return _solve(plan, rest, target, phi, leaves, form)

    arrays = (rest_joints, targets, twist, leaf_quats_wxyz)
    local, joints = in_batches(solve, *arrays, frames=frames, xp=xp)
    if count == 29:
        joints = xp.concat([joints, xp.zeros_like(joints[:, :5])], axis=1)
    return ReferencePose(local, joints)


def _solve(
    plan: ChainPlan, rest: Array, targets: Array, twist: Array, leaf_quats_wxyz: Array | None, form: ReferenceForm
) -> tuple[Array, Array]:
    xp = array_namespace(targets)
    rest = components_first(rest, xp)
    points = components_first(targets, xp)
    points = points - points[:, :1] + rest[:, :1]

    joints, tips, parents = plan.index["joints"], plan.index["tips"], plan.index["parents"]
    bones = rest[:, tips] - rest[:, joints]
    steps = points[:, tips] - points[:, joints]
    if 0 in tips:
        # The right hand's bone is its tip's "bone from the parent", and the pelvis has none but its own position.
        hand = joints.index(RIGHT_HAND)
        is_hand = xp.asarray([k == hand for k in range(len(joints))], device=device(points))[None, :, None]
        bones = xp.where(is_hand, rest[:, :1], bones)
        steps = xp.where(is_hand, rest[:, :1], steps)
    phi = components_first(twist, xp)[:, plan.index["twists"]]
    phi = phi / (xp.sqrt(phi[0] * phi[0] + phi[1] * phi[1] + TINY_M**2) + EPSILON)
    lengths = _length(bones, xp)
    two_steps = form is not ReferenceForm.ADAPTIVE
    root = _root_in_two_steps(rest, points, xp) if two_steps else _root_by_procrustes(rest, points, xp)
    guard = EPSILON if form is ReferenceForm.NAIVE else 0.0
    twists = _rodrigues(bones / (lengths + guard), phi[1], phi[0], xp)
    tip_targets = points[:, tips]

    def turn(part: slice, parent: Array, position: Array) -> Array:
        step = steps[:, part]
        aim = step if form is ReferenceForm.NAIVE else tip_targets[:, part] - position
        if form is ReferenceForm.ADAPTIVE:
            size = _length(step, xp)
            step = step * (lengths[part] / (size + TINY_M))
            jumps = (_length(aim - step, xp) > JUMP_M) & (size > TINY_M)
            aim = xp.where(jumps[None], step, aim)
        return matmul(_swing(bones[:, part], vecmat(aim, parent), xp), twists[:, :, part])

    pose = solve_chains(plan, rest[:, joints] - rest[:, parents], root, rest[:, :1], turn, xp)
    leaves = rest[None, :, :0]
    if leaf_quats_wxyz is not None:
        slots = [LEAF_SLOTS.index(leaf) for leaf in plan.leaves]
        leaves = components_first(quat_wxyz_to_rotmat(leaf_quats_wxyz[:, slots]), xp)
    return assemble(plan, rest, pose, leaves, xp)


def _root_by_procrustes(rest: Array, points: Array, xp: Any) -> Array:
    """(3, 3, 1, N) rotation over spine1 and both hips; identity where the correlation's entries add up to zero."""
    r, p = rest[:, 1:4] - rest[:, :1], points[:, 1:4] - points[:, :1]
    b = outer(p, r)
    b = b[:, :, 0:1] + b[:, :, 1:2] + b[:, :, 2:3]
    identity = xp.zeros_like(b) + xp.eye(3, dtype=b.dtype, device=device(b))[:, :, None, None]
    nothing = (xp.sum(b, axis=(0, 1)) == 0)[None, None]
    return xp.where(nothing, identity, nearest_rotation(xp.where(nothing, identity, b), xp))


def _root_in_two_steps(rest: Array, points: Array, xp: Any) -> Array:
    """(3, 3, 1, N) rotation that points the spine, then turns the hips' midpoint about it."""
    spine = points[:, 3:4] - points[:, :1]
    first = _swing(rest[:, 3:4] - rest[:, :1], spine, xp)
    hips = matvec(first, 0.5 * (rest[:, 1:2] + rest[:, 2:3]) - rest[:, :1])
    target = 0.5 * (points[:, 1:2] + points[:, 2:3]) - points[:, :1]
    axis = spine / (_length(spine, xp) + EPSILON)
    hips = hips - axis * dot(hips, axis)
    target = target - axis * dot(target, axis)
    return matmul(_swing(hips, target, xp), first)


def _swing(a: Array, b: Array, xp: Any) -> Array:
    """Smallest rotation (3, 3, ...) from a to b (3, ...); identity where either has no length or they are opposite."""
    c = cross(a, b, xp)
    both = _length(a, xp) * _length(b, xp) + EPSILON
    length = _length(c, xp)
    return _rodrigues(c / (length + EPSILON), length / both, dot(a, b) / both, xp)


def _length(a: Array, xp: Any) -> Array:
    """(3, ...) to (...), with a gradient also at zero."""
    return xp.sqrt(dot(a, a) + TINY_M**2)


def _rodrigues(axis: Array, sine: Array, cosine: Array, xp: Any) -> Array:
    """(3, 3, ...) rotation about the axis (3, ...), of whatever length it is."""
    k = skew(axis, xp)
    identity = xp.reshape(xp.eye(3, dtype=axis.dtype, device=device(axis)), (3, 3) + (1,) * (axis.ndim - 1))
    return identity + sine * k + (1.0 - cosine) * matmul(k, k)

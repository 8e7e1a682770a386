"""Joint targets and twists of a body to its joint rotations: inverse kinematics for animation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from array_api_compat import array_namespace, device

from engine.errors import InputError

from .assembly import assemble
from .batches import in_batches
from .chains import ChainPose, solve_chains
from .components import Array, components_first, dot, matmul, outer, transposed_matmul, vecmat
from .plan import TIPS_24, TIPS_29, ChainPlan, chain_plan
from .procrustes import nearest_rotation
from .swing_twist import SwingTwist

ROOT_TIPS = (1, 2, 3)
"""Hips and spine1: what the pelvis is turned to by Procrustes."""

SPINE3 = 9
SPINE3_TIPS = (12, 13, 14)
"""Neck and collars, which spine3 carries."""

MIN_TWIST_LENGTH = 1e-3
"""Length of a (cos, sin) pair below which it says nothing; units are what they are for a lifter's raw output."""

WEAK_PRIOR, STRONG_PRIOR = 1e-9, 1e-3
"""Weight, relative to the bones', of the rotation that Procrustes falls back to: normally only to decide what is left
open by degenerate targets; the strong one where fewer than two children are seen."""


class IKMode(Enum):
    """How a bone is aimed."""

    ADAPTIVE = "adaptive"
    """From the already reconstructed joint to its tip's target: absorbs the error made upstream."""

    NAIVE = "naive"
    """Along the bone of the targets, wherever upstream errors have put its joint."""


class UpperSpine(Enum):
    """What decides the rotation of spine3."""

    NECK_AND_COLLARS = "neck and collars"
    """Procrustes over its three children; its twist is not used."""

    NECK = "neck"
    """Swing to the neck and twist, like any other joint."""


@dataclass(frozen=True)
class IKResult:
    """local_rotmats (N, 24, 3, 3), the pelvis' global; joints (N, 24, 3) m, reconstructed with the rest bone lengths

    and with the pelvis on its rest position; aimed (N, 24) true where a target decided the rotation.
    """

    local_rotmats: Array
    joints: Array
    aimed: Array


def solve_ik(
    rest_joints: Array,
    targets: Array,
    twist: Array | None = None,
    *,
    mode: IKMode = IKMode.ADAPTIVE,
    upper_spine: UpperSpine = UpperSpine.NECK_AND_COLLARS,
    leaf_rotmats: Array | None = None,
    fallback: Array | None = None,
) -> IKResult:
    """Rotations that bring a SMPL skeleton to its targets (HybrIK, Li et al. 2021, over the chains of HKMR, 2020).

    rest_joints   (24, 3) shared or (N, 24, 3), m; (.., 29, 3) with the surface points 24..28 that end head, hands, feet
    targets       (N, 24 or 29, 3) m, any frame that is a rotation and a move of the rest frame; NaN where missing: a
                  joint is aimed where its own target and its tip's are known
    twist         (N, 23, 2) cos and sin, of any length, of joints 1..23 about their rest bone; NaN or zero: no twist
    mode          see IKMode
    upper_spine   see UpperSpine
    leaf_rotmats  (N, 24, 3, 3) global rotations, in the targets' frame, of joints whose bone ends in nothing (head,
                  hands, feet with 24 targets); others are ignored; NaN where missing
    fallback      (N, 24, 3, 3) local rotations for joints without a target; by default they keep the rest rotation
                  (a joint whose twist is known keeps the twist)

    All arrays are NumPy's or torch's, of one dtype (float32, float64, ...) and device; so is the result, and gradients
    flow through it. The result is finite whatever is missing. Raises InputError where shapes disagree.
    """
    xp = array_namespace(targets)
    count = targets.shape[1] if targets.ndim == 3 else 0
    if count not in (24, 29) or targets.shape[2] != 3:
        raise InputError(f"targets has shape {tuple(targets.shape)}, expected (N, 24, 3) or (N, 29, 3)")
    frames = targets.shape[0]
    if tuple(rest_joints.shape) not in ((count, 3), (frames, count, 3)):
        raise InputError(
            f"rest_joints has shape {tuple(rest_joints.shape)}, expected ({count}, 3) or ({frames}, {count}, 3)"
        )
    for name, array, shape in (
        ("twist", twist, (frames, 23, 2)),
        ("leaf_rotmats", leaf_rotmats, (frames, 24, 3, 3)),
        ("fallback", fallback, (frames, 24, 3, 3)),
    ):
        if array is not None and tuple(array.shape) != shape:
            raise InputError(f"{name} has shape {tuple(array.shape)}, expected {shape}")

    def solve(rest: Array, *arrays: Array | None) -> tuple[Array, ...]:
        return _solve(rest, *arrays, mode=mode, upper_spine=upper_spine)  # type: ignore[misc]

    arrays = (rest_joints, targets, twist, leaf_rotmats, fallback)
    return IKResult(*in_batches(solve, *arrays, frames=frames, xp=xp))


def _solve(
    rest: Array,
    targets: Array,
    twist: Array | None,
    leaf_rotmats: Array | None,
    fallback: Array | None,
    *,
    mode: IKMode,
    upper_spine: UpperSpine,
) -> tuple[Array, Array, Array]:
    xp = array_namespace(targets)
    plan = chain_plan(TIPS_24 if targets.shape[1] == 24 else TIPS_29)
    rest = components_first(rest, xp)
    points = components_first(targets, xp)
    known = xp.isfinite(points[0] + points[1] + points[2])
    known = known & known[:1]
    complete = bool(xp.all(known))
    if not complete:
        points = xp.where(known[None], points, xp.zeros_like(points))
    points = points - points[:, :1] + rest[:, :1]
    kept = None if fallback is None else components_first(fallback, xp)

    joints, tips = plan.index["joints"], plan.index["tips"]
    weights = None if complete else xp.astype(known, points.dtype)
    seen = known[tips] & known[joints]
    seen_weights = None if complete else xp.astype(seen, points.dtype)
    targets_of_tips = points[:, tips]
    steps = targets_of_tips - points[:, joints] if mode is IKMode.NAIVE else None
    swing_twist = SwingTwist(rest[:, tips] - rest[:, joints], _unit_twists(twist, plan, points, xp), xp)

    def turn(part: slice, parent: Array, position: Array) -> Array:
        aim = targets_of_tips[:, part] - position if steps is None else steps[:, part]
        part_seen = None if seen_weights is None else seen_weights[part]
        local = swing_twist.rotations(part, vecmat(aim, parent), part_seen)
        if kept is not None and part_seen is not None:
            local = xp.where(part_seen > 0, local, kept[:, :, joints[part]])
        return local

    offsets = rest[:, joints] - rest[:, plan.index["parents"]]
    identity = xp.eye(3, dtype=points.dtype, device=device(points))[:, :, None, None]
    root = _spread(rest, points, 0, ROOT_TIPS, points[:, :1], identity if kept is None else kept[:, :, :1], weights, xp)

    def spread(parent: Array, position: Array) -> Array:
        origin = points[:, SPINE3 : SPINE3 + 1] if mode is IKMode.NAIVE else position
        default = parent if kept is None else matmul(parent, kept[:, :, SPINE3 : SPINE3 + 1])
        return _spread(rest, points, SPINE3, SPINE3_TIPS, origin, default, weights, xp)

    by_procrustes = upper_spine is UpperSpine.NECK_AND_COLLARS
    pose = solve_chains(plan, offsets, root, points[:, :1], turn, xp, spread if by_procrustes else None)

    leaf_local, leaf_known = _leaf_rotations(plan, pose, leaf_rotmats, kept, xp)
    local, positions = assemble(plan, rest, pose, leaf_local, xp)
    root_known = _two_of(known, ROOT_TIPS, xp)
    if by_procrustes:
        seen = xp.concat([seen[:2], _two_of(known, SPINE3_TIPS, xp), seen[3:]], axis=0)
    aimed = xp.concat([root_known, seen, leaf_known], axis=0)
    return local, positions, aimed[plan.index["restore"]].T


def _spread(
    rest: Array,
    points: Array,
    joint: int,
    tips: tuple[int, ...],
    origin: Array,
    default: Array,
    weights: Array | None,
    xp: Any,
) -> Array:
    """(3, 3, 1, N) rotation that best turns the rest bones from `joint` to `tips` onto the vectors from `origin`.

    default  (3, 3, 1, N) rotation that decides what the seen tips leave open; weights (K, N) 1 where seen, or None
    """
    r = rest[:, tips[0] : tips[-1] + 1] - rest[:, joint : joint + 1]
    p = points[:, tips[0] : tips[-1] + 1] - origin
    prior: Array = WEAK_PRIOR
    if weights is not None:
        weight = weights[tips[0] : tips[-1] + 1]
        p = p * weight
        few = _sum_of_three(weight) < 1.5
        prior = WEAK_PRIOR + STRONG_PRIOR * xp.astype(few, rest.dtype)
    b = _sum_of_three(outer(p, r))
    return nearest_rotation(b + default * (prior * _sum_of_three(dot(r, r))), xp)


def _sum_of_three(a: Array) -> Array:
    """(..., 3, N) to (..., 1, N)"""
    return a[..., 0:1, :] + a[..., 1:2, :] + a[..., 2:3, :]


def _two_of(known: Array, tips: tuple[int, ...], xp: Any) -> Array:
    """(1, N) whether at least two of the three tips are known."""
    a, b, c = (known[tip : tip + 1] for tip in tips)
    return (a & b) | (b & c) | (a & c)


def _unit_twists(twist: Array | None, plan: ChainPlan, points: Array, xp: Any) -> Array:
    """(2, J, N) unit (cos, sin) of each joint of the plan; no twist where it is missing or zero."""
    if twist is None:
        one = xp.ones_like(points[:1, plan.index["joints"]])
        return xp.concat([one, xp.zeros_like(one)], axis=0)
    t = components_first(twist, xp)[:, plan.index["twists"]]
    size = t[0] * t[0] + t[1] * t[1]
    defined = xp.isfinite(size) & (size > MIN_TWIST_LENGTH**2)
    rest = xp.asarray([1.0, 0.0], dtype=t.dtype, device=device(t))[:, None, None]
    t = xp.where(defined[None], t, rest)
    return t / xp.sqrt(t[0] * t[0] + t[1] * t[1])


def _leaf_rotations(
    plan: ChainPlan, pose: ChainPose, leaf_rotmats: Array | None, kept: Array | None, xp: Any
) -> tuple[Array, Array]:
    """(3, 3, L, N) local rotations of the joints without a bone, (L, N) whether they were given."""
    if not plan.leaves:
        none = pose.rotmats[0][:, :, :0]
        return none, xp.zeros_like(none[0, 0], dtype=xp.bool)
    if kept is not None:
        local = kept[:, :, plan.index["leaves"]]
    else:
        root = pose.rotmats[0]
        eye = xp.eye(3, dtype=root.dtype, device=device(root))[:, :, None, None]
        local = eye + xp.zeros_like(root)[:, :, [0] * len(plan.leaves)]
    if leaf_rotmats is None:
        return local, xp.zeros_like(local[0, 0], dtype=xp.bool)
    parents = xp.concat([pose.rotmats[parent] for parent in plan.leaf_parents], axis=2)
    given = components_first(leaf_rotmats, xp)[:, :, plan.index["leaves"]]
    total = xp.sum(given, axis=(0, 1))
    known = xp.isfinite(total)
    given = transposed_matmul(parents, xp.where(known[None, None], given, xp.zeros_like(given)))
    return xp.where(known[None, None], given, local), known

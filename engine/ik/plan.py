"""The order in which the six chains of the body are solved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rig.skeleton import CHAINS, JOINT, SMPL_JOINT_NAMES, SMPL_PARENTS, mirrored_names

TORSO = tuple(JOINT[name] for name in CHAINS["torso"])
"""Joints of the root chain, in order; all other chains hang from it."""

LIMBS = tuple(tuple(JOINT[name] for name in names) for chain, names in CHAINS.items() if chain != "torso")
"""Joints of the five other chains."""

SURFACE_PARENTS = (15, 22, 23, 10, 11)
"""Joint each of the five surface points 24..28 (head top, middle fingertips, big toes) rides on."""

TIPS_24 = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, -1, -1, 15, 16, 17, -1, 18, 19, 20, 21, 22, 23, -1, -1)
"""The joint each joint's bone points to; -1 for head, hands and feet, whose bones end in nothing."""

TIPS_29 = tuple(tip if tip >= 0 else 24 + SURFACE_PARENTS.index(joint) for joint, tip in enumerate(TIPS_24))
"""The same where surface points 24..28 end the bones of head, hands and feet."""

MIRROR_24 = mirrored_names(SMPL_JOINT_NAMES)
"""Each joint's counterpart on the other side, itself for those in the middle."""

MIRROR_29 = (*MIRROR_24, 24, 26, 25, 28, 27)
"""The same with the surface points 24..28 behind."""

MIRROR_TWIST = tuple(joint - 1 for joint in MIRROR_24[1:])
"""The same for the 23 twists, that of joint i at place i - 1."""


@dataclass(frozen=True)
class ChainPlan:
    """The joints that have a bone to aim, in solving order, so that every level is one slice.

    joints        the torso's joints after the pelvis, then level by level the limbs' first joints, second joints, ...
    levels        (start, stop) of each limb level in `joints`; longer limbs come first, so that the limbs of a
                  level are the first ones of the level before
    limb_bases    the joint of the torso that each limb of the first level hangs from
    leaves        joints without a bone, with their parents in `leaf_parents`
    index         lists to index arrays with: "joints", "tips", "parents" and "twists" (rows of a (23, 2) twist) of the
                  joints; "leaves"; "restore" (where joint 0..23 lies in pelvis, *joints, *leaves)
    """

    joints: tuple[int, ...]
    levels: tuple[tuple[int, int], ...]
    limb_bases: tuple[int, ...]
    leaves: tuple[int, ...]
    leaf_parents: tuple[int, ...]
    index: dict[str, list[int]]


@lru_cache(maxsize=8)
def chain_plan(tips: tuple[int, ...]) -> ChainPlan:
    """Plan for bones that end in `tips` (24 joint or surface point indices, -1 for a joint without a bone)."""
    limbs = [tuple(joint for joint in limb if tips[joint] >= 0) for limb in LIMBS]
    limbs.sort(key=len, reverse=True)
    joints = list(TORSO[1:])
    levels = []
    for depth in range(len(limbs[0])):
        level = [limb[depth] for limb in limbs if len(limb) > depth]
        levels.append((len(joints), len(joints) + len(level)))
        joints += level
    leaves = tuple(joint for joint in range(len(SMPL_PARENTS)) if tips[joint] < 0)
    order = (TORSO[0], *joints, *leaves)
    return ChainPlan(
        joints=tuple(joints),
        levels=tuple(levels),
        limb_bases=tuple(SMPL_PARENTS[limb[0]] for limb in limbs),
        leaves=leaves,
        leaf_parents=tuple(SMPL_PARENTS[joint] for joint in leaves),
        index={
            "joints": joints,
            "tips": [tips[joint] for joint in joints],
            "parents": [SMPL_PARENTS[joint] for joint in joints],
            "twists": [joint - 1 for joint in joints],
            "leaves": list(leaves),
            "restore": [order.index(joint) for joint in range(len(SMPL_PARENTS))],
        },
    )

"""Skeletons: joint names, the joint tree, the rest pose and surface points that ride on joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .errors import RigError
from .validation import check_array

SMPL_JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hand", "right_hand",
)  # fmt: skip
"""SMPL's 24 joints in SMPL's order."""

SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""Parent of each SMPL joint; the root's is -1 and parents always precede children."""

JOINT = {name: index for index, name in enumerate(SMPL_JOINT_NAMES)}
"""Index of a SMPL joint by name."""

CHAINS = {
    "torso": ("pelvis", "spine1", "spine2", "spine3"),
    "head": ("neck", "head"),
    "left_arm": ("left_collar", "left_shoulder", "left_elbow", "left_wrist", "left_hand"),
    "right_arm": ("right_collar", "right_shoulder", "right_elbow", "right_wrist", "right_hand"),
    "left_leg": ("left_hip", "left_knee", "left_ankle", "left_foot"),
    "right_leg": ("right_hip", "right_knee", "right_ankle", "right_foot"),
}
"""The six kinematic chains of the HKMR paper (Fig. 3); the torso is the root chain of the other five."""

LANDMARK_NAMES = ("nose", "left_heel", "left_big_toe", "right_heel", "right_big_toe")
"""Surface points every body provides beside its joints."""

CONTACT_NAMES = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
"""Order of the last axis of `Motion.contacts`."""


def mirrored_names(names: Sequence[str]) -> tuple[int, ...]:
    """For each name the index of its left/right counterpart (itself for a name without a side)."""

    def other(name: str) -> str:
        if name.startswith("left_"):
            return "right_" + name[5:]
        if name.startswith("right_"):
            return "left_" + name[6:]
        return name

    index = {name: i for i, name in enumerate(names)}
    return tuple(index[other(name)] for name in names)


@dataclass(frozen=True)
class Skeleton:
    """A joint tree in its rest pose (T-pose, y up, facing +z, left is +x), metres.

    joint_names     J names
    parents         J indices, -1 for the root; a parent precedes its children
    rest_joints     (J, 3) rest position of each joint, m
    landmark_names  L names of surface points (nose, heels, toes) that move rigidly with one joint
    landmark_joints L indices of the joints they ride on
    rest_landmarks  (L, 3) rest position of each, m
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    rest_joints: np.ndarray
    landmark_names: tuple[str, ...] = ()
    landmark_joints: tuple[int, ...] = ()
    rest_landmarks: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {"J": len(self.joint_names), "L": len(self.landmark_names)}
        put = object.__setattr__
        put(self, "joint_names", tuple(str(n) for n in self.joint_names))
        put(self, "parents", tuple(int(p) for p in self.parents))
        put(self, "landmark_names", tuple(str(n) for n in self.landmark_names))
        put(self, "landmark_joints", tuple(int(j) for j in self.landmark_joints))
        put(self, "rest_joints", check_array("rest_joints", self.rest_joints, ("J", 3), sizes=sizes, finite=True))
        put(
            self,
            "rest_landmarks",
            check_array("rest_landmarks", self.rest_landmarks, ("L", 3), sizes=sizes, finite=True),
        )
        if len(self.parents) != len(self.joint_names):
            raise RigError(f"parents has {len(self.parents)} entries, expected {len(self.joint_names)}, one a joint")
        if any(not (parent < joint and (parent >= 0 or joint == 0)) for joint, parent in enumerate(self.parents)):
            raise RigError(f"parents is {self.parents}, expected one root (-1) first and parents before children")
        if len(self.landmark_joints) != len(self.landmark_names) or any(
            not 0 <= j < len(self.joint_names) for j in self.landmark_joints
        ):
            raise RigError(f"landmark_joints is {self.landmark_joints}, expected one joint index a landmark")

    @property
    def offsets(self) -> np.ndarray:
        """(J, 3) rest position of each joint relative to its parent (the root's: its own position), m."""
        offsets = self.rest_joints.copy()
        child = np.arange(1, len(self.parents))
        offsets[child] -= self.rest_joints[np.asarray(self.parents)[child]]
        return offsets

    @property
    def bone_lengths(self) -> np.ndarray:
        """(J,) distance of each joint to its parent, m; 0 for the root."""
        lengths = np.linalg.norm(self.offsets, axis=1)
        lengths[0] = 0.0
        return lengths

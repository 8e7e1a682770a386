"""A motion scaled to a character by the length of its legs, about the place on the floor where its hips rest."""

from __future__ import annotations

import numpy as np

from .bone_mapping import SIDES
from .frames import WORLD_TO_ARMATURE, rotate
from .motion import Motion
from .root_motion import RootMode, split_root_motion
from .skeleton import JOINT


class ScaledMotion:
    """A motion of T frames in Blender's directions (left +x, front -y, up +z), for a character at the origin.

    scale           the character's unit for a metre of the motion
    turns           (T, J, 3, 3) global rotations of the joints
    joints          (T, J, 3) their places; ankles of both stand equally high above the floor when both stand
    root_positions  (T, 3) and root_turns (T, 3, 3): what the root bone carries
    contacts        (T, 4) as the motion's
    clearance       (T,) height of the lowest point of the feet above the floor
    """

    def __init__(self, motion: Motion, mode: RootMode, leg: float, ankle_height: float) -> None:
        c = WORLD_TO_ARMATURE
        rest = motion.skeleton.rest_joints
        floor = float(np.concatenate([rest, motion.skeleton.rest_landmarks])[:, 1].min())
        legs, ankles = [], []
        for side in SIDES:
            hip, knee, ankle = (rest[JOINT[f"{side}_{part}"]] for part in ("hip", "knee", "ankle"))
            legs.append(float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee)))
            ankles.append(float(ankle[1]) - floor)
        self.scale = leg / float(np.mean(legs))
        split = split_root_motion(motion, mode)
        pelvis = split.root_positions + rotate(split.root_rotmats, split.pelvis_positions)
        # Nothing but the travel that a character in place leaves out.
        shift = pelvis - (motion.transl + rest[0])
        self.turns = c @ motion.global_rotmats() @ c.T
        self.joints = self.scale * rotate(c, motion.joints() + shift[:, None])
        self.joints[..., 2] += ankle_height - self.scale * float(np.mean(ankles))
        self.root_positions = self.scale * rotate(c, split.root_positions)
        self.root_turns = c @ split.root_rotmats @ c.T
        self.contacts = motion.contacts
        self.clearance = self.scale * _foot_clearance(motion)

    def __len__(self) -> int:
        return len(self.joints)

    def turn(self, joint: str) -> np.ndarray:
        """(T, 3, 3) global rotation of a joint."""
        return self.turns[:, JOINT[joint]]

    def place(self, joint: str) -> np.ndarray:
        """(T, 3) where a joint is."""
        return self.joints[:, JOINT[joint]]


def _foot_clearance(motion: Motion) -> np.ndarray:
    """(T,) height of the lowest point of the feet above the floor, m."""
    skeleton = motion.skeleton
    joints, landmarks = motion.joints_and_landmarks()
    floor = float(np.concatenate([skeleton.rest_joints, skeleton.rest_landmarks])[:, 1].min())
    soles = [number for number, name in enumerate(skeleton.landmark_names) if name.endswith(("_heel", "_big_toe"))]
    if soles:
        return np.asarray(landmarks[:, soles, 1].min(axis=1))
    feet = [JOINT[f"{side}_{part}"] for side in SIDES for part in ("ankle", "foot")]
    return np.asarray((joints[:, feet, 1] - (skeleton.rest_joints[feet, 1] - floor)).min(axis=1))

"""The motion that the posed bones of a captured armature show, whatever was changed on them by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from .errors import RigError
from .frames import WORLD_TO_ARMATURE, rotate
from .motion import Motion
from .retarget import RigDefinition
from .rotations import rotmat_to_rotvec
from .skeleton import CONTACT_NAMES
from .validation import check_array


def read_posed_motion(
    rig: RigDefinition, motion: Motion, fps: Fraction, bone_rotmats: np.ndarray, pelvis_heads: np.ndarray
) -> Motion:
    """The inverse of `retarget.animate_rig`: what was keyed, with every later change of the bones.

    rig and motion: what the armature was made from; fps: rate of the T frames.
    bone_rotmats (T, B, 3, 3) posed bones' axes in columns, pelvis_heads (T, 3) m: both in the armature frame with the
    armature where it stands. Joints without a bone stay as they are at rest. Contacts and confidence are kept where the
    number of frames is the motion's, else contacts are 0 and confidence is 1. Raises RigError for other shapes.
    """
    sizes = {"B": len(rig.bone_names)}
    turned = check_array("bone_rotmats", bone_rotmats, ("T", "B", 3, 3), sizes=sizes, finite=True)
    heads = check_array("pelvis_heads", pelvis_heads, ("T", 3), sizes=sizes, finite=True)
    if len(turned) == 0:
        raise RigError("the armature has no frames, expected at least one")
    to_world = WORLD_TO_ARMATURE.T
    turns = to_world @ turned @ np.swapaxes(rig.rest_rotmats, -1, -2) @ to_world.T
    # A joint without a bone turns as the bone that carries its skin.
    by_joint = turns[:, rig.joint_bones]
    local = by_joint.copy()
    for joint, parent in enumerate(motion.skeleton.parents):
        if parent >= 0:
            local[:, joint] = np.swapaxes(by_joint[:, parent], -1, -2) @ by_joint[:, joint]
    rotvecs = rotmat_to_rotvec(local)
    same = len(turned) == len(motion)
    return replace(
        motion,
        fps=fps,
        times_s=motion.times_s[0] + np.arange(len(turned)) / float(fps),
        global_orient=rotvecs[:, 0],
        body_pose=rotvecs[:, 1:],
        transl=rotate(to_world, heads) - motion.skeleton.rest_joints[0],
        contacts=motion.contacts if same else np.zeros((len(turned), len(CONTACT_NAMES))),
        confidence=motion.confidence if same else np.ones((len(turned), len(motion.skeleton.joint_names))),
    )

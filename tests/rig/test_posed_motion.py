"""Posed bones read back as motion."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from rig.bone_maps import BoneNaming
from rig.frames import WORLD_TO_ARMATURE, rotate
from rig.posed_motion import read_posed_motion
from rig.retarget import build_rig
from rig.rotations import rotvec_to_rotmat
from tests.sample_motions import wandering


def posed_bones(rig, motion):
    """(T, B, 3, 3) and (T, 3): what Blender evaluates to, from the motion's own forward kinematics."""
    to_armature = WORLD_TO_ARMATURE
    rotmats = to_armature @ motion.global_rotmats()[:, rig.bone_joints] @ to_armature.T @ rig.rest_rotmats
    rotmats[:, 0] = np.eye(3)
    return rotmats, rotate(to_armature, motion.joints()[:, 0])


@pytest.mark.parametrize("naming", BoneNaming)
def test_what_was_keyed_comes_back(naming):
    motion = wandering(20)
    if naming is not BoneNaming.SMPL:  # their armatures have no bones for the hands
        motion = replace(motion, body_pose=np.concatenate([motion.body_pose[:, :21], np.zeros((20, 2, 3))], axis=1))
    rig = build_rig(motion.skeleton, naming)
    back = read_posed_motion(rig, motion, motion.fps, *posed_bones(rig, motion))
    np.testing.assert_allclose(back.joints(), motion.joints(), atol=1e-9)
    np.testing.assert_allclose(
        rotvec_to_rotmat(back.body_pose), rotvec_to_rotmat(motion.body_pose), atol=1e-9
    )  # a half turn has two rotation vectors
    np.testing.assert_array_equal(back.contacts, motion.contacts)


def test_other_frames_and_rates_are_taken_as_they_are():
    motion = wandering(20)
    rig = build_rig(motion.skeleton)
    rotmats, heads = posed_bones(rig, motion)
    back = read_posed_motion(rig, motion, Fraction(24), rotmats[5:12], heads[5:12])
    np.testing.assert_allclose(back.joints(), motion.joints()[5:12], atol=1e-9)
    np.testing.assert_allclose(np.diff(back.times_s), 1 / 24)
    assert back.contacts.max() == 0

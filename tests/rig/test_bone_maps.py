"""Bone names of each convention."""

import pytest

from rig.bone_maps import ROOT_BONE, BoneNaming, bone_name
from rig.errors import RigError
from rig.skeleton import SMPL_JOINT_NAMES


@pytest.mark.parametrize("naming", BoneNaming)
def test_names_are_unique_and_not_the_root(naming):
    names = [bone_name(joint, naming) for joint in SMPL_JOINT_NAMES]
    used = [name for name in names if name is not None]
    assert len(set(used)) == len(used) >= 22
    assert ROOT_BONE not in used


@pytest.mark.parametrize(
    ("joint", "smpl", "mixamo", "unreal"),
    [
        ("pelvis", "Pelvis", "mixamorig:Hips", "pelvis"),
        ("left_collar", "L_Collar", "mixamorig:LeftShoulder", "clavicle_l"),
        ("left_shoulder", "L_Shoulder", "mixamorig:LeftArm", "upperarm_l"),
        ("right_ankle", "R_Ankle", "mixamorig:RightFoot", "foot_r"),
        ("right_foot", "R_Foot", "mixamorig:RightToeBase", "ball_r"),
        ("spine3", "Spine3", "mixamorig:Spine2", "spine_05"),
        ("left_hand", "L_Hand", None, None),
    ],
)
def test_joints_that_are_easily_confused(joint, smpl, mixamo, unreal):
    assert bone_name(joint, BoneNaming.SMPL) == smpl
    assert bone_name(joint, BoneNaming.MIXAMO) == mixamo
    assert bone_name(joint, BoneNaming.UNREAL) == unreal


def test_unknown_joint_is_named():
    with pytest.raises(RigError, match=r"'tail'.*left_hip"):
        bone_name("tail", BoneNaming.SMPL)

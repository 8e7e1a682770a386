"""Bones built for a skeleton, and their pose against forward kinematics of the motion."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_motions import sample_skeleton, standing, walking, wandering

from rig.bone_maps import ROOT_BONE, BoneNaming
from rig.errors import RigError
from rig.frames import WORLD_TO_ARMATURE, rotate
from rig.retarget import animate_rig, bone_heads, build_rig, pose_rig
from rig.root_motion import RootMode, split_root_motion
from rig.rotations import rotmat_to_quat_wxyz
from rig.skeleton import JOINT, SMPL_JOINT_NAMES, Skeleton


def test_every_bone_axis_is_a_rotation_with_y_along_the_bone():
    rig = build_rig(sample_skeleton())
    rest = rig.rest_rotmats
    np.testing.assert_allclose(rest @ np.swapaxes(rest, 1, 2), np.tile(np.eye(3), (25, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rest), 1.0)
    along = rig.tails - rig.heads
    np.testing.assert_allclose(rest[:, :, 1], along / np.linalg.norm(along, axis=1, keepdims=True), atol=1e-12)


def test_bones_connect_along_each_limb_and_stand_on_the_floor():
    rig = build_rig(sample_skeleton())
    connected = {name for name, flag in zip(rig.bone_names, rig.connected, strict=True) if flag}
    loose = {ROOT_BONE, "Pelvis", "L_Hip", "R_Hip", "L_Collar", "R_Collar"}
    assert connected == set(rig.bone_names) - loose
    for bone in np.flatnonzero(rig.connected):
        np.testing.assert_allclose(rig.heads[bone], rig.tails[rig.parents[bone]], atol=1e-12)
    np.testing.assert_array_equal(rig.heads[0], 0.0)
    assert rig.heads[1][2] == pytest.approx(0.92)
    np.testing.assert_allclose(rig.heads[1][:2], 0.0)
    assert np.linalg.norm(rig.tails - rig.heads, axis=1).min() > 0.02
    head = rig.bone_names.index("Head")
    assert rig.tails[head][2] > rig.heads[head][2] + 0.1
    toe = rig.bone_names.index("L_Foot")
    np.testing.assert_allclose(rig.tails[toe] - rig.heads[toe], [0.0, -0.07, 0.0], atol=1e-9)


def test_left_and_right_bones_are_mirror_images():
    rig = build_rig(sample_skeleton())
    mirror = np.diag([-1.0, 1.0, 1.0])
    for bone, name in enumerate(rig.bone_names):
        if name.startswith("L_"):
            other = rig.bone_names.index("R_" + name[2:])
            np.testing.assert_allclose(mirror @ rig.rest_rotmats[bone] @ mirror, rig.rest_rotmats[other], atol=1e-9)
            np.testing.assert_allclose(mirror @ rig.tails[bone], rig.tails[other], atol=1e-12)


def test_positive_turn_about_x_bends_elbows_forward_and_knees_back():
    rig = build_rig(sample_skeleton())
    for name, way in (("L_Elbow", [0, -1, 0]), ("R_Elbow", [0, -1, 0]), ("L_Knee", [0, 1, 0]), ("R_Knee", [0, 1, 0])):
        rest = rig.rest_rotmats[rig.bone_names.index(name)]
        # A small positive turn about x moves the tail, which lies on y, towards z.
        assert rest[:, 2] @ np.array(way) > 0.9


@pytest.mark.parametrize("mode", [RootMode.PLANAR, RootMode.PLANAR_YAW, RootMode.FULL])
@pytest.mark.parametrize("naming", BoneNaming)
def test_posed_heads_are_the_joints_of_the_motion(mode, naming):
    motion = wandering(seed=7)
    rig = build_rig(motion.skeleton, naming)
    heads = bone_heads(rig, animate_rig(rig, motion, mode))
    expected = rotate(WORLD_TO_ARMATURE, motion.joints())
    np.testing.assert_allclose(heads[:, 1:], expected[:, rig.bone_joints[1:]], atol=1e-12)


def test_in_place_loses_only_the_travel():
    motion = walking()[0]
    rig = build_rig(motion.skeleton)
    animation = animate_rig(rig, motion, RootMode.OFF)
    heads = bone_heads(rig, animation)
    np.testing.assert_array_equal(animation.root_location, 0.0)
    expected = rotate(WORLD_TO_ARMATURE, motion.joints())
    np.testing.assert_allclose(heads[:, 1:, 2], expected[..., 2], atol=1e-12)
    np.testing.assert_allclose(heads[:, 2:] - heads[:, 1:2], expected[:, 1:] - expected[:, :1], atol=1e-12)
    assert np.abs(heads[:, 1, :2]).max() < 0.1


def test_root_bone_follows_the_split_path():
    motion = walking()[0]
    rig = build_rig(motion.skeleton)
    heads = bone_heads(rig, animate_rig(rig, motion, RootMode.PLANAR_YAW))
    split = split_root_motion(motion, RootMode.PLANAR_YAW)
    np.testing.assert_allclose(heads[:, 0], rotate(WORLD_TO_ARMATURE, split.root_positions), atol=1e-12)
    assert heads[-1, 0, 1] < -2.0  # walking along +z of the world is -y of the armature


def test_a_skeleton_away_from_the_origin_keeps_its_place_in_the_world():
    base = sample_skeleton()
    shift = np.array([0.3, -1.1, 0.4])
    moved = replace(base, rest_joints=base.rest_joints + shift, rest_landmarks=base.rest_landmarks + shift)
    motion = replace(wandering(seed=2), skeleton=moved)
    rig = build_rig(moved)
    np.testing.assert_allclose(rig.heads, build_rig(base).heads, atol=1e-12)
    heads = bone_heads(rig, animate_rig(rig, motion, RootMode.PLANAR_YAW))
    np.testing.assert_allclose(heads[:, 1:], rotate(WORLD_TO_ARMATURE, motion.joints()), atol=1e-12)
    np.testing.assert_allclose(rig.to_armature(moved.rest_joints), rig.heads[1:], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_quaternions_are_unit_and_keep_their_hemisphere(seed):
    motion = wandering(frames=90, seed=seed)
    quats = animate_rig(build_rig(motion.skeleton), motion, RootMode.FULL).rotations_wxyz
    np.testing.assert_allclose(np.linalg.norm(quats, axis=-1), 1.0)
    assert np.sum(quats[1:] * quats[:-1], axis=-1).min() > 0.0


def test_rest_pose_is_the_identity():
    motion = standing(3)
    animation = animate_rig(build_rig(motion.skeleton), motion, RootMode.PLANAR_YAW)
    np.testing.assert_allclose(animation.rotations_wxyz, np.tile([1.0, 0, 0, 0], (3, 25, 1)), atol=1e-12)
    np.testing.assert_allclose(animation.pelvis_location, 0.0, atol=1e-9)


def test_one_pose_matches_the_motion_it_comes_from():
    motion = wandering(seed=5)
    rig = build_rig(motion.skeleton)
    quats = rotmat_to_quat_wxyz(motion.local_rotmats()[40])
    heads = bone_heads(rig, pose_rig(rig, quats, motion.joints()[40, 0]))
    np.testing.assert_allclose(heads[0, 1:], rotate(WORLD_TO_ARMATURE, motion.joints()[40]), atol=1e-12)
    np.testing.assert_allclose(heads[0, 0], [*heads[0, 1, :2], 0.0], atol=1e-12)


def test_skin_of_a_dropped_joint_belongs_to_its_parent():
    rig = build_rig(sample_skeleton(), BoneNaming.UNREAL)
    assert len(rig.bone_names) == 23
    assert rig.bone_names[rig.joint_bones[JOINT["left_hand"]]] == "hand_l"
    assert rig.bone_names[rig.joint_bones[JOINT["left_wrist"]]] == "hand_l"


def test_foreign_joint_names_are_refused():
    names = ("pelvis", "tail", *SMPL_JOINT_NAMES[2:])
    base = sample_skeleton()
    with pytest.raises(RigError, match="tail"):
        build_rig(Skeleton(names, base.parents, base.rest_joints))


def test_a_motion_of_another_skeleton_is_refused():
    small = Skeleton(SMPL_JOINT_NAMES[:4], (-1, 0, 0, 0), sample_skeleton().rest_joints[:4])
    with pytest.raises(RigError, match="24 joints"):
        animate_rig(build_rig(small), standing(2), RootMode.FULL)

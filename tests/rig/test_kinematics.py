"""Forward kinematics against a slow and obvious version."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_motions import sample_skeleton

from rig.frames import rigid_transform
from rig.kinematics import global_rotations, joint_positions, landmark_positions, local_rotations
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, mirrored_names

SKELETON = sample_skeleton()


def random_pose(seed, frames=3):
    rng = np.random.default_rng(seed)
    return rotvec_to_rotmat(rng.uniform(-1.5, 1.5, (frames, 24, 3))), rng.uniform(-2, 2, (frames, 3))


def slow_positions(local, transl):
    """4x4 matrices multiplied from the root outwards, one joint of one frame at a time."""
    points = np.zeros((len(local), 24, 3))
    for t in range(len(local)):
        world = {}
        for joint, parent in enumerate(SMPL_PARENTS):
            before = SKELETON.rest_joints[parent] if parent >= 0 else np.zeros(3)
            step = rigid_transform(local[t, joint], SKELETON.rest_joints[joint] - before)
            world[joint] = world[parent] @ step if parent >= 0 else rigid_transform(np.eye(3), transl[t]) @ step
            points[t, joint] = world[joint][:3, 3]
    return points


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_forward_kinematics_equals_the_slow_version(seed):
    local, transl = random_pose(seed)
    rotmats = global_rotations(SMPL_PARENTS, local)
    np.testing.assert_allclose(joint_positions(SKELETON, rotmats, transl), slow_positions(local, transl), atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_local_and_global_are_inverse(seed):
    local, _ = random_pose(seed)
    np.testing.assert_allclose(local_rotations(SMPL_PARENTS, global_rotations(SMPL_PARENTS, local)), local, atol=1e-12)


def test_rest_pose_is_the_rest_joints():
    rotmats = np.tile(np.eye(3), (2, 24, 1, 1))
    transl = np.array([[0, 0, 0], [1, 2, 3.0]])
    joints = joint_positions(SKELETON, rotmats, transl)
    np.testing.assert_allclose(joints, SKELETON.rest_joints + transl[:, None], atol=1e-12)
    landmarks = landmark_positions(SKELETON, rotmats, joints)
    np.testing.assert_allclose(landmarks, SKELETON.rest_landmarks + transl[:, None], atol=1e-12)


def test_bone_lengths_survive_any_pose():
    local, transl = random_pose(4)
    joints = joint_positions(SKELETON, global_rotations(SMPL_PARENTS, local), transl)
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, list(SMPL_PARENTS[1:])], axis=-1)
    np.testing.assert_allclose(lengths, np.tile(SKELETON.bone_lengths[1:], (3, 1)), atol=1e-12)
    assert SKELETON.bone_lengths[0] == 0


def test_mirrored_pose_gives_mirrored_joints():
    rng = np.random.default_rng(2)
    rotvecs = rng.uniform(-1.5, 1.5, (4, 24, 3))
    pairs = list(mirrored_names(SMPL_JOINT_NAMES))
    here = joint_positions(SKELETON, global_rotations(SMPL_PARENTS, rotvec_to_rotmat(rotvecs)), np.zeros((4, 3)))
    flipped = rotvec_to_rotmat(rotvecs[:, pairs] * [1, -1, -1])
    there = joint_positions(SKELETON, global_rotations(SMPL_PARENTS, flipped), np.zeros((4, 3)))
    np.testing.assert_allclose(there, here[:, pairs] * [-1, 1, 1], atol=1e-12)


def test_landmarks_ride_on_their_joint():
    local, transl = random_pose(7)
    rotmats = global_rotations(SMPL_PARENTS, local)
    joints = joint_positions(SKELETON, rotmats, transl)
    landmarks = landmark_positions(SKELETON, rotmats, joints)
    for k, joint in enumerate(SKELETON.landmark_joints):
        arm = SKELETON.rest_landmarks[k] - SKELETON.rest_joints[joint]
        for t in range(3):
            np.testing.assert_allclose(landmarks[t, k], joints[t, joint] + rotmats[t, joint] @ arm, atol=1e-12)

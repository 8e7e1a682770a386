"""Tests of turning a lifted pose sequence into a motion."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from engine.errors import InputError
from engine.evaluation import recipe
from engine.ik.inverse_kinematics import IKMode
from engine.ik.solve import mean_rate, solve_motion
from engine.poses import PoseSequence
from rig.frames import WORLD_TO_CAMERA_UPRIGHT
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotation_angle, rotvec_to_rotmat
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

BODY = recipe.body(1)
SKELETON = Skeleton(SMPL_JOINT_NAMES, SMPL_PARENTS, BODY["J_regressor"] @ BODY["v_template"])
FRAMES = 12
LOCAL = rotvec_to_rotmat(0.3 * np.random.default_rng(0).standard_normal((FRAMES, 24, 3)))
LOCAL[:, [1, 2, 4, 5]] = rotvec_to_rotmat(np.array([0.4, 0.0, 0.0]))


def sequence(size: float = 1.0) -> PoseSequence:
    rotmats = global_rotations(SMPL_PARENTS, LOCAL)
    joints = joint_positions(SKELETON, rotmats, np.tile(-SKELETON.rest_joints[0], (FRAMES, 1)))
    leaves = np.full_like(rotmats, np.nan)
    leaves[:, [10, 11, 15, 22, 23]] = rotmats[:, [10, 11, 15, 22, 23]]
    return PoseSequence(
        person_id=1,
        times_s=np.arange(FRAMES) * 1001 / 30000,
        joints=size * joints @ WORLD_TO_CAMERA_UPRIGHT,
        twist=np.full((FRAMES, 23, 2), np.nan),
        keypoints_2d=np.zeros((FRAMES, 24, 2)),
        scores=np.full((FRAMES, 24), 0.9),
        leaf_rotmats=WORLD_TO_CAMERA_UPRIGHT @ leaves,
    )


def true_joints() -> np.ndarray:
    return sequence().joints @ WORLD_TO_CAMERA_UPRIGHT


@pytest.mark.parametrize("size", [1.0, 0.7])
@pytest.mark.parametrize("mode", IKMode)
def test_the_motion_puts_the_joints_where_the_sequence_has_them(size, mode):
    motion = solve_motion(sequence(size), SKELETON, np.zeros(10), mode)
    assert np.abs(motion.joints() - true_joints()).max() < 1e-6
    assert np.allclose(motion.joints()[:, 0], 0.0)
    assert motion.fps == Fraction(30000, 1001)
    assert np.array_equal(motion.confidence, np.full((FRAMES, 24), 0.9))
    assert not motion.contacts.any()
    leaves = global_rotations(SMPL_PARENTS, motion.local_rotmats())[:, [10, 11, 15, 22, 23]]
    true = global_rotations(SMPL_PARENTS, LOCAL)[:, [10, 11, 15, 22, 23]]
    assert np.degrees(rotation_angle(np.swapaxes(leaves, -1, -2) @ true)).max() < 0.01


def test_missing_frames_hold_the_pose_with_no_confidence():
    poses = sequence()
    joints, scores, leaves = poses.joints.copy(), poses.scores.copy(), poses.leaf_rotmats.copy()
    for array in (joints, leaves):
        array[[0, 1, 5, 6]] = np.nan
    scores[[0, 1, 5, 6]] = 0.0
    motion = solve_motion(replace(poses, joints=joints, scores=scores, leaf_rotmats=leaves), SKELETON, np.zeros(10))
    assert np.allclose(motion.joints()[[0, 1, 5, 6]], true_joints()[[2, 2, 4, 4]], atol=1e-6)
    assert not motion.confidence[[0, 1, 5, 6]].any()
    assert (motion.confidence[[2, 3, 4, 7]] == 0.9).all()


def test_a_rotation_without_target_has_no_confidence():
    poses = sequence()
    joints = poses.joints.copy()
    joints[3, 20] = np.nan  # the left wrist: the elbow has nothing to aim at
    motion = solve_motion(replace(poses, joints=joints), SKELETON, np.zeros(10))
    assert np.flatnonzero(motion.confidence[3] == 0).tolist() == [18, 20]
    assert np.allclose(motion.local_rotmats()[3, 18], np.eye(3), atol=1e-7)


def test_nothing_seen_at_all_is_the_rest_pose():
    poses = sequence()
    empty = replace(
        poses,
        joints=np.full_like(poses.joints, np.nan),
        leaf_rotmats=np.full_like(poses.leaf_rotmats, np.nan),
        scores=np.zeros_like(poses.scores),
    )
    motion = solve_motion(empty, SKELETON, np.zeros(10))
    assert np.allclose(motion.local_rotmats(), np.eye(3), atol=1e-7)
    assert not motion.confidence.any()


def test_mean_rate():
    assert mean_rate(np.array([0.5])) == 30
    assert mean_rate(np.arange(900) / 25) == 25
    assert mean_rate(np.arange(900) * 1001 / 24000) == Fraction(24000, 1001)


def test_other_skeletons_and_empty_sequences_are_refused():
    stick = Skeleton(("a", "b"), (-1, 0), np.zeros((2, 3)))
    with pytest.raises(InputError, match="expected SMPL's 24"):
        solve_motion(sequence(), stick, np.zeros(10))
    poses = sequence()
    names = ("times_s", "joints", "twist", "keypoints_2d", "scores", "leaf_rotmats")
    with pytest.raises(InputError, match="no frames"):
        solve_motion(replace(poses, **{name: getattr(poses, name)[:0] for name in names}), SKELETON, np.zeros(10))

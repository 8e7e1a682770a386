"""Rejecting wild frames without eating fast movement."""

from dataclasses import replace

import numpy as np
from sample_motions import motion_from, standing, wandering

from engine.outliers import reject_outliers
from rig.rotations import rotation_angle
from rig.skeleton import JOINT


def angles(a, b):
    return np.degrees(rotation_angle(np.swapaxes(a.local_rotmats(), -1, -2) @ b.local_rotmats()))


def test_spikes_are_interpolated_and_lose_confidence():
    truth = wandering(120)
    pose, transl = truth.body_pose.copy(), truth.transl.copy()
    pose[40, 17] = [2.5, 0, 0]
    pose[70:73, 3] = [0, 0, -2.0]
    pose[0, 10] = [0, 2.0, 0]
    transl[90] += [0, 0, 2.0]
    result = reject_outliers(replace(truth, body_pose=pose, transl=transl))
    assert angles(result, truth).max() < 8.0
    assert np.linalg.norm(result.transl - truth.transl, axis=1).max() < 0.05
    lowered = np.argwhere(result.confidence < 1).tolist()
    assert lowered == [[0, 11], [40, 18], [70, 4], [71, 4], [72, 4], [90, 0]]


def test_a_fast_swing_at_30_fps_survives():
    # A tennis serve's upper arm: still, then 160 degrees in 0.13 s (1800 deg/s at the peak), then back in 0.2 s.
    times = np.arange(60) / 30.0
    angle = np.interp(times, [0, 0.9, 1.03, 1.25, 2.0], np.radians([0, 0, 160, 10, 0]))
    turn = np.zeros((60, 24, 3))
    turn[:, JOINT["right_shoulder"], 1] = angle
    motion = motion_from(turn, np.stack([0 * times, 0 * times, np.interp(times, [0, 1, 1.3], [0, 0, 2.0])], -1))
    result = reject_outliers(motion)
    assert np.all(result.confidence == 1)
    assert angles(result, motion).max() < 1e-5
    np.testing.assert_array_equal(result.transl, motion.transl)


def test_smooth_movement_is_not_touched():
    motion = wandering(200, seed=5)
    assert reject_outliers(motion) is motion
    assert reject_outliers(standing(60)) is not None


def test_half_turn_wraps_are_no_outliers():
    turn = np.zeros((60, 24, 3))
    turn[:, 0, 1] = np.linspace(2.5, 4.0, 60)
    turn[turn > np.pi] -= 2 * np.pi
    motion = motion_from(turn, np.zeros((60, 3)))
    assert reject_outliers(motion) is motion


def test_short_motions_pass():
    motion = standing(3)
    assert reject_outliers(motion) is motion

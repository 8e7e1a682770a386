"""Resampling to exact rates."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_motions import motion_from, wandering

from rig.errors import RigError
from rig.resample import resample
from rig.rotations import rotation_angle, rotvec_to_rotmat
from rig.timing import frame_times

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60000, 1001)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("output", RATES)
def test_duration_and_grid_are_exact(rate, output):
    times = frame_times(157, rate, 3.25)
    motion = motion_from(np.zeros((157, 24, 3)), np.zeros((157, 3)), times_s=times, fps=rate)
    result = resample(motion, output)
    assert result.times_s[0] == 3.25
    assert result.fps == output
    np.testing.assert_allclose(np.diff(result.times_s), float(1 / output), atol=1e-12)
    assert abs(len(result) / output - len(motion) / rate) <= 0.5 / output + Fraction(1, 10**6)


def test_identity_on_its_own_grid():
    motion = wandering()
    result = resample(motion, motion.fps)
    np.testing.assert_array_equal(result.body_pose, motion.body_pose)
    np.testing.assert_array_equal(result.transl, motion.transl)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_uneven_times_land_on_the_true_movement(seed):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.02, 0.05, 100))
    motion = motion_from(np.zeros((100, 24, 3)), np.zeros((100, 3)), times_s=times, fps=Fraction(30))
    turn = np.zeros((100, 24, 3))
    turn[:, 18, 1] = 0.3 * (times - times[0])
    path = np.outer(times, [1.0, 0.2, -0.4])
    motion = motion_from(turn, path, times_s=times, fps=Fraction(30))
    result = resample(motion, Fraction(60), end_s=float(times[-1]))
    inside = result.times_s <= times[-1]
    np.testing.assert_allclose(result.transl[inside], np.outer(result.times_s, [1.0, 0.2, -0.4])[inside], atol=1e-9)
    np.testing.assert_allclose(result.body_pose[inside, 17, 1], 0.3 * (result.times_s[inside] - times[0]), atol=1e-9)


def test_half_turns_take_the_short_way():
    turn = np.zeros((3, 24, 3))
    turn[:, 5, 0] = [3.0, np.pi - 0.01, -(np.pi - 0.13)]  # on through pi
    result = resample(motion_from(turn, np.zeros((3, 3))), Fraction(60))
    rotmats = rotvec_to_rotmat(result.body_pose[:, 4])
    steps = rotation_angle(np.swapaxes(rotmats[:-1], 1, 2) @ rotmats[1:])
    assert steps.max() < 0.08


def test_down_and_up_again_is_close_to_the_start():
    motion = wandering(240)
    back = resample(resample(motion, Fraction(120)), Fraction(30))
    assert len(back) == len(motion)
    difference = np.swapaxes(back.local_rotmats(), -1, -2) @ motion.local_rotmats()
    assert rotation_angle(difference).max() < 1e-6
    assert np.abs(back.transl - motion.transl).max() < 1e-9


def test_translation_never_overshoots():
    path = np.zeros((20, 3))
    path[10:] = 1.0
    result = resample(motion_from(np.zeros((20, 24, 3)), path), Fraction(120))
    assert result.transl.min() >= 0.0
    assert result.transl.max() <= 1.0


def test_range_and_single_frames():
    motion = wandering(90)
    part = resample(motion, Fraction(30), start_s=1.0, end_s=2.0)
    assert len(part) == 30
    np.testing.assert_allclose(part.transl, motion.transl[30:60], atol=1e-9)
    one = resample(motion_from(np.zeros((1, 24, 3)), np.ones((1, 3))), Fraction(60))
    assert len(one) == 2
    with pytest.raises(RigError, match="outside the motion"):
        resample(motion, Fraction(30), start_s=8.0)
    with pytest.raises(RigError, match="positive rate"):
        resample(motion, Fraction(0))

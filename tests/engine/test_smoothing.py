"""Smoothing of rotations and the root over time."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_motions import motion_from, standing, wandering

from engine.smoothing import RegionStrengths, SmoothingConfig, SmoothingPreset, joint_region, smooth
from rig.rotations import rotation_angle, rotvec_to_rotmat
from rig.skeleton import SMPL_JOINT_NAMES, mirrored_names


def angles(a, b):
    """(T, 24) angle between two motions' local rotations, degrees."""
    return np.degrees(rotation_angle(np.swapaxes(a.local_rotmats(), -1, -2) @ b.local_rotmats()))


def jitter(motion):
    """Mean third difference of the joints, 10 m/s^3."""
    third = np.diff(motion.joints(), 3, axis=0)
    return np.linalg.norm(third, axis=-1).mean() * float(motion.fps) ** 3 / 10


def noisy(motion, noise_deg=3.0, seed=0):
    rng = np.random.default_rng(seed)
    rotvecs = np.radians(noise_deg) / np.sqrt(3) * rng.standard_normal((len(motion), 24, 3))
    transl = motion.transl + 0.01 * rng.standard_normal((len(motion), 3))
    return replace(motion.with_local_rotmats(motion.local_rotmats() @ rotvec_to_rotmat(rotvecs)), transl=transl)


PRESETS = [SmoothingPreset.LIGHT, SmoothingPreset.DEFAULT, SmoothingPreset.HEAVY]


@pytest.mark.parametrize("preset", PRESETS)
def test_constant_in_constant_out(preset):
    rng = np.random.default_rng(1)
    pose = rng.uniform(-3, 3, (1, 24, 3)) * 0.5
    motion = motion_from(np.tile(pose, (50, 1, 1)), np.tile([1.0, 2.0, 3.0], (50, 1)))
    result = smooth(motion, preset.config)
    assert angles(result, motion).max() < 1e-5
    np.testing.assert_array_equal(result.transl, motion.transl)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_phase_lag(preset):
    times = np.arange(240) / 30.0
    turn = np.zeros((240, 24, 3))
    turn[:, :, 0] = 0.8 * np.sin(2 * np.pi * 0.5 * times)[:, None]
    motion = motion_from(turn, np.stack([np.sin(np.pi * times)] * 3, -1))
    result = smooth(motion, preset.config)
    for before, after in ((turn[:, 18, 0], result.body_pose[:, 17, 0]), (motion.transl[:, 0], result.transl[:, 0])):
        lags = range(-5, 6)
        match = [np.dot(before[20:-20], after[20 + lag : len(after) - 20 + lag]) for lag in lags]
        assert lags[int(np.argmax(match))] == 0
        early, late = match[4], match[6]
        assert early == pytest.approx(late, rel=1e-3)


def test_order_of_presets_and_off():
    motion = noisy(wandering(150))
    levels = [jitter(smooth(motion, preset.config)) for preset in PRESETS]
    assert jitter(motion) > 2 * levels[0] > 2 * levels[1] > 2 * levels[2]
    assert smooth(motion, SmoothingPreset.OFF.config) is motion


def test_default_removes_noise_and_keeps_the_movement():
    truth = wandering(240)
    raw = noisy(truth)
    result = smooth(raw)
    assert angles(result, truth).mean() < 0.55 * angles(raw, truth).mean()
    assert jitter(result) < 0.1 * jitter(raw)
    assert angles(smooth(truth), truth).max() < 1.0


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_time_reversal_and_uneven_times(seed):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.015, 0.06, 60))
    motion = noisy(wandering(60, seed, times), seed=seed)
    motion = replace(motion, confidence=rng.uniform(0, 1, (60, 24)))
    backwards = replace(
        motion,
        times_s=-times[::-1],
        global_orient=motion.global_orient[::-1],
        body_pose=motion.body_pose[::-1],
        transl=motion.transl[::-1],
        confidence=motion.confidence[::-1],
    )
    there, back = smooth(motion), smooth(backwards)
    np.testing.assert_allclose(back.transl[::-1], there.transl, atol=1e-9)
    np.testing.assert_allclose(rotvec_to_rotmat(back.body_pose[::-1]), rotvec_to_rotmat(there.body_pose), atol=1e-9)


def test_mirror_symmetry():
    motion = noisy(wandering(80))
    pairs = list(mirrored_names(SMPL_JOINT_NAMES))

    def mirrored(m):
        rotvecs = np.concatenate([m.global_orient[:, None], m.body_pose], axis=1)[:, pairs] * [1, -1, -1]
        return replace(m, global_orient=rotvecs[:, 0], body_pose=rotvecs[:, 1:], transl=m.transl * [-1, 1, 1])

    assert angles(mirrored(smooth(motion)), smooth(mirrored(motion))).max() < 1e-5


def test_rotation_vectors_of_either_sign_are_the_same_pose():
    turn = np.zeros((80, 24, 3))
    turn[:, 16, 2] = np.linspace(np.pi - 0.5, np.pi + 0.5, 80)
    wrapped = turn.copy()
    wrapped[turn > np.pi] -= 2 * np.pi
    a = smooth(motion_from(turn, np.zeros((80, 3))))
    b = smooth(motion_from(wrapped, np.zeros((80, 3))))
    assert angles(a, b).max() < 1e-5
    assert angles(a, motion_from(turn, np.zeros((80, 3)))).max() < 0.2


def test_frames_without_confidence_hardly_count():
    motion = standing(60)
    pose = motion.body_pose.copy()
    pose[30, 17] = [0, 1.5, 0]
    confidence = motion.confidence.copy()
    confidence[30, 18] = 0.0
    blind = smooth(replace(motion, body_pose=pose, confidence=confidence))
    seen = smooth(replace(motion, body_pose=pose))
    assert np.abs(blind.body_pose[:, 17]).max() < 0.2 * np.abs(seen.body_pose[:, 17]).max()


def test_regions_have_strengths_of_their_own():
    motion = noisy(wandering(90))
    result = smooth(motion, SmoothingConfig(strengths=RegionStrengths(arms=0.0, root=0.0)))
    elbow, knee = SMPL_JOINT_NAMES.index("left_elbow"), SMPL_JOINT_NAMES.index("left_knee")
    change = angles(result, motion)
    assert change[:, elbow].max() < 1e-5
    assert change[:, knee].max() > 1.0
    np.testing.assert_array_equal(result.transl, motion.transl)
    assert {joint_region(name).value for name in SMPL_JOINT_NAMES} == {"torso", "head", "arms", "legs", "hands", "feet"}


def test_chunks_do_not_show():
    from rig import local_regression

    motion = noisy(wandering(300))
    whole = smooth(motion)
    size = local_regression._CHUNK_VALUES
    try:
        local_regression._CHUNK_VALUES = 1
        chunked = smooth(motion)
    finally:
        local_regression._CHUNK_VALUES = size
    assert angles(whole, chunked).max() < 1e-5
    np.testing.assert_allclose(whole.transl, chunked.transl, atol=1e-12)


def test_short_motions_pass():
    for frames in (1, 2):
        motion = standing(frames)
        assert smooth(motion) is motion

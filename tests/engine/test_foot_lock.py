"""Pinning feet to the floor."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sample_motions import motion_from, standing, walking

from engine.camera import Camera
from engine.contacts import detect_contacts, foot_points
from engine.foot_lock import FootLockConfig, FootLockMode, contact_reports, lock_feet, mean_slide_m
from engine.foot_pins import pin_feet
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.local_regression import smooth_series
from rig.rotations import rotation_angle, rotvec_to_rotmat
from rig.skeleton import CONTACT_NAMES, JOINT


def disturbed(motion, truth, seed=0):
    """The motion with slow errors of pose and root, and its true contacts."""
    rng = np.random.default_rng(seed)
    frames, window_s = len(motion), 0.12
    noise = smooth_series(motion.times_s, rng.standard_normal((frames, 75)), window_s)
    noise /= noise.std(axis=0)
    turns = np.radians(3.0) / np.sqrt(3) * noise[:, :72].reshape(frames, 24, 3)
    transl = motion.transl + 0.02 * noise[:, 72:]
    rotmats = motion.local_rotmats() @ rotvec_to_rotmat(turns)
    return replace(motion.with_local_rotmats(rotmats), transl=transl, contacts=truth)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30), Fraction(60)])
def test_skate_and_penetration_go(fps):
    motion = disturbed(*walking(4.0, fps))
    result = lock_feet(motion)
    assert mean_slide_m(motion) > 0.003
    assert mean_slide_m(result) < 0.15 * mean_slide_m(motion)
    assert max(report.penetration_m for report in contact_reports(result)) < 0.01
    assert foot_points(result)[..., 1].min() > -0.02


def test_clean_motion_hardly_changes():
    motion, truth = walking(4.0)
    motion = replace(motion, contacts=truth)
    result = lock_feet(motion)
    change = np.swapaxes(motion.local_rotmats(), -1, -2) @ result.local_rotmats()
    assert np.degrees(rotation_angle(change)).max() < 4.0
    assert np.abs(result.transl - motion.transl).max() < 0.02


def test_corrections_are_eased():
    motion = disturbed(*walking(4.0))
    result = lock_feet(motion)
    before = np.abs(np.diff(motion.joints(), 2, axis=0)).max()
    after = np.abs(np.diff(result.joints(), 2, axis=0)).max()
    assert after < 2.0 * before


def test_upper_body_turns_only_with_the_root():
    motion = disturbed(*walking(3.0))
    result = lock_feet(motion)
    legs = [0, 1, 3, 4, 6, 7]
    others = [joint for joint in range(23) if joint not in legs]
    np.testing.assert_allclose(result.body_pose[:, others], motion.body_pose[:, others], atol=1e-9)
    np.testing.assert_allclose(result.global_orient, motion.global_orient)


def test_modes():
    motion = disturbed(*walking(3.0))
    assert lock_feet(motion, FootLockConfig(FootLockMode.OFF)) is motion
    free = replace(motion, contacts=np.zeros_like(motion.contacts))
    assert lock_feet(free) is free
    always = lock_feet(free, FootLockConfig(FootLockMode.ALWAYS))
    assert always.contacts.max() >= 0.5
    assert mean_slide_m(always) < 0.003


def test_auto_leaves_a_foot_that_travels():
    motion = standing(60)
    path = np.outer(np.linspace(0, 3, 60), [1.0, 0, 0])
    sliding = replace(motion, transl=path, contacts=np.ones((60, 4)))
    result = lock_feet(sliding)
    assert np.abs(result.transl[-1] - sliding.transl[-1]).max() < 0.5


@pytest.mark.parametrize(("axis", "pinned"), [(0, False), (2, True)])
def test_a_camera_hardly_errs_across_its_line_of_sight(axis, pinned):
    motion = standing(60)
    transl = motion.transl.copy()
    transl[:, axis] += np.linspace(-0.3, 0.3, len(motion))
    moved = replace(motion, transl=np.add(transl, [0.0, 0.0, -6.0]), contacts=np.ones((len(motion), 4)))
    at_eye_height = rigid_transform(WORLD_TO_CAMERA_UPRIGHT, WORLD_TO_CAMERA_UPRIGHT @ [0.0, -1.5, 0.0])
    camera = replace(Camera.from_fov((1280, 720), 50.0), world_to_camera=at_eye_height)
    weights = pin_feet(moved, FootLockConfig(wander_s=1e3, split_m=1.0), camera).weights
    assert (weights.max() > 0.9) == pinned


def test_out_of_reach_lowers_the_root():
    motion = standing(60)
    raised = replace(motion, transl=motion.transl + np.array([0, 0.06, 0]), contacts=np.ones((60, 4)))
    result = lock_feet(raised)
    np.testing.assert_allclose(foot_points(result)[..., 1], 0.0, atol=2e-3)


def test_a_quiet_foot_with_its_toes_up_is_laid_flat():
    rotvecs = np.zeros((60, 24, 3))
    rotvecs[:, [7, 8], 0] = -np.radians(20.0)
    tilted = standing(60).with_local_rotmats(rotvec_to_rotmat(rotvecs))
    tilted = replace(tilted, transl=tilted.transl - [0, foot_points(tilted)[0, :, 1].min(), 0])
    assert foot_points(tilted)[:, 1, 1].min() > 0.06
    result = lock_feet(detect_contacts(tilted))
    np.testing.assert_allclose(foot_points(result)[..., 1], 0.0, atol=5e-3)


def test_detected_contacts_work_too_and_one_frame_passes():
    motion, _ = walking(3.0)
    result = lock_feet(detect_contacts(motion))
    assert mean_slide_m(result) < 0.002
    lock_feet(replace(standing(1), contacts=np.ones((1, 4))))


def test_heel_and_toe_are_pinned_a_foots_length_apart():
    motion = standing(60)
    rotvecs = np.zeros((60, 24, 3))
    rotvecs[:, JOINT["left_ankle"], 0] = np.radians(30.0)
    contacts = np.zeros((60, 4))
    contacts[:40, 0] = contacts[20:, 1] = 1.0
    tilted = replace(motion_from(rotvecs, np.zeros((60, 3))), contacts=contacts)
    pins = pin_feet(tilted, FootLockConfig(given=True), None)
    heel, toe = motion.skeleton.rest_landmarks[[motion.skeleton.landmark_names.index(n) for n in CONTACT_NAMES[:2]]]
    both = slice(20, 40)
    lengths = np.linalg.norm(pins.places[both, 1] - pins.places[both, 0], axis=-1)
    flat = foot_points(tilted)[both, :2] * [1.0, 0.0, 1.0]
    assert np.linalg.norm(flat[:, 1] - flat[:, 0], axis=-1).max() < 0.93 * np.linalg.norm(toe - heel)
    np.testing.assert_allclose(lengths, np.linalg.norm(toe - heel), atol=1e-3)
    assert np.abs(np.diff(pins.places[:40, 0], axis=0)).max() < 1e-9

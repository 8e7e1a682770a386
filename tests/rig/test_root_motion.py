"""Root and pelvis of every root motion mode."""

import numpy as np
import pytest
from sample_motions import motion_from, walking, wandering

from rig.frames import rotate
from rig.root_motion import RootMode, RootMotionConfig, heading_rad, split_root_motion, standing_pelvis_height_m
from rig.rotations import rotvec_to_rotmat


@pytest.mark.parametrize("mode", [RootMode.PLANAR, RootMode.PLANAR_YAW, RootMode.FULL])
def test_root_and_pelvis_compose_to_the_world_pelvis(mode):
    motion = wandering(seed=3)
    split = split_root_motion(motion, mode)
    positions = split.root_positions + rotate(split.root_rotmats, split.pelvis_positions)
    np.testing.assert_allclose(positions, motion.transl + motion.skeleton.rest_joints[0], atol=1e-12)
    np.testing.assert_allclose(
        split.root_rotmats @ split.pelvis_rotmats, rotvec_to_rotmat(motion.global_orient), atol=1e-12
    )
    np.testing.assert_allclose(split.root_rotmats[:, 1], np.broadcast_to([0, 1, 0], (120, 3)), atol=1e-12)


def test_root_stays_on_the_floor_except_full():
    motion = wandering()
    for mode in (RootMode.OFF, RootMode.PLANAR, RootMode.PLANAR_YAW):
        assert np.all(split_root_motion(motion, mode).root_positions[:, 1] == 0.0)
    full = split_root_motion(motion, RootMode.FULL)
    np.testing.assert_allclose(full.root_positions, motion.transl, atol=1e-12)


def test_off_keeps_the_character_in_place_with_its_height_and_yaw():
    motion, _ = walking()
    split = split_root_motion(motion, RootMode.OFF)
    assert np.all(split.root_positions == 0.0)
    assert np.abs(split.pelvis_positions[:, [0, 2]]).max() < 0.05
    np.testing.assert_allclose(split.pelvis_positions[:, 1], motion.transl[:, 1] + 0.92)
    np.testing.assert_allclose(split.pelvis_rotmats, rotvec_to_rotmat(motion.global_orient))


def test_root_path_is_smoother_than_the_pelvis_and_without_lag():
    times = np.arange(300) / 30.0
    sway = 0.03 * np.sin(2 * np.pi * 0.9 * times)
    motion = motion_from(np.zeros((300, 24, 3)), np.stack([sway, 0 * times, 1.2 * times], -1))
    root = split_root_motion(motion, RootMode.PLANAR).root_positions
    assert np.abs(root[60:-60, 0]).max() < 0.3 * np.abs(sway).max()
    np.testing.assert_allclose(root[60:-60, 2], 1.2 * times[60:-60], atol=2e-3)


def test_heading_unwraps_over_several_turns_and_survives_a_somersault():
    turns = np.linspace(0, 6 * np.pi, 240)
    rotvecs = np.zeros((240, 24, 3))
    rotvecs[:, 0, 1] = turns
    np.testing.assert_allclose(heading_rad(motion_from(rotvecs, np.zeros((240, 3)))), turns, atol=1e-9)
    flip = np.zeros((240, 24, 3))
    flip[:, 0, 0] = np.clip(np.linspace(-2, 2 * np.pi + 2, 240), 0, 2 * np.pi)
    heading = heading_rad(motion_from(flip, np.zeros((240, 3))), 0.3)
    assert np.abs(heading).max() < 1e-6


def test_smoothing_zero_is_the_raw_path():
    motion = wandering()
    root = split_root_motion(motion, RootMode.PLANAR, RootMotionConfig(path_smoothing_s=0.0)).root_positions
    np.testing.assert_array_equal(root[:, [0, 2]], motion.transl[:, [0, 2]])


def test_values_are_the_names_users_type():
    assert [mode.value for mode in RootMode] == ["off", "planar", "planar+yaw", "full"]
    assert standing_pelvis_height_m(wandering().skeleton) == pytest.approx(0.92)


def test_one_frame_splits():
    split = split_root_motion(motion_from(np.zeros((1, 24, 3)), np.ones((1, 3))), RootMode.PLANAR_YAW)
    np.testing.assert_allclose(split.root_positions, [[1, 0, 1]])

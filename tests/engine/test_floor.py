"""Gravity and floor from feet."""

from dataclasses import replace

import numpy as np
import pytest
from sample_motions import standing, walking

from engine.camera import Camera
from engine.errors import InputError
from engine.floor import settle_on_floor
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_inverse, rigid_transform
from rig.rotations import rotvec_to_rotmat

LEVEL = Camera.from_fov((1280, 720))


def seen_from(motion, pitch_deg, roll_deg, distance_m=5.0):
    """The motion in the level-camera world of a camera pitched down and rolled, and that camera's own place."""
    roll = rotvec_to_rotmat(np.array([0, 0, np.radians(roll_deg)]))
    turn = roll @ rotvec_to_rotmat(np.array([-np.radians(pitch_deg), 0, 0])) @ WORLD_TO_CAMERA_UPRIGHT
    pelvis = (motion.transl + motion.skeleton.rest_joints[0]).mean(axis=0)
    truth = rigid_transform(turn, -turn @ (pelvis - distance_m * turn[2]))
    to_level = rigid_inverse(LEVEL.world_to_camera) @ truth
    return motion.transformed(to_level[:3, :3], to_level[:3, 3]), LEVEL.moved(truth)


def tilt_error_deg(camera, truth):
    cosine = camera.world_to_camera[:3, 1] @ truth.world_to_camera[:3, 1]
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0, 0), (10, 3), (30, 0), (45, -5), (-20, 4)])
def test_tilted_cameras_are_found_from_a_walk(pitch_deg, roll_deg):
    motion, _ = walking(4.0)
    seen, truth = seen_from(motion, pitch_deg, roll_deg)
    (result,), camera = settle_on_floor([seen], LEVEL)
    assert tilt_error_deg(camera, truth) < 2.5
    heights = result.joints_and_landmarks()[1][:, 1:, 1].min(axis=1)
    assert np.abs(np.median(heights)) < 0.01


@pytest.mark.parametrize("pitch_deg", [0, 20, 40])
def test_somebody_who_only_stands_is_upright(pitch_deg):
    rng = np.random.default_rng(0)
    motion = standing(60)
    seen, truth = seen_from(motion, pitch_deg, 2.0)
    # Distance errors must not be taken for a slope of the floor.
    eye_line = seen.transl + seen.skeleton.rest_joints[0]
    seen = replace(seen, transl=seen.transl + eye_line * 0.02 * rng.standard_normal((60, 1)))
    _, camera = settle_on_floor([seen], LEVEL)
    assert tilt_error_deg(camera, truth) < 5.0


def test_reprojection_does_not_change():
    motion, _ = walking(2.0)
    seen, _ = seen_from(motion, 15, 3)
    (result,), camera = settle_on_floor([seen], LEVEL)
    np.testing.assert_allclose(camera.project(result.joints()), LEVEL.project(seen.joints()), atol=1e-6)


def test_origin_heading_and_shared_world():
    first, _ = walking(3.0)
    second = first.transformed(np.eye(3), np.array([1.5, 0.0, -1.0]))
    seen_first, truth = seen_from(first, 12, 0)
    to_level = rigid_inverse(LEVEL.world_to_camera) @ truth.world_to_camera
    seen_second = second.transformed(to_level[:3, :3], to_level[:3, 3])
    (a, b), camera = settle_on_floor([seen_first, seen_second], LEVEL)
    np.testing.assert_allclose((a.transl + a.skeleton.rest_joints[0])[0, [0, 2]], 0.0, atol=1e-9)
    np.testing.assert_allclose(b.joints() - a.joints(), np.broadcast_to([1.5, 0, -1.0], (90, 24, 3)), atol=0.05)
    # Somebody who walks towards the camera walks towards +z.
    travel = a.transl[-1] - a.transl[0]
    assert travel[2] > 0.9 * np.linalg.norm(travel)
    assert abs(camera.world_to_camera[0, 1]) < 0.02


def test_jumps_remain_jumps():
    motion, _ = walking(4.0)
    lift = np.zeros((120, 3))
    lift[50:65, 1] = 0.45 * np.sin(np.linspace(0, np.pi, 15))
    seen, _ = seen_from(replace(motion, transl=motion.transl + lift), 20, 0)
    (result,), _ = settle_on_floor([seen], LEVEL)
    heights = result.joints_and_landmarks()[1][:, 1:, 1].min(axis=1)
    assert heights[50:65].max() > 0.38
    assert np.abs(np.median(np.delete(heights, range(48, 67)))) < 0.02


def test_feet_that_never_stand_still_still_have_a_floor():
    motion, _ = walking(4.0)
    # Seen by a camera that moves along, the standing foot travels backwards.
    treadmill = replace(motion, transl=motion.transl - np.outer(motion.times_s, [0, 0, 2.5]))
    seen, truth = seen_from(treadmill, 5, 0, distance_m=15.0)
    (result,), camera = settle_on_floor([seen], LEVEL)
    assert tilt_error_deg(camera, truth) < 5.0
    lowest = result.joints_and_landmarks()[1][:, 1:, 1].min(axis=1)
    assert abs(np.quantile(lowest, 0.2)) < 0.1


def test_the_ground_below_a_wall_is_the_floor():
    motion = standing(120)
    times = motion.times_s
    path = np.stack([np.interp(times, [2.5, 3.0], [0, 1.0]), np.interp(times, [2.6, 3.0], [1.2, 0.0]), 0 * times], -1)
    seen, _ = seen_from(replace(motion, transl=path), 10, 0)
    (result,), _ = settle_on_floor([seen], LEVEL)
    heights = result.joints_and_landmarks()[1][:, 1:, 1].min(axis=1)
    assert abs(heights[100:].mean()) < 0.05
    assert abs(heights[:60].mean() - 1.2) < 0.15


def test_hidden_feet_and_single_frames_give_an_upright_world():
    motion = standing(30)
    confidence = motion.confidence.copy()
    confidence[:, [7, 8, 10, 11]] = 0.0
    seen, truth = seen_from(replace(motion, confidence=confidence), 15, 0)
    (result,), camera = settle_on_floor([seen], LEVEL)
    assert tilt_error_deg(camera, truth) < 5.0
    assert abs(result.joints_and_landmarks()[1][:, 1:, 1].min()) < 0.05
    (single,), _ = settle_on_floor([standing(1)], LEVEL)
    assert len(single) == 1
    with pytest.raises(InputError, match="no motion"):
        settle_on_floor([], LEVEL)

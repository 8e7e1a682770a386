"""Finding feet that the picture shows standing."""

from dataclasses import replace

import numpy as np
import pytest
from sample_motions import motion_from, standing, walking

from engine.camera import Camera
from engine.contacts import detect_contacts, foot_points, point_speeds_m_s
from engine.errors import InputError
from engine.foot_lock import FootLockConfig, lock_feet
from engine.ik.refine import refine_chain
from engine.poses import BLAZEPOSE, LandmarkSequence
from engine.still_feet import mark_still_feet
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import CONTACT_NAMES, JOINT


def high_camera():
    """1.6 m high, 4.5 m before the origin, 12 degrees down."""
    rotation = rotvec_to_rotmat(np.array([np.radians(12.0), 0, 0])) @ WORLD_TO_CAMERA_UPRIGHT
    level = Camera.from_fov((1280, 720))
    return level.moved(rigid_transform(rotation, -rotation @ np.array([0, 1.6, 4.5])))


def seen(motion, camera, noise_px=0.0, pan_px_s=0.0):
    """What a detector sees of the motion's heels and toes; nothing else is filled in."""
    frames = len(motion)
    points = np.full((frames, 33, 2), 100.0)
    columns = [BLAZEPOSE[name.replace("big_toe", "foot_index")] for name in CONTACT_NAMES]
    points[:, columns] = camera.project(foot_points(motion))
    points[..., 0] += pan_px_s * motion.times_s[:, None]
    points += noise_px * np.random.default_rng(0).standard_normal(points.shape)
    return LandmarkSequence(
        person_id=1,
        frame_indices=np.arange(frames),
        times_s=motion.times_s,
        landmarks_2d=points,
        landmarks_3d=np.zeros((frames, 33, 3)),
        scores=np.ones((frames, 33)),
        boxes_xyxy=np.zeros((frames, 4)),
    )


def along_the_sight(motion, camera, error_m):
    """Left and right ankle moved away from the camera by errors (T, 2), m: the picture is kept."""
    local = motion.local_rotmats()
    for number, side in enumerate(("left", "right")):
        chain = tuple(JOINT[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        ankle = motion.joints()[:, chain[-1]]
        target = ankle + error_m[:, number, None] * camera.sight(ankle)
        weights = np.ones(len(motion))
        local = refine_chain(motion.skeleton, local, motion.transl, chain, chain[-1], target, weights)
    return motion.with_local_rotmats(local)


def knee_up(frames, hip_deg, knee_deg):
    """Standing on the left leg, the right foot held up."""
    rotvecs = np.zeros((frames, 24, 3))
    rotvecs[:, JOINT["right_hip"], 0] = -np.radians(hip_deg)
    rotvecs[:, JOINT["right_knee"], 0] = np.radians(knee_deg)
    return motion_from(rotvecs, np.zeros((frames, 3)))


def locked(motion, landmarks, camera):
    return lock_feet(detect_contacts(mark_still_feet(motion, landmarks, camera)), FootLockConfig(), camera)


def test_a_floating_foot_is_brought_back_along_the_line_of_sight():
    camera, truth = high_camera(), standing(60)
    wrong = along_the_sight(truth, camera, np.tile([0.0, -0.3], (60, 1)))
    assert foot_points(wrong)[0, 2:, 1].min() > 0.06
    assert np.all(detect_contacts(wrong).contacts[:, 2:] < 0.5)
    landmarks = seen(truth, camera, noise_px=1.0)
    found = detect_contacts(mark_still_feet(wrong, landmarks, camera))
    assert np.all(found.contacts >= 0.5)
    result, straight_down = lock_feet(found, FootLockConfig(), camera), lock_feet(found)
    np.testing.assert_allclose(foot_points(result)[..., 1], 0.0, atol=0.02)

    def error_m(motion):
        return np.linalg.norm(foot_points(motion) - foot_points(truth), axis=-1).mean()

    assert error_m(result) < 0.5 * error_m(wrong)
    assert error_m(result) < 0.6 * error_m(straight_down)


@pytest.mark.parametrize(("hip_deg", "knee_deg"), [(50.0, 90.0), (60.0, 60.0), (80.0, 80.0), (90.0, 20.0)])
def test_a_raised_foot_held_still_stays_up(hip_deg, knee_deg):
    camera, motion = high_camera(), knee_up(60, hip_deg, knee_deg)
    height_m = foot_points(motion)[:, 2:, 1].min()
    assert height_m > 0.12
    result = locked(motion, seen(motion, camera, noise_px=1.0), camera)
    assert np.all(result.contacts[:, 2:] < 0.5)
    assert np.all(result.contacts[:, :2] >= 0.5)
    assert foot_points(result)[:, 2:, 1].min() > height_m - 0.01


def test_a_heel_held_up_stays_up():
    camera = high_camera()
    rotvecs = np.zeros((60, 24, 3))
    rotvecs[:, JOINT["right_ankle"], 0] = np.radians(35.0)
    rotvecs[:, JOINT["right_knee"], 0] = np.radians(20.0)
    rotvecs[:, JOINT["right_hip"], 0] = -np.radians(20.0)
    motion = motion_from(rotvecs, np.zeros((60, 3)))
    heel, toe = foot_points(motion)[0, 2:, 1]
    assert heel > 0.09 + toe
    marked = mark_still_feet(motion, seen(motion, camera), camera)
    assert np.all(marked.contacts[5:-5, 2] < 0.1)
    assert np.all(detect_contacts(marked).contacts[:, 2] < 0.5)


def test_walking_seen_from_the_front_is_found_with_legs_bent_wrong():
    camera = high_camera()
    truth, contacts = walking(4.0, speed_m_s=0.5)
    wave = np.sin(2 * np.pi * 0.4 * truth.times_s)
    wrong = along_the_sight(truth, camera, 0.2 * np.stack([wave, -wave], axis=1))
    landmarks = seen(truth, camera, noise_px=1.0)

    stands = contacts > 0.5
    moves = point_speeds_m_s(truth.times_s, foot_points(truth), 0.03) > 0.6

    def recall(motion):
        return (detect_contacts(motion).contacts >= 0.5)[stands].mean()

    def held_while_moving(motion):
        return (detect_contacts(motion).contacts >= 0.5)[moves].mean()

    marked = mark_still_feet(wrong, landmarks, camera)
    assert recall(marked) > 0.95
    assert recall(wrong) < 0.75
    assert held_while_moving(marked) < 0.2
    assert held_while_moving(mark_still_feet(truth, landmarks, camera)) < 0.25

    def error_m(motion, where):
        return np.linalg.norm(foot_points(motion) - foot_points(truth), axis=-1)[where].mean()

    without, result = lock_feet(detect_contacts(wrong)), locked(wrong, landmarks, camera)
    assert error_m(result, stands) < 0.5 * error_m(without, stands)
    assert error_m(result, ~stands) < 0.8 * error_m(without, ~stands)


def test_a_camera_that_pans_marks_nothing():
    camera, motion = high_camera(), standing(60)
    marked = mark_still_feet(motion, seen(motion, camera, pan_px_s=200.0), camera)
    assert marked.contacts.max() < 0.01
    np.testing.assert_array_equal(detect_contacts(marked).contacts, detect_contacts(motion).contacts)


def test_a_jump_marks_nothing_in_the_air():
    camera, motion = high_camera(), standing(90)
    lift = np.zeros((90, 3))
    lift[40:58, 1] = 0.25 * np.sin(np.linspace(0, np.pi, 18))
    jumping = replace(motion, transl=lift)
    marked = mark_still_feet(jumping, seen(jumping, camera), camera)
    assert marked.contacts[43:55].max() < 0.5
    assert np.all(detect_contacts(marked).contacts[43:55] < 0.5)


def test_unseen_frames_and_unsure_points_say_nothing():
    camera, motion = high_camera(), standing(60)
    landmarks = seen(motion, camera)
    points, scores = landmarks.landmarks_2d.copy(), landmarks.scores.copy()
    points[20:30] = np.nan
    scores[:, BLAZEPOSE["left_heel"]] = 0.0
    marked = mark_still_feet(motion, replace(landmarks, landmarks_2d=points, scores=scores), camera)
    assert np.all(marked.contacts[20:30] == 0)
    assert np.all(marked.contacts[:, 0] == 0)
    assert marked.contacts[30:, 1:].min() > 0.8
    one = mark_still_feet(standing(1), seen(standing(1), camera), camera)
    assert np.all(one.contacts == 0)


def test_lengths_must_agree():
    camera = high_camera()
    with pytest.raises(InputError, match="60 frames"):
        mark_still_feet(standing(60), seen(standing(59), camera), camera)

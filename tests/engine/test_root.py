"""Fitting the root to keypoints."""

from dataclasses import replace

import numpy as np
import pytest
from sample_motions import standing, walking, wandering

from engine.camera import Camera
from engine.errors import InputError
from engine.poses import PoseSequence
from engine.root import RootConfig, fit_root
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.rotations import rotvec_to_rotmat

EXACT = RootConfig(lateral_s=0.0, depth_s=0.0)


def seen_by(motion, camera, noise_px=0.0, seed=0):
    rng = np.random.default_rng(seed)
    pixels = camera.project(motion.joints())
    pixels = pixels + noise_px * rng.standard_normal(pixels.shape)
    frames = len(motion)
    return PoseSequence(
        person_id=3,
        times_s=motion.times_s,
        joints=np.zeros((frames, 24, 3)),
        twist=np.ones((frames, 23, 2)),
        keypoints_2d=pixels,
        scores=np.full((frames, 24), 0.9),
        leaf_rotmats=np.full((frames, 24, 3, 3), np.nan),
    )


def far_away(motion):
    return replace(motion, transl=motion.transl + np.array([-0.5, -1.0, -5.0]))


def test_exact_keypoints_give_the_exact_place_under_any_camera():
    motion = far_away(wandering(40))
    turn = rotvec_to_rotmat(np.array([0.2, -0.1, 0.05])) @ WORLD_TO_CAMERA_UPRIGHT
    for camera in (
        Camera.from_fov((1280, 720)),
        Camera.from_fov((720, 1280), 40.0).moved(rigid_transform(turn, np.array([0.1, 0.3, 0.5]))),
    ):
        result = fit_root(replace(motion, transl=np.zeros((40, 3))), seen_by(motion, camera), camera, EXACT)
        np.testing.assert_allclose(result.transl, motion.transl, atol=1e-8)


def test_noise_is_steadied_and_stays_on_the_keypoints():
    motion, _ = walking(4.0)
    motion = far_away(motion)
    camera = Camera.from_fov((1280, 720))
    result = fit_root(motion, seen_by(motion, camera, 4.0), camera)
    error = np.abs(result.transl - motion.transl)
    assert error[:, :2].mean() < 0.01
    assert error[:, 2].mean() < 0.06
    assert np.abs(camera.project(result.joints()) - camera.project(motion.joints())).mean() < 2.5


def test_wild_keypoints_do_not_pull():
    motion = far_away(standing(30))
    camera = Camera.from_fov((1280, 720))
    poses = seen_by(motion, camera)
    pixels = poses.keypoints_2d.copy()
    pixels[:, [18, 20, 22]] += 150.0
    result = fit_root(motion, replace(poses, keypoints_2d=pixels), camera)
    assert np.linalg.norm(result.transl - motion.transl, axis=1).max() < 0.03


def test_frames_without_evidence_are_interpolated_and_marked():
    motion, _ = walking(3.0)
    motion = far_away(motion)
    camera = Camera.from_fov((1280, 720))
    poses = seen_by(motion, camera)
    pixels, scores = poses.keypoints_2d.copy(), poses.scores.copy()
    pixels[40:50] = np.nan
    scores[60:63] = 0.0
    result = fit_root(motion, replace(poses, keypoints_2d=pixels, scores=scores), camera)
    assert np.abs(result.transl - motion.transl).max() < 0.06
    marked = np.flatnonzero(result.confidence[:, 0] == 0)
    assert marked.tolist() == [*range(40, 50), *range(60, 63)]


def test_impossible_jump_is_not_believed():
    motion = far_away(standing(60))
    camera = Camera.from_fov((1280, 720))
    jumped = replace(motion, transl=motion.transl + np.where(np.arange(60) == 30, 1.0, 0.0)[:, None] * [9.0, 0, -9.0])
    result = fit_root(motion, seen_by(jumped, camera), camera)
    assert np.abs(result.transl - motion.transl).max() < 0.01
    assert result.confidence[30, 0] == 0


def test_errors_name_the_trouble():
    motion = standing(10)
    camera = Camera.from_fov((1280, 720))
    poses = seen_by(far_away(motion), camera)
    with pytest.raises(InputError, match="same number"):
        fit_root(standing(9), poses, camera)
    with pytest.raises(InputError, match="person 3"):
        fit_root(motion, replace(poses, scores=np.zeros((10, 24))), camera)

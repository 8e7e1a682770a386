"""Joints moved to where one body's bones reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.lifting.body_fit import LEARNED_DEPTH, _segments, fit_to_body
from engine.lifting.placement import solve_points
from engine.poses import PoseSequence
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotvec_to_rotmat

CAMERA = Camera(np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]]), (1280, 720), np.eye(4))


def _poses(flatness: float, frames: int = 20) -> tuple[PoseSequence, np.ndarray]:
    """Poses before a camera whose depth is too flat, and their true joints (T, 24, 3) relative to the pelvis."""
    rng = np.random.default_rng(0)
    skeleton = load_open_body().skeleton(np.zeros(10))
    local = rotvec_to_rotmat(0.35 * rng.standard_normal((frames, 24, 3)))
    local[:, 0] = rotvec_to_rotmat(np.array([np.pi, 0.0, 0.0])) @ local[:, 0]
    joints = joint_positions(skeleton, global_rotations(skeleton.parents, local), np.array([0.3, 0.1, 4.0]))
    keypoints = (joints / joints[..., 2:] @ CAMERA.intrinsics.T)[..., :2]
    true = joints - joints[:, :1]
    noisy = true.copy()
    noisy[:, 1:, 2] *= 1.0 - flatness
    return PoseSequence(
        person_id=1,
        times_s=np.arange(frames) / 30.0,
        joints=noisy,
        twist=np.full((frames, 23, 2), np.nan),
        keypoints_2d=keypoints,
        scores=np.ones((frames, 24)),
        leaf_rotmats=np.full((frames, 24, 3, 3), np.nan),
    ), true


def test_true_joints_stay_where_they_are() -> None:
    poses, true = _poses(0.0)
    fitted = fit_to_body(poses, CAMERA, load_open_body().skeleton(np.zeros(10)))
    np.testing.assert_allclose(fitted.joints, true, atol=1e-4)


def test_bone_lengths_tell_depth() -> None:
    poses, true = _poses(0.3)
    skeleton = load_open_body().skeleton(np.zeros(10))
    fitted = fit_to_body(poses, CAMERA, skeleton)
    before = np.linalg.norm(poses.joints - true, axis=-1).mean()
    after = np.linalg.norm(fitted.joints - true, axis=-1).mean()
    assert after < 0.7 * before
    parents = list(skeleton.parents[1:])
    lengths = np.linalg.norm(fitted.joints[:, 1:] - fitted.joints[:, parents], axis=-1)
    assert np.abs(lengths - skeleton.bone_lengths[1:]).mean() < 0.01


def test_frames_with_missing_joints_stay_as_they_are() -> None:
    poses, _ = _poses(0.2)
    poses.joints[3, 20] = np.nan
    poses.keypoints_2d[:, 9] = np.nan  # nothing in the picture says where the chest is
    fitted = fit_to_body(poses, CAMERA, load_open_body().skeleton(np.zeros(10)))
    np.testing.assert_array_equal(fitted.joints[3], poses.joints[3])
    assert np.isfinite(fitted.joints[4]).all()


def test_limbs_solved_first_change_nothing() -> None:
    poses, true = _poses(0.2)
    segments = _segments(load_open_body().skeleton(np.zeros(10)))
    rng = np.random.default_rng(1)
    points = true + np.array([0.3, 0.1, 4.0]) + 0.05 * rng.standard_normal(true.shape)
    rays, weights = CAMERA.rays(poses.keypoints_2d), rng.uniform(0.05, 1.0, true.shape[:2])
    solved = [
        solve_points(points, rays, points[..., 2], weights, each, LEARNED_DEPTH)
        for each in (segments, replace(segments, limbs=()))
    ]
    assert np.abs(solved[0] - points).max() > 0.02
    np.testing.assert_allclose(solved[0], solved[1], atol=1e-9)

"""Joints moved to where one body's bones reach and its feet stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from seen_walk import still_camera, walk

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.evaluation import metrics
from engine.lifting import body_fit
from engine.lifting.body_fit import _segments, fit_to_body
from engine.lifting.placement import PlacementConfig, solve_points
from engine.lifting.window_fit import acceleration_coefficients
from engine.poses import LearnedMovement, PoseSequence
from rig.frames import transform
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import JOINT

CAMERA = Camera(np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]]), (1280, 720), np.eye(4))
SKELETON = load_open_body().skeleton(np.zeros(10))
FEET = [JOINT["left_foot"], JOINT["right_foot"]]
TOES = [1, 3]  # of CONTACT_NAMES


def _seen(
    joints: np.ndarray, camera: Camera, times_s: np.ndarray, contacts: np.ndarray | None = None
) -> tuple[PoseSequence, np.ndarray]:
    """Poses without an error from joints (T, 24, 3) in the camera's frame, and these relative to the pelvis."""
    frames, relative = len(joints), joints - joints[:, :1]
    movement = None
    if contacts is not None:
        movement = LearnedMovement(np.tile([0.0, 1.0, 0.0], (frames, 1)), np.zeros((frames, 3)), contacts)
    return PoseSequence(
        person_id=1,
        times_s=times_s,
        joints=relative,
        twist=np.full((frames, 23, 2), np.nan),
        keypoints_2d=(joints / joints[..., 2:] @ camera.intrinsics.T)[..., :2],
        scores=np.ones((frames, 24)),
        leaf_rotmats=np.full((frames, 24, 3, 3), np.nan),
        movement=movement,
    ), relative


def _poses(flatness: float, frames: int = 20) -> tuple[PoseSequence, np.ndarray]:
    """Unrelated poses, a second apart, whose depth is too flat, and their true joints (T, 24, 3)."""
    rng = np.random.default_rng(0)
    local = rotvec_to_rotmat(0.35 * rng.standard_normal((frames, 24, 3)))
    local[:, 0] = rotvec_to_rotmat(np.array([np.pi, 0.0, 0.0])) @ local[:, 0]
    joints = joint_positions(SKELETON, global_rotations(SKELETON.parents, local), np.array([0.3, 0.1, 4.0]))
    poses, true = _seen(joints, CAMERA, np.arange(frames, dtype=np.float64))
    noisy = true.copy()
    noisy[:, 1:, 2] *= 1.0 - flatness
    return replace(poses, joints=noisy), true


def _shaken_walk(seconds: float = 3.0) -> tuple[PoseSequence, np.ndarray, np.ndarray]:
    """A walk whose depth shakes, its true joints (T, 24, 3) in the camera's frame, and its contacts."""
    motion, camera = walk(seconds, 1.1, 60.0), still_camera()
    joints = transform(camera.world_to_camera, motion.joints())
    poses, _ = _seen(joints, camera, motion.times_s, motion.contacts)
    rng = np.random.default_rng(3)
    shaken = poses.joints.copy()
    shaken[:, 1:, 2] += 0.03 * rng.standard_normal(shaken.shape[:2])[:, 1:]
    keypoints = poses.keypoints_2d + 2.0 * rng.standard_normal(poses.keypoints_2d.shape)
    return replace(poses, joints=shaken, keypoints_2d=keypoints), joints, motion.contacts


def _steps_m(feet: np.ndarray, contacts: np.ndarray) -> float:
    """Mean way that the balls of standing feet (T, 2, 3) go from frame to frame, m."""
    stands = (contacts[1:, TOES] > 0.5) & (contacts[:-1, TOES] > 0.5)
    return float(np.linalg.norm(np.diff(feet, axis=0), axis=-1)[stands].mean())


def test_true_joints_stay_where_they_are() -> None:
    poses, true = _poses(0.0)
    np.testing.assert_allclose(fit_to_body(poses, CAMERA, SKELETON).joints, true, atol=1e-3)


def test_bone_lengths_tell_depth() -> None:
    poses, true = _poses(0.3)
    fitted = fit_to_body(poses, CAMERA, SKELETON)
    before = np.linalg.norm(poses.joints - true, axis=-1).mean()
    after = np.linalg.norm(fitted.joints - true, axis=-1).mean()
    assert after < 0.7 * before
    parents = list(SKELETON.parents[1:])
    lengths = np.linalg.norm(fitted.joints[:, 1:] - fitted.joints[:, parents], axis=-1)
    assert np.abs(lengths - SKELETON.bone_lengths[1:]).mean() < 0.01


def test_frames_with_missing_joints_stay_as_they_are() -> None:
    poses, _ = _poses(0.2)
    poses.joints[3, 20] = np.nan
    poses.keypoints_2d[:, 9] = np.nan  # nothing in the picture says where the chest is
    fitted = fit_to_body(poses, CAMERA, SKELETON)
    np.testing.assert_array_equal(fitted.joints[3], poses.joints[3])
    assert np.isfinite(fitted.joints[4]).all()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_few_frames_are_enough(frames: int) -> None:
    poses, _, _ = _shaken_walk(frames / 30)
    fitted = fit_to_body(poses, still_camera(), SKELETON)
    assert fitted.root_m is not None
    assert np.isfinite(fitted.joints).all()
    assert np.isfinite(fitted.root_m).all()


def test_a_shaking_walk_is_steadied_its_feet_stand_and_the_picture_is_kept() -> None:
    poses, true, contacts = _shaken_walk()
    camera, relative = still_camera(), true - true[:, :1]
    fitted = fit_to_body(poses, camera, SKELETON)
    error = [
        metrics.acceleration_errors(joints, relative, poses.times_s).mean() for joints in (poses.joints, fitted.joints)
    ]
    assert error[1] < 0.2 * error[0]
    assert (
        np.linalg.norm(fitted.joints - relative, axis=-1).mean()
        < 0.7 * np.linalg.norm(poses.joints - relative, axis=-1).mean()
    )

    assert fitted.root_m is not None
    feet = fitted.root_m[:, None] + fitted.joints[:, FEET]
    without = fit_to_body(replace(poses, movement=None), camera, SKELETON)
    assert without.root_m is None
    shaken = true[:, :1] + without.joints[:, FEET]  # hung on the true root
    assert _steps_m(feet, contacts) < 0.7 * _steps_m(shaken, contacts)
    assert _steps_m(feet, contacts) < 0.006

    places = fitted.root_m[:, None] + fitted.joints
    pixels = (places / places[..., 2:] @ camera.intrinsics.T)[..., :2]
    true_pixels = (true / true[..., 2:] @ camera.intrinsics.T)[..., :2]
    assert (
        np.linalg.norm(pixels - true_pixels, axis=-1).mean()
        < np.linalg.norm(poses.keypoints_2d - true_pixels, axis=-1).mean()
    )


def test_a_kick_keeps_its_speed() -> None:
    times_s = np.arange(60) / 30.0
    rotmats = np.tile(np.eye(3), (60, 24, 1, 1))
    rotmats[:, 0] = rotvec_to_rotmat(np.array([np.pi, 0.0, 0.0]))
    angle = 1.4 * np.exp(-0.5 * ((times_s - 1.0) / 0.1) ** 2)
    rotmats[:, JOINT["left_hip"]] = rotvec_to_rotmat(np.stack([-angle, 0.4 * angle, 0.0 * angle], axis=1))
    joints = joint_positions(SKELETON, global_rotations(SKELETON.parents, rotmats), np.array([0.2, 0.1, 4.0]))
    poses, true = _seen(joints, CAMERA, times_s)
    fitted = fit_to_body(poses, CAMERA, SKELETON).joints
    speeds = [
        np.linalg.norm(np.diff(points[:, JOINT["left_foot"]], axis=0), axis=1).max() * 30 for points in (true, fitted)
    ]
    assert speeds[0] > 6.0
    assert speeds[1] > 0.95 * speeds[0]


def test_acceleration_is_that_of_real_times() -> None:
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.08, 30))
    found = np.einsum(
        "tk,tk->t", acceleration_coefficients(times_s), np.lib.stride_tricks.sliding_window_view(2.5 * times_s**2, 3)
    )
    np.testing.assert_allclose(found, 5.0, rtol=1e-6)


def test_frames_of_uneven_rate_and_gaps_are_fitted_as_well() -> None:
    poses, true, _ = _shaken_walk(4.0)
    rows = np.flatnonzero(np.random.default_rng(1).random(len(poses)) < 0.7)
    rows = rows[(rows < 40) | (rows > 65)]
    joints = np.full_like(poses.joints, np.nan)
    joints[rows] = poses.joints[rows]
    fitted = fit_to_body(replace(poses, joints=joints), still_camera(), SKELETON)
    error = np.linalg.norm(fitted.joints - (true - true[:, :1]), axis=-1)
    assert np.isnan(np.delete(error, rows, axis=0)[:, 1:]).all()
    whole = fit_to_body(poses, still_camera(), SKELETON)
    assert error[rows].mean() < 1.4 * np.linalg.norm(whole.joints - (true - true[:, :1]), axis=-1).mean()
    assert fitted.root_m is not None
    np.testing.assert_array_equal(np.isfinite(fitted.root_m).all(axis=1), np.isin(np.arange(len(poses)), rows))


def test_windows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    poses, _, _ = _shaken_walk(5.0)
    whole = fit_to_body(poses, still_camera(), SKELETON)
    monkeypatch.setattr(body_fit, "_WINDOW_FRAMES", 50)
    parts = fit_to_body(poses, still_camera(), SKELETON)
    np.testing.assert_allclose(parts.joints, whole.joints, atol=1e-3)


def test_limbs_placed_first_change_nothing() -> None:
    poses, true = _poses(0.2)
    segments = _segments(SKELETON, 0.01)
    limbs = tuple(
        tuple(JOINT[f"{side}_{part}"] for part in parts)
        for side in ("left", "right")
        for parts in (("elbow", "wrist", "hand"), ("knee", "ankle", "foot"))
    )
    rng = np.random.default_rng(1)
    points = true + np.array([0.3, 0.1, 4.0]) + 0.05 * rng.standard_normal(true.shape)
    rays, weights = CAMERA.rays(poses.keypoints_2d), rng.uniform(0.05, 1.0, true.shape[:2])
    solved = [
        solve_points(points, rays, points[..., 2], weights, each, PlacementConfig(iterations=3))
        for each in (segments, replace(segments, limbs=limbs))
    ]
    assert np.abs(solved[0] - points).max() > 0.02
    np.testing.assert_allclose(solved[0], solved[1], atol=1e-9)

"""Batches of windows from a seed, in the layout that the landmark network trains on, without any motion data."""

from __future__ import annotations

import numpy as np

from engine.body.open_body import load_open_body
from engine.ik.plan import TIPS_24
from engine.lifting.landmark_anatomy import LANDMARK_OWNERS, rest_landmarks
from engine.training.landmarks.windows import LEAVES
from rig.frames import rotate
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotvec_to_rotmat, swing_twist


def seeded_batch(count: int = 2, frames: int = 12, seed: int = 0) -> dict[str, np.ndarray]:
    """People who sway about random poses before random cameras, 30 frames a second."""
    rng = np.random.default_rng(seed)
    skeleton = load_open_body().skeleton(np.zeros(10))
    rest = rest_landmarks(skeleton)
    times = np.arange(frames) / 30.0
    sway = np.sin(2.0 * np.pi * (times[:, None, None] + rng.random((count, 1, 24, 3))))
    rotvec = 0.4 * rng.standard_normal((count, 1, 24, 3)) + 0.1 * sway
    local = rotvec_to_rotmat(rotvec)
    turned = rotvec_to_rotmat(np.array([np.pi, 0.0, 0.0])) @ rotvec_to_rotmat(rng.standard_normal((count, 1, 3)))
    local[:, :, 0] = turned @ local[:, :, 0]
    rotmats = global_rotations(skeleton.parents, local)
    place = rng.uniform([-1, -0.5, 3.0], [1, 0.5, 6.0], (count, 1, 3)) + 0.1 * sway[:, :, 0]
    joints = joint_positions(skeleton, rotmats, place)
    owners = list(LANDMARK_OWNERS)
    landmarks = joints[:, :, owners] + rotate(rotmats[:, :, owners], rest - skeleton.rest_joints[owners])
    intrinsics = np.array([[900.0, 0.0, 640.0], [0.0, 900.0, 360.0], [0.0, 0.0, 1.0]])
    pixels = (landmarks / landmarks[..., 2:] @ intrinsics.T)[..., :2]
    twist = np.zeros((count, frames, 23, 2))
    twist[..., 0] = 1.0
    for joint in range(1, 24):
        if TIPS_24[joint] >= 0:
            axis = skeleton.offsets[TIPS_24[joint]]
            angle = swing_twist(local[:, :, joint], axis / np.linalg.norm(axis))[1]
            twist[:, :, joint - 1] = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    batch = {
        "times_s": np.tile(times, (count, 1)),
        "image_size": np.tile([1280, 720], (count, 1)),
        "intrinsics": np.tile(intrinsics, (count, 1, 1)),
        "world_to_camera": np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (count, frames, 1, 1)),
        "landmarks_2d_px": pixels,
        "landmarks_camera": landmarks,
        "inside": np.ones((count, frames, 33)),
        "hidden": np.zeros((count, frames, 33)),
        "joints_camera": joints,
        "local_rotmats": local,
        "twist": twist,
        "leaf_rotmats": rotmats[:, :, list(LEAVES)],
        "gravity_camera": np.tile([0.0, 1.0, 0.0], (count, frames, 1)),
        "heading_to_camera": rotmats[:, :, 0],
        "root_velocity": np.gradient(place, times, axis=1),
        "contacts": np.zeros((count, frames, 4)),
        "betas": np.zeros((count, 10)),
        "rest_joints": np.tile(skeleton.rest_joints, (count, 1, 1)),
        "rest_landmarks": np.tile(rest, (count, 1, 1)),
    }
    return {name: np.asarray(value, np.float32) for name, value in batch.items()}


def exact(batch: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A detector without error, and without world landmarks."""
    missing = np.full(batch["landmarks_camera"].shape, np.nan, np.float32)
    return batch["landmarks_2d_px"].copy(), np.ones(batch["inside"].shape, np.float32), missing

"""The distance of somebody whose standing feet keep their place."""

from __future__ import annotations

import numpy as np
from seen_walk import still_camera, walk

from engine.lifting.root_path import steady_root
from rig.frames import transform


def _walk(heading_deg: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times of a walk, joints (T, 24, 3) in the camera's frame, contacts."""
    motion, camera = walk(4.0, 1.1, heading_deg), still_camera()
    return motion.times_s, transform(camera.world_to_camera, motion.joints()), motion.contacts


def _shaken(root: np.ndarray) -> np.ndarray:
    """Places whose distance is wrong by 3 % from frame to frame, and by 3 % of a wave."""
    rng = np.random.default_rng(2)
    wave = 0.03 * np.sin(np.arange(len(root)) / 6.0)
    return root * (1.0 + wave + 0.03 * rng.standard_normal(len(root)))[:, None]


def test_standing_feet_tell_how_the_distance_changes() -> None:
    times_s, joints, contacts = _walk(0.0)
    root, relative = joints[:, 0], joints - joints[:, :1]
    seen = _shaken(root)
    steady = steady_root(times_s, seen, relative, contacts)
    without = steady_root(times_s, seen, relative, np.zeros_like(contacts))
    errors = [np.linalg.norm(path - root, axis=1).mean() for path in (seen, without, steady)]
    assert errors[2] < 0.75 * errors[1] < errors[0]
    np.testing.assert_allclose(steady / steady[:, 2:], root / root[:, 2:], atol=1e-9)  # along the line of sight


def test_feet_that_the_picture_shows_moving_do_not_stand() -> None:
    times_s, joints, contacts = _walk(0.0)
    relative = joints - joints[:, :1]
    root = joints[:, 0] + np.stack([1.5 * times_s, 0.0 * times_s, 0.0 * times_s], axis=1)  # the camera goes along
    seen = _shaken(root)
    steady = steady_root(times_s, seen, relative, np.ones_like(contacts))
    without = steady_root(times_s, seen, relative, np.zeros_like(contacts))
    np.testing.assert_allclose(steady, without, atol=0.02)


def test_a_gap_joins_nothing() -> None:
    times_s, joints, contacts = _walk(0.0)
    root, relative = joints[:, 0].copy(), joints - joints[:, :1]
    late = np.arange(len(times_s)) >= 60
    root[late] *= 1.6
    times_s = times_s + np.where(late, 3.0, 0.0)
    steady = steady_root(times_s, root, relative, contacts)
    assert np.abs(steady[:, 2] / root[:, 2] - 1.0).max() < 0.02


def test_a_few_frames_stay() -> None:
    times_s, joints, contacts = _walk(0.0)
    few = slice(0, 2)
    np.testing.assert_array_equal(
        steady_root(times_s[few], joints[few, 0], joints[few] - joints[few, :1], contacts[few]), joints[few, 0]
    )

"""The causal filter for live display."""

import numpy as np

from engine.live_filter import LivePoseFilter
from rig.rotations import quat_multiply, rotvec_to_quat_wxyz


def run(rotvecs, path, times):
    live = LivePoseFilter()
    results = [live.update(t, rotvec_to_quat_wxyz(r), p) for t, r, p in zip(times, rotvecs, path, strict=True)]
    return np.stack([r[0] for r in results]), np.stack([r[1] for r in results])


def angles_deg(a, b):
    relative = quat_multiply(a * [1, -1, -1, -1], b)
    return np.degrees(2 * np.arccos(np.clip(np.abs(relative[..., 0]), 0, 1)))


def test_jitter_at_rest_goes():
    rng = np.random.default_rng(0)
    times = np.arange(150) / 30
    noise = 0.03 * rng.standard_normal((150, 24, 3))
    quats, path = run(noise, 0.01 * rng.standard_normal((150, 3)), times)
    still = rotvec_to_quat_wxyz(np.zeros((150, 24, 3)))
    assert angles_deg(quats, still)[30:].mean() < 0.6 * angles_deg(rotvec_to_quat_wxyz(noise), still)[30:].mean()
    assert np.abs(path[30:]).mean() < 0.006


def test_fast_movement_lags_little():
    times = np.arange(60) / 30
    turn = np.zeros((60, 24, 3))
    turn[:, 3, 1] = np.clip((times - 0.5) * 8.0, 0, 2.5)
    quats, _ = run(turn, np.zeros((60, 3)), times)
    lag_deg = angles_deg(quats, rotvec_to_quat_wxyz(turn))[:, 3]
    assert lag_deg[18:24].max() < 40.0
    assert lag_deg[45] < 2.0


def test_sign_repeats_and_pauses():
    live = LivePoseFilter()
    pose = rotvec_to_quat_wxyz(np.full((24, 3), 0.4))
    live.update(0.0, pose, np.zeros(3))
    flipped, _ = live.update(0.03, -pose, np.zeros(3))
    assert angles_deg(flipped, pose).max() < 1e-4
    again, _ = live.update(0.03, rotvec_to_quat_wxyz(np.zeros((24, 3))), np.ones(3))
    np.testing.assert_array_equal(again, flipped)
    other = rotvec_to_quat_wxyz(np.zeros((24, 3)))
    fresh, transl = live.update(5.0, other, np.ones(3))
    np.testing.assert_array_equal(fresh, other)
    np.testing.assert_array_equal(transl, np.ones(3))

"""Error measures against values worked out by hand, and their invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation import metrics
from rig.rotations import rotvec_to_rotmat

_rotvecs = st.tuples(*[st.floats(-2.5, 2.5)] * 3).map(np.array)
_seeds = st.integers(0, 10_000)


def _cloud(seed: int, frames: int = 4, points: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, (frames, points, 3))


def test_position_errors_of_a_3_4_5_triangle() -> None:
    assert metrics.position_errors(np.array([3.0, 4.0, 0.0]), np.zeros(3)) == pytest.approx(5.0)


def test_aligned_errors_do_not_charge_the_root() -> None:
    truth = np.array([[[0.0, 0, 0], [0, 1, 0]]])
    predicted = truth + np.array([5.0, 0, 0])
    predicted[0, 1, 0] += 0.02
    errors = metrics.aligned_errors(predicted, truth, predicted[:, 0], truth[:, 0])
    np.testing.assert_allclose(errors, [[0.0, 0.02]], atol=1e-12)


def test_missing_truth_is_left_out_of_the_mean() -> None:
    truth = np.zeros((1, 3, 3))
    truth[0, 2] = np.nan
    predicted = np.zeros((1, 3, 3))
    predicted[0, 1, 1] = 0.1
    predicted[0, 2] = 9.0
    assert metrics.mean_present(metrics.position_errors(predicted, truth)) == pytest.approx(0.05)
    assert np.isnan(metrics.mean_present(np.full(3, np.nan)))


@given(_seeds, _rotvecs, st.floats(0.2, 5.0))
@settings(max_examples=40, deadline=None)
def test_procrustes_forgives_any_similarity(seed: int, rotvec: np.ndarray, scale: float) -> None:
    truth = _cloud(seed)
    predicted = scale * truth @ rotvec_to_rotmat(rotvec).T + [1.0, -2.0, 3.0]
    assert np.max(metrics.procrustes_errors(predicted, truth)) < 1e-9


@given(_seeds)
@settings(max_examples=20, deadline=None)
def test_procrustes_is_the_least_squares_optimum(seed: int) -> None:
    truth, predicted = _cloud(seed, 1), _cloud(seed + 1, 1)
    best = (metrics.procrustes_errors(predicted, truth) ** 2).sum()
    rng = np.random.default_rng(seed)
    centred, target = predicted - predicted.mean(1), truth - truth.mean(1)
    for _ in range(20):
        tried = rng.uniform(0, 2) * centred @ rotvec_to_rotmat(rng.normal(0, 2, 3)).T + rng.normal(0, 0.05, 3)
        assert ((tried - target) ** 2).sum() >= best - 1e-9


def test_procrustes_does_not_forgive_a_mirror_image() -> None:
    truth = _cloud(3)
    errors = metrics.procrustes_errors(truth * [-1.0, 1.0, 1.0], truth)
    assert metrics.mean_present(errors) > 0.05


def test_procrustes_ignores_missing_points_and_frames_with_two() -> None:
    truth = _cloud(5)
    truth[0, 4] = np.nan
    truth[1, 2:] = np.nan
    predicted = 2.0 * truth
    predicted[0, 4] = 77.0
    errors = metrics.procrustes_errors(predicted, truth)
    assert np.isnan(errors[0, 4])
    assert np.isnan(errors[1]).all()
    assert np.nanmax(errors) < 1e-9


def test_root_drift_starts_at_the_first_common_frame() -> None:
    truth = np.array([[np.nan] * 3, [0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    predicted = np.array([[9.0, 9, 9], [0, 0, 5], [1.1, 0, 5], [2.2, 0, 5]])
    np.testing.assert_allclose(metrics.root_drift(predicted, truth), [np.nan, 0.0, 0.1, 0.2], atol=1e-12)
    assert metrics.path_length(truth) == pytest.approx(2.0)


@pytest.mark.parametrize("times_s", [np.arange(8) / 30.0, np.array([0, 0.03, 0.07, 0.2, 0.21, 0.3, 0.5, 0.52])])
def test_accelerations_of_a_fall_are_gravity_at_any_times(times_s: np.ndarray) -> None:
    fall = np.zeros((len(times_s), 1, 3))
    fall[:, 0, 1] = -0.5 * 9.81 * times_s**2
    np.testing.assert_allclose(metrics.accelerations(fall, times_s)[:, 0], [[0, -9.81, 0]] * 6, atol=1e-9)
    still = np.zeros_like(fall)
    np.testing.assert_allclose(metrics.acceleration_errors(fall, still, times_s), 9.81, atol=1e-9)


@pytest.mark.parametrize("times_s", [np.arange(9) / 50.0, np.array([0, 0.03, 0.07, 0.2, 0.21, 0.3, 0.5, 0.52, 0.9])])
def test_jitter_of_a_cubic_is_its_third_derivative(times_s: np.ndarray) -> None:
    path = np.zeros((len(times_s), 2, 3))
    path[..., 0] = 5.0 * times_s[:, None] ** 3  # third derivative 30 m/s^3
    assert metrics.jitter(path, times_s) == pytest.approx(3.0)


def test_jitter_is_the_third_difference_times_the_cubed_rate() -> None:
    path, fps = _cloud(1, frames=30), 30.0
    third = path[3:] - 3 * path[2:-1] + 3 * path[1:-2] - path[:-3]
    expected = np.linalg.norm(third, axis=-1).mean() * fps**3 / 10
    assert metrics.jitter(path, np.arange(30) / fps) == pytest.approx(expected)


def test_foot_skate_counts_only_frames_in_which_the_true_foot_stands() -> None:
    truth, predicted = np.zeros((5, 1, 3)), np.zeros((5, 1, 3))
    truth[:, 0, 2] = [0.0, 0.0, 0.005, 0.3, 0.3]  # stands, stands, swings, stands
    predicted[:, 0, 2] = [0.0, 0.003, 0.003, 0.4, 0.406]
    assert metrics.foot_skate(predicted, truth) == pytest.approx((0.003 + 0.0 + 0.006) / 3)
    assert np.isnan(metrics.foot_skate(predicted, truth + np.arange(5)[:, None, None]))


def test_bone_length_measures() -> None:
    points = np.zeros((2, 3, 3))
    points[:, 1, 0] = [1.0, 1.2]
    points[:, 2, 0] = [2.0, 2.2]
    lengths = metrics.bone_lengths(points, np.array([[0, 1], [1, 2]]))
    np.testing.assert_allclose(lengths, [[1.0, 1.0], [1.2, 1.0]])
    assert metrics.bone_length_variation(lengths) == pytest.approx(0.05)  # 0.1 and 0
    assert metrics.bone_length_error(lengths, np.ones((2, 2))) == pytest.approx(0.05)  # 1.1 and 1.0 against 1


@given(_rotvecs, st.floats(0.0, 179.0))
@settings(max_examples=40, deadline=None)
def test_rotation_error_is_the_angle_between(rotvec: np.ndarray, angle_deg: float) -> None:
    base = rotvec_to_rotmat(rotvec)
    turned = base @ rotvec_to_rotmat(np.radians([0.0, angle_deg, 0.0]))
    assert metrics.rotation_errors_deg(turned, base) == pytest.approx(angle_deg, abs=1e-5)


def test_rotation_error_of_missing_truth_is_missing() -> None:
    truth = np.stack([np.eye(3), np.full((3, 3), np.nan)])
    errors = metrics.rotation_errors_deg(np.stack([np.eye(3)] * 2), truth)
    np.testing.assert_array_equal(errors, [0.0, np.nan])


@given(st.floats(-170, 170), st.floats(0, 80))
@settings(max_examples=40, deadline=None)
def test_twist_and_swing_errors_are_told_apart(twist_deg: float, swing_deg: float) -> None:
    axis = np.array([0.0, -1.0, 0.0])
    swing = rotvec_to_rotmat(np.radians([swing_deg, 0.0, 0.0]))
    twist = rotvec_to_rotmat(np.radians(twist_deg) * axis)
    swing_error, twist_error = metrics.swing_twist_errors_deg(swing @ twist, swing, axis)
    assert swing_error == pytest.approx(0.0, abs=1e-5)
    assert twist_error == pytest.approx(abs(twist_deg), abs=1e-5)
    swing_error, twist_error = metrics.swing_twist_errors_deg(swing @ twist, twist, axis)
    assert swing_error == pytest.approx(swing_deg, abs=1e-5)
    assert twist_error == pytest.approx(0.0, abs=1e-5)


def test_twist_error_takes_the_short_way_round() -> None:
    axis = np.array([1.0, 0.0, 0.0])
    a, b = (rotvec_to_rotmat(np.radians([angle, 0.0, 0.0])) for angle in (175.0, -175.0))
    assert metrics.swing_twist_errors_deg(a, b, axis)[1] == pytest.approx(10.0)

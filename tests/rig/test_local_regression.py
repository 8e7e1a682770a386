"""Local polynomial smoothing against a slow and obvious version."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.errors import RigError
from rig.local_regression import smooth_rotations, smooth_series
from rig.rotations import quat_multiply, rotvec_to_quat_wxyz


def slow_series(times_s, values, bandwidth_s, weights, order):
    """One weighted least squares fit per sample, ridge included."""
    result = np.empty_like(values)
    for k, now in enumerate(times_s):
        lag = (times_s - now) / bandwidth_s
        kernel = weights * np.exp(-0.5 * lag**2) * (np.abs(lag) <= 3.0 + 1e-6)
        powers = lag[:, None] ** np.arange(order + 1)
        ridge = 0.02 * kernel.sum() * np.diag([0.0] + [1.0] * order)
        matrix = powers.T @ (kernel[:, None] * powers) + ridge
        result[k] = values[k] + np.linalg.solve(matrix, powers.T @ (kernel[:, None] * (values - values[k])))[0]
    return result


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0, 1, 2]))
def test_equals_the_slow_version_at_uneven_times(seed, order):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.01, 0.08, 50))
    values, weights = rng.normal(size=(50, 3)), rng.uniform(0.1, 1.0, 50)
    expected = slow_series(times, values, 0.1, weights, order)
    np.testing.assert_allclose(smooth_series(times, values, 0.1, weights, order), expected, atol=1e-9)


@given(st.floats(-1e3, 1e3), st.sampled_from([0, 1, 2]))
def test_constants_pass_exactly(value, order):
    values = np.full((40, 2), value)
    np.testing.assert_array_equal(smooth_series(np.arange(40) / 25, values, 0.2, order=order), values)


def test_lines_pass_inside_and_parabolas_at_order_two():
    times = np.arange(100) / 30
    line, parabola = times[:, None] * 2.0, (times[:, None] - 1.5) ** 2
    inside = slice(12, -12)
    np.testing.assert_allclose(smooth_series(times, line, 0.1)[inside], line[inside], atol=1e-9)
    flattened = np.abs(smooth_series(times, parabola, 0.1, order=1) - parabola)[inside].max()
    kept = np.abs(smooth_series(times, parabola, 0.1, order=2) - parabola)[inside].max()
    assert kept < 0.05 * flattened


def test_rotations_about_one_axis_are_smoothed_like_numbers():
    rng = np.random.default_rng(0)
    times = np.arange(60) / 30
    angle = np.sin(times) + 0.1 * rng.normal(size=60)
    quats = rotvec_to_quat_wxyz(np.stack([0 * angle, angle, 0 * angle], -1))[:, None]
    expected = smooth_series(times, angle[:, None], 0.1, order=2)[:, 0]
    result = smooth_rotations(times, quats * rng.choice([-1, 1], (60, 1, 1)), 0.1, order=2)[:, 0]
    away = quat_multiply(result * [1, -1, -1, -1], rotvec_to_quat_wxyz(np.stack([0 * angle, expected, 0 * angle], -1)))
    np.testing.assert_allclose(np.abs(away[:, 0]), 1.0, atol=1e-9)


def test_edge_cases_and_errors():
    one = np.ones((1, 2))
    np.testing.assert_array_equal(smooth_series(np.zeros(1), one, 0.1), one)
    values = np.random.default_rng(0).normal(size=(10, 2))
    np.testing.assert_array_equal(smooth_series(np.arange(10.0), values, 0.0), values)
    np.testing.assert_array_equal(smooth_series(np.arange(10.0), values, 0.1, np.zeros(10)), values)
    with pytest.raises(RigError, match="order is 3"):
        smooth_series(np.arange(10.0), values, 0.1, order=3)
    with pytest.raises(RigError, match="times_s has shape"):
        smooth_series(np.arange(9.0), values, 0.1)
    with pytest.raises(RigError, match="weights has shape"):
        smooth_series(np.arange(10.0), values, 0.1, np.ones(3))

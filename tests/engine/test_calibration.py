"""What a confidence means, and whether it is true."""

from __future__ import annotations

import numpy as np
import pytest

from engine.confidence import HALF_CONFIDENCE_M, confidence_of, expected_error_m
from engine.training.landmarks.evaluate import calibration


def test_confidence_and_expected_error_are_inverses() -> None:
    error_m = np.array([0.0, 0.01, 0.15, 1.0])
    np.testing.assert_allclose(expected_error_m(confidence_of(error_m)), error_m, atol=1e-12)
    assert confidence_of(np.array(HALF_CONFIDENCE_M)) == pytest.approx(0.5)
    assert expected_error_m(np.array(0.0)) == np.inf


def test_calibration_tells_where_errors_are_larger_than_expected() -> None:
    rng = np.random.default_rng(0)
    expected = rng.uniform(0.01, 0.2, 20000)
    real = expected * rng.gamma(4.0, 0.25, len(expected))
    real[expected > 0.15] *= 1.5
    real[::7] = np.nan
    expected[::11] = np.inf
    table = calibration(expected, real)
    assert table.shape == (10, 2)
    assert (np.diff(table[:, 0]) > 0).all()
    ratio = table[:, 1] / table[:, 0]
    np.testing.assert_allclose(ratio[:7], 1.0, atol=0.06)
    np.testing.assert_allclose(ratio[8:], 1.5, atol=0.08)
    assert np.isnan(calibration(np.array([0.1]), np.array([0.2]))[1:]).all()

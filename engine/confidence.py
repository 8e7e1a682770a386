"""What a confidence means: how far a joint is expected to be from the truth."""

from __future__ import annotations

import numpy as np

HALF_CONFIDENCE_M = 0.15
"""Expected distance from the truth of a joint whose confidence is 0.5, m."""


def confidence_of(error_m: np.ndarray) -> np.ndarray:
    """Confidence 0..1 of joints that are expected to be this far from the truth, m: 1 / (1 + (error / half)^2)."""
    return np.asarray(1.0 / (1.0 + (np.asarray(error_m) / HALF_CONFIDENCE_M) ** 2))


def expected_error_m(confidence: np.ndarray) -> np.ndarray:
    """The inverse of `confidence_of`; infinite where the confidence is 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(HALF_CONFIDENCE_M * np.sqrt(1.0 / np.asarray(confidence, np.float64) - 1.0))

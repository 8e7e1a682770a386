"""How long the detector's errors last: measured, and as parts that fade at different speeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .error_observation import Observation
from .error_processes import LASTS_S

LAGS_S = (0.0, 1 / 30, 1 / 15, 2 / 15, 4 / 15, 0.5, 1.0, 2.0)
"""Lags at which memory is measured, s."""

_LARGEST = 0.3  # sizes; larger errors count as this, so that a few do not decide


def memory(observations: Sequence[Observation], lags_s: Sequence[float] = LAGS_S) -> np.ndarray:
    """Autocorrelation of the errors of all landmarks over lags, s."""
    result = []
    for lag in lags_s:
        first, second = [np.zeros(0)], [np.zeros(0)]
        for o in observations:
            step = round(lag / float(np.diff(o.times).mean())) if len(o.times) > 1 else 0
            if step < len(o.times) and (step > 0 or lag == 0):
                both = o.good[: len(o.times) - step] & o.good[step:]
                first.append(np.clip(o.error[: len(o.times) - step][both], -_LARGEST, _LARGEST).ravel())
                second.append(np.clip(o.error[step:][both], -_LARGEST, _LARGEST).ravel())
        a, b = np.concatenate(first), np.concatenate(second)
        result.append(float(np.corrcoef(a, b)[0, 1]) if len(a) else 0.0)
    return np.array(result)


def fit_mixing(
    times: Sequence[np.ndarray], series: Sequence[np.ndarray], unit: bool, stretch: np.ndarray | None = None
) -> np.ndarray:
    """(4, K, K) factors of the covariances of the parts that last LASTS_S, from autocovariances of (T, K) series.

    Least squares over the lags for every entry, then the nearest positive matrices, whose variances are set to those of
    non-negative least squares; `unit` scales them to a sum of 1. stretch (LAGS_S, K) multiplies the autocovariances.
    """
    from scipy.optimize import nnls

    width = series[0].shape[1]
    sums, counts = np.zeros((len(LAGS_S), width, width)), np.zeros(len(LAGS_S))
    for at, values in zip(times, series, strict=True):
        for number, lag in enumerate(LAGS_S):
            later = np.searchsorted(at, at + lag - 1e-3)
            valid = later < len(at)
            valid[valid] &= np.abs(at[later[valid]] - at[valid] - lag) < 0.01
            sums[number] += values[valid].T @ values[later[valid]]
            counts[number] += valid.sum()
    lags = np.array(LAGS_S)[counts > 0]
    covariance = sums[counts > 0] / counts[counts > 0, None, None]
    covariance = 0.5 * (covariance + covariance.swapaxes(1, 2))
    if stretch is not None:
        root = np.sqrt(stretch[counts > 0])
        covariance = covariance * root[:, :, None] * root[:, None, :]
    decay = np.exp(-lags[:, None] / np.array(LASTS_S))
    variances = np.stack([nnls(decay, column)[0] for column in np.diagonal(covariance, axis1=1, axis2=2).T], axis=1)
    if unit:
        variances /= np.maximum(variances.sum(axis=0), 1e-12)
    parts = np.einsum("jl,lab->jab", np.linalg.pinv(decay), covariance)
    values, vectors = np.linalg.eigh(parts)
    factors = vectors * np.sqrt(np.maximum(values, 0.0))[:, None]
    found = np.einsum("jab,jab->ja", factors, factors)
    return factors * np.sqrt(variances / np.maximum(found, 1e-12))[..., None]

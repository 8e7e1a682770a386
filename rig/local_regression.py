"""Zero-phase smoothing by local polynomial regression over real, possibly uneven, timestamps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .errors import RigError
from .rotations import quat_multiply, quat_wxyz_to_rotvec, rotvec_to_quat_wxyz

_REACH = 3.0 + 1e-6  # the Gaussian kernel is cut at this many bandwidths, a sample exactly there included
_RIDGE = 0.02  # shrinks slope and curvature where too few samples carry them (ends, gaps)
_CHUNK_VALUES = 1 << 17  # values a temporary array may hold; keeps memory flat over long clips


def smooth_series(
    times_s: np.ndarray, values: np.ndarray, bandwidth_s: float, weights: np.ndarray | None = None, order: int = 1
) -> np.ndarray:
    """(T, C) values, each replaced by a local polynomial fitted with a Gaussian kernel around its own time.

    bandwidth_s is the kernel's standard deviation, s; 0 or less returns the values unchanged. weights (T,) >= 0;
    order 0, 1 or 2. Constants (and for order 1 straight lines) pass unchanged up to the regularisation, and
    reversing time reverses the result. Source: Fan & Gijbels, Local Polynomial Modelling, 1996, eq. 3.8.
    """
    values = np.asarray(values, dtype=np.float64)
    times_s, weights = _checked(times_s, values, weights, (len(values),), order)
    if bandwidth_s <= 0 or len(values) < 2:
        return values.copy()
    result = np.empty_like(values)
    width = max(1, int(np.prod(values.shape[1:])))
    for rows, steps in _windows(times_s, bandwidth_s, width):
        fit = _LocalFit((rows.stop - rows.start,), values.shape[1:], bandwidth_s, order)
        centre = values[rows]
        for neighbours, lag_s, kernel in steps:
            # Relative to the centre value: keeps constants exact to the last bit.
            fit.add(lag_s, kernel * weights[neighbours], values[neighbours] - centre)
        result[rows] = centre + fit.value()
    return result


def smooth_rotations(
    times_s: np.ndarray,
    quats_wxyz: np.ndarray,
    bandwidth_s: float,
    weights: np.ndarray | None = None,
    order: int = 1,
) -> np.ndarray:
    """(T, J, 4) unit quaternions smoothed on SO(3): `smooth_series` in the tangent space at each sample.

    weights (T, J) >= 0. The sign of each quaternion does not matter; the result has w >= 0 only by accident.
    """
    quats = np.asarray(quats_wxyz, dtype=np.float64)
    times_s, weights = _checked(times_s, quats, weights, quats.shape[:2], order)
    if bandwidth_s <= 0 or len(quats) < 2:
        return quats.copy()
    result = np.empty_like(quats)
    conjugate = np.array([1.0, -1.0, -1.0, -1.0])
    for rows, steps in _windows(times_s, bandwidth_s, quats.shape[1] * 4):
        centre = quats[rows]
        inverse = centre * conjugate
        fit = _LocalFit(centre.shape[:2], (3,), bandwidth_s, order)
        for neighbours, lag_s, kernel in steps:
            steps_rotvec = quat_wxyz_to_rotvec(quat_multiply(inverse, quats[neighbours]))
            fit.add(lag_s[:, None], kernel[:, None] * weights[neighbours], steps_rotvec)
        result[rows] = quat_multiply(centre, rotvec_to_quat_wxyz(fit.value()))
    return result


class _LocalFit:
    """Running sums of a weighted polynomial fit about lag 0 for many series at once."""

    def __init__(self, series: tuple[int, ...], channels: tuple[int, ...], bandwidth_s: float, order: int) -> None:
        self._order = order
        self._bandwidth_s = bandwidth_s
        self._power_sums = np.zeros((2 * order + 1, *series))
        self._value_sums = np.zeros((order + 1, *series, *channels))
        self._extra = (None,) * len(channels)

    def add(self, lag_s: np.ndarray, weight: np.ndarray, value: np.ndarray) -> None:
        lag = lag_s / self._bandwidth_s
        term = weight
        for power in range(2 * self._order + 1):
            self._power_sums[power] += term
            if power <= self._order:
                self._value_sums[power] += term[(..., *self._extra)] * value
            term = term * lag

    def value(self) -> np.ndarray:
        """The fitted polynomial at lag 0."""
        s, m = self._power_sums, self._value_sums
        wide = (..., *self._extra)
        total = np.where(s[0] > 0, s[0], 1.0)
        if self._order == 0:
            return m[0] / total[wide]
        ridge = _RIDGE * total
        if self._order == 1:
            s2 = s[2] + ridge
            det = total * s2 - s[1] ** 2
            return (s2[wide] * m[0] - s[1][wide] * m[1]) / det[wide]
        s2, s4 = s[2] + ridge, s[4] + ridge
        c0 = s2 * s4 - s[3] ** 2
        c1 = s[2] * s[3] - s[1] * s4
        c2 = s[1] * s[3] - s2 * s[2]
        det = total * c0 + s[1] * c1 + s[2] * c2
        return (c0[wide] * m[0] + c1[wide] * m[1] + c2[wide] * m[2]) / det[wide]


def _windows(
    times_s: np.ndarray, bandwidth_s: float, width: int
) -> Iterator[tuple[slice, Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]]]:
    """Chunks of rows with, for each offset in the window, (neighbour indices, lag in s, kernel) of those rows."""
    count = len(times_s)
    reach_s = _REACH * bandwidth_s
    first = np.searchsorted(times_s, times_s - reach_s, side="left") - np.arange(count)
    last = np.searchsorted(times_s, times_s + reach_s, side="right") - 1 - np.arange(count)
    size = max(64, _CHUNK_VALUES // width)

    def steps(rows: slice) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        index = np.arange(rows.start, rows.stop)
        for offset in range(int(first[rows].min()), int(last[rows].max()) + 1):
            inside = (offset >= first[rows]) & (offset <= last[rows])
            neighbours = np.clip(index + offset, 0, count - 1)
            lag_s = times_s[neighbours] - times_s[rows]
            yield neighbours, lag_s, np.where(inside, np.exp(-0.5 * (lag_s / bandwidth_s) ** 2), 0.0)

    for start in range(0, count, size):
        rows = slice(start, min(start + size, count))
        yield rows, steps(rows)


def _checked(
    times_s: np.ndarray, values: np.ndarray, weights: np.ndarray | None, shape: tuple[int, ...], order: int
) -> tuple[np.ndarray, np.ndarray]:
    times_s = np.asarray(times_s, dtype=np.float64)
    if times_s.shape != (len(values),):
        raise RigError(f"times_s has shape {times_s.shape}, expected ({len(values)},), one time a row of values")
    if order not in (0, 1, 2):
        raise RigError(f"order is {order}, expected 0, 1 or 2")
    weights = np.ones(shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape != shape:
        raise RigError(f"weights has shape {weights.shape}, expected {shape}")
    return times_s, weights

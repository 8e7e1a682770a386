"""Frame rates found from presentation times, and the repair of times that do not increase."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from rig.timing import parse_rate

STANDARD_RATES = tuple(parse_rate(rate) for rate in (
    10, 12, 12.5, 15, 20, 23.976, 24, 25, 29.97, 30, 47.952, 48, 50, 59.94, 60, 90, 100, 119.88, 120, 239.76, 240
))  # fmt: skip
"""Rates that cameras and editors use, frames a second."""

_SNAP = 0.004
_STALLED_FRAMES = 12


@dataclass(frozen=True)
class RateReport:
    """What presentation times say: the nominal rate, the extremes of single intervals, and whether they vary.

    fps                  the rate of the usual interval between frames, snapped to a standard rate where it fits
    lowest_fps           rate of the longest interval
    highest_fps          rate of the shortest interval
    is_variable          some interval differs from the usual one by more than 5 % and more than timestamp rounding
    """

    fps: Fraction
    lowest_fps: float
    highest_fps: float
    is_variable: bool


def report_rate(times_s: np.ndarray, tick_s: float, declared: Fraction | None = None) -> RateReport:
    """Nominal and extreme rates of presentation times.

    times_s   (N,) increasing, s
    tick_s    resolution of the file's timestamps, s; 0 for exact times
    declared  the rate that the file's header states, used where there are no two frames to measure
    """
    intervals = np.diff(np.unique(times_s))
    intervals = intervals[intervals > 0]
    if not len(intervals):
        fps = _snap(declared, 0.0) if declared else Fraction(30)
        return RateReport(fps, float(fps), float(fps), False)
    usual = float(np.median(intervals))
    differs = np.abs(intervals - usual)
    is_variable = bool((differs > max(2.01 * tick_s, 0.05 * usual)).any())
    if is_variable:
        close = intervals[differs <= max(2.01 * tick_s, 0.05 * usual)]
        period, uncertainty = float(close.mean()), tick_s / len(close)
    else:
        period, uncertainty = float(intervals.mean()), tick_s / len(intervals)
    if declared and abs(1 / float(declared) - period) <= uncertainty + 1e-9:
        fps = _snap(declared, 0.0)
    else:
        fps = _snap(1 / period, uncertainty / period)
    return RateReport(fps, float(1 / intervals.max()), float(1 / intervals.min()), is_variable)


def _snap(rate: float | Fraction, uncertainty: float) -> Fraction:
    """The standard rate nearest to `rate` where they agree within the relative `uncertainty` or 0.4 %."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(float(standard) - float(rate)))
    error = abs(float(nearest) / float(rate) - 1)
    exact = Fraction(rate).limit_denominator(1001) if isinstance(rate, float) else rate
    # A whole number that a header declares, such as 1000/33 or 18, is kept unless it only misses a standard rate.
    return nearest if error <= max(uncertainty, _SNAP) else exact


@dataclass
class TimeRepair:
    """Makes a stream's times strictly increasing without looking at more than a few frames ahead.

    Frames without a time, or with one that repeats or goes back, are spread evenly between their good neighbours;
    where times stay behind for long the clock was reset and runs on from the last good frame.
    `repaired` counts the frames whose time was changed.
    """

    nominal_s: float
    repaired: int = 0

    def run(self, items: Iterable[tuple[float | None, Any]]) -> Iterator[tuple[float, Any]]:
        """Pass (time_s or None, anything) on with strictly increasing times, s."""
        last: float | None = None
        offset = 0.0
        stalled: list[tuple[float | None, Any]] = []
        for time_s, item in items:
            time_s = None if time_s is None else time_s + offset
            if time_s is not None and (last is None or time_s > last):
                start = time_s - (len(stalled) + 1) * self.nominal_s if last is None else last
                yield from self._spread(stalled, start, (time_s - start) / (len(stalled) + 1))
                stalled = []
                last = time_s
                yield time_s, item
                continue
            stalled.append((time_s, item))
            if len(stalled) >= _STALLED_FRAMES:
                last = 0.0 - self.nominal_s if last is None else last
                yield from self._spread(stalled, last, self.nominal_s)
                last += self.nominal_s * len(stalled)
                if time_s is not None:
                    offset += last - time_s
                stalled = []
        yield from self._spread(stalled, -self.nominal_s if last is None else last, self.nominal_s)

    def _spread(
        self, stalled: list[tuple[float | None, Any]], start: float, step: float
    ) -> Iterator[tuple[float, Any]]:
        self.repaired += len(stalled)
        for place, (_, item) in enumerate(stalled, start=1):
            yield start + place * step, item

"""Exact frame rates, and frame times computed from them; the only module that knows Blender's fps / fps_base."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .errors import RigError

_NTSC = {round(1000 * n / 1001, 2): Fraction(1000 * n, 1001) for n in (24, 30, 48, 60, 120, 240)}


def parse_rate(rate: str | int | float | Fraction) -> Fraction:
    """A frame rate from 30, "25", "30000/1001", 29.97 or 23.976, frames a second, as an exact fraction.

    Decimal values within 0.006 of an NTSC rate (24/30/60/... x 1000/1001) become that rate exactly.
    Raises RigError for anything that is not a positive rate up to 1000.
    """
    try:
        value = Fraction(rate) if not isinstance(rate, float) else Fraction(repr(rate))
    except (ValueError, ZeroDivisionError, TypeError) as error:
        raise RigError(f"frame rate is {rate!r}, expected a number such as 30, 29.97 or 30000/1001") from error
    if not 0 < value <= 1000:
        raise RigError(f"frame rate is {rate!r}, expected a rate above 0 and at most 1000 frames a second")
    if value.denominator != 1 and value.denominator != 1001:
        for nominal, exact in _NTSC.items():
            if abs(float(value) - nominal) < 0.006:
                return exact
    return value


def blender_rate(fps: Fraction) -> tuple[int, float]:
    """Blender's (render.fps, render.fps_base) for an exact rate: 30000/1001 is (30, 1.001)."""
    whole = max(1, round(fps))
    return whole, float(Fraction(whole) / fps)


def rate_from_blender(fps: int, fps_base: float) -> Fraction:
    """The exact rate of a Blender scene, the inverse of `blender_rate`."""
    # Blender keeps fps_base in single precision: 1.001 comes back as 1.0010000467.
    return Fraction(fps) / Fraction(float(fps_base)).limit_denominator(1000)


def frame_count(duration_s: float, fps: Fraction) -> int:
    """Number of frames that cover `duration_s` seconds at `fps`, at least 1."""
    return max(1, round(Fraction(duration_s).limit_denominator(10**6) * fps))


def frame_times(count: int, fps: Fraction, start_s: float = 0.0) -> np.ndarray:
    """(count,) times of evenly spaced frames, s, each rounded once."""
    return start_s + np.arange(count, dtype=np.float64) * fps.denominator / fps.numerator

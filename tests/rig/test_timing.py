"""Exact frame rates."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import RigError
from rig.timing import blender_rate, frame_count, frame_times, parse_rate, rate_from_blender

STANDARD = [Fraction(n) for n in (12, 24, 25, 30, 48, 50, 60, 120)] + [
    Fraction(1000 * n, 1001) for n in (24, 30, 60, 120)
]


@pytest.mark.parametrize(
    ("given_rate", "expected"),
    [
        (30, Fraction(30)),
        ("25", Fraction(25)),
        ("30000/1001", Fraction(30000, 1001)),
        (29.97, Fraction(30000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (12.5, Fraction(25, 2)),
        (Fraction(24000, 1001), Fraction(24000, 1001)),
    ],
)
def test_rates_are_read_exactly(given_rate, expected):
    assert parse_rate(given_rate) == expected


@pytest.mark.parametrize("wrong", [0, -30, "fast", "30/0", None, float("nan"), float("inf"), 1001, ""])
def test_wrong_rates_are_refused(wrong):
    with pytest.raises(RigError, match="frame rate is"):
        parse_rate(wrong)


@pytest.mark.parametrize("rate", STANDARD)
def test_blender_keeps_the_exact_rate(rate):
    fps, base = blender_rate(rate)
    assert isinstance(fps, int)
    assert rate_from_blender(fps, float(np.float32(base))) == rate
    assert fps / base == pytest.approx(float(rate), rel=1e-12)


def test_blender_writes_ntsc_as_animators_know_it():
    assert blender_rate(Fraction(30000, 1001)) == (30, pytest.approx(1.001, abs=1e-12))


@given(st.integers(1, 100_000), st.sampled_from(STANDARD))
def test_count_and_times_do_not_drift(count, rate):
    times = frame_times(count, rate, 1.5)
    assert frame_count(float(count / rate), rate) == count
    assert times[0] == 1.5
    exact = Fraction(3, 2) + Fraction(count - 1) / rate
    assert abs(Fraction(times[-1]) - exact) < Fraction(1, 10**9)


def test_there_is_always_a_frame():
    assert frame_count(0.0, Fraction(30)) == 1

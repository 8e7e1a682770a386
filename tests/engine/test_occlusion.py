"""What covers a joint in the occlusion protocol has the size and the place that it should have."""

from __future__ import annotations

import numpy as np
import pytest

from engine.training.landmarks.occlusion import Pattern, cover, crop_side

WHITE = np.full((448, 672, 3), 255, np.uint8)
JOINT = np.array([340.0, 210.0])


def _covered(pattern: Pattern, degree: int, side_px: float = 224.0, angle_rad: float = 0.4) -> np.ndarray:
    return (cover(WHITE, JOINT, side_px, pattern, degree, angle_rad) == 0).all(-1)


@pytest.mark.parametrize("degree", [1, 3, 5])
@pytest.mark.parametrize("scale", [1.0, 1.7])
def test_areas_are_those_of_the_protocol(degree: int, scale: float) -> None:
    circle = _covered(Pattern.CIRCLE, degree, 224.0 * scale)
    assert circle.sum() == pytest.approx(np.pi * (10 * degree * scale) ** 2, rel=0.12)
    rectangle = _covered(Pattern.RECTANGLE, degree, 224.0 * scale, angle_rad=0.0)
    assert rectangle.sum() == pytest.approx(3000 * degree * scale**2, rel=0.06)
    bar = _covered(Pattern.BAR, degree, 224.0 * scale, angle_rad=0.0)
    assert bar.any(axis=1).sum() == pytest.approx(10 * degree * scale, abs=2)
    assert bar.any(axis=0).all()


@pytest.mark.parametrize("pattern", Pattern)
def test_the_middle_is_the_joint_and_larger_degrees_cover_the_smaller(pattern: Pattern) -> None:
    smaller, larger = _covered(pattern, 2), _covered(pattern, 3)
    assert smaller[210, 340]
    assert (larger | ~smaller).all()
    assert larger.sum() > smaller.sum()
    if pattern is not Pattern.BAR:
        np.testing.assert_allclose(np.argwhere(smaller).mean(axis=0)[::-1], JOINT, atol=1.0)
    assert (WHITE == 255).all()


def test_a_crop_is_a_quarter_larger_than_the_person() -> None:
    assert crop_side(np.array([[10.0, 20.0], [50.0, 180.0], [40.0, 60.0]])) == pytest.approx(200.0)

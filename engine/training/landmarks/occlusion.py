"""Covers a joint of a person in a picture with a bar, a circle or a rectangle of one of five sizes.

The protocol of HKMR (Georgakis et al., ECCV 2020, section 4, after Sarandi et al. 2018): a bar 10 to 50 pixels wide, a
circle of 10 to 50 pixels' radius or a rectangle of 3000 to 15000 square pixels lies on one joint, in a crop of 224
pixels round the person.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

DEGREES = (1, 2, 3, 4, 5)
"""Degrees of occlusion."""

UNCOVERED = "none"
"""Folder of the sequences in which nothing is covered."""

_CROP_PX, _MARGIN = 224.0, 1.25
_BAR_PX, _RADIUS_PX, _AREA_PX = 10.0, 10.0, 3000.0
_FLATTEST = 2.0


class Pattern(Enum):
    """What lies on the joint."""

    BAR = "bar"
    CIRCLE = "circle"
    RECTANGLE = "rectangle"


def folder_name(pattern: Pattern, degree: int) -> str:
    """Name of the folder of the sequences that are covered so."""
    return f"{pattern.value}_{degree}"


def crop_side(landmarks_px: np.ndarray) -> float:
    """Side, px, of the square crop round landmarks (N, 2) px."""
    return float(_MARGIN * np.ptp(landmarks_px, axis=0).max())


def cover(
    picture_rgb: np.ndarray, joint_px: np.ndarray, side_px: float, pattern: Pattern, degree: int, angle_rad: float
) -> np.ndarray:
    """A copy of a picture (H, W, 3) uint8 with a black pattern on the joint (2,) px of a person with this crop's side.

    angle_rad turns bars and rectangles, and says how flat the latter are.
    """
    import cv2

    unit = side_px / _CROP_PX
    covered = picture_rgb.copy()
    if pattern is Pattern.CIRCLE:
        radius = max(1, round(_RADIUS_PX * degree * unit))
        cv2.circle(covered, tuple(np.round(joint_px).astype(int).tolist()), radius, (0, 0, 0), -1)
        return covered
    if pattern is Pattern.BAR:
        half = 0.5 * np.array([4.0 * max(picture_rgb.shape[:2]), _BAR_PX * degree * unit])
    else:
        flatness = _FLATTEST ** np.cos(3.0 * angle_rad)
        half = 0.5 * np.sqrt(_AREA_PX * degree) * unit * np.array([np.sqrt(flatness), np.sqrt(1.0 / flatness)])
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half @ np.array([[cosine, sine], [-sine, cosine]])
    cv2.fillConvexPoly(covered, np.round(joint_px + corners).astype(np.int32), (0, 0, 0))
    return covered

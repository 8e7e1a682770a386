"""Hinge joints of the human body, each with its direction of bending."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hinge:
    """A joint that bends about one axis.

    axis          (3,) unit, rest frame (y up, facing +z, left is +x): positive angles flex
    min_flexion   rad; just above zero, so that a straight limb still knows which way to bend
    max_flexion   rad
    """

    axis: np.ndarray
    min_flexion: float
    max_flexion: float


HINGES = {
    "left_knee": Hinge(np.array([1.0, 0.0, 0.0]), 0.02, 2.70),
    "right_knee": Hinge(np.array([1.0, 0.0, 0.0]), 0.02, 2.70),
    "left_elbow": Hinge(np.array([0.0, -1.0, 0.0]), 0.02, 2.70),
    "right_elbow": Hinge(np.array([0.0, 1.0, 0.0]), 0.02, 2.70),
}
"""Hinges by joint name; a heel reaches the buttock, a hand the shoulder, at about 155 degrees."""

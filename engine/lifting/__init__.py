"""From a detector's landmarks to SMPL joints and twists: the Protocol of lifters, their names, the geometric one."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from ..camera import Camera
from ..poses import LandmarkSequence, PoseSequence
from .geometric import GeometricLifter, LiftingConfig

__all__ = ["GeometricLifter", "Lifter", "Lifting", "LiftingConfig"]


class Lifting(Enum):
    """Which lifter turns landmarks into poses."""

    LEARNED = "learned"
    """The landmark transformer."""

    GEOMETRIC = "geometric"
    """Bearings, bone lengths and bend planes alone."""


class Lifter(Protocol):
    """Anything that turns one person's landmarks into SMPL joints and twists; learned lifters fill it too."""

    def lift(self, landmarks: LandmarkSequence, camera: Camera) -> PoseSequence:
        """Joints, twists and scores of one person, frame by frame; missing stays missing (NaN, score 0)."""
        ...

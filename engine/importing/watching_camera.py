"""A made-up camera for motion that comes without one: level, facing the people, with all of their way in view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.motion import Motion

from ..camera import Camera

IMAGE_SIZE = (1920, 1080)
_REACH_M = 1.3
"""How far a body reaches from its pelvis."""


def watching_camera(motions: Sequence[Motion], fov_deg: float) -> Camera:
    """A still camera that looks along -z, at the middle of the pelvises' paths, from where nobody leaves its view."""
    pelvis = np.concatenate([motion.transl + motion.skeleton.rest_joints[0] for motion in motions])
    low, high = pelvis.min(axis=0) - _REACH_M, pelvis.max(axis=0) + _REACH_M
    camera = Camera.from_fov(IMAGE_SIZE, fov_deg)
    slope = np.array(IMAGE_SIZE) / (2 * camera.intrinsics[0, 0])
    away = float(np.max((high - low)[:2] / 2 / slope))
    eye = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, high[2] + away])
    return camera.moved(rigid_transform(WORLD_TO_CAMERA_UPRIGHT, -WORLD_TO_CAMERA_UPRIGHT @ eye))

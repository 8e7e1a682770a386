"""Splitting a motion's travel between a clean root bone on the floor and the pelvis above it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from .frames import rotate
from .local_regression import smooth_series
from .motion import Motion
from .rotations import rotmat_to_quat_wxyz, rotvec_to_rotmat
from .skeleton import Skeleton


class RootMode(Enum):
    """What the root bone carries."""

    OFF = "off"
    """Nothing: the character stays in place; its horizontal travel is dropped."""
    PLANAR = "planar"
    """The smoothed path over the floor."""
    PLANAR_YAW = "planar+yaw"
    """The smoothed path over the floor and the smoothed heading."""
    FULL = "full"
    """The pelvis' own path, heights relative to standing included, and the smoothed heading."""


@dataclass(frozen=True)
class RootMotionConfig:
    """path_smoothing_s and yaw_smoothing_s: standard deviation of the Gaussian window of path and heading, s.

    The defaults remove the sway of a walk (about one step, 0.5 s) and keep turns of a second or more.
    """

    path_smoothing_s: float = 0.3
    yaw_smoothing_s: float = 0.3


@dataclass(frozen=True)
class RootMotion:
    """A motion's root bone in the world and its pelvis relative to the root, T frames.

    root_positions   (T, 3) m, world; the root bone rests at the origin, so this is its translation
    root_rotmats     (T, 3, 3) turns about +y only
    pelvis_positions (T, 3) m, relative to the root: world pelvis = root_positions + root_rotmats pelvis_positions
    pelvis_rotmats   (T, 3, 3) relative to the root: world pelvis = root_rotmats pelvis_rotmats
    With RootMode.OFF the composition gives the pelvis in place, without its travel.
    """

    root_positions: np.ndarray
    root_rotmats: np.ndarray
    pelvis_positions: np.ndarray
    pelvis_rotmats: np.ndarray


_DEFAULT = RootMotionConfig()


def split_root_motion(motion: Motion, mode: RootMode, config: RootMotionConfig = _DEFAULT) -> RootMotion:
    """Split the pelvis' world transform into a root on the floor (y = 0) and the pelvis relative to it.

    Height, pitch, roll and the sway about the smoothed path stay in the pelvis; see RootMode for the root's part.
    Except for RootMode.OFF, root and pelvis compose to the motion's own pelvis exactly.
    """
    frames = len(motion)
    pelvis = motion.transl + motion.skeleton.rest_joints[0]
    orient = rotvec_to_rotmat(motion.global_orient)
    path = np.zeros((frames, 3))
    path[:, [0, 2]] = smooth_series(motion.times_s, pelvis[:, [0, 2]], config.path_smoothing_s)
    still = np.broadcast_to(np.eye(3), (frames, 3, 3)).copy()
    if mode is RootMode.OFF:
        return RootMotion(np.zeros((frames, 3)), still, pelvis - path, orient)
    if mode is RootMode.PLANAR:
        return RootMotion(path, still, pelvis - path, orient)
    if mode is RootMode.FULL:
        path = pelvis - np.array([0.0, standing_pelvis_height_m(motion.skeleton), 0.0])
    yaw = heading_rad(motion, config.yaw_smoothing_s)
    turn = rotvec_to_rotmat(yaw[:, None] * np.array([0.0, 1.0, 0.0]))
    back = np.swapaxes(turn, 1, 2)
    return RootMotion(path, turn, rotate(back, pelvis - path), back @ orient)


def heading_rad(motion: Motion, smoothing_s: float = 0.0) -> np.ndarray:
    """(T,) turn of the pelvis about world +y, rad, unwrapped over time; 0 faces +z, pi/2 faces +x.

    The twist of the pelvis' rotation about y. It is not defined for a body upside down about a horizontal axis;
    frames near that borrow from their neighbours.
    """
    quat = rotmat_to_quat_wxyz(rotvec_to_rotmat(motion.global_orient))
    certainty = quat[:, 0] ** 2 + quat[:, 2] ** 2
    sure = certainty > 0.1
    if not sure.any():
        return np.zeros(len(motion))
    yaw = np.unwrap(2.0 * np.arctan2(quat[sure, 2], quat[sure, 0]))
    yaw -= 2.0 * np.pi * np.round(yaw[0] / (2.0 * np.pi))
    yaw = np.interp(motion.times_s, motion.times_s[sure], yaw)
    weights = np.where(sure, certainty, 1e-3)
    return smooth_series(motion.times_s, yaw[:, None], smoothing_s, weights)[:, 0]


def standing_pelvis_height_m(skeleton: Skeleton) -> float:
    """Height of the pelvis joint above the soles in the rest pose, m."""
    lowest = min(
        float(skeleton.rest_joints[:, 1].min()),
        float(skeleton.rest_landmarks[:, 1].min()) if len(skeleton.rest_landmarks) else np.inf,
    )
    return float(skeleton.rest_joints[0, 1]) - lowest

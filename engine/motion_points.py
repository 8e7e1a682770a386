"""A motion's joints and surface points in the world and the camera, also between its frames."""

from __future__ import annotations

import numpy as np

from rig.frames import transform
from rig.motion import Motion
from rig.motion_file import MotionRecord


def world_points(motion: Motion) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and (T, P, 3) world positions, m, of all joints and surface points."""
    joints, landmarks = motion.joints_and_landmarks()
    return motion.skeleton.joint_names + motion.skeleton.landmark_names, np.concatenate([joints, landmarks], axis=1)


def camera_points(record: MotionRecord) -> tuple[tuple[str, ...], np.ndarray]:
    """The same in the camera's frame."""
    names, points = world_points(record.motion)
    return names, transform(record.world_to_camera[:, None], points)


def covers(motion: Motion, times_s: np.ndarray) -> np.ndarray:
    """(S,) bool: the motion reaches the time (half a frame beyond its ends counts) and saw the person there."""
    half = 0.5 / float(motion.fps)
    inside = (times_s >= motion.times_s[0] - half) & (times_s <= motion.times_s[-1] + half)
    return inside & (motion.confidence[nearest_index(motion.times_s, times_s)] > 0).any(-1)


def nearest_index(source_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(S,) index of the nearest of source_s (T,), increasing, for each of times_s (S,)."""
    after = np.clip(np.searchsorted(source_s, times_s), 1, max(1, len(source_s) - 1))
    if len(source_s) == 1:
        return np.zeros(len(times_s), np.int64)
    return np.where(times_s - source_s[after - 1] <= source_s[after] - times_s, after - 1, after)


def points_at_times(motion: Motion, points: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(T, P, 3) points of the motion at other times: (S, P, 3), NaN where it does not cover them.

    Catmull-Rom between frames: straight lines would add an acceleration at every frame.
    """
    inside = covers(motion, times_s)
    result = np.full((len(times_s), *points.shape[1:]), np.nan)
    source = motion.times_s
    if len(source) < 2:
        result[inside] = points[0]
        return result
    slopes = np.gradient(points, source, axis=0)
    time = np.clip(times_s[inside], source[0], source[-1])
    low = np.clip(np.searchsorted(source, time, side="right") - 1, 0, len(source) - 2)
    width = (source[low + 1] - source[low])[:, None, None]
    u = (time - source[low])[:, None, None] / width
    bump = u * u * (3 - 2 * u)
    rise = width * u * (1 - u) * ((1 - u) * slopes[low] - u * slopes[low + 1])
    result[inside] = points[low] + bump * (points[low + 1] - points[low]) + rise
    return result

"""Filling the frames in which a joint or the whole person was not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from rig.motion import Motion
from rig.rotations import quat_wxyz_to_rotvec, rotvec_to_quat_wxyz, slerp


class GapPolicy(Enum):
    """What to do with a gap longer than the fill limit."""

    HOLD = "hold"
    """Hold the last pose seen, then ease into the next."""
    FILL = "fill"
    """Ease from the last pose seen to the next over the whole gap."""
    LEAVE = "leave"
    """Keep what the estimate has there."""


@dataclass(frozen=True)
class GapConfig:
    """fill_s: longest gap bridged evenly, s; policy: what happens in longer ones.

    ease_s               time of the return after a hold, s, unless
    speed_m_s, turn_deg_s  the root or a joint would be faster than this: it sets out earlier
    """

    fill_s: float = 1.0
    policy: GapPolicy = GapPolicy.HOLD
    ease_s: float = 0.3
    speed_m_s: float = 1.5
    turn_deg_s: float = 240.0


_DEFAULT = GapConfig()
_CHUNK_FRAMES = 2048
_STEEPEST = 1.5  # slope of `_smoothstep` in its middle


def fill_gaps(motion: Motion, config: GapConfig = _DEFAULT) -> Motion:
    """The motion with poses filled in where a joint's confidence is 0, which it stays.

    A gap runs between two frames in which the joint was seen; the root's path follows the pelvis. Before the first
    and after the last seen frame the pose is held, under every policy but LEAVE. A joint never seen is left alone.
    """
    seen = motion.confidence > 0
    if seen.all():
        return motion
    rotvecs = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    transl = motion.transl.copy()
    before, after, fraction = _bridges(motion, seen, config)
    for joint in np.flatnonzero(~seen.all(axis=0)):
        rows = np.flatnonzero(np.isfinite(fraction[:, joint]))
        for start in range(0, len(rows), _CHUNK_FRAMES):
            part = rows[start : start + _CHUNK_FRAMES]
            a, b, t = before[part, joint], after[part, joint], fraction[part, joint]
            # Bridges end on seen frames, which are never written: the source stays intact.
            quats = slerp(rotvec_to_quat_wxyz(rotvecs[a, joint]), rotvec_to_quat_wxyz(rotvecs[b, joint]), t)
            rotvecs[part, joint] = quat_wxyz_to_rotvec(quats)
            if joint == 0:
                transl[part] = transl[a] + t[:, None] * (transl[b] - transl[a])
    return replace(motion, global_orient=rotvecs[:, 0], body_pose=rotvecs[:, 1:], transl=transl)


def _bridges(motion: Motion, seen: np.ndarray, config: GapConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(T, J) seen frame before, seen frame after, and fraction of the way; NaN where nothing is to be filled."""
    times_s = motion.times_s
    count = len(times_s)
    index = np.arange(count)[:, None]
    before = np.maximum.accumulate(np.where(seen, index, -1), axis=0)
    after = np.minimum.accumulate(np.where(seen, index, count)[::-1], axis=0)[::-1]
    inner = ~seen & (before >= 0) & (after < count)
    leading, trailing = ~seen & (before < 0) & (after < count), ~seen & (before >= 0) & (after >= count)
    before, after = np.where(before < 0, after, before), np.where(after >= count, before, after)
    before, after = np.clip(before, 0, count - 1), np.clip(after, 0, count - 1)

    start_s, end_s, now_s = times_s[before], times_s[after], times_s[:, None]
    length_s = np.where(inner, end_s - start_s, 1.0)
    even = (now_s - start_s) / length_s
    if config.policy is GapPolicy.HOLD:
        ease_s = np.minimum(_ease_s(motion, before, after, config), length_s)
        long_gap = _smoothstep((now_s - (end_s - ease_s)) / ease_s)
    elif config.policy is GapPolicy.FILL:
        long_gap = _smoothstep(even)
    else:
        long_gap = np.full_like(even, np.nan)
    fraction = np.where(inner, np.where(length_s <= config.fill_s, even, long_gap), np.nan)
    if config.policy is not GapPolicy.LEAVE:
        fraction = np.where(leading, 1.0, np.where(trailing, 0.0, fraction))
    return before, after, fraction


def _ease_s(motion: Motion, before: np.ndarray, after: np.ndarray, config: GapConfig) -> np.ndarray:
    """(T, J) time for the way from the pose of one frame (T, J) to that of another, s."""
    rotvecs = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    joints = np.arange(rotvecs.shape[1])
    quats = rotvec_to_quat_wxyz(rotvecs)
    cosine = np.abs(np.sum(quats[before, joints] * quats[after, joints], axis=-1))
    way_s = 2.0 * np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0))) / config.turn_deg_s
    travel_s = np.linalg.norm(motion.transl[after[:, 0]] - motion.transl[before[:, 0]], axis=-1) / config.speed_m_s
    way_s[:, 0] = np.maximum(way_s[:, 0], travel_s)
    return np.maximum(_STEEPEST * way_s, max(config.ease_s, 1e-9))


def _smoothstep(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)

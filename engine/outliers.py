"""Rejecting single wild poses and root positions before smoothing spreads them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rig.motion import Motion
from rig.rotations import quat_multiply, quat_wxyz_to_rotvec, rotvec_to_quat_wxyz, slerp


@dataclass(frozen=True)
class OutlierConfig:
    """When a frame is an outlier: far from the local median and far beyond the local spread.

    window_s          half width of the window the median is taken over, s (at least 2 and at most 12 frames)
    limit_deg         a joint's rotation within this of the median is never rejected, degrees, at confidence 1; half
                      of it at confidence 0
    root_limit_m      the same for the root's position, m
    spread_factor     rejected beyond this many robust standard deviations (1.4826 MAD) of the window, so that fast
                      real movement, which is spread out itself, stays
    confidence_factor confidence of a replaced joint is multiplied by this
    """

    window_s: float = 0.14
    limit_deg: float = 30.0
    root_limit_m: float = 0.25
    spread_factor: float = 4.0
    confidence_factor: float = 0.1

    def stricter(self, factor: float) -> OutlierConfig:
        """The same with limits that are so many times smaller, `factor` > 0."""
        return replace(self, limit_deg=self.limit_deg / factor, root_limit_m=self.root_limit_m / factor)


_DEFAULT = OutlierConfig()
_CHUNK_FRAMES = 512


def reject_outliers(motion: Motion, config: OutlierConfig | None = _DEFAULT) -> Motion:
    """The motion with outlying joint rotations and root positions interpolated from their neighbours; None: as it is.

    Rotations are compared in the tangent space at each frame (median of the window's rotation vectors relative to
    it). Replaced joints get a lower confidence; a replaced root position lowers the pelvis' confidence.
    """
    if config is None:
        return motion
    half = int(np.clip(round(config.window_s * float(motion.fps)), 2, 12))
    if len(motion) < 2 * half + 1:
        return motion
    rotvecs = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    limit_rad = np.radians(config.limit_deg) * (0.5 + 0.5 * np.clip(motion.confidence, 0.0, 1.0))
    bad = np.zeros(rotvecs.shape[:2], dtype=bool)
    bad_root = np.zeros(len(motion), dtype=bool)
    for rows, window in _windows(len(motion), half):
        low, high = int(window.min()), int(window.max()) + 1
        quats = rotvec_to_quat_wxyz(rotvecs[low:high])
        inverse = quats[rows - low] * np.array([1.0, -1.0, -1.0, -1.0])
        relative = quat_wxyz_to_rotvec(quat_multiply(inverse, quats[window.T - low]))
        bad[rows] = _outlying(relative, limit_rad[rows], config.spread_factor)
        steps = motion.transl[window.T] - motion.transl[rows]
        bad_root[rows] = _outlying(steps, np.full(len(rows), config.root_limit_m), config.spread_factor)
    if not bad.any() and not bad_root.any():
        return motion

    confidence = np.where(bad, motion.confidence * config.confidence_factor, motion.confidence)
    confidence[:, 0] = np.where(bad_root, np.minimum(confidence[:, 0], config.confidence_factor), confidence[:, 0])
    for joint in np.flatnonzero(bad.any(axis=0) & ~bad.all(axis=0)):
        wrong, before, after, fraction = _neighbours(motion.times_s, bad[:, joint])
        quats = slerp(rotvec_to_quat_wxyz(rotvecs[before, joint]), rotvec_to_quat_wxyz(rotvecs[after, joint]), fraction)
        rotvecs[wrong, joint] = quat_wxyz_to_rotvec(quats)
    transl = motion.transl.copy()
    if bad_root.any() and not bad_root.all():
        wrong, before, after, fraction = _neighbours(motion.times_s, bad_root)
        transl[wrong] = transl[before] + fraction[:, None] * (transl[after] - transl[before])
    return replace(motion, global_orient=rotvecs[:, 0], body_pose=rotvecs[:, 1:], transl=transl, confidence=confidence)


def _windows(count: int, half: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Chunks of frames with the (rows, 2 half + 1) frames around each; windows at the ends are shifted inwards."""
    chunks = []
    for start in range(0, count, _CHUNK_FRAMES):
        rows = np.arange(start, min(start + _CHUNK_FRAMES, count))
        first = np.clip(rows - half, 0, count - 2 * half - 1)
        chunks.append((rows, first[:, None] + np.arange(2 * half + 1)))
    return chunks


def _outlying(relative: np.ndarray, limit: np.ndarray, spread_factor: float) -> np.ndarray:
    """(W, ..., 3) offsets of a window's samples from its own frame -> (...) whether that frame is an outlier."""
    middle = len(relative) // 2
    centre = np.partition(relative, middle, axis=0)[middle]
    spread = np.linalg.norm(relative - centre, axis=-1)
    mad = np.partition(spread, middle, axis=0)[middle]
    deviation = np.linalg.norm(centre, axis=-1)
    return deviation > np.maximum(limit, spread_factor * 1.4826 * mad)


def _neighbours(times_s: np.ndarray, bad: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Bad frames, the good frame before and after each (the same one at an end), and the fraction of the way."""
    good, wrong = np.flatnonzero(~bad), np.flatnonzero(bad)
    position = np.searchsorted(good, wrong)
    before = good[np.clip(position - 1, 0, len(good) - 1)]
    after = good[np.clip(position, 0, len(good) - 1)]
    length_s = times_s[after] - times_s[before]
    fraction = np.where(length_s > 0, (times_s[wrong] - times_s[before]) / np.where(length_s > 0, length_s, 1.0), 0.0)
    return wrong, before, after, np.clip(fraction, 0.0, 1.0)

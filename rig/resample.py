"""Resampling a motion to an exact frame rate."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from .errors import RigError
from .motion import Motion
from .rotations import make_sign_continuous, quat_wxyz_to_rotvec, rotvec_to_quat_wxyz, slerp
from .timing import frame_count, frame_times

_CHUNK_FRAMES = 2048  # frames interpolated at a time; keeps memory flat over long clips


def resample(motion: Motion, fps: Fraction, start_s: float | None = None, end_s: float | None = None) -> Motion:
    """The motion on the even grid start_s + k / fps, its duration kept to within half a frame.

    start_s and end_s are times of the motion's own clock, s; they default to its first frame and to the end of
    its last one (`times_s[0] + duration_s`). Rotations are interpolated by slerp, translations by a cubic through the
    frames (monotone, so that it never overshoots), contacts and confidence linearly; before the first and after
    the last frame the pose is held. A motion already on the grid comes back with the same poses.
    Raises RigError when the range is empty or outside the motion.
    """
    fps = Fraction(fps)
    if fps <= 0:
        raise RigError(f"output rate is {fps}, expected a positive rate")
    first, last = float(motion.times_s[0]), float(motion.times_s[0]) + motion.duration_s
    start_s = first if start_s is None else float(start_s)
    end_s = last if end_s is None else float(end_s)
    if not start_s < end_s or start_s >= last or end_s <= first:
        raise RigError(
            f"range {start_s} to {end_s} s is empty or outside the motion, expected times in {first} to {last} s"
        )
    times_s = frame_times(frame_count(end_s - start_s, fps), fps, start_s)
    if len(times_s) == len(motion) and np.allclose(times_s, motion.times_s, rtol=0.0, atol=1e-9):
        return replace(motion, fps=fps, times_s=times_s)

    source = motion.times_s
    if len(motion) == 1:
        before = np.zeros(len(times_s), dtype=np.int64)
        after, fraction = before, np.zeros(len(times_s))
    else:
        before = np.clip(np.searchsorted(source, times_s, side="right") - 1, 0, len(source) - 2)
        after = before + 1
        fraction = np.clip((times_s - source[before]) / (source[after] - source[before]), 0.0, 1.0)

    rotvecs = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    resampled = np.empty((len(times_s), *rotvecs.shape[1:]))
    for start in range(0, len(times_s), _CHUNK_FRAMES):
        rows = slice(start, start + _CHUNK_FRAMES)
        low, high = int(before[rows][0]), int(after[rows][-1]) + 1
        quats = make_sign_continuous(rotvec_to_quat_wxyz(rotvecs[low:high]))
        blended = slerp(quats[before[rows] - low], quats[after[rows] - low], fraction[rows, None])
        resampled[rows] = quat_wxyz_to_rotvec(blended)

    def blend(values: np.ndarray) -> np.ndarray:
        return values[before] + fraction[:, None] * (values[after] - values[before])

    return replace(
        motion,
        fps=fps,
        times_s=times_s,
        global_orient=resampled[:, 0],
        body_pose=resampled[:, 1:],
        transl=_monotone_cubic(source, motion.transl, times_s),
        contacts=blend(motion.contacts),
        confidence=blend(motion.confidence),
    )


def _monotone_cubic(source_s: np.ndarray, values: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(T, C) values at source_s (T,) to (S, C) at times_s, held outside.

    Cubic Hermite with limited slopes; source: Fritsch & Butland, SIAM J. Sci. Stat. Comput. 5, 1984, eq. 3.
    """
    if len(source_s) < 3:
        columns = [np.interp(times_s, source_s, column) for column in values.T]
        return np.stack(columns, axis=-1)
    step = np.diff(source_s)[:, None]
    secant = np.diff(values, axis=0) / step
    before, after = secant[:-1], secant[1:]
    same = before * after > 0
    w1, w2 = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    safe_before, safe_after = np.where(same, before, 1.0), np.where(same, after, 1.0)
    inner = np.where(same, (w1 + w2) / (w1 / safe_before + w2 / safe_after), 0.0)
    slope = np.concatenate([secant[:1], inner, secant[-1:]])
    clipped = np.clip(times_s, source_s[0], source_s[-1])
    index = np.clip(np.searchsorted(source_s, clipped, side="right") - 1, 0, len(source_s) - 2)
    width = step[index]
    u = (clipped - source_s[index])[:, None] / width
    a, b = values[index], values[index + 1]
    bump = u * u * (3 - 2 * u)
    rise = width * u * (1 - u) * ((1 - u) * slope[index] - u * slope[index + 1])
    return a + bump * (b - a) + rise

"""The motion that training draws from: every clip on one skeleton at one rate, with its contacts and its split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from engine.errors import InputError
from rig.array_file import save_arrays
from rig.kinematics import joint_positions, landmark_positions, local_rotations
from rig.rotations import rotmat_to_quat_wxyz
from rig.skeleton import JOINT, Skeleton

from .motion_clips import MotionClip, read_clips
from .retarget_clip import foot_slopes, retarget_rotations, tilt_feet

CORPUS_FPS = 30.0
CORPUS_FILE = "motion.npz"

_MIN_FRAMES = 15
_MAX_SPEED_M_S = 14.0
_MAX_TURN_DEG = 100.0
"""Fastest that a frame may differ from the one before: joints faster than this are torn, not moved."""
_MAX_KNEE_TWIST = np.radians(85.0)
_TORN_MARGIN = 4
"""Frames beside a torn one that are left out too."""
_MAX_TILT = np.radians(25.0)
_FLOOR_PERCENT = 8
_LOW_M = 0.06
_GROUND_FRAMES = 24
_GROUND_LIMIT_M = 0.15


@dataclass(frozen=True)
class Corpus:
    """Clips one behind the other, F frames at CORPUS_FPS on the mean body, y up.

    quats_wxyz  (F, 24, 4) float32 local rotations, sign-continuous in each clip; the pelvis' are global
    pelvis      (F, 3) float32 place of the pelvis joint, m, floor at 0;  low (F, 4) uint8: 1 where that heel or toe
                is at the height of the ground
    ids, categories, splits   of C clips;  starts, ends (C,) frames
    """

    quats_wxyz: np.ndarray
    pelvis: np.ndarray
    low: np.ndarray
    ids: np.ndarray
    categories: np.ndarray
    splits: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def save(self, path: Path) -> None:
        """Write as npz, whole or not at all."""
        save_arrays(path, vars(self))

    @classmethod
    def load(cls, path: Path) -> Corpus:
        """Raises InputError where the file is no corpus."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(**{name: stored[name] for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path} is no prepared motion ({error}); run the preparation again.") from error


def motion_files(folders: Iterable[Path]) -> list[Path]:
    """All npz files of the folders (a file stands for itself). Raises InputError where one holds none."""
    files: list[Path] = []
    for folder in folders:
        found = [folder] if folder.is_file() else sorted(folder.glob("*.npz"))
        if not found:
            raise InputError(f"{folder} holds no motion; give a folder with npz files of clips.")
        files += found
    return files


def build_corpus(
    files: Sequence[Path], skeleton: Skeleton, split_of: Callable[[str], str], said: Callable[[str], None]
) -> Corpus:
    """All sound clips of the files on the skeleton. split_of: clip id to split; `said` hears what was left out."""
    by_skeleton: dict[str, list[tuple[MotionClip, np.ndarray, np.ndarray]]] = defaultdict(list)
    for path in files:
        for clip in read_clips(path):
            if len(clip.root) >= _MIN_FRAMES:
                by_skeleton[clip.skeleton].append((clip, *retarget_rotations(clip, skeleton)))
            else:
                said(f"left out {clip.clip_id}: only {len(clip.root)} frames")
    rows = []
    for clips in by_skeleton.values():
        # One person's shoes: a clip that never stands must not decide how they lie.
        slopes = [foot_slopes(globals_, transl, skeleton) for _, globals_, transl in clips]
        weights = [len(transl) for _, _, transl in clips]
        left, right = (_weighted_median([s[k] for s in slopes], weights) for k in (0, 1))
        tilt = (float(np.clip(left, -_MAX_TILT, _MAX_TILT)), float(np.clip(right, -_MAX_TILT, _MAX_TILT)))
        for clip, globals_, transl in clips:
            placed = _place(clip, tilt_feet(globals_, tilt), transl, skeleton)
            parts = _sound_parts(placed, skeleton)
            lost = len(placed.pelvis) - sum(part.stop - part.start for part in parts)
            if lost:
                said(f"left out {lost} of {len(placed.pelvis)} frames of {clip.clip_id}: joints torn")
            rows += [(clip, placed.part(part)) for part in parts]
    if not rows:
        raise InputError(f"none of {len(files)} files holds a usable clip; give other motion.")
    lengths = np.array([len(placed.pelvis) for _, placed in rows])
    ends = np.cumsum(lengths)
    return Corpus(
        quats_wxyz=np.concatenate([placed.quats for _, placed in rows]),
        pelvis=np.concatenate([placed.pelvis for _, placed in rows]),
        low=np.concatenate([placed.low for _, placed in rows]),
        ids=np.array([clip.clip_id for clip, _ in rows]),
        categories=np.array([clip.category for clip, _ in rows]),
        splits=np.array([split_of(clip.clip_id) for clip, _ in rows], dtype="U10"),
        starts=ends - lengths,
        ends=ends,
    )


@dataclass(frozen=True)
class _Placed:
    quats: np.ndarray
    pelvis: np.ndarray
    low: np.ndarray

    def part(self, frames: slice) -> _Placed:
        return _Placed(self.quats[frames], self.pelvis[frames], self.low[frames])


def _place(clip: MotionClip, globals_: np.ndarray, transl: np.ndarray, skeleton: Skeleton) -> _Placed:
    """The clip on the floor, at CORPUS_FPS, with the heights of its feet."""
    joints = joint_positions(skeleton, globals_, transl)
    points = landmark_positions(skeleton, globals_, joints)
    feet = points[:, [skeleton.landmark_names.index(n) for n in _FEET], 1]
    sole = skeleton.rest_landmarks[[skeleton.landmark_names.index(n) for n in _FEET], 1]
    feet = feet - sole
    floor = float(np.percentile(feet.min(axis=1), _FLOOR_PERCENT))
    if abs(floor) > _GROUND_LIMIT_M:  # it never stands on this floor: a climb, a swim
        floor = 0.0
    feet, joints = feet - floor, joints - np.array([0.0, floor, 0.0])
    lowest = feet.min(axis=1)
    frames = np.clip(
        np.arange(len(lowest))[:, None] + np.arange(-_GROUND_FRAMES, _GROUND_FRAMES + 1), 0, len(lowest) - 1
    )
    ground = np.clip(lowest[frames].min(axis=1), -_GROUND_LIMIT_M, _GROUND_LIMIT_M)
    low = (feet - ground[:, None] < _LOW_M).astype(np.uint8)
    quats = rotmat_to_quat_wxyz(local_rotations(skeleton.parents, globals_))
    signs = np.where(np.sum(quats[1:] * quats[:-1], axis=-1) < 0, -1.0, 1.0)
    quats[1:] *= np.cumprod(signs, axis=0)[..., None]
    step = clip.fps / CORPUS_FPS
    keep = np.round(np.arange(0.0, len(quats) - 0.5, step)).astype(np.int64)
    return _Placed(quats[keep].astype(np.float32), joints[keep, 0].astype(np.float32), low[keep])


_FEET = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")


def _sound_parts(placed: _Placed, skeleton: Skeleton) -> list[slice]:
    """Stretches of frames without torn joints: not finite, faster than anybody moves, knees twisted backwards."""
    quats = placed.quats.astype(np.float64)
    dots = np.abs(np.sum(quats[1:] * quats[:-1], axis=-1))
    turn = np.zeros(quats.shape[:2])
    turn[1:] = np.degrees(2.0 * np.arccos(np.minimum(dots, 1.0)))
    speed = np.zeros(len(quats))
    speed[1:] = np.linalg.norm(np.diff(placed.pelvis, axis=0), axis=1) * CORPUS_FPS
    torn = (turn > _MAX_TURN_DEG).any(axis=1) | (speed > _MAX_SPEED_M_S)
    torn |= ~np.isfinite(quats).all(axis=(1, 2)) | ~np.isfinite(placed.pelvis).all(axis=1)
    for joint, tip in ((JOINT[f"{side}_knee"], JOINT[f"{side}_ankle"]) for side in ("left", "right")):
        bone = skeleton.offsets[tip] / np.linalg.norm(skeleton.offsets[tip])
        twist = 2.0 * np.arctan2(quats[:, joint, 1:] @ bone, quats[:, joint, 0])
        torn |= np.abs((twist + np.pi) % (2 * np.pi) - np.pi) > _MAX_KNEE_TWIST
    bad = np.flatnonzero(torn)
    edges = [-1 - _TORN_MARGIN, *bad, len(quats) + _TORN_MARGIN]
    parts = [slice(a + _TORN_MARGIN + 1, b - _TORN_MARGIN) for a, b in pairwise(edges)]
    return [part for part in parts if part.stop - part.start >= _MIN_FRAMES]


def _weighted_median(values: Sequence[float], weights: Sequence[int]) -> float:
    order = np.argsort(values)
    total = np.cumsum(np.array(weights)[order])
    return float(np.array(values)[order][np.searchsorted(total, 0.5 * total[-1])])

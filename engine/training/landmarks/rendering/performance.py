"""Draws who moves in a rendered clip and how: a piece of captured motion on a body of some shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.body.model import BodyModel
from engine.lifting.landmark_anatomy import LANDMARK_OWNERS, rest_landmarks
from rig.frames import rotate
from rig.kinematics import global_rotations, joint_positions, landmark_positions
from rig.skeleton import SMPL_JOINT_NAMES, Skeleton, mirrored_names
from rig.validation import check_array

from ..motion_clips import MotionClip
from ..retarget_clip import retarget_clip

Rng = np.random.Generator

SHORTEST_FRAMES = 45
_SOLE_PERCENTILE = 20
_MOST_SHAPE = 2.3


@dataclass(frozen=True)
class Performance:
    """A body in motion, T frames at `fps`.

    clip_id        the clip it stems from;  mirrored: left and right exchanged
    betas          (10,) of the open body;  skeleton: its joints
    local_rotmats  (T, 24, 3, 3), the pelvis' in the world;  transl (T, 3) m, floor y = 0
    """

    clip_id: str
    mirrored: bool
    fps: float
    betas: np.ndarray
    skeleton: Skeleton
    local_rotmats: np.ndarray
    transl: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for name, shape in (("betas", (10,)), ("local_rotmats", ("T", 24, 3, 3)), ("transl", ("T", 3))):
            value = check_array(name, getattr(self, name), shape, sizes=sizes, finite=True)
            object.__setattr__(self, name, value)

    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Global rotations (T, 24, 3, 3) and joints (T, 24, 3) m, world."""
        globals_ = global_rotations(self.skeleton.parents, self.local_rotmats)
        return globals_, joint_positions(self.skeleton, globals_, self.transl)

    def landmarks(self) -> np.ndarray:
        """(T, 33, 3) m, world: where BlazePose's landmarks truly are."""
        globals_, joints = self.pose()
        owners = list(LANDMARK_OWNERS)
        offsets = rest_landmarks(self.skeleton) - self.skeleton.rest_joints[owners]
        return joints[:, owners] + rotate(globals_[:, owners], offsets)

    def moved(self, by: np.ndarray) -> Performance:
        """The same elsewhere, (3,) m."""
        return Performance(
            self.clip_id, self.mirrored, self.fps, self.betas, self.skeleton, self.local_rotmats, self.transl + by
        )


def random_performance(rng: Rng, body: BodyModel, clips: list[MotionClip], seconds: float, fps: float) -> Performance:
    """About `seconds` of one of the clips on a random body, mirrored half the time.

    At `fps`, or the clip's own rate where that is lower. Long clips are drawn more often,
    by the square root of their length.
    """
    weights = np.sqrt([max(0, len(clip.root) - SHORTEST_FRAMES) + 1.0 for clip in clips])
    clip = clips[rng.choice(len(clips), p=weights / weights.sum())]
    step = max(1, round(clip.fps / fps))
    wanted = min(len(clip.root), int(seconds * clip.fps))
    start = int(rng.integers(0, len(clip.root) - wanted + 1))
    betas = np.clip(rng.normal(0, 1, body.shape_count), -_MOST_SHAPE, _MOST_SHAPE)
    skeleton = body.skeleton(betas)
    globals_, local, transl = retarget_clip(clip, skeleton)
    mirrored = bool(rng.random() < 0.5)
    if mirrored:
        local, transl = mirrored_pose(local, transl)
        globals_ = global_rotations(skeleton.parents, local)
    joints = joint_positions(skeleton, globals_, transl)
    lowest = landmark_positions(skeleton, globals_, joints)[..., 1].min(axis=1)
    transl = transl - [0.0, np.percentile(lowest, _SOLE_PERCENTILE) - 0.015, 0.0]
    part = slice(start, start + wanted, step)
    return Performance(clip.clip_id, mirrored, clip.fps / step, betas, skeleton, local[part], transl[part])


def mirrored_pose(local_rotmats: np.ndarray, transl: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, 24, 3, 3) rotations and (T, 3) m of the mirror image in x = 0 of a symmetric body."""
    flip = np.array([-1.0, 1.0, 1.0])
    swap = list(mirrored_names(SMPL_JOINT_NAMES))
    return local_rotmats[:, swap] * flip[:, None] * flip, transl * flip

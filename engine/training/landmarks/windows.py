"""Draws windows of frames with everything the landmark network learns from, many at a time."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import numpy as np

BATCH_FIELDS: dict[str, tuple[str | int, ...]] = {
    "times_s": ("n", "T"),
    "image_size": ("n", 2),
    "intrinsics": ("n", 3, 3),
    "world_to_camera": ("n", "T", 4, 4),
    "landmarks_2d_px": ("n", "T", 33, 2),
    "landmarks_camera": ("n", "T", 33, 3),
    "inside": ("n", "T", 33),
    "hidden": ("n", "T", 33),
    "joints_camera": ("n", "T", 24, 3),
    "local_rotmats": ("n", "T", 24, 3, 3),
    "twist": ("n", "T", 23, 2),
    "leaf_rotmats": ("n", "T", 5, 3, 3),
    "gravity_camera": ("n", "T", 3),
    "heading_to_camera": ("n", "T", 3, 3),
    "root_velocity": ("n", "T", 3),
    "contacts": ("n", "T", 4),
    "betas": ("n", 10),
    "rest_joints": ("n", 24, 3),
    "rest_landmarks": ("n", 33, 3),
}
"""Name and shape of every array of a batch, all float32; n windows of T frames.

times_s            first frame 0, s; 15 to 60 frames/s
image_size         width, height, px
intrinsics         pinhole; px; u to the right, v downwards
world_to_camera    rigid; world y up, floor y = 0; camera x right, y down, z forward
landmarks_2d_px    true projections of BlazePose's 33 landmarks (`engine.poses.BLAZEPOSE_NAMES`); behind the camera: the
                   projection with the depth held at 5 cm
landmarks_camera   the same in three dimensions, m, camera axes and origin
inside             1 where the landmark is before the camera and inside the picture
hidden             0..1 how likely the person's own body covers the landmark
joints_camera      SMPL's 24 joints, m, camera axes and origin; the pelvis' place is joint 0
local_rotmats      of the 24 joints; the pelvis' is global in camera axes, like `engine.ik` gives them
twist              cos, sin of joints 1..23 about their rest bone as `engine.ik` takes it; (1, 0) for the leaves
leaf_rotmats       global, camera axes, of LEAVES
gravity_camera     unit, downwards, camera axes
heading_to_camera  axes of the heading frame (x the person's left, y up, z forward) in camera axes
root_velocity      of the pelvis in the world, in the axes of the heading frame, m/s
contacts           0 or 1 for left heel, left big toe, right heel, right big toe
betas              of the open body fitted to the person; the person's own rest_joints differ from it a little
rest_joints        of the person, m, T-pose as the open body's;  rest_landmarks: landmarks in the same pose, m
"""

LEAVES = (15, 10, 11, 22, 23)
"""Joints of `leaf_rotmats`: head, left foot, right foot, left hand, right hand."""


class Split(Enum):
    """Which people's motion to draw from."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class WindowSampler:
    """Windows from a prepared folder, the same for the same folder, split, seed and sizes.

    >>> sampler = WindowSampler(folder, Split.TRAIN, seed=1, window=64)
    >>> batch = sampler.batch(32)  # then the next batch, and so on
    >>> sampler.batch(32, step=100)  # batch 100 of the same sequence, whatever came before
    """

    def __init__(self, folder: Path, split: Split, seed: int, window: int = 64, augment: bool = True) -> None:
        """window: frames; augment False leaves motion as captured (cameras, bodies and frame rates still vary)."""
        raise NotImplementedError("being written")

    def batch(self, count: int, step: int | None = None) -> dict[str, np.ndarray]:
        """The arrays of BATCH_FIELDS for `count` windows."""
        raise NotImplementedError("being written")

"""A lifted pose sequence and a skeleton to a motion."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from engine.errors import InputError
from engine.poses import PoseSequence
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rotate
from rig.motion import Motion
from rig.rotations import rotmat_to_rotvec
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

from .inverse_kinematics import IKMode, UpperSpine, solve_ik

DEFAULT_FPS = Fraction(30)
"""Rate given to a motion of a single frame, which has none."""

_PART_FRAMES = 1024  # frames solved at once: bounds the memory of a long clip


def solve_motion(
    poses: PoseSequence,
    skeleton: Skeleton,
    betas: np.ndarray,
    mode: IKMode = IKMode.ADAPTIVE,
    upper_spine: UpperSpine = UpperSpine.NECK_AND_COLLARS,
) -> Motion:
    """The skeleton posed like the sequence, in the world of a level camera (y up, the camera looks along -z).

    The pelvis lies at the origin in every frame and contacts are zero; later stages give both. Targets are scaled
    frame by frame to the size of the skeleton, so that only the sequence's proportions and directions count. A joint
    whose target is missing keeps its rest rotation relative to its parent, and a frame without any target repeats the
    nearest one before it (the first ones: after it) that has some. `confidence` is the sequence's score, 0 where the
    rotation was filled in like this. fps is the mean rate of the presentation times.

    Raises InputError when the skeleton is not SMPL's or the sequence is empty.
    """
    if skeleton.joint_names != SMPL_JOINT_NAMES or skeleton.parents != SMPL_PARENTS:
        raise InputError(f"the skeleton has joints {skeleton.joint_names}, expected SMPL's 24")
    frames = len(poses)
    if frames == 0:
        raise InputError("the pose sequence has no frames, expected at least one")
    solved = [
        _solve_part(poses, slice(start, start + _PART_FRAMES), skeleton, mode, upper_spine)
        for start in range(0, frames, _PART_FRAMES)
    ]
    rotvecs, aimed, anything = (np.concatenate(parts) for parts in zip(*solved, strict=True))
    rotvecs = _hold(rotvecs, anything)
    scores = np.nan_to_num(poses.scores, nan=0.0)
    return Motion(
        fps=mean_rate(poses.times_s),
        times_s=poses.times_s,
        skeleton=skeleton,
        betas=np.asarray(betas, dtype=np.float64),
        global_orient=rotvecs[:, 0],
        body_pose=rotvecs[:, 1:],
        transl=np.tile(-skeleton.rest_joints[0], (frames, 1)),
        contacts=np.zeros((frames, 4)),
        confidence=np.where(aimed & anything[:, None], np.clip(scores, 0.0, 1.0), 0.0),
    )


def _solve_part(
    poses: PoseSequence, part: slice, skeleton: Skeleton, mode: IKMode, upper_spine: UpperSpine
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(T, 24, 3) local rotation vectors, (T, 24) joints that were aimed, (T,) frames in which anything was seen."""
    joints = rotate(WORLD_TO_CAMERA_UPRIGHT, poses.joints[part])
    leaves = WORLD_TO_CAMERA_UPRIGHT @ poses.leaf_rotmats[part]
    seen = np.isfinite(joints).all(axis=2)
    # Joints are relative to the pelvis, so that its own position is known wherever any joint is.
    anything = seen[:, 1:].any(axis=1)
    joints[anything, 0] = np.where(seen[anything, :1], joints[anything, 0], 0.0)
    joints *= size_ratio(joints, skeleton)[:, None, None]
    solved = solve_ik(
        skeleton.rest_joints, joints, poses.twist[part], mode=mode, upper_spine=upper_spine, leaf_rotmats=leaves
    )
    return rotmat_to_rotvec(np.asarray(solved.local_rotmats)), np.asarray(solved.aimed), anything


def size_ratio(joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T,) total rest length of the bones whose both ends are seen in (T, 24, 3), over their own; 1 if none."""
    child = np.arange(1, len(skeleton.parents))
    bones = np.linalg.norm(joints[:, child] - joints[:, np.asarray(skeleton.parents)[child]], axis=2)
    known = np.isfinite(bones)
    rest = np.sum(known * skeleton.bone_lengths[child], axis=1)
    size = np.sum(np.where(known, bones, 0.0), axis=1)
    return np.where(size > 1e-6, rest / np.maximum(size, 1e-6), 1.0)


def mean_rate(times_s: np.ndarray) -> Fraction:
    """Frames per second over the whole sequence; rates like 30000/1001 come out exact."""
    if len(times_s) < 2:
        return DEFAULT_FPS
    rate = (len(times_s) - 1) / float(times_s[-1] - times_s[0])
    return max(Fraction(rate).limit_denominator(1001), Fraction(1, 1001))


def _hold(rotvecs: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Repeat the last seen frame (before the first: the first seen one) where nothing is seen."""
    if not seen.any():
        return rotvecs
    source = np.where(seen, np.arange(len(seen)), -1)
    source = np.maximum.accumulate(source)
    source[source < 0] = np.flatnonzero(seen)[0]
    return rotvecs[source]

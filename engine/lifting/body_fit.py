"""Moves lifted joints to where one body moves and reaches, without leaving where they are seen in the picture."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from rig.skeleton import JOINT, Skeleton

from ..camera import Camera
from ..poses import PoseSequence
from .placement import Segments, distance_of
from .root_path import RootPathConfig, steady_root
from .window_fit import BodyFitConfig, WindowEvidence, fit_window

_WINDOW_FRAMES, _OVERLAP_FRAMES = 192, 32  # bounds the memory of the equations; frames that both neighbours solve
_RIGID = (("left_hip", "right_hip", "spine1"), ("neck", "left_collar", "right_collar"))
"""Joints that hang from one joint, whose distances from each other the body fixes like bones."""

_DEFAULT = BodyFitConfig()
_DEFAULT_PATH = RootPathConfig()


def fit_to_body(
    poses: PoseSequence,
    camera: Camera,
    skeleton: Skeleton,
    config: BodyFitConfig = _DEFAULT,
    path: RootPathConfig = _DEFAULT_PATH,
) -> PoseSequence:
    """The poses with joints that keep the skeleton's bone lengths (nearly), their keypoints and, loosely, their depth.

    The lengths of bones in the picture tell how far they tilt, which the network, that knows no body, can only guess;
    what shakes from frame to frame is noise; feet that stand keep their place. All frames are solved together, in
    windows that overlap. Where the poses say which feet stand they get `root_m` as well (`steady_root`). The camera is
    taken to stand still; feet that move in the picture do not count as standing.
    Frames in which a joint is missing stay as they are.
    """
    whole = np.flatnonzero(np.isfinite(poses.joints).all(axis=(1, 2)))
    if not len(whole):
        return poses
    segments = _segments(skeleton, config.bone_m)
    relative = poses.joints[whole]
    seen_m = np.linalg.norm(relative[:, segments.end] - relative[:, segments.start], axis=-1)
    relative = relative * (segments.length_m.sum() / np.median(seen_m, axis=0).sum())
    rays = camera.rays(poses.keypoints_2d[whole])
    known = np.isfinite(rays).all(axis=-1)
    rays = np.where(known[..., None], rays, 0.0)
    weights = np.clip(poses.scores[whole], config.least_weight, 1.0)
    distance = distance_of(rays, relative, weights * known)
    pelvis = np.concatenate([rays[:, 0], np.ones((len(whole), 1))], axis=1) * distance[:, None]
    points = relative + pelvis[:, None]
    rays = np.where(known[..., None], rays, points[..., :2] / np.maximum(points[..., 2:], 0.1))
    contacts = poses.movement.contacts[whole] if poses.movement is not None else None
    evidence = WindowEvidence(poses.times_s[whole], rays, weights, points[..., 2], contacts)
    solved = _in_windows(points, evidence, segments, config)
    joints = poses.joints.copy()
    joints[whole] = solved - solved[:, :1]
    if contacts is None:
        return replace(poses, joints=joints)
    root = np.full((len(poses), 3), np.nan)
    root[whole] = steady_root(poses.times_s[whole], solved[:, 0], joints[whole], contacts, path)
    return replace(poses, joints=joints, root_m=root)


def _in_windows(points: np.ndarray, evidence: WindowEvidence, segments: Segments, config: BodyFitConfig) -> np.ndarray:
    solved = np.empty_like(points)
    for start in range(0, len(points), _WINDOW_FRAMES):
        first, stop = max(0, start - _OVERLAP_FRAMES), start + _WINDOW_FRAMES
        rows = slice(first, stop + _OVERLAP_FRAMES)
        found = fit_window(points[rows], evidence.part(rows), segments, config)
        solved[start:stop] = found[start - first : stop - first]
    return solved


def _segments(skeleton: Skeleton, sigma_m: float) -> Segments:
    pairs = [(parent, joint) for joint, parent in enumerate(skeleton.parents) if parent >= 0]
    pairs += [(JOINT[a], JOINT[b]) for names in _RIGID for a, b in combinations(names, 2)]
    start, end = np.array(pairs).T
    lengths = np.linalg.norm(skeleton.rest_joints[end] - skeleton.rest_joints[start], axis=-1)
    hips = (JOINT["left_hip"], JOINT["right_hip"])
    return Segments(start, end, lengths, np.full(len(pairs), sigma_m), hips)

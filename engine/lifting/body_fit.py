"""Moves lifted joints to where one body's bones reach, without leaving where they are seen in the picture."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from rig.skeleton import JOINT, Skeleton

from ..camera import Camera
from ..poses import PoseSequence
from .placement import PlacementConfig, Segments, distance_of, solve_points

_CHUNK_FRAMES = 128  # bounds the memory of the solver's matrices
_BONE_SIGMA_M = 0.01
_RIGID = (("left_hip", "right_hip", "spine1"), ("neck", "left_collar", "right_collar"))
"""Joints that hang from one joint, whose distances from each other the body fixes like bones."""

_LIMBS = tuple(
    tuple(JOINT[f"{side}_{part}"] for part in parts)
    for side in ("left", "right")
    for parts in (("elbow", "wrist", "hand"), ("knee", "ankle", "foot"))
)

LEARNED_DEPTH = PlacementConfig(picture_m=0.02, depth_m=0.04, anchor_m=0.15, iterations=3)
"""How much picture and depth count where a network gives the depth."""


def fit_to_body(
    poses: PoseSequence, camera: Camera, skeleton: Skeleton, config: PlacementConfig = LEARNED_DEPTH
) -> PoseSequence:
    """The poses with joints that keep the skeleton's bone lengths (nearly), their keypoints and, loosely, their depth.

    The lengths of bones in the picture tell how far they tilt, which the network, that knows no body, can only guess.
    Frames in which a joint is missing stay as they are.
    """
    whole = np.flatnonzero(np.isfinite(poses.joints).all(axis=(1, 2)))
    if not len(whole):
        return poses
    segments = _segments(skeleton)
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
    joints = poses.joints.copy()
    for start in range(0, len(whole), _CHUNK_FRAMES):
        rows = slice(start, start + _CHUNK_FRAMES)
        solved = solve_points(points[rows], rays[rows], points[rows, :, 2], weights[rows], segments, config)
        joints[whole[rows]] = solved - solved[:, :1]
    return replace(poses, joints=joints)


def _segments(skeleton: Skeleton) -> Segments:
    pairs = [(parent, joint) for joint, parent in enumerate(skeleton.parents) if parent >= 0]
    pairs += [(JOINT[a], JOINT[b]) for names in _RIGID for a, b in combinations(names, 2)]
    start, end = np.array(pairs).T
    lengths = np.linalg.norm(skeleton.rest_joints[end] - skeleton.rest_joints[start], axis=-1)
    hips = (JOINT["left_hip"], JOINT["right_hip"])
    return Segments(start, end, lengths, np.full(len(pairs), _BONE_SIGMA_M), hips, _LIMBS)

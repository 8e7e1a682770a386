"""From what a network said about one person to joints, twists, scores and a shape, in front of the job's camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from rig.kinematics import global_rotations
from rig.local_regression import smooth_series
from rig.skeleton import SMPL_PARENTS

from ..body.fit import fit_betas
from ..body.model import BodyModel
from ..camera import Camera
from ..ik.plan import TIPS_24
from ..ik.reference import solve_reference
from ..ik.solve import size_ratio
from ..lifting.landmark_scores import joint_scores, landmark_scores
from ..poses import LandmarkSequence, PoseSequence
from .camera_decode import camera_skeleton, in_camera
from .evidence import JOINTS, POINTS, PersonEvidence
from .root_depth import solve_root_depth


class Placement(Enum):
    """What decides how far away a person is whom a network with a camera of its own saw."""

    BONES = "bones"
    """The job's camera and the bones' lengths, as for networks without a camera; truer where the lens is known."""

    NETWORK = "network"
    """The network's camera, refitted as in its released program, told in the job's."""


@dataclass(frozen=True)
class DecodeConfig:
    """How evidence becomes poses.

    placement          see Placement; networks without a camera are always placed by bones
    depth_bandwidth_s  of the smoothing in time of the distance that is solved for, s
    half_sigma         spread, in parts of the crop, at which a point's score is one half
    least_score        of a joint that the network placed: unsure ones are trained guesses, not nothing
    bridged_score      of joints in frames in which only the network saw the person
    """

    placement: Placement = Placement.NETWORK
    depth_bandwidth_s: float = 0.1
    half_sigma: float = 0.05
    least_score: float = 0.2
    bridged_score: float = 0.3


_DEFAULT = DecodeConfig()
_ENDS = (10, 11, 15, 22, 23)
"""Feet, head and hands: no bone of the 24 joints starts there."""
_SMALLEST_TWIST = 1e-3
_CELLS = 64
"""Cells of a heat-map along each axis."""


def network_poses(
    evidence: PersonEvidence, landmarks: LandmarkSequence, camera: Camera, config: DecodeConfig = _DEFAULT
) -> PoseSequence:
    """The person over all frames of `landmarks`; frames that the network did not look at are missing.

    How far away the person is, most networks do not know: that is solved for (`solve_root_depth`), or, for networks
    with a camera of their own and by `config.placement`, what that says is told in the job's. The place is `root_m`,
    true for a body of the network's own size. Rotations of head, hands and feet come from the network's own inverse
    kinematics on its own body; where it never learned to turn the right hand, that hand follows its wrist.
    """
    evidence = evidence.finite()
    frames, rows = len(landmarks), evidence.rows
    if not len(rows):
        return _never_seen(landmarks)
    scores = _scores(evidence, landmarks, camera, config)
    rest = network_rest_joints(evidence)
    if evidence.facts.point_count == POINTS and config.placement is Placement.NETWORK:
        skeleton, position = camera_skeleton(evidence, camera.image_size)
        position = in_camera(position, evidence, camera.image_size, camera)
    else:
        skeleton, position = _ray_skeleton(evidence, camera, landmarks.times_s[rows], rest, scores, config)
    twist = evidence.network.twist
    length = np.linalg.norm(twist, axis=-1, keepdims=True)
    twist = np.where(length > _SMALLEST_TWIST, twist / np.maximum(length, _SMALLEST_TWIST), np.nan)
    return PoseSequence(
        person_id=landmarks.person_id,
        times_s=landmarks.times_s,
        joints=_spread(skeleton[:, :JOINTS], rows, frames),
        twist=_spread(twist, rows, frames),
        keypoints_2d=_spread(evidence.keypoints_px()[:, :JOINTS], rows, frames),
        scores=np.nan_to_num(_spread(scores, rows, frames)),
        leaf_rotmats=_spread(_leaf_rotmats(evidence, skeleton, rest), rows, frames),
        root_m=_spread(position, rows, frames),
    )


def _never_seen(landmarks: LandmarkSequence) -> PoseSequence:
    def missing(*shape: int) -> np.ndarray:
        return np.full((len(landmarks), *shape), np.nan)

    return PoseSequence(
        person_id=landmarks.person_id,
        times_s=landmarks.times_s,
        joints=missing(JOINTS, 3),
        twist=missing(JOINTS - 1, 2),
        keypoints_2d=missing(JOINTS, 2),
        scores=np.zeros((len(landmarks), JOINTS)),
        leaf_rotmats=missing(JOINTS, 3, 3),
    )


def network_betas(evidence: PersonEvidence) -> np.ndarray:
    """(10,) shape of the network's own body: the median over the clip."""
    return np.median(evidence.network.betas, axis=0)


def network_rest_joints(evidence: PersonEvidence) -> np.ndarray:
    """(K, 3) m, the network's own body at rest: the median over the clip."""
    return np.median(evidence.network.rest_joints, axis=0)


def pose_by_network(
    evidence: PersonEvidence,
    landmarks: LandmarkSequence,
    camera: Camera,
    body: BodyModel,
    height_m: float | None,
    config: DecodeConfig = _DEFAULT,
) -> tuple[PoseSequence, np.ndarray]:
    """Poses and the shape (B,) of `body` that fits them.

    Of the SMPL body, which is the network's own, the network's shape; of others, and for a given height, the shape
    whose bone lengths are nearest to that. The person's place is such that this body is seen as large as that one.
    """
    poses = network_poses(evidence, landmarks, camera, config)
    evidence = evidence.finite()
    if not len(evidence.rows):
        return poses, np.zeros(body.shape_count)
    rest = network_rest_joints(evidence)[:JOINTS]
    if body.name == "smpl" and height_m is None and body.shape_count == evidence.network.betas.shape[1]:
        betas = network_betas(evidence)
    else:
        betas = fit_betas(replace(poses, joints=np.tile(rest - rest[0], (len(poses), 1, 1))), body, height_m)
    size = float(size_ratio(rest[None], body.skeleton(betas))[0])
    return replace(poses, root_m=None if poses.root_m is None else size * poses.root_m), betas


def _ray_skeleton(
    evidence: PersonEvidence,
    camera: Camera,
    times_s: np.ndarray,
    rest: np.ndarray,
    scores: np.ndarray,
    config: DecodeConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """(N, K, 3) m relative to the pelvis: each point on its ray, at its predicted depth from the solved one; and the

    pelvis' own place (N, 3) m, NaN where nothing fixes it.

    Source: HybrIK-Transformer (Oreshkin 2023), section on evaluation, but for the root depth.
    """
    rays = camera.rays(evidence.keypoints_px())
    depths = evidence.network.uvd[..., 2] * evidence.facts.depth_factor_m
    root = solve_root_depth(rays[:, :JOINTS], depths[:, :JOINTS], rest[:JOINTS], scores)
    solved = np.isfinite(root)
    if solved.any():
        steady = np.log(np.interp(times_s, times_s[solved], root[solved]))[:, None]
        trust = solved * scores.mean(axis=1) + 1e-3
        root = np.exp(smooth_series(times_s, steady, config.depth_bandwidth_s, trust, order=1)[:, 0])
    distance = depths + root[:, None]
    points = np.concatenate([rays * distance[..., None], distance[..., None]], axis=-1)
    return points - points[:, :1], np.where(solved[:, None], points[:, 0], np.nan)


def _leaf_rotmats(evidence: PersonEvidence, skeleton: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(N, 24, 3, 3) global rotations, camera axes, of head, hands and feet; NaN elsewhere."""
    said = evidence.network
    leaves, tips = said.leaf_quats_wxyz, None
    if leaves is not None:
        tips = TIPS_24
        if not evidence.facts.trained_right_hand:
            leaves = leaves.copy()
            leaves[:, 4] = [1.0, 0.0, 0.0, 0.0]
    rest = np.broadcast_to(rest, said.rest_joints.shape)
    solved = solve_reference(rest, skeleton, said.twist, leaves, tips=tips)
    rotmats = global_rotations(SMPL_PARENTS, np.asarray(solved.local_rotmats))
    kept = np.full_like(rotmats, np.nan)
    ends = list(_ENDS)
    kept[:, ends] = rotmats[:, ends]
    return kept


def _scores(evidence: PersonEvidence, landmarks: LandmarkSequence, camera: Camera, config: DecodeConfig) -> np.ndarray:
    """(N, 24) 0..1: from the network's spread, else from the height of its heat-maps, else the detector's."""
    said = evidence.network
    peaks = said.maxvals[:, :JOINTS]
    if said.sigma is not None:
        scores = 1.0 / (1.0 + (said.sigma[:, :JOINTS] / config.half_sigma) ** 2)
    elif (peaks < 1.0).any():
        # A Gaussian of s cells in three dimensions has a peak of (2 pi)^-1.5 s^-3.
        sigma = np.cbrt((2 * np.pi) ** -1.5 / np.maximum(peaks, 1e-9)) / _CELLS
        scores = 1.0 / (1.0 + (sigma / config.half_sigma) ** 2)
    else:
        detected = joint_scores(landmark_scores(landmarks, camera))[evidence.rows]
        scores = np.where(landmarks.seen[evidence.rows][:, None], detected, config.bridged_score)
    return np.clip(scores, config.least_score, 1.0)


def _spread(values: np.ndarray, rows: np.ndarray, frames: int) -> np.ndarray:
    """(N, ...) values of some rows to (frames, ...), NaN elsewhere."""
    result = np.full((frames, *values.shape[1:]), np.nan)
    result[rows] = values
    return result

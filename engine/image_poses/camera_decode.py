"""Places what the networks with a camera of their own saw: their scale, its refit, and the change to another lens."""

from __future__ import annotations

import numpy as np

from rig.frames import rotate
from rig.kinematics import global_rotations
from rig.skeleton import SMPL_PARENTS

from ..camera import Camera
from ..errors import InputError
from ..ik.reference import ReferenceForm, solve_reference
from .evidence import JOINTS, NetworkEvidence, PersonEvidence

FOCAL_PX = 1000.0
CROP_PX = 256.0
"""The networks' camera: this focal length for a crop of this many pixels."""


def camera_skeleton(evidence: PersonEvidence, image_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """((N, 29, 3) points relative to the pelvis, (N, 3) pelvis), m, in the network's camera.

    That camera has a focal length of 1000 px per 256 px of the square's side and its principal point in the middle of
    the picture; both change with the square. Source: HybrIK (Li et al. 2021) and its released camera networks.
    """
    said, unit_m = evidence.network, evidence.facts.depth_factor_m
    if said.camera is None:
        raise InputError("the network estimates no camera, expected one of its own for 29 points")
    scale = said.camera[:, 0]
    tangents = _tangents(evidence, image_size)
    depth = said.uvd[..., 2] * unit_m
    if said.camera.shape[1] == 1 and said.sigma is not None:
        scale = _refitted(scale, tangents, depth, said)
    points = _place(tangents, depth, scale)
    return points - points[:, :1], points[:, 0]


def in_camera(
    positions: np.ndarray, evidence: PersonEvidence, image_size: tuple[int, int], camera: Camera
) -> np.ndarray:
    """(N, 3) positions in the network's camera told in `camera`, m: same pixels, distances in the ratio of lenses."""
    focal_px = FOCAL_PX * evidence.sides_px / CROP_PX
    centre = 0.5 * np.array(image_size, dtype=np.float64)
    pixels = focal_px[:, None] * positions[:, :2] / positions[:, 2:] + centre
    depth = positions[:, 2] * camera.intrinsics[0, 0] / focal_px
    return np.concatenate([camera.rays(pixels) * depth[:, None], depth[:, None]], axis=1)


def _tangents(evidence: PersonEvidence, image_size: tuple[int, int]) -> np.ndarray:
    """(N, 29, 2) x/z and y/z of each point in the network's camera."""
    pixels = evidence.keypoints_px() - 0.5 * np.array(image_size, dtype=np.float64)
    return pixels / evidence.sides_px[:, None, None] * (CROP_PX / FOCAL_PX)


def _place(tangents: np.ndarray, depth: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(N, 29, 3) points, m: depths (N, 29) relative to the pelvis, from where the scale (N,) puts that."""
    distance = depth + (FOCAL_PX / (CROP_PX * scale + 1e-9))[:, None]
    return np.concatenate([tangents * distance[..., None], distance[..., None]], axis=-1)


def _refitted(scale: np.ndarray, tangents: np.ndarray, depth: np.ndarray, said: NetworkEvidence) -> np.ndarray:
    """(N,) scale at which the body, posed with its own bone lengths, is seen where the network saw it.

    1/s by least squares over x - u z = u / s (in the network's units), weighted with max(0, 1 - 10 sigma); the scale
    stays where nothing has weight, or the fit would put the body behind the camera.
    """
    points = _place(tangents, depth, scale)
    posed = _posed_joints(said, points)
    posed = posed - posed[:, :1]
    posed[..., :2] += points[:, :1, :2]
    posed[..., 2] += depth[:, :1]
    weight = np.maximum(0.0, 1.0 - 10.0 * said.sigma[:, :JOINTS])[..., None] ** 2 if said.sigma is not None else 1.0
    tangents = tangents[:, :JOINTS]
    error = posed[..., :2] - tangents * posed[..., 2:]
    # Tangents are in units of 256 / 1000 of those that the scale's inverse multiplies.
    unit = tangents * (FOCAL_PX / CROP_PX)
    over = np.sum(weight * unit**2, axis=(1, 2))
    inverse = np.sum(weight * unit * error, axis=(1, 2)) / np.where(over > 0, over, 1.0)
    usable = (over > 0) & (inverse > 1e-9)
    return np.where(usable, 1.0 / np.where(usable, inverse, 1.0), scale)


def _posed_joints(said: NetworkEvidence, points: np.ndarray) -> np.ndarray:
    """(N, 24, 3) m, the body's joints after the naive inverse kinematics."""
    local = np.asarray(solve_reference(said.rest_joints, points, said.twist, None, ReferenceForm.NAIVE).local_rotmats)
    turned = global_rotations(SMPL_PARENTS, local)
    posed = said.rest_joints[:, :JOINTS].copy()
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            bone = said.rest_joints[:, joint] - said.rest_joints[:, parent]
            posed[:, joint] = posed[:, parent] + rotate(turned[:, parent], bone)
    return posed

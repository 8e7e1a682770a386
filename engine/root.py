"""Metric root translation: placing a posed skeleton in front of the camera so that it projects onto its keypoints."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rig.local_regression import smooth_series
from rig.motion import Motion

from .camera import Camera
from .errors import InputError
from .poses import PoseSequence


@dataclass(frozen=True)
class RootConfig:
    """How the root is fitted and steadied.

    min_score       keypoints below this score do not count
    min_keypoints   frames with fewer are interpolated
    residual_scale  robust scale of a keypoint's residual, as a part of the body's size in the picture
    iterations      of re-weighting
    lateral_s       standard deviation in time of the smoothing across the picture, s
    depth_s         the same for distance, which one camera sees worst, s
    max_speed_m_s   a fit that needs more speed to be reached from its neighbours is not believed
    depth_limits_m  nearest and farthest believable distance of the pelvis from the camera, m
    """

    min_score: float = 0.2
    min_keypoints: int = 4
    residual_scale: float = 0.04
    iterations: int = 6
    lateral_s: float = 0.03
    depth_s: float = 0.2
    max_speed_m_s: float = 12.0
    depth_limits_m: tuple[float, float] = (0.3, 200.0)


_DEFAULT = RootConfig()


def fit_root(motion: Motion, poses: PoseSequence, camera: Camera, config: RootConfig = _DEFAULT) -> Motion:
    """The motion with `transl` such that its joints project onto `poses.keypoints_2d`; rotations are kept.

    For a keypoint with bearing (u, v) a joint at offset p from the pelvis c obeys c_x - u c_z = u p_z - p_x and
    c_y - v c_z = v p_z - p_y (camera frame): linear in c, solved for all frames at once by iteratively re-weighted
    least squares (Cauchy weights). Distance is then smoothed along time and the other two solved again for it, so
    that steadying the depth does not move the person in the picture. Where the poses bring a place of their own
    (`root_m`), its distance is used in place of the solved one.
    Frames without evidence are interpolated; their pelvis' confidence becomes 0.
    Raises InputError when motion and poses differ in length or no frame has enough keypoints.
    """
    if len(motion) != len(poses):
        raise InputError(f"the motion has {len(motion)} frames and its poses {len(poses)}, expected the same number")
    skeleton = motion.skeleton
    rotation, shift = camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3]
    offsets = np.concatenate([_pelvis_offsets(part) for _, part in motion.parts()]) @ rotation.T
    rays = camera.rays(poses.keypoints_2d)
    visible = np.isfinite(rays).all(axis=-1) & (poses.scores >= config.min_score)
    rays = np.where(visible[..., None], rays, 0.0)
    prior = np.where(visible, np.clip(poses.scores, 0.0, 1.0), 0.0)

    # Right sides of the two equations of every joint.
    side = rays * offsets[..., 2:] - offsets[..., :2]
    weights = prior
    pelvis = np.full((len(motion), 3), np.nan)
    enough = visible.sum(axis=1) >= config.min_keypoints
    for _ in range(config.iterations):
        pelvis = _solve(rays, side, weights)
        residual = side - (pelvis[:, None, :2] - rays * pelvis[:, None, 2:])
        size = np.sqrt(np.sum(prior[..., None] * offsets**2, axis=(1, 2)) / np.maximum(prior.sum(1), 1e-9))
        scale = config.residual_scale * 2.0 * np.maximum(size, 0.1)
        weights = prior / (1.0 + np.sum(residual**2, axis=-1) / scale[:, None] ** 2)

    if poses.root_m is not None:
        known = np.isfinite(poses.root_m).all(axis=1)
        pelvis = np.where(known[:, None], poses.root_m, pelvis)

    near, far = config.depth_limits_m
    sound = enough & np.isfinite(pelvis).all(axis=1) & (pelvis[:, 2] > near) & (pelvis[:, 2] < far)
    if not sound.any():
        raise InputError(
            f"no frame has {config.min_keypoints} keypoints of person {poses.person_id} that fix its place; "
            "expected at least one frame with most of the body visible"
        )
    sound &= _reachable(motion.times_s, pelvis, sound, config.max_speed_m_s)
    evidence = np.where(sound, weights.sum(axis=1), 0.0)

    depth = _interpolate(motion.times_s, np.log(np.where(sound, pelvis[:, 2], 1.0))[:, None], sound)
    depth = np.exp(smooth_series(motion.times_s, depth, config.depth_s, evidence + 1e-3, order=1))
    total = np.maximum(weights.sum(axis=1), 1e-9)[:, None]
    lateral = np.sum(weights[..., None] * (side + rays * depth[:, None]), axis=1) / total
    lateral = _interpolate(motion.times_s, lateral / depth, sound)
    lateral = smooth_series(motion.times_s, lateral, config.lateral_s, evidence + 1e-3, order=2)
    in_camera = np.concatenate([lateral * depth, depth], axis=1)
    world = (in_camera - shift) @ rotation

    confidence = motion.confidence.copy()
    confidence[~sound, 0] = 0.0
    return replace(motion, transl=world - skeleton.rest_joints[0], confidence=confidence)


def _pelvis_offsets(motion: Motion) -> np.ndarray:
    """(T, J, 3) joints relative to the pelvis, world axes, m."""
    joints = motion.joints()
    return joints - joints[:, :1]


def _solve(rays: np.ndarray, side: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted least squares of c_x - u c_z = a, c_y - v c_z = b over the joints: (T, J, 2) twice -> c (T, 3).

    c_x and c_y are eliminated (they are weighted means), which leaves one equation for c_z; NaN where it has none.
    """
    total = weights.sum(axis=1)
    safe = np.maximum(total, 1e-9)
    mean_ray = np.einsum("tj,tjk->tk", weights, rays) / safe[:, None]
    mean_side = np.einsum("tj,tjk->tk", weights, side) / safe[:, None]
    ray, value = rays - mean_ray[:, None], side - mean_side[:, None]
    spread = np.einsum("tj,tjk,tjk->t", weights, ray, ray)
    depth = -np.einsum("tj,tjk,tjk->t", weights, ray, value) / np.where(spread > 1e-12, spread, np.nan)
    return np.concatenate([mean_side + mean_ray * depth[:, None], depth[:, None]], axis=1)


def _reachable(times_s: np.ndarray, positions: np.ndarray, sound: np.ndarray, max_speed_m_s: float) -> np.ndarray:
    """(T,) bool: not farther from the median of the sound frames around it than the speed limit allows."""
    index = np.flatnonzero(sound)
    result = np.ones(len(times_s), dtype=bool)
    if len(index) < 5:
        return result
    window = np.clip(np.arange(len(index))[:, None] + np.arange(-4, 5), 0, len(index) - 1)
    centre = np.median(positions[index][window], axis=1)
    reach_s = np.abs(times_s[index][window] - times_s[index][:, None]).max(axis=1)
    distance = np.linalg.norm(positions[index] - centre, axis=1)
    # Distance to the camera is uncertain by a part of itself: allow for that beside the speed.
    allowed = max_speed_m_s * reach_s + 0.15 * np.abs(centre[:, 2])
    result[index] = distance <= allowed
    return result


def _interpolate(times_s: np.ndarray, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(T, C) values with rows that are not known replaced by linear interpolation in time, held at the ends."""
    if known.all():
        return values
    columns = [np.interp(times_s, times_s[known], column[known]) for column in values.T]
    return np.stack(columns, axis=1)

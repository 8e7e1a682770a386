"""How far away somebody is whom a network saw without knowing: the distance at which the bones have their length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.skeleton import SMPL_PARENTS

_CHILD = np.arange(1, len(SMPL_PARENTS))
_PARENT = np.array(SMPL_PARENTS[1:])


@dataclass(frozen=True)
class DepthConfig:
    """residual_m is the robust scale of a bone's length error, m; limits_m nearest and farthest believable pelvis."""

    residual_m: float = 0.03
    iterations: int = 30
    limits_m: tuple[float, float] = (0.3, 200.0)


_DEFAULT = DepthConfig()


def solve_root_depth(
    rays: np.ndarray,
    depths_m: np.ndarray,
    rest_joints: np.ndarray,
    scores: np.ndarray,
    config: DepthConfig = _DEFAULT,
) -> np.ndarray:
    """(T,) depth r of the pelvis, m; NaN where nothing fixes it.

    rays         (T, 24, 2) bearing (x/z, y/z) of each joint in the camera frame
    depths_m     (T, 24) predicted depth of each joint relative to the pelvis
    rest_joints  (24, 3) or (T, 24, 3) of the body, m
    scores       (T, 24) weight of each joint

    HybrIK-Transformer predicts where joints are in the picture and their relative depth, not where the person is
    (its evaluation takes the true r). A bone from p to c is a + r b, with a = (ray_c, 1) d_c - (ray_p, 1) d_p and
    b = (ray_c - ray_p, 0): its length is the body's for one r. Each bone's own solution of |a + r b| = L starts, by
    their weighted median; then all bones together by re-weighted Gauss-Newton (Cauchy weights), which is the fixed
    point of decoding, giving bones their rest length, and solving for r again. Errors across a bone lengthen it, short
    ones most: bones weigh by the square of their length.
    """
    homogeneous = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)
    placed = homogeneous * depths_m[..., None]
    a = placed[:, _CHILD] - placed[:, _PARENT]
    b = homogeneous[:, _CHILD] - homogeneous[:, _PARENT]
    rest = np.broadcast_to(rest_joints, (len(rays), len(SMPL_PARENTS), 3))
    lengths = np.linalg.norm(rest[:, _CHILD] - rest[:, _PARENT], axis=-1)
    prior = np.sqrt(np.clip(scores[:, _CHILD], 0.0, 1.0) * np.clip(scores[:, _PARENT], 0.0, 1.0))
    sound = np.isfinite(a).all(axis=-1) & np.isfinite(b).all(axis=-1) & np.isfinite(lengths)
    a, b = np.where(sound[..., None], a, 0.0), np.where(sound[..., None], b, 0.0)
    lengths = np.where(sound, lengths, 1.0)
    prior = np.where(sound, prior * lengths**2, 0.0)
    near, far = config.limits_m
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.clip(_first_guess(a, b, lengths, prior), near, far)
        for _ in range(config.iterations):
            bone = a + depth[:, None, None] * b
            length = np.maximum(np.linalg.norm(bone, axis=-1), 1e-6)
            slope = np.sum(bone * b, axis=-1) / length
            residual = length - lengths
            weight = prior / (1.0 + (residual / config.residual_m) ** 2)
            step = np.sum(weight * slope * residual, axis=1) / np.sum(weight * slope**2, axis=1)
            depth = np.clip(depth - np.clip(step, -0.3 * depth, 0.3 * depth), near, far)
    return depth


def _first_guess(a: np.ndarray, b: np.ndarray, lengths: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """(T,) weighted median of each bone's farther solution of |a + r b| = L; where none exists, its nearest miss."""
    across = np.sum(b * b, axis=-1)
    along = np.sum(a * b, axis=-1)
    inside = along**2 - across * (np.sum(a * a, axis=-1) - lengths**2)
    roots = (np.sqrt(np.maximum(inside, 0.0)) - along) / across
    # Bones along the line of sight say little; but none says more for looking longer than the others, as bad ones do.
    sighted = np.sqrt(across) / lengths
    weights = np.where(np.isfinite(roots), prior * np.minimum(sighted, np.median(sighted, axis=1, keepdims=True)), 0.0)
    roots = np.where(weights > 0, roots, 0.0)
    order = np.argsort(roots, axis=1)
    total = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    middle = np.argmax(total >= 0.5 * total[:, -1:], axis=1)
    guess = np.take_along_axis(np.take_along_axis(roots, order, axis=1), middle[:, None], axis=1)[:, 0]
    return np.where(total[:, -1] > 0, guess, np.nan)

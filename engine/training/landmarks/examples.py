"""Turns sampled windows into what the landmark networks read and what they should answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.camera import DEFAULT_FOV_DEG
from engine.lifting.landmark_features import Features, attention_mask, extract_features

from .sightings import Sight


@dataclass(frozen=True)
class Targets:
    """Truth of N windows of T frames in the axes of each frame's view, float32.

    joints      (N, T, 24, 3) relative to the pelvis, m
    log_extent  (N, T) log of the pelvis' depth in the view times the spread
    twist       (N, T, 23, 2);  betas (N, 10);  leaves (N, T, 5, 3, 3);  gravity (N, T, 3)
    velocity    (N, T, 3) of the pelvis in the heading frame, m/s;  contacts (N, T, 4)
    """

    joints: np.ndarray
    log_extent: np.ndarray
    twist: np.ndarray
    betas: np.ndarray
    leaves: np.ndarray
    gravity: np.ndarray
    velocity: np.ndarray
    contacts: np.ndarray


@dataclass(frozen=True)
class Examples:
    """features and targets of the same windows; times_s (N, T), seen (N, T) bool, mask (N, T, T)."""

    features: Features
    targets: Targets
    times_s: np.ndarray
    seen: np.ndarray
    mask: np.ndarray


def make_examples(
    batch: dict[str, np.ndarray],
    sight: Sight,
    rng: np.random.Generator,
    causal_part: float = 0.0,
    focal_error: float = 0.0,
    known_lens: bool = True,
) -> Examples:
    """Examples from a batch of `WindowSampler` or `RenderedPairs`, as `sight` sees it.

    causal_part of the windows keep frames from reading later ones. focal_error: standard deviation of the log of the
    error of the assumed focal length, for half of the windows; videos seldom tell it. known_lens False: every picture
    counts as taken by the usual lens. The depth to answer is then the one that fits the assumed length.
    """
    points_px, scores, world = sight(batch, rng)
    seen = (scores > 0).any(-1)
    intrinsics = batch["intrinsics"].astype(np.float64)
    wrong = np.exp(focal_error * rng.standard_normal(len(seen)) * (rng.random(len(seen)) < 0.5))
    if not known_lens:
        usual_px = 0.5 * batch["image_size"].max(axis=1) / np.tan(np.radians(0.5 * DEFAULT_FOV_DEG))
        wrong = usual_px / intrinsics[:, 0, 0]
    intrinsics[:, [0, 1, 0], [0, 1, 1]] *= wrong[:, None]
    rays = rays_of(points_px.astype(np.float64), intrinsics)
    features = extract_features(rays, scores, world, batch["times_s"], seen)
    causal = rng.random(len(seen)) < causal_part
    mask = np.where(causal[:, None, None], attention_mask(seen, True), attention_mask(seen, False))
    return Examples(features, view_targets(batch, features, wrong), batch["times_s"], seen, mask)


def rays_of(points_px: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """(n, T, N, 2) px and (n, 3, 3) pinhole intrinsics to (n, T, N, 2) bearings x/z, y/z."""
    focal = intrinsics[:, None, None, [0, 1], [0, 1]]
    middle = intrinsics[:, None, None, [0, 1], [2, 2]]
    points = points_px - middle
    points[..., 0] -= intrinsics[:, None, None, 0, 1] * points[..., 1] / focal[..., 1]
    return points / focal


def view_targets(batch: dict[str, np.ndarray], features: Features, focal_ratio: np.ndarray) -> Targets:
    """The truth of a batch in the axes of the views of its features; (n,) assumed over true focal length."""
    view = features.view
    joints = batch["joints_camera"].astype(np.float64)
    pelvis = view.to_view(joints[:, :, :1])[:, :, 0]
    targets = {
        "joints": view.to_view(joints - joints[:, :, :1]),
        "log_extent": np.log(np.maximum(pelvis[..., 2], 0.05) * focal_ratio[:, None] * view.spread),
        "twist": batch["twist"],
        "betas": batch["betas"],
        "leaves": view.turn[:, :, None] @ batch["leaf_rotmats"],
        "gravity": view.to_view(batch["gravity_camera"][:, :, None])[:, :, 0],
        "velocity": batch["root_velocity"],
        "contacts": batch["contacts"],
    }
    return Targets(**{name: np.asarray(value, np.float32) for name, value in targets.items()})

"""Turns sampled windows into what the landmark networks read and what they should answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.lifting.landmark_features import Features, attention_mask, extract_features, turn_to_axis
from engine.poses import BLAZEPOSE
from rig.rotations import rotvec_to_rotmat

from .observe import Observe

_HIPS = [BLAZEPOSE["left_hip"], BLAZEPOSE["right_hip"]]
_LIMBS = tuple(
    tuple(BLAZEPOSE[f"{side}_{part}"] for part in parts)
    for side in ("left", "right")
    for parts in (
        ("elbow", "wrist", "pinky", "index", "thumb"),
        ("knee", "ankle", "heel", "foot_index"),
    )
)
_LIMB_ROOTS = tuple(BLAZEPOSE[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "hip"))


@dataclass(frozen=True)
class WorldNoise:
    """Error of the detector's own three-dimensional landmarks, where no real ones are learned from.

    absent       part of the windows without them
    tilt_deg     turn of the whole body, about the horizontal axis most, standard deviation
    size         standard deviation of the log of their size
    flatness     depth is multiplied by 1 less up to this
    steady_m     standard deviation of each landmark's error that stays through a window (across, across, depth)
    slow_m       of the part that wanders;  quick_m  of the part that is new in every frame
    limb_flip    part of the limbs whose depth is mirrored about their root
    """

    absent: float = 0.35
    tilt_deg: float = 10.0
    size: float = 0.07
    flatness: float = 0.4
    steady_m: tuple[float, float, float] = (0.02, 0.02, 0.05)
    slow_m: tuple[float, float, float] = (0.015, 0.015, 0.035)
    quick_m: tuple[float, float, float] = (0.006, 0.006, 0.015)
    limb_flip: float = 0.06


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
    observe: Observe,
    rng: np.random.Generator,
    causal_part: float = 0.0,
    world_noise: WorldNoise | None = None,
) -> Examples:
    """Examples from a batch of `WindowSampler`, seen through `observe`.

    causal_part of the windows keep frames from reading later ones. World landmarks are made with `world_noise`;
    without it there are none, but for the batch's own "landmarks_world" (n, T, 33, 3) m where it has them.
    """
    points_px, scores = observe(batch, rng)
    seen = (scores > 0).any(-1)
    rays = rays_of(points_px.astype(np.float64), batch["intrinsics"].astype(np.float64))
    world = batch.get("landmarks_world", np.full((*points_px.shape[:2], 33, 3), np.nan, np.float32))
    if world_noise is not None:
        world = noisy_world(batch, world_noise, rng)
    features = extract_features(rays, scores, world, batch["times_s"], seen)
    causal = rng.random(len(seen)) < causal_part
    mask = np.where(causal[:, None, None], attention_mask(seen, True), attention_mask(seen, False))
    return Examples(features, view_targets(batch, features), batch["times_s"], seen, mask)


def rays_of(points_px: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """(n, T, N, 2) px and (n, 3, 3) pinhole intrinsics to (n, T, N, 2) bearings x/z, y/z."""
    focal = intrinsics[:, None, None, [0, 1], [0, 1]]
    middle = intrinsics[:, None, None, [0, 1], [2, 2]]
    points = points_px - middle
    points[..., 0] -= intrinsics[:, None, None, 0, 1] * points[..., 1] / focal[..., 1]
    return points / focal


def view_targets(batch: dict[str, np.ndarray], features: Features) -> Targets:
    """The truth of a batch in the axes of the views of its features."""
    view = features.view
    joints = batch["joints_camera"].astype(np.float64)
    pelvis = view.to_view(joints[:, :, :1])[:, :, 0]
    targets = {
        "joints": view.to_view(joints - joints[:, :, :1]),
        "log_extent": np.log(np.maximum(pelvis[..., 2], 0.05) * view.spread),
        "twist": batch["twist"],
        "betas": batch["betas"],
        "leaves": view.turn[:, :, None] @ batch["leaf_rotmats"],
        "gravity": view.to_view(batch["gravity_camera"][:, :, None])[:, :, 0],
        "velocity": batch["root_velocity"],
        "contacts": batch["contacts"],
    }
    return Targets(**{name: np.asarray(value, np.float32) for name, value in targets.items()})


def noisy_world(batch: dict[str, np.ndarray], noise: WorldNoise, rng: np.random.Generator) -> np.ndarray:
    """(n, T, 33, 3) the detector's own landmarks, m, along the axis it looks in, about the middle of the hips."""
    true = batch["landmarks_camera"].astype(np.float64)
    count = len(true)
    middle = true.mean(2)
    bearing = middle[..., :2] / np.maximum(middle[..., 2:], 0.1)
    points = np.einsum("ntij,ntpj->ntpi", turn_to_axis(bearing), true - true[:, :, _HIPS].mean(2, keepdims=True))
    for limb, root in zip(_LIMBS, _LIMB_ROOTS, strict=True):
        flip = np.where(rng.random(count) < noise.limb_flip, -1.0, 1.0)[:, None, None]
        around = points[:, :, root, None, 2]
        points[:, :, list(limb), 2] = around + flip * (points[:, :, list(limb), 2] - around)
    tilt = np.radians(noise.tilt_deg) * rng.standard_normal((count, 3)) * [1.0, 0.5, 0.3]
    points = np.einsum("nij,ntpj->ntpi", rotvec_to_rotmat(tilt), points)
    shape = np.exp(noise.size * rng.standard_normal((count, 1))) * np.ones(3)
    shape[:, 2] *= 1.0 - noise.flatness * rng.random(count)
    points *= shape[:, None, None]
    points += noise.steady_m * rng.standard_normal((count, 1, 33, 3))
    times = batch["times_s"].astype(np.float64)
    for low_hz, high_hz in ((0.1, 0.6), (0.6, 3.0)):
        rate = 2.0 * np.pi * rng.uniform(low_hz, high_hz, (count, 1, 33, 3))
        phase = rng.uniform(0.0, 2.0 * np.pi, (count, 1, 33, 3))
        points += np.multiply(noise.slow_m, np.sin(rate * times[:, :, None, None] + phase))
    points += noise.quick_m * rng.standard_normal(points.shape)
    points[rng.random(count) < noise.absent] = np.nan
    return points

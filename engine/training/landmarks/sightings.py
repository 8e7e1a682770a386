"""What the detector makes of a batch of true windows: learned, plain or no errors, mixed window by window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.lifting.landmark_features import turn_to_axis
from engine.poses import BLAZEPOSE
from rig.rotations import rotvec_to_rotmat

from .detector_errors import DetectorErrors
from .observe import PlainNoise

Sighting = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Landmarks (n, T, 33, 2) px, scores (n, T, 33) 0..1, world landmarks (n, T, 33, 3) m as `hip_centred` has them, NaN
where there are none."""

Sight = Callable[[dict[str, np.ndarray], np.random.Generator], Sighting]

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
    """Errors of the detector's own three-dimensional landmarks, as guessed.

    tilt_deg     turn of the whole body, about the horizontal axis most, standard deviation
    size         standard deviation of the log of their size
    flatness     depth is multiplied by 1 less up to this
    steady_m     standard deviation of each landmark's error that stays through a window (across, across, depth)
    slow_m       of the part that wanders;  quick_m  of the part that is new in every frame
    limb_flip    part of the limbs whose depth is mirrored about their root
    """

    tilt_deg: float = 10.0
    size: float = 0.07
    flatness: float = 0.4
    steady_m: tuple[float, float, float] = (0.015, 0.015, 0.04)
    slow_m: tuple[float, float, float] = (0.012, 0.012, 0.03)
    quick_m: tuple[float, float, float] = (0.006, 0.006, 0.015)
    limb_flip: float = 0.05


@dataclass(frozen=True)
class MixedSight:
    """A Sight that treats each window by chance like one of three, and takes the world landmarks from some.

    learned, plain   parts of the windows with the learned and the plain errors; the rest has none in the picture
    learned_world    whether the world landmarks of plain windows have the learned errors, or guessed ones as the rest
    without_world    part of the windows that lose their world landmarks
    """

    errors: DetectorErrors
    learned: float = 0.5
    plain: float = 0.35
    learned_world: bool = True
    without_world: float = 0.5

    def __call__(self, batch: dict[str, np.ndarray], rng: np.random.Generator) -> Sighting:
        """See Sight."""
        count, frames = batch["times_s"].shape
        kind = rng.random(count)
        points = np.empty((count, frames, 33, 2), np.float32)
        scores = np.empty((count, frames, 33), np.float32)
        world = np.empty((count, frames, 33, 3), np.float32)
        for sight, low, high in (
            (self.errors.observe_with_world, 0.0, self.learned),
            (self.plain_sight, self.learned, self.learned + self.plain),
            (sharp_sight, self.learned + self.plain, 1.0),
        ):
            rows = np.flatnonzero((kind >= low) & (kind < high))
            if len(rows):
                seen = sight({name: value[rows] for name, value in batch.items()}, rng)
                points[rows], scores[rows], world[rows] = seen
        world[rng.random(count) < self.without_world] = np.nan
        return points, scores, world

    def plain_sight(self, batch: dict[str, np.ndarray], rng: np.random.Generator) -> Sighting:
        """`PlainNoise`, and learned or guessed errors of the world landmarks; a Sight."""
        points, scores = PlainNoise()(batch, rng)
        if self.learned_world:
            return points, scores, self.errors.world_landmarks(batch, points, scores, rng)
        return points, scores, noisy_world(batch, WorldNoise(), rng)


def sharp_sight(batch: dict[str, np.ndarray], rng: np.random.Generator) -> Sighting:
    """The true landmarks in the picture, sure of all but hidden ones, and guessed errors of the world landmarks."""
    points, scores, _ = exact_sight(batch, rng)
    return points, scores, noisy_world(batch, WorldNoise(), rng)


def learned_world_sight(errors: DetectorErrors) -> Sight:
    """The true landmarks in the picture, as in `sharp_sight`, and learned errors of the world landmarks."""

    def sight(batch: dict[str, np.ndarray], rng: np.random.Generator) -> Sighting:
        points, scores, _ = exact_sight(batch, rng)
        return points, scores, errors.world_landmarks(batch, points, scores, rng)

    return sight


def exact_sight(batch: dict[str, np.ndarray], rng: np.random.Generator) -> Sighting:
    """The true landmarks in the picture, sure of all but hidden ones; no world landmarks."""
    scores = np.where(batch["hidden"] > 0.5, 0.5, 0.98) * np.where(batch["inside"] > 0.5, 1.0, 0.3)
    world = np.full(batch["landmarks_camera"].shape, np.nan, np.float32)
    return batch["landmarks_2d_px"].copy(), scores.astype(np.float32), world


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
    return points.astype(np.float32)

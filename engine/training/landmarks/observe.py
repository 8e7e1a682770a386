"""Makes true landmarks look like a detector's: the plain noise model behind a replaceable hook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.poses import BLAZEPOSE, BLAZEPOSE_NAMES


class Observe(Protocol):
    """Turns a batch of `WindowSampler` into what a detector would report."""

    def __call__(self, batch: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks (n, T, 33, 2) px and scores (n, T, 33) 0..1, float32; a missing person is all-zero scores."""
        ...


_LIMBS = tuple(
    tuple(BLAZEPOSE[f"{side}_{part}"] for part in parts)
    for side in ("left", "right")
    for parts in (
        ("elbow", "wrist", "pinky", "index", "thumb"),
        ("knee", "ankle", "heel", "foot_index"),
        ("wrist", "pinky", "index", "thumb"),
        ("ankle", "heel", "foot_index"),
    )
)
_BODY_HALVES = (
    tuple(index for name, index in BLAZEPOSE.items() if name.endswith(("hip", "knee", "ankle", "heel", "foot_index"))),
    tuple(index for name, index in BLAZEPOSE.items() if not name.endswith(("knee", "ankle", "heel", "foot_index"))),
)
_REGIONS = (*_LIMBS, *_BODY_HALVES)


def _mirrored() -> list[int]:
    def other(name: str) -> str:
        swap = {"left": "right", "right": "left"}
        return "_".join(swap.get(word, word) for word in name.split("_"))

    return [BLAZEPOSE[other(name)] for name in BLAZEPOSE_NAMES]


_OTHER_SIDE = _mirrored()
_LEGS = [index for name, index in BLAZEPOSE.items() if name.endswith(("knee", "ankle", "heel", "foot_index"))]
_LOOSE = [index for name, index in BLAZEPOSE.items() if name.endswith(("pinky", "index", "thumb", "heel"))]


@dataclass(frozen=True)
class PlainNoise:
    """A detector made of independent errors, sizes as parts of the larger side of the person's box.

    quick, steady    spread of the error that is new in every frame; of the one that lasts about `lasting_s`
    hidden_times     how much larger both are for hidden landmarks
    windows_from     the whole window's errors are scaled by this at least, log-evenly up to `windows_to`
    occluded         share of the windows in which something covers a limb or half of the body, up to longest_s
    swapped          share of the windows in which left and right are confused for up to half a second
    missed           share of the frames in which the person is missed
    """

    quick: float = 0.006
    steady: float = 0.016
    lasting_s: float = 0.35
    hidden_times: float = 2.2
    windows_from: float = 0.3
    windows_to: float = 1.6
    occluded: float = 0.3
    longest_s: float = 3.0
    swapped: float = 0.08
    missed: float = 0.01

    def __call__(self, batch: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """See `Observe`."""
        true, times = batch["landmarks_2d_px"], batch["times_s"]
        count, frames = times.shape
        unseen = np.maximum(batch["hidden"], 1.0 - batch["inside"])
        unseen = np.maximum(unseen, self._covered(rng, times))
        size = _box_size(true, batch["image_size"])[..., None]
        strength = self.windows_from * (self.windows_to / self.windows_from) ** rng.random((count, 1, 1))
        spread = (size * strength * (1.0 + (self.hidden_times - 1.0) * unseen)).astype(np.float32)[..., None]
        spread[:, :, _LOOSE] *= 1.4
        error = self.quick * rng.standard_normal(true.shape).astype(np.float32)
        error += self.steady * self._lasting(rng, times, true.shape)
        points = true + spread * error
        points, unseen = self._swap(rng, times, points, unseen)
        scores = np.clip(0.97 - 0.75 * unseen + 0.12 * rng.standard_normal(unseen.shape), 0.01, 1.0)
        scores *= rng.random((count, frames, 1)) >= self.missed
        return points.astype(np.float32), scores.astype(np.float32)

    def _lasting(self, rng: np.random.Generator, times: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Unit noise that forgets with `lasting_s` (a first-order random process)."""
        noise = rng.standard_normal(shape).astype(np.float32)
        kept = np.exp(-np.diff(times, axis=1) / self.lasting_s).astype(np.float32)[..., None, None]
        fresh = np.sqrt(1.0 - kept * kept)
        for frame in range(1, shape[1]):
            noise[:, frame] = kept[:, frame - 1] * noise[:, frame - 1] + fresh[:, frame - 1] * noise[:, frame]
        return noise

    def _covered(self, rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
        """(n, T, 33) 1 where something covers a region of the body for a while."""
        chosen = rng.random(len(times)) < self.occluded
        region = np.zeros((len(times), len(BLAZEPOSE_NAMES)), dtype=np.float32)
        for window in np.flatnonzero(chosen):
            region[window, list(_REGIONS[rng.integers(len(_REGIONS))])] = 1.0
        during = _stretches(rng, times, self.longest_s)
        return region[:, None] * during[..., None]

    def _swap(
        self, rng: np.random.Generator, times: np.ndarray, points: np.ndarray, unseen: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Left and right exchanged for a while, of the legs or of everything."""
        chosen = rng.random(len(times)) < self.swapped
        during = (_stretches(rng, times, 0.5) * chosen[:, None]).astype(bool)
        which = np.zeros((len(times), len(BLAZEPOSE_NAMES)), dtype=bool)
        which[:, _LEGS] = True
        which[rng.random(len(times)) < 0.5] = True
        here = during[..., None] & which[:, None]
        return (
            np.where(here[..., None], points[:, :, _OTHER_SIDE], points),
            np.where(here, unseen[:, :, _OTHER_SIDE], unseen),
        )


def _stretches(rng: np.random.Generator, times: np.ndarray, longest_s: float) -> np.ndarray:
    """(n, T) 1 during one random stretch of each window, of up to `longest_s` seconds."""
    lasts = rng.uniform(0.0, longest_s, (len(times), 1))
    begins = rng.uniform(-lasts, times[:, -1:])
    return ((times >= begins) & (times < begins + lasts)).astype(np.float32)


def _box_size(points: np.ndarray, image_size: np.ndarray) -> np.ndarray:
    """(n, T) larger side, px, of the box round the landmarks (n, T, 33, 2), as far as it is in the picture."""
    inside = np.clip(points, 0.0, image_size[:, None, None, :])
    return np.maximum(np.ptp(inside, axis=2).max(axis=-1), 0.02 * image_size.max(axis=1)[:, None])

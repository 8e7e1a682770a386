"""Makes true landmarks look like those of the real detector, with errors learned from rendered pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.errors import InputError
from engine.lifting.landmark_features import turn_to_axis
from engine.poses import BLAZEPOSE
from rig.rotations import rotvec_to_rotmat

from .error_processes import LASTS_S, Covering, cover, first_order, mixed_processes, on_and_off
from .observed_geometry import ARMS, LANDMARKS, LEGS, OTHER_SIDE, VIEW_TERMS, Geometry, Seen, measure, seen_state

ERRORS_FILE = Path(__file__).resolve().parents[2] / "assets" / "detector_errors.npz"

NODES = 17
RADIUS_STEP, SCORE_STEP, SCORE_LOWEST = 0.25, 0.375, -3.0
"""Grids of the tables: over the length of a pair of unit normal variables, and over one such variable."""

SCORE_BINS = (-0.43, 0.43)
"""Thirds of a unit normal variable; errors depend on which third of its usual scores a landmark's score is in."""

FACING_BINS = (-0.35, 0.35)
SHARE_BINS = (0.25, 0.5, 0.75)
SWAPS = (tuple(LEGS), tuple(ARMS), tuple(range(LANDMARKS)))
"""Landmarks of which left and right are confused together."""

WORLD_TERMS = 4 + 3 * LANDMARKS
"""Errors of the detector's own 3-D landmarks: log size, rotation vector, and each landmark's place."""

WORLD_PARTS = (slice(0, 1), slice(1, 4), slice(4, WORLD_TERMS))

_USUAL_COVERING = Covering()
_ASTRAY_LASTS_S = 1.0
_NEAREST_M, _FARTHEST_M = 0.3, 0.6
_HIPS = [BLAZEPOSE["left_hip"], BLAZEPOSE["right_hip"]]
_FIELDS: dict[str, tuple[int, ...]] = {
    "bias": (LANDMARKS, VIEW_TERMS, 2),
    "quality": (NODES,),
    "world_quality": (2, len(WORLD_PARTS)),
    "radii": (LANDMARKS, len(Seen), len(SCORE_BINS) + 1, NODES),
    "score_logits": (LANDMARKS, len(Seen), NODES),
    "mixing": (len(LASTS_S), 3 * LANDMARKS, 3 * LANDMARKS),
    "swap_starts": (len(SWAPS), len(FACING_BINS) + 1),
    "swap_ends": (len(SWAPS),),
    "miss_starts": (len(SHARE_BINS) + 1,),
    "miss_ends": (len(SHARE_BINS) + 1,),
    "astray_starts": (len(SHARE_BINS) + 1,),
    "astray_ends": (len(SHARE_BINS) + 1,),
    "astray_spread": (2,),
    "world_follows": (LANDMARKS,),
    "world_map": (3 * LANDMARKS, VIEW_TERMS + 3 * LANDMARKS),
    "world_mixing": (len(LASTS_S), WORLD_TERMS, WORLD_TERMS),
}


@dataclass(frozen=True)
class DetectorErrors:
    """The learned errors; an `Observe`.

    bias          (33, VIEW_TERMS, 2) mean error along the trunk's axes, in sizes of the person, linear in the view
    quality       (NODES,) log of how much larger or smaller all errors of a window are than usual, over one unit
                  normal variable: some pictures are easy
    radii         (33, 4, 3, NODES) length of the rest, by landmark, how it is seen and third of its score, over the
                  length of a pair of unit normal variables
    score_logits  (33, 4, NODES) log odds of the score over one unit normal variable
    mixing        (4, 99, 99) how normal variables mix to those of 33 scores and 33 errors, for each of LASTS_S
    swap_starts   (3, 3) 1/s that left and right of SWAPS are confused, from back, side, front;  swap_ends (3,) 1/s
    miss_starts   (4,) 1/s that the person is lost, by the share of landmarks in sight;  miss_ends (4,) and found
    astray_...    the same for frames in which nearly all landmarks are far off;  astray_spread (2,) of the part of the
                  error that all landmarks share, and of the rest, in sizes
    world_follows (33,) how much of an error in the picture a landmark's 3-D place shares
    world_map     (99, VIEW_TERMS + 99) mean error of the 3-D places, m, linear in the view and in the true places: the
                  detector makes everybody flatter and more usual than they are
    world_mixing  (4, 103, 103) of WORLD_TERMS, against these mean places
    world_quality (2, 3) how much the errors of WORLD_PARTS grow with `quality` (a power), and the standard deviation of
                  the log of what else makes them larger or smaller in a window
    """

    bias: np.ndarray
    quality: np.ndarray
    world_quality: np.ndarray
    radii: np.ndarray
    score_logits: np.ndarray
    mixing: np.ndarray
    swap_starts: np.ndarray
    swap_ends: np.ndarray
    miss_starts: np.ndarray
    miss_ends: np.ndarray
    astray_starts: np.ndarray
    astray_ends: np.ndarray
    astray_spread: np.ndarray
    world_follows: np.ndarray
    world_map: np.ndarray
    world_mixing: np.ndarray
    covering: Covering = _USUAL_COVERING

    def __post_init__(self) -> None:
        for name, shape in _FIELDS.items():
            array = np.asarray(getattr(self, name), dtype=np.float32)
            if array.shape != shape or not np.isfinite(array).all():
                raise InputError(f"{name} of the detector's errors has shape {array.shape}, expected finite {shape}")
            object.__setattr__(self, name, array)

    @classmethod
    def load(cls, path: Path = ERRORS_FILE) -> DetectorErrors:
        """The errors that ship with the program. Raises InputError where the file is missing or broken."""
        return _load(path)

    def __call__(self, batch: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """See `Observe`."""
        return self.observe(batch, rng)

    def observe(self, batch: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks (n, T, 33, 2) px and scores (n, T, 33) 0..1, float32; a missing person is all-zero."""
        geometry = measure(batch)
        covered = cover(geometry, batch["times_s"], self.covering, rng)
        return self._observed(batch, geometry, covered, self._log_quality(len(covered), rng), rng)[:2]

    def observe_with_world(
        self, batch: dict[str, np.ndarray], rng: np.random.Generator, covered: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`observe`, and the detector's own landmarks in three dimensions (n, T, 33, 3), m, about the hips.

        As the real ones these lie along the axes of a camera turned to the person (see `hip_centred`), share errors
        and confused sides with those in the picture, and are NaN where the person is missing.
        covered  (n, T, 33) bool, what stands before the person, in place of random things
        """
        geometry = measure(batch)
        if covered is None:
            covered = cover(geometry, batch["times_s"], self.covering, rng)
        log_quality = self._log_quality(len(covered), rng)
        points, scores, other = self._observed(batch, geometry, covered, log_quality, rng)
        return points, scores, self._world(batch, geometry, points, scores, other, log_quality, rng)

    def world_landmarks(
        self, batch: dict[str, np.ndarray], points_px: np.ndarray, scores: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(n, T, 33, 3) m the detector's own landmarks as in `observe_with_world` where it sees points_px."""
        itself = np.broadcast_to(np.arange(LANDMARKS), scores.shape)
        log_quality = self._log_quality(len(scores), rng)
        return self._world(batch, measure(batch), points_px, scores, itself, log_quality, rng)

    def _world(
        self,
        batch: dict[str, np.ndarray],
        geometry: Geometry,
        points_px: np.ndarray,
        scores: np.ndarray,
        other: np.ndarray,
        log_quality: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        true = np.take_along_axis(hip_centred(batch["landmarks_camera"]), other[..., None], axis=2)
        usual = self.usual_places(geometry.view, geometry.to_upright(true))
        noise = mixed_processes(rng, batch["times_s"], self.world_mixing)
        for part, power, spread in zip(WORLD_PARTS, *self.world_quality, strict=True):
            log_larger = power * log_quality + spread * rng.standard_normal(len(noise))
            noise[..., part] *= np.exp(log_larger).astype(np.float32)[:, None, None]
        turn = rotvec_to_rotmat(noise[..., 1:4])
        world = np.exp(noise[..., :1])[..., None] * np.einsum("ntij,ntlj->ntli", turn, usual)
        world = geometry.from_upright(world + noise[..., 4:].reshape(true.shape))
        errors_px = points_px - np.take_along_axis(geometry.points_px, other[..., None], axis=2)
        world[..., :2] += self.world_follows[:, None] * metric_errors(batch, errors_px)
        world[~(scores > 0).any(axis=-1)] = np.nan
        return world.astype(np.float32)

    def usual_places(self, view: np.ndarray, places: np.ndarray) -> np.ndarray:
        """What the detector makes of true places (..., 33, 3) m, upright as `Geometry.to_upright`, on average."""
        known = np.concatenate([view, places.reshape(*view.shape[:-1], -1)], axis=-1)
        return places + (known @ self.world_map.T).reshape(places.shape)

    def _observed(
        self,
        batch: dict[str, np.ndarray],
        geometry: Geometry,
        covered: np.ndarray,
        log_quality: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Landmarks, scores, and (n, T, 33) of which landmark each is taken for."""
        times, state = batch["times_s"], seen_state(batch, covered)
        normal = mixed_processes(rng, times, self.mixing)
        scores = self._scores(state, normal[..., :LANDMARKS])
        local = self._errors(state, normal) * np.exp(log_quality).astype(np.float32)[:, None, None, None]
        local += np.einsum("ntf,lfc->ntlc", geometry.view, self.bias, optimize=True)
        share = np.digitize((state <= Seen.BEHIND_OWN_BODY).mean(axis=-1), SHARE_BINS)
        missed = on_and_off(rng, times, self.miss_starts[share], self.miss_ends[share])
        self._lead_astray(local, times, share, rng)
        other = np.broadcast_to(np.arange(LANDMARKS), state.shape)
        for side, starts, ends in zip(SWAPS, self.swap_starts, self.swap_ends, strict=True):
            rate = starts[np.digitize(geometry.facing, FACING_BINS)]
            here = on_and_off(rng, times, rate, np.full_like(rate, ends))
            exchanged = np.arange(LANDMARKS)
            exchanged[list(side)] = np.array(OTHER_SIDE)[list(side)]
            other = np.where(here[..., None], exchanged[other], other)
        points = np.take_along_axis(geometry.points_px, other[..., None], axis=2) + geometry.to_pixels(local)
        points = np.where(missed[..., None, None], 0.0, points)
        scores = np.where(missed[..., None], 0.0, scores)
        return points.astype(np.float32), scores.astype(np.float32), other

    def _log_quality(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(n,) log of how much larger the errors of each window are than usual."""
        place = np.clip((rng.standard_normal(count) - SCORE_LOWEST) / SCORE_STEP, 0.0, NODES - 1.001)
        return _interpolated(self.quality, np.zeros(count, np.int64), place)

    def _scores(self, state: np.ndarray, normal: np.ndarray) -> np.ndarray:
        place = np.clip((normal - SCORE_LOWEST) / SCORE_STEP, 0.0, NODES - 1.001)
        cell = np.arange(LANDMARKS) * len(Seen) + state
        logits = _interpolated(self.score_logits.reshape(-1), cell * NODES, place)
        return 1.0 / (1.0 + np.exp(-logits))

    def _errors(self, state: np.ndarray, normal: np.ndarray) -> np.ndarray:
        pair = normal[..., LANDMARKS:].reshape(*state.shape, 2)
        length = np.sqrt(np.einsum("...i,...i->...", pair, pair))
        third = np.digitize(normal[..., :LANDMARKS], SCORE_BINS)
        cell = (np.arange(LANDMARKS) * len(Seen) + state) * (len(SCORE_BINS) + 1) + third
        place = np.clip(length / RADIUS_STEP, 0.0, NODES - 1.001)
        radius = _interpolated(self.radii.reshape(-1), cell * NODES, place)
        return pair * (radius / np.maximum(length, 1e-6))[..., None]

    def _lead_astray(self, local: np.ndarray, times: np.ndarray, share: np.ndarray, rng: np.random.Generator) -> None:
        """Replace errors (n, T, 33, 2), in place, by far larger ones while the detector is astray."""
        astray = on_and_off(rng, times, self.astray_starts[share], self.astray_ends[share])
        windows = np.flatnonzero(astray.any(axis=1))
        wander = first_order(rng, times[windows], _ASTRAY_LASTS_S, 2 * LANDMARKS + 2)
        far = self.astray_spread[0] * wander[..., None, :2]
        far = far + self.astray_spread[1] * wander[..., 2:].reshape(*wander.shape[:2], LANDMARKS, 2)
        local[windows] = np.where(astray[windows][..., None, None], far, local[windows])


def hip_centred(landmarks: np.ndarray) -> np.ndarray:
    """(n, T, 33, 3) m, camera axes, to the same about the hips in the axes of a camera turned to the person."""
    middle = landmarks.mean(axis=2)
    to_view = turn_to_axis(middle[..., :2] / np.maximum(middle[..., 2:], 0.1)).astype(landmarks.dtype)
    return np.einsum("ntij,ntlj->ntli", to_view, landmarks - landmarks[:, :, _HIPS].mean(2, keepdims=True))


def metric_errors(batch: dict[str, np.ndarray], errors_px: np.ndarray) -> np.ndarray:
    """(n, T, 33, 2) px errors in the picture to m at the person's depth, relative to the hips'."""
    depth = np.maximum(batch["landmarks_camera"][..., 2].mean(axis=-1), _NEAREST_M)
    focal = batch["intrinsics"][:, [0, 1], [0, 1]]
    relative = errors_px - errors_px[:, :, _HIPS].mean(axis=2, keepdims=True)
    return np.clip(relative * depth[..., None, None] / focal[:, None, None], -_FARTHEST_M, _FARTHEST_M)


def _interpolated(table: np.ndarray, base: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Values of flat tables that begin at `base`, at fractional places, linear in between."""
    index = place.astype(np.int64)
    share = (place - index).astype(np.float32)
    index += base
    return table[index] * (1.0 - share) + table[index + 1] * share


@lru_cache(maxsize=2)
def _load(path: Path) -> DetectorErrors:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return DetectorErrors(**{name: stored[name] for name in _FIELDS})
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"The detector's errors {path} cannot be read ({error}); install swingtwist again.") from error

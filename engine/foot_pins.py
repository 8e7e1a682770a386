"""Where heels and toes that stand belong, and how firmly they are held there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from rig.local_regression import smooth_series
from rig.motion import Motion

from .camera import Camera
from .contacts import contact_landmarks, foot_points, intervals, sole_heights_m


class FootLockMode(Enum):
    """When feet are pinned."""

    AUTO = "auto"
    """During detected contacts, unless the foot moves too far in one to have stood."""
    ALWAYS = "always"
    """Whenever a foot is near the floor and not clearly moving, however far that moves it."""
    OFF = "off"
    GROUNDING = "grounding"
    """During detected contacts feet are brought to the floor's height, but may slide on it."""


@dataclass(frozen=True)
class FootLockConfig:
    """How feet are pinned.

    mode               see FootLockMode
    given              the contacts were given, not detected: each of them holds, however far the foot has to move
    ease_s, ease_s_m   time over which a correction fades in before and out after a contact, s, and how much longer for
                       each metre of it, s/m
    max_correction_m   AUTO leaves a contact alone whose foot would have to move farther than this, m
    across_m, along_m  usual error of a foot's place across and along the line of sight, m
    along_share        part for which a way along the line of sight counts in `max_correction_m`
    across_share       and times that a way across it counts, which the picture contradicts
    split_m            a foot that wanders farther than this within one contact is pinned to a slowly moving place
    wander_s           time constant of that place, s
    root_share         share of the correction that feet have in common which the root takes, the legs take the rest
    root_s             time constant of the part of the correction that the root takes, s
    forget_s           time constant with which that part fades away from contacts, s
    reach_share        share of the leg's full length a pinned leg may be stretched to before the root gives way
    damping            of the leg solve, see `ik.refine.refine_chain`
    iterations         of the leg solve; a straight leg bends slowly
    clearance_m        a swinging foot may dip this far into the floor before it is lifted, m
    """

    mode: FootLockMode = FootLockMode.AUTO
    given: bool = False
    ease_s: float = 0.12
    ease_s_m: float = 1.0
    max_correction_m: float = 0.20
    across_m: float = 0.03
    along_m: float = 0.15
    along_share: float = 0.5
    across_share: float = 2.0
    split_m: float = 0.12
    wander_s: float = 0.5
    root_share: float = 0.25
    root_s: float = 0.25
    forget_s: float = 0.7
    reach_share: float = 0.998
    damping: float = 0.05
    iterations: int = 12
    clearance_m: float = 0.005


_LENGTH_STEPS = 4  # a toe may share its stand with two heels, and so a foot's length with both


@dataclass(frozen=True)
class Pins:
    """Where each heel and toe belongs: places (T, 4, 3) m (of the nearest contact) and weights (T, 4) 0..1, eased."""

    places: np.ndarray
    weights: np.ndarray

    def part(self, rows: slice) -> Pins:
        """Those of the frames `rows`."""
        return Pins(self.places[rows], self.weights[rows])


@dataclass
class _Stand:
    """One contact in frames [start, stop): where its point belongs in each of them, place (N, 3) m."""

    start: int
    stop: int
    place: np.ndarray


def pin_feet(motion: Motion, config: FootLockConfig, camera: Camera | None) -> Pins:
    """The pins of a motion's contacts (`motion.contacts` >= 0.5), each at a place on the floor (`_floor_places`)."""
    points = foot_points(motion)
    stands = [_stands(motion, points, column, config, camera) for column in range(points.shape[1])]
    if config.mode is not FootLockMode.GROUNDING:
        landmarks = motion.skeleton.rest_landmarks[contact_landmarks(motion)]
        for heel in (0, 2):
            _keep_length(stands[heel], stands[heel + 1], float(np.linalg.norm(landmarks[heel + 1] - landmarks[heel])))
    places, weights = points.copy(), np.zeros(points.shape[:2])
    for column, point in enumerate(np.swapaxes(points, 0, 1)):
        for stand in stands[column]:
            way = stand.place - point[stand.start : stand.stop]
            ease_s = config.ease_s + config.ease_s_m * np.linalg.norm(way, axis=1)[[0, -1]]
            weight = _eased(motion.times_s, stand.start, stand.stop, ease_s)
            # Outside its contact the correction itself is kept, not the place: the foot is not dragged back.
            correction = np.zeros_like(point)
            correction[stand.start : stand.stop] = way
            correction[: stand.start] = way[0]
            correction[stand.stop :] = way[-1]
            nearer = weight > weights[:, column]
            places[nearer, column] = (point + correction)[nearer]
            weights[:, column] = np.maximum(weights[:, column], weight)
    return Pins(places, weights)


def _stands(
    motion: Motion, points: np.ndarray, column: int, config: FootLockConfig, camera: Camera | None
) -> list[_Stand]:
    """The contacts of one of the points (T, 4, 3) that are believed."""
    grounding = config.mode is FootLockMode.GROUNDING
    soles_m = sole_heights_m(motion)
    found = []
    for start, stop in intervals(motion.contacts[:, column] >= 0.5):
        here = points[start:stop]
        place = _floor_places(here, soles_m, config, None if grounding else camera)[:, column]
        if not grounding:
            place = _place(motion.times_s[start:stop], place, config)
        away = _unlikeliness_m(here[:, column], place, config, camera)
        sure = config.given or config.mode is FootLockMode.ALWAYS
        if sure or np.median(away) <= config.max_correction_m:
            found.append(_Stand(start, stop, place))
    return found


def _keep_length(heels: list[_Stand], toes: list[_Stand], length_m: float) -> None:
    """Move places of one foot's heel and toe, in place, until they are a foot's length apart while both stand."""
    together = [
        (heel, toe, slice(max(heel.start, toe.start), min(heel.stop, toe.stop)))
        for heel in heels
        for toe in toes
        if heel.start < toe.stop and toe.start < heel.stop
    ]
    for _ in range(_LENGTH_STEPS):
        for heel, toe, rows in together:
            first = heel.place[rows.start - heel.start : rows.stop - heel.start]
            second = toe.place[rows.start - toe.start : rows.stop - toe.start]
            way = np.median(second - first, axis=0)
            distance_m = float(np.linalg.norm(way))
            shift = 0.5 * (distance_m - length_m) * way / max(distance_m, 1e-6) * [1.0, 0.0, 1.0]
            heel.place = heel.place + shift
            toe.place = toe.place - shift


def _floor_places(points: np.ndarray, soles_m: np.ndarray, config: FootLockConfig, camera: Camera | None) -> np.ndarray:
    """(T, 4, 3) where on the floor, at the height of the soles (4,), the foot points (T, 4, 3) most likely are, m.

    For errors with covariance S = a^2 I + (b^2 - a^2) r r^T, a across and b along the line of sight r, the likeliest
    point of the plane n . x = h is x + S n (h - n . x) / (n . S n): the update of a Kalman filter that measures the
    height exactly. From low cameras that is nearly straight down, from high ones nearly along the line of sight.
    """
    drop = soles_m - points[..., 1]
    up = np.array([0.0, 1.0, 0.0])
    if camera is None:
        return points + drop[..., None] * up
    sight = camera.sight(points)
    across2, along2 = config.across_m**2, config.along_m**2
    way = across2 * up + (along2 - across2) * sight[..., 1:2] * sight
    return points + way / way[..., 1:2] * drop[..., None]


def _unlikeliness_m(start: np.ndarray, end: np.ndarray, config: FootLockConfig, camera: Camera | None) -> np.ndarray:
    """(N,) length of the ways from `start` to `end` (N, 3), m, as if all ways were as unlikely.

    With a camera what lies along the line of sight counts for less, what the picture would show for more.
    """
    way = end - start
    if camera is None:
        return np.linalg.norm(way, axis=1)
    sight = camera.sight(start)
    along = np.sum(way * sight, axis=1, keepdims=True) * sight
    return np.linalg.norm(config.along_share * along + config.across_share * (way - along), axis=1)


def _place(times_s: np.ndarray, path: np.ndarray, config: FootLockConfig) -> np.ndarray:
    """(N, 3) where a point that stands belongs in each frame of its contact: one place, unless it wanders far."""
    middle = np.median(path, axis=0)
    if np.linalg.norm(path - middle, axis=1).max() <= config.split_m:
        return np.tile(middle, (len(path), 1))
    return smooth_series(times_s, path, config.wander_s, order=0)


def _eased(times_s: np.ndarray, start: int, stop: int, ease_s: np.ndarray) -> np.ndarray:
    """(T,) 1 in frames [start, stop), falling smoothly to 0 over `ease_s` (2,) before and after, s."""
    before, after = np.maximum(ease_s, 1e-9)
    away = np.maximum((times_s[start] - times_s) / before, (times_s - times_s[stop - 1]) / after)
    x = np.clip(1.0 - away, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)

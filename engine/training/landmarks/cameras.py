"""Places cameras before people: lens, distance, tilt, where in the picture, and how the camera moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .columns import about, blend, conjugate, from_rotvec, multiply, normalised, rotate, swing

NEAREST_M = 0.4
"""No joint comes closer to the picture's plane."""


@dataclass(frozen=True)
class CameraConfig:
    """How cameras are drawn.

    fov_deg             of the picture's longer side;  distance_m to the person
    aspects             of the picture, longer by shorter side;  portrait: share of upright pictures
    pitch_sigma_deg     usual spread of the pitch;  pitch_max_deg: bound, drawn evenly in `pitch_wide` of the windows
    roll_upright        share of the windows within roll_small_deg; roll_tilted: within 45; the rest all the way round
    moving              share of the windows with a moving camera
    shares              height of a standing person as a part of the picture's height, evenly; above 1 only parts of
                        the person are in the picture
    """

    fov_deg: tuple[float, float] = (30.0, 100.0)
    distance_m: tuple[float, float] = (1.5, 12.0)
    aspects: tuple[float, ...] = (16 / 9, 16 / 9, 4 / 3, 3 / 2, 1.0, 1.9, 19.5 / 9)
    portrait: float = 0.4
    pitch_sigma_deg: float = 14.0
    pitch_max_deg: float = 60.0
    pitch_wide: float = 0.25
    roll_upright: float = 0.75
    roll_small_deg: float = 10.0
    roll_tilted: float = 0.13
    moving: float = 0.5
    shares: tuple[float, float] = (0.15, 1.2)


@dataclass(frozen=True)
class Cameras:
    """n cameras over T frames: intrinsics (n, 3, 3) px, image_size (n, 2) px, and world to camera as quaternions

    (4, n, T) and translations (3, n, T) m. All float32.
    """

    intrinsics: np.ndarray
    image_size: np.ndarray
    quats: np.ndarray
    translations: np.ndarray

    def seen(self, points: np.ndarray) -> np.ndarray:
        """World points (3, P, n, T) or (3, n, T) in camera axes."""
        if points.ndim == 3:
            return rotate(self.quats, points) + self.translations
        return rotate(self.quats[:, None], points) + self.translations[:, None]

    def project(self, points: np.ndarray) -> np.ndarray:
        """(2, P, n, T) px of points (3, P, n, T) in camera axes, depth held at 5 cm behind the camera."""
        focal = self.intrinsics[:, 0, 0, None]
        middle = self.intrinsics[:, :2, 2].T[..., None]
        return points[:2] * (focal / np.maximum(points[2], 0.05)) + middle[:, None]


def draw_cameras(rng: np.random.Generator, times_s: np.ndarray, joints: np.ndarray, config: CameraConfig) -> Cameras:
    """Cameras that look at people. times_s (n, T), joints (3, 24, n, T) m, world, y up."""
    count = len(times_s)
    size, focal = _lenses(rng, count, config)
    base = _tilts(rng, count, config)
    pelvis = joints[:, 0]
    smooth = _smooth_path(pelvis, times_s)
    centre = smooth.mean(axis=2)
    reach = np.sqrt((np.abs(smooth - centre[..., None]).max(axis=2) ** 2).sum(axis=0))
    place = _places(rng, size, focal, config)

    # Where the camera moves: beside the person, round the person, by turning after the person, by trembling.
    walks_off = reach > 0.35 * place[2] * size.min(axis=1) / focal
    moving = rng.random(count) < np.where(walks_off, 0.85, config.moving)
    follow = moving * np.where(rng.random(count) < 0.35, rng.uniform(0.4, 1.1, count), 0.0)
    turn = moving * np.where(rng.random(count) < 0.6, rng.uniform(0.5, 1.0, count), 0.0)
    round_rad_s = moving * np.where(rng.random(count) < 0.2, np.radians(rng.normal(0, 15.0, count)), 0.0)
    centre_path = (centre[..., None] + follow[:, None] * (smooth - centre[..., None])).astype(np.float32)
    view = multiply(base[..., None], about(1, (round_rad_s[:, None] * times_s).astype(np.float32)))
    toward = rotate(view, smooth - centre_path) + place[..., None]
    pan = blend(_none(toward[0].shape), swing(normalised(toward), normalised(place)[..., None]), turn[:, None])
    shake_deg = moving * np.exp(rng.normal(np.log(0.5), 0.7, count)) * (rng.random(count) < 0.7)
    drift_deg = moving * np.abs(rng.normal(0, 2.0, count))
    shake = _wander(rng, times_s, np.radians(shake_deg), (0.5, 5.0)) + _wander(
        rng, times_s, np.radians(drift_deg), (0.05, 0.4)
    )
    pan = multiply(from_rotvec(shake.astype(np.float32)), pan)
    sway = _wander(rng, times_s, 0.02 * shake_deg, (0.3, 3.0))
    sway += (moving * (rng.random(count) < 0.3) * rng.normal(0, 0.25, (3, count)))[..., None] * (
        times_s - times_s.mean(axis=1, keepdims=True)
    )
    quats = multiply(pan, view)
    translations = rotate(pan, place[..., None]) + sway.astype(np.float32) - rotate(quats, centre_path)

    depth = quats_depth(quats, translations, joints).min(axis=(0, 2))
    translations[2] += np.maximum(NEAREST_M - depth, 0.0)[:, None]
    intrinsics = np.zeros((count, 3, 3), dtype=np.float32)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    intrinsics[:, :2, 2] = 0.5 * size
    intrinsics[:, 2, 2] = 1.0
    return Cameras(intrinsics, size, quats.astype(np.float32), translations.astype(np.float32))


def quats_depth(quats: np.ndarray, translations: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(P, n, T) depth of world points (3, P, n, T), m."""
    forward = rotate(conjugate(quats), np.array([0.0, 0.0, 1.0], dtype=np.float32)[:, None, None] + 0 * quats[1:])
    return np.einsum("cnt,cpnt->pnt", forward, points) + translations[2]


def _none(shape: tuple[int, ...]) -> np.ndarray:
    quats = np.zeros((4, *shape), dtype=np.float32)
    quats[0] = 1.0
    return quats


def _lenses(rng: np.random.Generator, count: int, config: CameraConfig) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (n, 2) and focal lengths (n,), px."""
    longer = rng.choice([640, 848, 960, 1280, 1920], count)
    shorter = np.round(longer / rng.choice(config.aspects, count))
    portrait = rng.random(count) < config.portrait
    size = np.stack([np.where(portrait, shorter, longer), np.where(portrait, longer, shorter)], axis=1)
    fov = np.radians(rng.uniform(*config.fov_deg, count))
    return size.astype(np.float32), (0.5 * longer / np.tan(0.5 * fov)).astype(np.float32)


def _tilts(rng: np.random.Generator, count: int, config: CameraConfig) -> np.ndarray:
    """(4, n) world to camera: half a turn about x, then pitch, then roll."""
    bound = config.pitch_max_deg
    usual = np.clip(rng.normal(6.0, config.pitch_sigma_deg, count), -bound, bound)
    pitch = np.where(rng.random(count) < config.pitch_wide, rng.uniform(-bound, bound, count), usual)
    kind = rng.random(count)
    roll = np.clip(rng.normal(0.0, 0.4 * config.roll_small_deg, count), -config.roll_small_deg, config.roll_small_deg)
    roll = np.where(kind > config.roll_upright, rng.uniform(-45.0, 45.0, count), roll)
    roll = np.where(kind > config.roll_upright + config.roll_tilted, rng.uniform(-180.0, 180.0, count), roll)
    # A camera that looks down sees the world's up lean towards it: a turn about its own x axis.
    level = about(0, np.full(count, np.pi, dtype=np.float32))
    return multiply(about(2, np.radians(roll)), multiply(about(0, np.radians(pitch)), level))


def _places(rng: np.random.Generator, size: np.ndarray, focal: np.ndarray, config: CameraConfig) -> np.ndarray:
    """(3, n) place of the person's pelvis in camera axes, m."""
    count = len(size)
    share = rng.uniform(*config.shares, count)
    distance = np.clip(1.7 * focal / (share * size[:, 1]), *config.distance_m)
    share = 1.7 * focal / (distance * size[:, 1])
    usual = (0.25 - 0.2 * np.minimum(share, 1.0)) * rng.normal(0.0, 1.0, (2, count))
    anywhere = rng.uniform(-0.5, 0.5, (2, count))
    at = np.where(rng.random(count) < 0.15, anywhere, np.clip(usual, -0.5, 0.5)) * size.T / focal
    ray = np.stack([at[0], at[1], np.ones(count)])
    ray /= np.linalg.norm(ray, axis=0)
    # Not always the pelvis in the middle: what is near is cut at the feet as often as at the head.
    place = ray * distance
    place[1] += rng.normal(0.0, np.where(share > 0.8, 0.3, 0.1))
    return place.astype(np.float32)


def _smooth_path(pelvis: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(3, n, T) the parabola through a path, m: what a camera operator follows."""
    frames = times_s.shape[1]
    order = np.linspace(-1.0, 1.0, frames)
    basis = np.linalg.qr(np.stack([np.ones(frames), order, order**2], axis=1)[:, : min(3, frames)])[0]
    return ((pelvis @ basis.astype(np.float32)) @ basis.T.astype(np.float32)).astype(np.float32)


def _wander(
    rng: np.random.Generator, times_s: np.ndarray, amplitude: np.ndarray, rates_hz: tuple[float, float]
) -> np.ndarray:
    """(3, n, T) smooth noise of three waves an axis, each of rms amplitude (n,)."""
    count = len(times_s)
    low, high = rates_hz
    rates = low * (high / low) ** rng.random((3, 3, count, 1))
    phases = rng.uniform(0, 2 * np.pi, (3, 3, count, 1))
    waves = np.sin(((2 * np.pi) * rates * times_s + phases).astype(np.float32)).sum(axis=0)
    return (waves * amplitude[:, None] * np.sqrt(2.0 / 3.0)).astype(np.float32)

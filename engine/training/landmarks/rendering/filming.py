"""Draws how a clip is filmed: lens, where the camera stands, how it moves and shakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.validation import check_array

Rng = np.random.Generator

SIZES = ((512, 384), (384, 512), (576, 324), (324, 576), (448, 448), (640, 480))
_BODY_M = 1.75


@dataclass(frozen=True)
class Shot:
    """intrinsics (3, 3) px, image_size (width, height) px, world_to_camera (T, 4, 4)."""

    intrinsics: np.ndarray
    image_size: tuple[int, int]
    world_to_camera: np.ndarray

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "intrinsics", check_array("intrinsics", self.intrinsics, (3, 3), finite=True))
        put(self, "world_to_camera", check_array("world_to_camera", self.world_to_camera, ("T", 4, 4), finite=True))

    @property
    def eye(self) -> np.ndarray:
        """(T, 3) m, where the camera is in the world."""
        return -np.einsum("tji,tj->ti", self.world_to_camera[:, :3, :3], self.world_to_camera[:, :3, 3])


def random_shot(rng: Rng, body: np.ndarray, fps: float) -> Shot:
    """A way to film the middle of a body that moves along (T, 3) m at `fps`.

    Mostly level cameras at hand or head height on all sides; some high, tilted or rolled; from the whole path well
    inside the picture to close-ups that cut the body; still, following, walking around, shaken by a hand.
    """
    frames = len(body)
    size = SIZES[rng.choice(len(SIZES), p=[0.24, 0.2, 0.2, 0.2, 0.1, 0.06])]
    fov = np.radians(rng.uniform(32, 88))
    focal = 0.5 * max(size) / np.tan(fov / 2)
    follows = rng.random() < 0.35
    middle = 0.5 * (body.min(axis=0) + body.max(axis=0))
    share = rng.uniform(0.3, 0.9) if rng.random() < 0.8 else rng.uniform(0.9, 1.7)  # of the picture's height
    distance = float(np.clip(focal * _BODY_M / (share * size[1]), 0.9, 9.0))
    roam = 0.0 if follows else float(np.linalg.norm((body - middle)[:, [0, 2]], axis=1).max())
    if share < 0.9:
        distance = max(distance, 0.7 * roam * focal / (0.5 * size[0]) + 0.5 * roam)
    distance = max(distance, roam + 0.7)
    azimuth = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.25) * np.linspace(-1, 1, frames) * (rng.random() < 0.2)
    if rng.random() < 0.8:
        height = rng.uniform(0.4, 2.2) + np.zeros(frames)
    else:  # from above or from the ground
        height = np.where(rng.random() < 0.8, distance * np.tan(rng.uniform(0.3, 1.0)), 0.15) + np.zeros(frames)
    away = np.stack([np.sin(azimuth), np.zeros(frames), np.cos(azimuth)], axis=1)
    centre = _smooth(body, fps, 0.6) if follows else np.broadcast_to(middle, body.shape)
    level = distance / np.hypot(1.0, max(0.0, (height[0] - 1.0) / distance))
    stand = centre if follows and rng.random() < 0.5 else np.broadcast_to(middle, body.shape)
    eye = np.stack([stand[:, 0], height, stand[:, 2]], axis=1) + level * away
    aim_off = rng.normal(0, 0.06, 3) * distance
    if share > 0.9:
        aim_off[1] = rng.uniform(-0.5, 0.6)
    aim = centre + aim_off
    shake = rng.uniform(0.0, 0.02) * (rng.random() < 0.4)
    aim = aim + shake * distance * _smooth(rng.standard_normal((frames, 3)), fps, 0.25) * np.sqrt(fps * 0.25)
    kind = rng.random()
    roll = rng.normal(0, np.radians(2.5)) if kind < 0.88 else rng.uniform(-0.6, 0.6)
    if kind > 0.975:
        roll += rng.choice([-1.0, 1.0, 2.0]) * np.pi / 2
    rolls = roll + shake * _smooth(rng.standard_normal((frames, 1)), fps, 0.25)[:, 0] * np.sqrt(fps * 0.25)
    k = np.array([[focal, 0.0, size[0] / 2], [0.0, focal, size[1] / 2], [0.0, 0.0, 1.0]])
    return Shot(k, size, look_at(eye, aim, rolls))


def look_at(eye: np.ndarray, aim: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """(T, 4, 4) world to camera (x right, y down, z forward) from (T, 3) eyes and aims, m, and (T,) rolls, radians."""
    forward = aim - eye
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-6)
    down = np.cross(forward, right)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    rotation = np.stack([c * right + s * down, c * down - s * right, forward], axis=1)
    matrix = np.tile(np.eye(4), (len(eye), 1, 1))
    matrix[:, :3, :3] = rotation
    matrix[:, :3, 3] = -np.einsum("tij,tj->ti", rotation, eye)
    return matrix


def _smooth(values: np.ndarray, fps: float, seconds: float) -> np.ndarray:
    """(T, K) values averaged over a bell of `seconds`, edges held."""
    reach = max(1, round(2 * seconds * fps))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (seconds * fps)) ** 2)
    bell /= bell.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, bell, mode="valid") for column in padded.T], axis=1)

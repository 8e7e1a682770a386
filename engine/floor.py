"""Finding the floor under feet that stand, and moving everybody and the camera onto it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rig.frames import rigid_inverse, rigid_transform
from rig.motion import Motion
from rig.skeleton import JOINT

from .camera import Camera
from .contacts import foot_points, point_speeds_m_s
from .errors import InputError
from .gravity import GravityConfig, StandingFeet, camera_axes, find_up, frame_durations_s, weighted_quantile


@dataclass(frozen=True)
class FloorConfig:
    """How the floor is found.

    speed_m_s, speed_window_s  a foot point slower than this may stand on the floor; window of the measurement, s
    height_sigma_m             spread of standing foot points about the floor, m
    step_m, step_standing_s    a level this far below the usual one on which somebody stood this long is the floor, m, s
    least_standing_s           with less standing than this the lowest foot positions decide the height, s
    gravity                    how the floor's slope is found
    """

    speed_m_s: float = 0.3
    speed_window_s: float = 0.05
    height_sigma_m: float = 0.04
    step_m: float = 0.3
    step_standing_s: float = 0.3
    least_standing_s: float = 0.7
    gravity: GravityConfig = field(default_factory=GravityConfig)


_DEFAULT = FloorConfig()


def settle_on_floor(
    motions: Sequence[Motion],
    camera: Camera,
    learned_down: Sequence[np.ndarray] = (),
    config: FloorConfig = _DEFAULT,
) -> tuple[list[Motion], Camera]:
    """Everybody and the camera in a world whose y is up, whose floor is y = 0 and whose heading is the camera's.

    The origin lies on the floor below the first pelvis seen; somebody who faces the camera faces +z. What the
    camera sees stays exactly the same, and so do jumps. See `gravity.find_up` for the slope of the floor and for
    learned_down.
    Raises InputError when there is no motion.
    """
    if not motions:
        raise InputError("there is no motion to settle on a floor, expected at least one person")
    feet = [_feet(motion, config) for motion in motions]
    normal = find_up(motions, feet, camera, config.gravity, learned_down)
    height = _floor_height(motions, feet, normal, config)

    right = camera_axes(camera)[0]
    right = right - normal * (right @ normal)
    right /= np.linalg.norm(right)
    rotmat = np.stack([right, normal, np.cross(right, normal)])
    pelvis = rotmat @ _first_pelvis(motions)
    to_new = rigid_transform(rotmat, np.array([-pelvis[0], -height, -pelvis[2]]))
    settled = [motion.transformed(rotmat, to_new[:3, 3]) for motion in motions]
    return settled, camera.moved(camera.world_to_camera @ rigid_inverse(to_new))


def settle_height(
    motions: Sequence[Motion], camera: Camera, config: FloorConfig = _DEFAULT
) -> tuple[list[Motion], Camera]:
    """Everybody and the camera moved up or down together, so that the floor of a world whose y is up is y = 0.

    Raises InputError when there is no motion.
    """
    if not motions:
        raise InputError("there is no motion to settle on a floor, expected at least one person")
    height = _floor_height(motions, [_feet(motion, config) for motion in motions], np.array([0.0, 1.0, 0.0]), config)
    to_new = rigid_transform(np.eye(3), np.array([0.0, -height, 0.0]))
    settled = [motion.transformed(np.eye(3), to_new[:3, 3]) for motion in motions]
    return settled, camera.moved(camera.world_to_camera @ rigid_inverse(to_new))


def _feet(motion: Motion, config: FloorConfig) -> StandingFeet:
    points = foot_points(motion)
    speed = point_speeds_m_s(motion.times_s, points, config.speed_window_s)
    slow = 1.0 / (1.0 + (speed / config.speed_m_s) ** 4)
    confidence = np.stack(
        [motion.confidence[:, JOINT[name]] for name in ("left_ankle", "left_foot", "right_ankle", "right_foot")], axis=1
    )
    weights = slow * np.clip(confidence, 0.0, 1.0) * np.clip(motion.confidence[:, :1], 0.0, 1.0)
    # Hidden feet are better than none.
    return StandingFeet(points, weights if weights.sum() > 1.0 else slow * 0.05)


def _floor_height(
    motions: Sequence[Motion], feet: list[StandingFeet], normal: np.ndarray, config: FloorConfig
) -> float:
    """Height of the floor along the normal, m: the robust middle of the standing foot points.

    Of two levels (a wall and the ground below it) the lower, if somebody really stood there.
    Where feet hardly ever stand still (a run, a camera that pans along) the low end of each frame's lowest point.
    """
    points, weights = np.concatenate([f.points for f in feet]), np.concatenate([f.weights for f in feet])
    heights = points @ normal
    lowest = heights.min(axis=1, keepdims=True)
    weights = weights * np.exp(-0.5 * ((heights - lowest) / 0.03) ** 2)
    durations_s = np.concatenate([frame_durations_s(motion) for motion in motions])

    def stood_s(near: np.ndarray) -> float:
        return float((np.where(near, weights, 0.0).max(axis=1) * durations_s).sum())

    level = _settled_level(heights, weights, weighted_quantile(heights, weights, 0.5), config)
    below = _settled_level(heights, weights, weighted_quantile(heights, weights, 0.05), config)
    if (
        level - below > config.step_m
        and stood_s(np.abs(heights - below) < config.height_sigma_m) > config.step_standing_s
    ):
        level = below
    share = min(1.0, stood_s(np.ones_like(heights, dtype=bool)) / config.least_standing_s)
    return share * level + (1.0 - share) * float(np.quantile(lowest, 0.15))


def _settled_level(heights: np.ndarray, weights: np.ndarray, start: float, config: FloorConfig) -> float:
    """The robust mean of heights around `start`, moved until it settles, m."""
    level = start
    for _ in range(10):
        robust = weights / (1.0 + ((heights - level) / config.height_sigma_m) ** 2) ** 2
        level = float((robust * heights).sum() / max(robust.sum(), 1e-12))
    return level


def _first_pelvis(motions: Sequence[Motion]) -> np.ndarray:
    """(3,) world position of the pelvis seen first, m; the earlier person in the list where two tie."""

    def first(motion: Motion) -> int:
        seen = motion.confidence[:, 0] > 0
        return int(seen.argmax()) if seen.any() else 0

    motion = min(motions, key=lambda m: float(m.times_s[first(m)]))
    return motion.transl[first(motion)] + motion.skeleton.rest_joints[0]

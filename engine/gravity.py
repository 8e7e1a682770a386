"""Finding which way is up from bodies and feet that stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rig.frames import rigid_inverse
from rig.motion import Motion
from rig.skeleton import JOINT

from .camera import Camera


@dataclass(frozen=True)
class GravityConfig:
    """Evidence for the direction of gravity and how far each piece is trusted.

    height_sigma_m             spread of standing foot points about the floor, m
    lowest_sigma_m             a foot point this far above its person's lowest one may still stand: legs reach too near
                               or too far, and so too low or too high, m
    depth_noise                error of a person's distance as a part of it; its share of the feet's spread is ignored
    evidence_limit             most independent footholds that count: frames of one clip are not independent
    roll_sigma_deg             how level cameras are held, sideways, degrees
    pitch_sigma_deg            the same up and down
    pitch_limit_deg            largest pitch considered, degrees
    roll_limit_deg             largest roll considered, degrees
    body_sigma_deg             how upright a standing person is and is reconstructed, degrees
    learned_sigma_deg          error of what a network says of a whole clip, degrees
    learned_frame_sigma_deg    spread of what it says of single frames about that, degrees
    lying_deg                  people whose axis is farther than this from what it says is up do not stand, degrees
    straight_deg               legs and trunk within this angle of each other count as standing
    iterations, max_frames     of the robust fit; longer clips are thinned out evenly for it
    """

    height_sigma_m: float = 0.04
    lowest_sigma_m: float = 0.2
    depth_noise: float = 0.04
    evidence_limit: float = 10.0
    roll_sigma_deg: float = 4.0
    pitch_sigma_deg: float = 25.0
    pitch_limit_deg: float = 60.0
    roll_limit_deg: float = 30.0
    body_sigma_deg: float = 6.0
    learned_sigma_deg: float = 8.0
    learned_frame_sigma_deg: float = 4.0
    lying_deg: float = 40.0
    straight_deg: float = 20.0
    iterations: int = 20
    max_frames: int = 600


@dataclass(frozen=True)
class StandingFeet:
    """One person's foot points (T, 4, 3) m and how likely each stands, from speed and visibility, (T, 4) 0..1."""

    points: np.ndarray
    weights: np.ndarray


def find_up(
    motions: Sequence[Motion],
    feet: Sequence[StandingFeet],
    camera: Camera,
    config: GravityConfig,
    learned_down: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """(3,) unit vector against gravity in the world, the floor's normal: the best of fits from several starts.

    learned_down  (T, 3) unit vectors, camera axes, downwards, which a network says of people; NaN where it says nothing

    The normal n minimises, by iteratively re-weighted least squares,

        sum_i rho((n . p_i - d) / height_sigma) + |n - u|^2 / body_sigma^2 + |n - l|^2 / learned_sigma^2
            + roll^2 / roll_sigma^2 + pitch^2 / pitch_sigma^2

    over foot points p_i that are slow and low of their person, with u the axis of standing bodies and l the mean of
    what a network says: where nobody travels, so that the feet say nothing about the slope along the view, the bodies,
    the network and the level camera decide.
    """
    learned = _learned_up(learned_down, camera, config)
    body, seconds = _standing_axis(motions, learned, config)
    axes = camera_axes(camera)
    eye = rigid_inverse(camera.world_to_camera)[:3, 3]
    _, up, back = axes
    pitches = np.radians([-40.0, -20.0, 0.0, 20.0, 40.0])
    starts = [
        up * np.cos(pitch) + back * np.sin(pitch)
        for pitch in pitches
        if abs(pitch) <= np.radians(config.pitch_limit_deg)
    ]
    if seconds > 0:
        starts.insert(0, body)
    if learned is not None:
        starts.insert(0, learned)
    share = max(1, sum(len(person.points) for person in feet) // config.max_frames)
    feet = [StandingFeet(person.points[::share], person.weights[::share]) for person in feet]
    prior = _Prior(body, 1.0 - np.exp(-2.0 * seconds), axes, config, learned)
    fits = [_fit_normal(feet, prior, start, eye, config) for start in starts]
    return min(fits, key=lambda normal: prior.cost(normal) + _foot_cost(feet, normal, config))


def camera_axes(camera: Camera) -> np.ndarray:
    """(3, 3) rows: the camera's right, up and backward axes in the world."""
    return np.diag([1.0, -1.0, -1.0]) @ camera.world_to_camera[:3, :3]


def frame_durations_s(motion: Motion) -> np.ndarray:
    """(T,) time each frame stands for, s."""
    return np.gradient(motion.times_s) if len(motion) > 1 else np.array([float(1 / motion.fps)])


def weighted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The value below which `share` of the weight lies."""
    values, weights = values.ravel(), weights.ravel()
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    if total[-1] <= 0:
        return float(np.quantile(values, share))
    return float(values[order[np.searchsorted(total, share * total[-1])]])


def _standing_axis(
    motions: Sequence[Motion], learned_up: np.ndarray | None, config: GravityConfig
) -> tuple[np.ndarray, float]:
    """Mean direction from feet to neck of people who stand straight, and its weight: about seconds of standing."""
    axes, weights = [], []
    for motion in motions:
        needed = [JOINT[name] for name in ("left_ankle", "right_ankle", "pelvis", "neck")]
        joints = np.concatenate([part.joints()[:, needed] for _, part in motion.parts()])
        ankles, pelvis, neck = joints[:, :2].mean(axis=1), joints[:, 2], joints[:, 3]
        legs, trunk = pelvis - ankles, neck - pelvis
        rest = motion.skeleton.rest_joints
        stretch = np.linalg.norm(legs, axis=1) / np.linalg.norm(
            rest[JOINT["pelvis"]] - 0.5 * (rest[JOINT["left_ankle"]] + rest[JOINT["right_ankle"]])
        )
        cosine = np.sum(legs * trunk, axis=1) / np.maximum(
            np.linalg.norm(legs, axis=1) * np.linalg.norm(trunk, axis=1), 1e-9
        )
        axis = neck - ankles
        axes.append(axis / np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-9))
        straight = (cosine > np.cos(np.radians(config.straight_deg))) & (stretch > 0.85)
        weights.append(straight * motion.confidence[:, 0] * frame_durations_s(motion))
    direction, weight = np.concatenate(axes), np.concatenate(weights)
    if learned_up is not None:
        weight = weight * (direction @ learned_up > np.cos(np.radians(config.lying_deg)))
    if weight.sum() <= 0:
        return np.array([0.0, 1.0, 0.0]), 0.0
    return _mean_direction(direction, weight, config.body_sigma_deg)


def _learned_up(learned_down: Sequence[np.ndarray], camera: Camera, config: GravityConfig) -> np.ndarray | None:
    """(3,) the mean of what a network says is up, in the world; None where it says nothing."""
    down = np.concatenate([np.empty((0, 3)), *learned_down])
    down = down[np.isfinite(down).all(axis=1)]
    if not len(down):
        return None
    up = -down @ camera.world_to_camera[:3, :3]
    return _mean_direction(up, np.ones(len(up)), config.learned_frame_sigma_deg)[0]


def _mean_direction(direction: np.ndarray, weight: np.ndarray, sigma_deg: float) -> tuple[np.ndarray, float]:
    """The robust mean (3,) of unit vectors (N, 3) with weights (N,), and the weight of those that agree with it."""
    robust = weight
    for _ in range(10):
        mean = robust @ direction
        mean /= np.linalg.norm(mean)
        away = np.degrees(np.arccos(np.clip(direction @ mean, -1.0, 1.0)))
        robust = weight / (1.0 + (away / sigma_deg) ** 2)
    return mean, float(robust.sum())


@dataclass(frozen=True)
class _Prior:
    """What is believed about the floor's normal before any foot is seen; axes (3, 3) as of `camera_axes`."""

    body: np.ndarray
    trust: float
    axes: np.ndarray
    config: GravityConfig
    learned: np.ndarray | None = None

    def within_limits(self, normal: np.ndarray) -> np.ndarray:
        """The nearest normal, roughly, of a camera that is not pitched or rolled more than the limits."""
        right, up, back = self.axes
        roll_limit, pitch_limit = np.radians(self.config.roll_limit_deg), np.radians(self.config.pitch_limit_deg)
        roll = np.clip(np.arctan2(normal @ right, np.hypot(normal @ up, normal @ back)), -roll_limit, roll_limit)
        pitch = np.clip(np.arctan2(normal @ back, normal @ up), -pitch_limit, pitch_limit)
        return right * np.sin(roll) + np.cos(roll) * (up * np.cos(pitch) + back * np.sin(pitch))

    def cost(self, normal: np.ndarray) -> float:
        """Sum of squares of the deviations in units of their sigmas."""
        right, up, _ = self.axes
        body = self.trust * np.sum((normal - self.body) ** 2) / np.radians(self.config.body_sigma_deg) ** 2
        if self.learned is not None:
            body += np.sum((normal - self.learned) ** 2) / np.radians(self.config.learned_sigma_deg) ** 2
        pitch = np.sum((normal - up) ** 2) / np.radians(self.config.pitch_sigma_deg) ** 2
        return float(body + pitch + (normal @ right) ** 2 / np.radians(self.config.roll_sigma_deg) ** 2)

    def equations(self, normal: np.ndarray, tangent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Normal equations (2, 2), (2,) of `cost` for a step in the tangent plane (2, 3) at `normal`."""
        right, up, _ = self.axes
        body_precision = self.trust / np.radians(self.config.body_sigma_deg) ** 2
        pitch_precision = 1.0 / np.radians(self.config.pitch_sigma_deg) ** 2
        roll_precision = 1.0 / np.radians(self.config.roll_sigma_deg) ** 2
        sideways = tangent @ right
        matrix = (body_precision + pitch_precision) * np.eye(2) + roll_precision * np.outer(sideways, sideways)
        vector = tangent @ (body_precision * self.body + pitch_precision * up)
        if self.learned is not None:
            learned_precision = 1.0 / np.radians(self.config.learned_sigma_deg) ** 2
            matrix += learned_precision * np.eye(2)
            vector += tangent @ (learned_precision * self.learned)
        return matrix, vector - roll_precision * sideways * (normal @ right)


def _fit_normal(
    feet: Sequence[StandingFeet], prior: _Prior, start: np.ndarray, eye: np.ndarray, config: GravityConfig
) -> np.ndarray:
    right, _, back = prior.axes
    normal = prior.within_limits(start)
    for step in range(config.iterations):
        first = np.cross(normal, back) if abs(normal @ back) < 0.9 else np.cross(normal, right)
        first /= np.linalg.norm(first)
        tangent = np.stack([first, np.cross(normal, first)])
        # Wide at first, so that a wrong start does not choose the wrong points.
        sigma_m = config.height_sigma_m * (1.0 + 3.0 * 0.7**step)
        scatter, noise = _foot_scatter(feet, normal, sigma_m, eye, config)
        scale = _view_reliability(tangent @ scatter @ tangent.T, tangent @ noise @ tangent.T) / config.height_sigma_m
        matrix, vector = prior.equations(normal, tangent)
        matrix += scale @ tangent @ scatter @ tangent.T @ scale
        vector -= scale @ scale @ tangent @ scatter @ normal
        change = np.linalg.solve(matrix, vector)
        change *= min(1.0, 0.3 / max(float(np.linalg.norm(change)), 1e-12))
        normal = normal + tangent.T @ change
        normal = prior.within_limits(normal / np.linalg.norm(normal))
    return normal


def _foot_cost(feet: Sequence[StandingFeet], normal: np.ndarray, config: GravityConfig) -> float:
    """Robust sum of squares of the standing feet's distances from their person's floor, in units of its sigma."""
    cost, total = 0.0, 0.0
    for person in feet:
        heights = person.points @ normal
        weights = _standing_weights(person, heights, config)
        residual2 = ((heights - weighted_quantile(heights, weights, 0.5)) / config.height_sigma_m) ** 2
        cost += float((weights * residual2 / (1.0 + residual2)).sum())
        total += float(weights.sum())
    return cost * config.evidence_limit / max(total, 1e-9)


def _standing_weights(person: StandingFeet, heights: np.ndarray, config: GravityConfig) -> np.ndarray:
    """(T, 4) weights of foot points at these heights (T, 4), m: less, the higher above the frame's lowest."""
    above = heights - heights.min(axis=1, keepdims=True)
    return person.weights * np.exp(-0.5 * (above / config.lowest_sigma_m) ** 2)


def _foot_scatter(
    feet: Sequence[StandingFeet], normal: np.ndarray, sigma_m: float, eye: np.ndarray, config: GravityConfig
) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3) scatter, m^2, of foot points that seem to stand about the middle of their own person's.

    Each person has a floor height of their own here: how large somebody is, and so how far, is never known exactly,
    but the slope is everybody's. The second matrix is what the error of the distance adds to the first.
    """
    scatter, noise, total = np.zeros((3, 3)), np.zeros((3, 3)), 0.0
    for person in feet:
        heights = person.points @ normal
        weights = _standing_weights(person, heights, config)
        level = weighted_quantile(heights, weights, 0.5)
        weights = (weights / (1.0 + ((heights - level) / sigma_m) ** 2) ** 2).ravel()
        flat = person.points.reshape(-1, 3)
        centred = flat - (weights @ flat) / max(weights.sum(), 1e-9)
        blur = config.depth_noise * (flat - eye)
        scatter += (weights[:, None] * centred).T @ centred
        noise += (weights[:, None] * blur).T @ blur
        total += float(weights.sum())
    share = min(1.0, config.evidence_limit / max(total, 1e-9))
    return share * scatter, share * noise


def _view_reliability(scatter: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(2, 2) factor on the feet's evidence about the slope, from their scatter and its noise in the tangent plane.

    In the direction of view the evidence counts only as far as the feet are spread out more than the error of
    their distance spreads them: somebody who stands on one spot seems to walk up and down the line of sight.
    """
    values, vectors = np.linalg.eigh(noise)
    view = vectors[:, 1]
    reliability = np.clip(1.0 - values[1] / max(float(view @ scatter @ view), 1e-12), 0.0, 1.0)
    return np.eye(2) - (1.0 - np.sqrt(reliability)) * np.outer(view, view)

"""Solves the joints of a window of frames together, from picture, bone lengths, depth, and how bodies and feet move."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rig.local_regression import smooth_series

from .banded_equations import BandedEquations
from .placement import Segments
from .standing import FOOT_JOINTS, StandingConfig, standing_weights

_RIDGE = 1e-6


@dataclass(frozen=True)
class BodyFitConfig:
    """How much each kind of evidence counts, as standard deviations.

    picture_m            of a joint with score 1 in the picture, at the person's distance, m
    picture_robust_m     distance in the picture from which on a joint counts for little, m (Geman & McClure 1987)
    least_weight         of a joint with score 0: hidden ones are guessed, not ignored
    bone_m               of the length of a bone, m
    depth_m              of the network's difference of depth along a bone, m
    anchor_m             of the network's depth of a joint against the hips, m
    acceleration_m_s2    of a joint against the pelvis that moves evenly, m/s^2
    acceleration_share   and what a part of the acceleration found at first adds to that: kicks are fast
    acceleration_s       standard deviation of the window that acceleration is found in, s
    standing_m_s         of the speed of a foot that stands, m/s
    iterations           of Gauss-Newton and re-weighting
    """

    picture_m: float = 0.02
    picture_robust_m: float = 0.1
    least_weight: float = 0.05
    bone_m: float = 0.01
    depth_m: float = 0.04
    anchor_m: float = 0.15
    acceleration_m_s2: float = 14.0
    acceleration_share: float = 1.5
    acceleration_s: float = 0.05
    standing_m_s: float = 0.07
    iterations: int = 2
    standing: StandingConfig = field(default_factory=StandingConfig)


FRAME_BY_FRAME = BodyFitConfig(acceleration_m_s2=np.inf, standing_m_s=np.inf)
"""No frame is decided by others."""


@dataclass(frozen=True)
class WindowEvidence:
    """What is known of the J joints in T frames, camera frame.

    times_s (T,) s;  rays (T, J, 2) bearings x/z, y/z;  weights (T, J) of these, 0..1
    depth (T, J) m, of which only differences count
    contacts (T, 4) 0..1 in the order of CONTACT_NAMES, NaN where not known; None where nothing says which feet stand
    """

    times_s: np.ndarray
    rays: np.ndarray
    weights: np.ndarray
    depth: np.ndarray
    contacts: np.ndarray | None

    def part(self, rows: slice) -> WindowEvidence:
        """That of the frames `rows`."""
        contacts = None if self.contacts is None else self.contacts[rows]
        return WindowEvidence(self.times_s[rows], self.rays[rows], self.weights[rows], self.depth[rows], contacts)


def fit_window(points: np.ndarray, evidence: WindowEvidence, segments: Segments, config: BodyFitConfig) -> np.ndarray:
    """(T, J, 3) joints, camera frame, m, that explain the evidence of all frames best, from given ones near them.

    Unknowns are the place of joint 0, the pelvis, and that of the others against it: these move smoothly, whatever the
    error of the person's distance in a frame, which hardly shows in the picture and is left free. Gauss-Newton with
    iteratively re-weighted residuals; unknowns of a frame meet only those of the next two, so that a banded Cholesky
    factorisation solves a step. Source: Triggs et al., Bundle Adjustment - A Modern Synthesis, 2000, sections 4 and 6.
    """
    frames, count = points.shape[:2]
    state = points - points[:, :1]
    state[:, 0] = points[:, 0]
    bend = acceleration_coefficients(evidence.times_s)
    bend_weight = _acceleration_weights(evidence.times_s, state, bend, config)
    depth_rows = _depth_rows(count, segments, config)
    wanted_depth = evidence.depth @ depth_rows.T
    depth_rows[:, 0] = 0.0  # against the pelvis, the pelvis is where it is
    for _ in range(config.iterations):
        equations = BandedEquations(frames, 3 * count)
        blocks = np.zeros((frames, count, 3, count, 3))
        gradient = np.zeros((frames, count, 3))
        blocks[:, :, 2, :, 2] += depth_rows.T @ depth_rows
        gradient[..., 2] += (state[..., 2] @ depth_rows.T - wanted_depth) @ depth_rows
        _add_picture(blocks, gradient, state, evidence, config)
        _add_bones(blocks, gradient, state, segments)
        equations.add_frames(blocks.reshape(frames, 3 * count, 3 * count))
        equations.right = gradient.reshape(frames, -1)
        _add_acceleration(equations, state.reshape(frames, -1), bend, bend_weight)
        if evidence.contacts is not None and frames > 1:
            _add_standing(equations, _absolute(state), evidence.times_s, evidence.contacts, config)
        state = state - equations.solve().reshape(state.shape)
    return _absolute(state)


def acceleration_coefficients(times_s: np.ndarray) -> np.ndarray:
    """(T - 2, 3) factors of three places in a row whose sum is the acceleration: twice the divided difference."""
    step = np.diff(times_s)
    if len(step) < 2:
        return np.zeros((0, 3))
    before, after = step[:-1], step[1:]
    outer = 2.0 / (before + after)
    return np.stack([outer / before, -2.0 / (before * after), outer / after], axis=1)


def _absolute(state: np.ndarray) -> np.ndarray:
    """Places of all joints (T, J, 3) from the unknowns."""
    points = state + state[:, :1]
    points[:, 0] = state[:, 0]
    return points


def _depth_rows(count: int, segments: Segments, config: BodyFitConfig) -> np.ndarray:
    """(S + J, J) differences of depth along segments and against the middle, over their standard deviations."""
    along = np.zeros((len(segments.start), count))
    edge = np.arange(len(segments.start))
    along[edge, segments.end] = 1.0 / config.depth_m
    along[edge, segments.start] = -1.0 / config.depth_m
    anchors = np.eye(count) / config.anchor_m
    anchors[:, list(segments.middle)] -= 1.0 / (len(segments.middle) * config.anchor_m)
    return np.concatenate([along, anchors])


def _add_picture(
    blocks: np.ndarray, gradient: np.ndarray, state: np.ndarray, evidence: WindowEvidence, config: BodyFitConfig
) -> None:
    """P_xy - ray P_z = 0 for every joint P, which is the pelvis and, but for itself, the way from there."""
    points = _absolute(state)
    miss = np.linalg.norm(points[..., :2] - evidence.rays * points[..., 2:], axis=-1)
    sure = evidence.weights / (1.0 + (miss / config.picture_robust_m) ** 2) ** 2 / config.picture_m**2
    square = np.zeros((*points.shape, 3))
    square[..., [0, 1], [0, 1]] = 1.0
    square[..., :2, 2] = square[..., 2, :2] = -evidence.rays
    square[..., 2, 2] = np.sum(evidence.rays**2, axis=-1)
    square *= sure[..., None, None]
    square[..., [0, 1, 2], [0, 1, 2]] += _RIDGE
    pull = np.einsum("tjab,tjb->tja", square, points)
    pull -= _RIDGE * points
    others = np.arange(1, points.shape[1])
    blocks[:, 0, :, 0] += square.sum(axis=1)
    for joint in others:
        blocks[:, joint, :, joint] += square[:, joint]
        blocks[:, joint, :, 0] += square[:, joint]
        blocks[:, 0, :, joint] += square[:, joint]
    gradient[:, 0] += pull.sum(axis=1)
    gradient[:, 1:] += pull[:, 1:]


def _add_bones(blocks: np.ndarray, gradient: np.ndarray, state: np.ndarray, segments: Segments) -> None:
    points = _absolute(state)
    way = points[:, segments.end] - points[:, segments.start]
    length = np.linalg.norm(way, axis=-1)
    unit = way / np.maximum(length, 1e-6)[..., None] / segments.sigma_m[:, None]
    pull = unit * ((length - segments.length_m) / segments.sigma_m)[..., None]
    for edge, (a, b) in enumerate(zip(segments.start.tolist(), segments.end.tolist(), strict=True)):
        square = unit[:, edge, :, None] * unit[:, edge, None, :]
        gradient[:, b] += pull[:, edge]
        blocks[:, b, :, b] += square
        if a:
            gradient[:, a] -= pull[:, edge]
            blocks[:, a, :, a] += square
            blocks[:, a, :, b] -= square
            blocks[:, b, :, a] -= square


def _acceleration_weights(
    times_s: np.ndarray, state: np.ndarray, bend: np.ndarray, config: BodyFitConfig
) -> np.ndarray:
    """(T - 2, 3 J) inverse variances of accelerations of the unknowns; 0 for the pelvis, whose distance is free."""
    path = smooth_series(times_s, state.reshape(len(state), -1), config.acceleration_s, order=2).reshape(state.shape)
    square = np.sum(_accelerations(path, bend) ** 2, axis=-1)
    # Around a kick, not just where it speeds up: at its fastest it does not accelerate.
    square = smooth_series(times_s[1:-1], square, 2.0 * config.acceleration_s, order=0)
    weight = 1.0 / (config.acceleration_m_s2**2 + config.acceleration_share**2 * square)
    weight[:, 0] = 0.0
    return np.repeat(weight, 3, axis=1)


def _accelerations(values: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """(T, ...) to (T - 2, ...); bend from `acceleration_coefficients`."""
    factors = bend.reshape(*bend.shape, *([1] * (values.ndim - 1)))
    result = np.zeros((len(bend), *values.shape[1:]))
    for i in range(3):
        result += factors[:, i] * values[i : len(bend) + i]
    return result


def _add_acceleration(equations: BandedEquations, flat: np.ndarray, bend: np.ndarray, weight: np.ndarray) -> None:
    """flat (T, D) unknowns; bend, weight from `acceleration_coefficients` and `_acceleration_weights`."""
    count = len(bend)
    pull = weight * _accelerations(flat, bend)
    for i in range(3):
        equations.right[i : count + i] += bend[:, i, None] * pull
        for j in range(i, 3):
            equations.add_series(weight * (bend[:, i] * bend[:, j])[:, None], frame=i, later=j - i)


def _add_standing(
    equations: BandedEquations, points: np.ndarray, times_s: np.ndarray, contacts: np.ndarray, config: BodyFitConfig
) -> None:
    """A foot that stands is where it was: pelvis and the way from there together."""
    feet = points[:, FOOT_JOINTS]
    each = standing_weights(times_s, feet, contacts, config.standing)
    each = each / (config.standing_m_s * np.diff(times_s)[:, None]) ** 2
    pull = each[..., None] * np.diff(feet, axis=0)
    for foot, joint in enumerate(FOOT_JOINTS):
        weight = each[:, foot]
        for axis in range(3):
            way, root = 3 * joint + axis, axis
            for row, column in ((way, way), (way, root), (root, root)):
                equations.add(weight, row, column)
                equations.add(weight, row, column, frame=1)
                equations.add(-weight, row, column, later=1)
            equations.add(-weight, root, way, later=1)
            for unknown in (way, root):
                equations.right[1:, unknown] += pull[:, foot, axis]
                equations.right[:-1, unknown] -= pull[:, foot, axis]

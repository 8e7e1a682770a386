"""Places landmarks in space from their bearings, the lengths of the body's segments, and the detector's depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rig.local_regression import smooth_series

from ..camera import Camera
from ..poses import BLAZEPOSE, LandmarkSequence

_CHUNK_FRAMES = 128  # bounds the memory of the solver's matrices
_RIDGE = 1e-6
_LONG_M = 0.18  # segments above it tell the size of the body


@dataclass(frozen=True)
class PlacementConfig:
    """How much each kind of evidence counts, as standard deviations.

    picture_m          of a fully visible 2D landmark, at the person's distance, m
    depth_m            of the detector's difference of depth along a segment, m
    anchor_m           of the detector's depth of a landmark against the hips, m
    depth_bandwidth_s  of the smoothing of the detector's depth in time, which shakes three times more than the picture
    least_weight       of a landmark with score 0: hidden ones are guessed, not ignored
    iterations         of the Gauss-Newton solver
    """

    picture_m: float = 0.01
    depth_m: float = 0.06
    anchor_m: float = 0.12
    depth_bandwidth_s: float = 0.1
    least_weight: float = 0.05
    iterations: int = 8


_DEFAULT = PlacementConfig()


@dataclass(frozen=True)
class Segments:
    """What the body fixes between points: start, end (S,), length_m (S,), and its standard deviation sigma_m (S,).

    middle  indices of the points whose mean depth the others' is measured against
    limbs   groups of points outside the middle that no segment joins with another group; makes the solver faster
    """

    start: np.ndarray
    end: np.ndarray
    length_m: np.ndarray
    sigma_m: np.ndarray
    middle: tuple[int, ...]
    limbs: tuple[tuple[int, ...], ...] = ()


# Segments whose length the body fixes, and the standard deviation of that length, m.
_SEGMENTS: tuple[tuple[str, str, float], ...] = (
    ("left_hip", "right_hip", 0.012),
    ("left_shoulder", "right_shoulder", 0.025),
    ("left_hip", "left_shoulder", 0.03),
    ("right_hip", "right_shoulder", 0.03),
    ("left_hip", "right_shoulder", 0.03),
    ("right_hip", "left_shoulder", 0.03),
    *(
        (f"{side}_{a}", f"{side}_{b}", sigma)
        for side in ("left", "right")
        for a, b, sigma in (
            ("hip", "knee", 0.015),
            ("knee", "ankle", 0.015),
            ("shoulder", "elbow", 0.012),
            ("elbow", "wrist", 0.012),
            ("ankle", "heel", 0.005),
            ("ankle", "foot_index", 0.01),
            ("heel", "foot_index", 0.01),
            ("wrist", "index", 0.008),
            ("wrist", "pinky", 0.008),
            ("index", "pinky", 0.008),
        )
    ),
    ("left_ear", "right_ear", 0.01),
    ("left_ear", "nose", 0.01),
    ("right_ear", "nose", 0.01),
    ("left_ear", "left_shoulder", 0.08),
    ("right_ear", "right_shoulder", 0.08),
)
_NODES = tuple(sorted({BLAZEPOSE[name] for segment in _SEGMENTS for name in segment[:2]}))
_START = np.array([_NODES.index(BLAZEPOSE[a]) for a, _, _ in _SEGMENTS])
_END = np.array([_NODES.index(BLAZEPOSE[b]) for _, b, _ in _SEGMENTS])
_LENGTH_SIGMA = np.array([sigma for _, _, sigma in _SEGMENTS])
_HIPS = [BLAZEPOSE["left_hip"], BLAZEPOSE["right_hip"]]
_LIMBS = tuple(
    tuple(_NODES.index(BLAZEPOSE[f"{side}_{part}"]) for part in parts)
    for side in ("left", "right")
    for parts in (("elbow", "wrist", "index", "pinky"), ("knee", "ankle", "heel", "foot_index"))
)
TORSO = (*_HIPS, BLAZEPOSE["left_shoulder"], BLAZEPOSE["right_shoulder"])
"""Landmarks whose mean bearing is the direction the detector looked in."""


def place_landmarks(
    landmarks: LandmarkSequence,
    camera: Camera,
    rest: np.ndarray,
    config: PlacementConfig = PlacementConfig(),
) -> np.ndarray:
    """(T, 33, 3) landmarks in the camera frame, m; NaN in frames where the person was not seen.

    rest (33, 3) rest landmarks of the body, m (`rest_landmarks`).
    """
    seen = np.flatnonzero(landmarks.seen & np.isfinite(landmarks.landmarks_3d).all(axis=(1, 2)))
    result = np.full((len(landmarks), len(BLAZEPOSE), 3), np.nan)
    if not len(seen):
        return result
    rays = camera.rays(landmarks.landmarks_2d[seen])
    world = turn_to_bearing(landmarks.landmarks_3d[seen], rays[:, list(TORSO)].mean(axis=1))
    world = world * _body_size(world, rest)
    world = world - world[:, _HIPS].mean(axis=1, keepdims=True)
    world[..., 2] = smooth_series(landmarks.times_s[seen], world[..., 2], config.depth_bandwidth_s, order=2)
    weights = np.clip(landmarks.scores[seen], config.least_weight, 1.0)
    for start in range(0, len(seen), _CHUNK_FRAMES):
        rows = slice(start, start + _CHUNK_FRAMES)
        result[seen[rows]] = _place(rays[rows], world[rows], weights[rows], rest, config)
    return result


def turn_to_bearing(points: np.ndarray, bearing: np.ndarray) -> np.ndarray:
    """(T, N, 3) points seen along the optical axis, turned to be seen along the rays (T, 2) = (x/z, y/z)."""
    ray = np.concatenate([bearing, np.ones((len(bearing), 1))], axis=1)
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    # Minimal rotation from (0, 0, 1) to the ray; people are never behind the camera.
    axis = np.stack([-ray[:, 1], ray[:, 0], np.zeros(len(ray))], axis=1)[:, None]
    cosine = ray[:, None, 2:]
    cross = np.cross(axis, points)
    return points * cosine + cross + axis * np.sum(axis * points, axis=-1, keepdims=True) / (1.0 + cosine)


def _body_size(world: np.ndarray, rest: np.ndarray) -> float:
    """How much larger the body is than the detector's world landmarks say: the ratio of their segments' lengths."""
    a = np.array([BLAZEPOSE[start] for start, _, _ in _SEGMENTS])
    b = np.array([BLAZEPOSE[end] for _, end, _ in _SEGMENTS])
    long = np.linalg.norm(rest[a] - rest[b], axis=-1) > _LONG_M
    seen = np.median(np.linalg.norm(world[:, a[long]] - world[:, b[long]], axis=-1), axis=0)
    return float(np.linalg.norm(rest[a] - rest[b], axis=-1)[long].sum() / seen.sum())


def _place(
    rays: np.ndarray, world: np.ndarray, weights: np.ndarray, rest: np.ndarray, config: PlacementConfig
) -> np.ndarray:
    """One chunk of seen frames: rays (T, 33, 2), turned world landmarks (T, 33, 3), weights (T, 33) -> (T, 33, 3)."""
    depth = world[..., 2]
    distance = distance_of(rays, world, weights)
    points = np.concatenate([rays, np.ones((*rays.shape[:2], 1))], axis=-1) * (distance[:, None] + depth)[..., None]
    nodes = list(_NODES)
    places = rest[nodes]
    lengths = np.linalg.norm(places[_START] - places[_END], axis=-1)
    hips = tuple(_NODES.index(hip) for hip in _HIPS)
    segments = Segments(_START, _END, lengths, _LENGTH_SIGMA, hips, _LIMBS)
    points[:, nodes] = solve_points(
        points[:, nodes], rays[:, nodes], depth[:, nodes], weights[:, nodes], segments, config
    )
    return points


def distance_of(rays: np.ndarray, offsets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(T,) depth of the hips from which offsets (T, N, 3) m project onto the rays (T, N, 2)."""
    side = rays * offsets[..., 2:] - offsets[..., :2]
    total = weights.sum(axis=1)[:, None]
    ray = rays - np.einsum("tn,tnk->tk", weights, rays)[:, None] / total[:, None]
    value = side - np.einsum("tn,tnk->tk", weights, side)[:, None] / total[:, None]
    spread = np.einsum("tn,tnk,tnk->t", weights, ray, ray)
    return np.maximum(-np.einsum("tn,tnk,tnk->t", weights, ray, value) / np.maximum(spread, 1e-9), 0.5)


def solve_points(
    points: np.ndarray,
    rays: np.ndarray,
    depth: np.ndarray,
    weights: np.ndarray,
    segments: Segments,
    config: PlacementConfig,
) -> np.ndarray:
    """(T, N, 3) points, camera frame, m, that explain picture, segment lengths and depths best, from given ones.

    rays (T, N, 2) bearings; depth (T, N) m, of which only differences count; weights (T, N) of the bearings.
    Gauss-Newton, all frames at once.
    """
    start, end = segments.start, segments.end
    normal, right = _linear_equations(rays, depth, weights, segments, config)
    flat = np.ascontiguousarray(points.reshape(len(points), -1).T)
    for _ in range(config.iterations):
        places = flat.reshape(-1, 3, len(points))
        step = places[end] - places[start]
        norm = np.sqrt(np.sum(step**2, axis=1))
        unit = step / (np.maximum(norm, 1e-6) * segments.sigma_m[:, None])[:, None]
        pull = unit * ((norm - segments.length_m[:, None]) / segments.sigma_m[:, None])[:, None]
        gradient = np.einsum("ijt,jt->it", normal, flat) - right
        hessian = normal.copy()
        for edge, (a, b) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
            one, other = slice(3 * a, 3 * a + 3), slice(3 * b, 3 * b + 3)
            gradient[one] -= pull[edge]
            gradient[other] += pull[edge]
            square = unit[edge, :, None] * unit[edge, None, :]
            hessian[one, one] += square
            hessian[other, other] += square
            hessian[one, other] -= square
            hessian[other, one] -= square
        flat = flat - _solve(hessian, gradient, segments)
    return np.ascontiguousarray(flat.T).reshape(points.shape)


def _linear_equations(
    rays: np.ndarray, depth: np.ndarray, weights: np.ndarray, segments: Segments, config: PlacementConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Normal equations of what does not change between iterations: matrix (3 N, 3 N, T) and right side (3 N, T).

    Picture: P_xy - ray P_z = 0; depth along segments and against the middle: all linear.
    """
    frames, count = depth.shape
    start, end, middle = segments.start, segments.end, list(segments.middle)
    edge = np.arange(len(start))
    along = np.zeros((len(edge), count))
    along[edge, end] = 1.0 / config.depth_m
    along[edge, start] = -1.0 / config.depth_m
    anchors = np.eye(count) / config.anchor_m
    for point in middle:
        anchors[:, point] -= 1.0 / (len(middle) * config.anchor_m)
    linear = np.concatenate([along, anchors])
    centre = depth[:, middle].mean(axis=1, keepdims=True)
    wanted = np.concatenate(
        [(depth[:, end] - depth[:, start]) / config.depth_m, (depth - centre) / config.anchor_m], axis=1
    )
    right = np.zeros((3 * count, frames))
    right[2::3] = (wanted @ linear).T
    normal = np.zeros((3 * count, 3 * count, frames))
    normal[2::3, 2::3] = (linear.T @ linear)[..., None]
    sure = weights.T / config.picture_m**2
    z = 3 * np.arange(count) + 2
    for axis in range(2):
        row, bearing = z - 2 + axis, rays[..., axis].T
        normal[row, row] += sure + _RIDGE
        normal[row, z] -= bearing * sure
        normal[z, row] -= bearing * sure
        normal[z, z] += bearing**2 * sure
    normal[z, z] += _RIDGE
    return normal, right


def _solve(matrix: np.ndarray, right: np.ndarray, segments: Segments) -> np.ndarray:
    """(D, T) solution of (D, D, T) symmetric equations: limbs, which touch few points, are eliminated first.

    Both inputs are overwritten.
    """
    solution = np.empty_like(right)
    limbs = [_axes(limb) for limb in segments.limbs]
    core = np.setdiff1d(np.arange(len(right)), np.concatenate([np.empty(0, np.int64), *limbs]))
    eliminated = []
    for limb, points in zip(limbs, segments.limbs, strict=True):
        beside = _axes(_beside(points, segments))
        across = _frames_first(matrix[np.ix_(limb, beside)])
        both = np.concatenate([across, right[limb].T[..., None]], axis=-1)
        inner = np.linalg.solve(_frames_first(matrix[np.ix_(limb, limb)]), both)
        back = np.moveaxis(np.swapaxes(across, 1, 2) @ inner, 0, -1)
        matrix[np.ix_(beside, beside)] -= back[:, :-1]
        right[beside] -= back[:, -1]
        eliminated.append((limb, beside, inner))
    solution[core] = np.linalg.solve(_frames_first(matrix[np.ix_(core, core)]), right[core].T[..., None])[..., 0].T
    for limb, beside, inner in eliminated:
        solution[limb] = (inner[..., -1] - (inner[..., :-1] @ solution[beside].T[..., None])[..., 0]).T
    return solution


def _frames_first(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(values, -1, 0))


def _axes(points: Sequence[int]) -> np.ndarray:
    """Rows of points in the equations."""
    return (3 * np.asarray(points)[:, None] + np.arange(3)).ravel()


def _beside(limb: tuple[int, ...], segments: Segments) -> list[int]:
    """The points outside a limb that its equations hold."""
    pairs = list(zip(segments.start.tolist(), segments.end.tolist(), strict=True))
    touched = {b for a, b in pairs if a in limb} | {a for a, b in pairs if b in limb}
    return sorted((touched | set(segments.middle)) - set(limb))

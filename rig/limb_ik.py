"""Two-bone inverse kinematics for arms and legs over time, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .frames import rotate
from .rotations import rotmat_to_rotvec, rotvec_to_rotmat

_STRAIGHT = 0.9995
_HINGE_WEIGHT = 0.02


@dataclass(frozen=True)
class LimbTurns:
    """Turns to put in front of a limb's global rotations: upper (T, 3, 3) for thigh or upper arm, lower (T, 3, 3)."""

    upper: np.ndarray
    lower: np.ndarray


def reach(start: np.ndarray, middle: np.ndarray, end: np.ndarray, target: np.ndarray, hinge: np.ndarray) -> LimbTurns:
    """Turns that bring a limb's end to a target, its plane kept.

    start, middle, end  (T, 3) hip, knee and ankle, or shoulder, elbow and wrist, as they are
    target              (T, 3) where the end shall be; one out of reach is approached along the straight limb
    hinge               (T, 3) unit axis that the joint bends about; decides where the limb is straight

    The angle at the middle follows from the law of cosines; the plane through start, middle and end turns with the
    line from start to end by the shortest way. A limb that is straighter than the target asks stays as straight as
    it was, so that targets at the edge of reach do not make knees snap.
    """
    upper, lower = middle - start, end - middle
    a, b = _length(upper), _length(lower)
    now, wanted = end - start, target - start
    distance_now, distance = _length(now), _length(wanted)
    longest = np.maximum((a + b) * _STRAIGHT, distance_now)
    distance = np.clip(distance, np.abs(a - b) * 1.0005 + 1e-9, longest)

    normal = np.cross(upper, lower) + _HINGE_WEIGHT * (a * b)[:, None] * hinge
    normal = normal / np.maximum(_length(normal), 1e-12)[:, None]
    swing = _shortest(now, wanted)
    # Turns about the normal: positive ones at the start lift the middle away from the line to the end.
    inner_now, inner = _angle_at_start(a, b, distance_now), _angle_at_start(a, b, distance)
    bend_now, bend = _angle_at_middle(a, b, distance_now), _angle_at_middle(a, b, distance)
    first = -(inner - inner_now)
    second = first + (bend_now - bend)
    return LimbTurns(
        swing @ rotvec_to_rotmat(first[:, None] * normal), swing @ rotvec_to_rotmat(second[:, None] * normal)
    )


def bounded(turns: LimbTurns, most_rad: float) -> LimbTurns:
    """The same turns with every frame's scaled down together until neither is larger than a bound, rad."""
    vectors = [rotmat_to_rotvec(turn) for turn in (turns.upper, turns.lower)]
    largest = np.maximum(_length(vectors[0]), _length(vectors[1]))
    share = np.minimum(1.0, most_rad / np.maximum(largest, 1e-12))[:, None]
    return LimbTurns(rotvec_to_rotmat(share * vectors[0]), rotvec_to_rotmat(share * vectors[1]))


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(vectors, axis=-1))


def _angle_at_start(a: np.ndarray, b: np.ndarray, distance: np.ndarray) -> np.ndarray:
    cosine = (a * a + distance * distance - b * b) / np.maximum(2 * a * distance, 1e-12)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _angle_at_middle(a: np.ndarray, b: np.ndarray, distance: np.ndarray) -> np.ndarray:
    cosine = (a * a + b * b - distance * distance) / np.maximum(2 * a * b, 1e-12)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _shortest(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(T, 3, 3) smallest rotations between the directions of (T, 3) vectors."""
    axis = np.cross(start, end)
    sine, cosine = _length(axis), np.sum(start * end, axis=-1)
    angle = np.arctan2(sine, cosine)
    return rotvec_to_rotmat(axis / np.maximum(sine, 1e-12)[:, None] * angle[:, None])


def moved(start: np.ndarray, middle: np.ndarray, end: np.ndarray, turns: LimbTurns) -> tuple[np.ndarray, np.ndarray]:
    """(T, 3) middle and end of the limb after the turns."""
    new_middle = start + rotate(turns.upper, middle - start)
    return new_middle, new_middle + rotate(turns.lower, end - middle)

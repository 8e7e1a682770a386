"""Where a character's up, left and floor are, and how long its legs, from the bones of its reference pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bone_mapping import SIDES, BoneMapping
from .character import Character
from .errors import RigError

_UPRIGHT_WITHIN_DEG = 20.0
_SNAP_WITHIN_DEG = 25.0
_SOLE_SHARE = 0.02
_STANDING_HIPS = (0.8, 1.4)


@dataclass(frozen=True)
class BodyFrame:
    """A character's own directions and measures.

    axes          (3, 3) columns: left, back and up of the character in armature space, so that axes @ v takes the
                  armature frame of this program (left +x, front -y, up +z) to the character's armature
    origin        (3,) point on the floor under the hips, armature space
    tilt          (3, 3) rotation, in the character's directions, that takes the trunk of the reference pose upright;
                  the identity for characters that stand
    leg           length of thigh and shin together
    ankle_height  height of the ankles above the floor, as far as bones and standing skin tell
    """

    axes: np.ndarray
    origin: np.ndarray
    tilt: np.ndarray
    leg: float
    ankle_height: float

    def to_body(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) points of armature space to the character's directions, the floor under its hips at 0."""
        return np.asarray((np.asarray(points) - self.origin) @ self.axes)


def body_frame(character: Character, mapping: BoneMapping) -> BodyFrame:
    """Find the frame of a mapped character: up by its armature's axis that the trunk follows, left by its sides.

    Raises RigError when the bones give no left and right.
    """
    places = _Places(character, mapping)
    trunk = _unit(places.top() - places.hips())
    up = _up_axis(character, trunk)
    left = places.left()
    left = left - up * (up @ left)
    if np.linalg.norm(left) < 1e-9:
        raise RigError("the character's left and right lie above each other, expected hips or shoulders side by side")
    left = _snapped(_unit(left), up)
    axes = np.stack([left, np.cross(up, left), up], axis=-1)
    tilt = _tilt(axes, trunk, places)
    hips = places.hips()
    lows = [places.head(f"{side}_ankle") for side in SIDES]
    leg = _leg_length(places)
    upright = bool(np.allclose(tilt, np.eye(3)))
    floor = _floor(character, mapping, up, upright, float(hips @ up) / max(leg, 1e-12))
    ankle = [float(low @ up) - floor for low in lows if low is not None]
    origin = hips + up * (floor - float(hips @ up))
    ankle_height = float(np.mean(ankle)) if ankle and upright else 0.1 * leg
    return BodyFrame(axes, origin, tilt, leg, float(np.clip(ankle_height, 0.0, 0.4 * leg)))


class _Places:
    """Heads of mapped bones in the reference pose, armature space."""

    def __init__(self, character: Character, mapping: BoneMapping) -> None:
        self.character, self.mapping = character, mapping

    def head(self, part: str) -> np.ndarray | None:
        bone = self.mapping.first(part)
        return self.character.heads[self.character.index(bone)] if bone else None

    def _middle(self, part: str) -> np.ndarray | None:
        found = [self.head(f"{side}_{part}") for side in SIDES]
        return (found[0] + found[1]) / 2 if found[0] is not None and found[1] is not None else None

    def hips(self) -> np.ndarray:
        middle, pelvis = self._middle("hip"), self.head("pelvis")
        if middle is not None:
            return middle
        if pelvis is None:
            raise RigError("no bone of the character is the pelvis, expected one; set it by hand")
        return pelvis

    def top(self) -> np.ndarray:
        for place in (self._middle("shoulder"), self.head("neck"), self.head("head")):
            if place is not None and np.linalg.norm(place - self.hips()) > 1e-9:
                return place
        bone = self.character.index(self.mapping.first("pelvis"))
        return self.character.tails[bone]

    def left(self) -> np.ndarray:
        total = np.zeros(3)
        for part in ("hip", "shoulder"):
            left, right = self.head(f"left_{part}"), self.head(f"right_{part}")
            if left is not None and right is not None and np.linalg.norm(left - right) > 1e-9:
                total += _unit(left - right)
        if np.linalg.norm(total) < 1e-9:
            raise RigError("the character has no pair of hips or shoulders, expected both sides mapped")
        return total


def _up_axis(character: Character, trunk: np.ndarray) -> np.ndarray:
    """The armature's axis nearest to up in the world, or, when the trunk lies across it, nearest to the trunk."""
    axes = [sign * axis for axis in np.eye(3) for sign in (1.0, -1.0)]
    world_up = _unit(np.linalg.inv(character.world[:3, :3])[:, 2])
    best = max(axes, key=lambda axis: float(axis @ world_up))
    return best if best @ trunk > 0.4 else max(axes, key=lambda axis: float(axis @ trunk))


def _snapped(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    """`left` on the armature's nearest axis when it is near: rest poses are made along axes, bones seldom exactly."""
    axes = [sign * axis for axis in np.eye(3) for sign in (1.0, -1.0) if abs(axis @ up) < 0.5]
    nearest = max(axes, key=lambda axis: float(axis @ left))
    return nearest if nearest @ left > np.cos(np.radians(_SNAP_WITHIN_DEG)) else left


def _tilt(axes: np.ndarray, trunk: np.ndarray, places: _Places) -> np.ndarray:
    """Rotation in body axes that puts a leaning trunk upright; spines that lean as spines do are left alone."""
    up = axes.T @ trunk
    left = axes.T @ places.left()
    left = _unit(left - up * (up @ left))
    frame = np.stack([left, np.cross(up, left), up], axis=-1)
    cosine = np.clip((np.trace(frame) - 1.0) / 2.0, -1.0, 1.0)
    return np.eye(3) if cosine > np.cos(np.radians(_UPRIGHT_WITHIN_DEG)) else frame.T


def _leg_length(places: _Places) -> float:
    lengths = []
    for side in SIDES:
        hip, knee, ankle = (places.head(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        if hip is not None and knee is not None and ankle is not None:
            lengths.append(float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee)))
    # Half a body has a trunk still; legs are about 1.6 times as long as hips to shoulders.
    return float(np.mean(lengths)) if lengths else 1.6 * float(np.linalg.norm(places.top() - places.hips()))


def _floor(character: Character, mapping: BoneMapping, up: np.ndarray, upright: bool, hips_legs: float) -> float:
    """Height of the floor along `up`: under the skin of the feet, else the armature's origin, else under the toes.

    hips_legs: height of the hips over the armature's origin in legs; where it is that of standing hips, a pose that
    does not stand (rests that lean or jump) has the floor at the origin.
    """
    if not upright and _STANDING_HIPS[0] < hips_legs < _STANDING_HIPS[1]:
        return 0.0
    ankles = [character.index(bone) for side in SIDES if (bone := mapping.first(f"{side}_ankle"))]
    heights = character.heads @ up
    span = float(np.ptp(heights))
    if not ankles:
        return 0.0 if abs(float(heights.min())) < 0.15 * span else float(heights.min())
    lowest = float(heights[[bone for ankle in ankles for bone in character.below(ankle)]].min())
    owners = [bone for ankle in ankles for bone in character.below(ankle)]
    skin = np.asarray(character.skin_points)[np.isin(np.asarray(character.skin_bones), owners)]
    if upright and len(skin):
        return float((skin @ up).min())
    if upright and -0.15 * span < -lowest < 0.02 * span:
        return 0.0
    return lowest - _SOLE_SHARE * span


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))

"""The turn of each bone from a character's reference pose to the T-pose that motions are relative to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body_frame import BodyFrame
from .bone_mapping import SIDES, BoneMapping
from .character import Character
from .frames import WORLD_TO_ARMATURE
from .rotations import rotvec_to_rotmat
from .skeleton import JOINT, Skeleton

_FRONT, _LEFT, _UP = np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
_BENT_FROM_DEG, _BENT_TO_DEG = 12.0, 25.0
_FARTHEST_TWIST_DEG = 100.0
_NEXT = {"shoulder": "elbow", "elbow": "wrist", "wrist": "hand", "hip": "knee", "knee": "ankle", "ankle": "foot"}


@dataclass(frozen=True)
class Alignment:
    """Per part of the body (sides in the name), in the character's directions (left +x, front -y, up +z).

    turns       part -> (3, 3) rotation from the reference pose to the motion's T-pose
    directions  part -> (3,) unit direction of the limb in the reference pose
    """

    turns: dict[str, np.ndarray]
    directions: dict[str, np.ndarray]


def align(character: Character, mapping: BoneMapping, frame: BodyFrame, skeleton: Skeleton) -> Alignment:
    """Turns that make every limb's direction the skeleton's.

    The trunk, neck, head and collars only stand up: how a spine bends and where collars begin differs from rig to rig.
    An upper arm or leg turns by the shortest way and then about itself, until a bend of the reference pose lies in the
    plane in which elbows and knees bend; what hangs from it goes along first. Hands turn about themselves until the
    knuckles lie as the skeleton's, with half of that taken by the forearm. Feet that stand only turn to the front.
    """
    rest = skeleton.rest_joints @ WORLD_TO_ARMATURE.T
    turns = {part: frame.tilt for part in ("root", "pelvis", "spine", "neck", "head")}
    turns["root"] = np.eye(3)
    directions: dict[str, np.ndarray] = {}
    for side in SIDES:
        turns[f"{side}_collar"] = frame.tilt
        for chain in (("shoulder", "elbow", "wrist"), ("hip", "knee")):
            turn = frame.tilt
            for part in chain:
                name = f"{side}_{part}"
                direction = _direction(character, mapping, frame, name)
                if direction is None:
                    break
                directions[name] = direction
                wanted = _source_direction(rest, name)
                turn = _shortest(turn @ direction, wanted) @ turn
                if part in ("shoulder", "hip"):
                    turn = _bend_turn(character, mapping, frame, name, turn, wanted) @ turn
                if part == "wrist":
                    twist = _palm_twist(character, mapping, frame, name, turn, wanted)
                    turn = _about(wanted, twist) @ turn
                    forearm = f"{side}_elbow"
                    turns[forearm] = _about(_source_direction(rest, forearm), 0.5 * twist) @ turns[forearm]
                turns[name] = turn
        for part in ("ankle", "foot"):
            name = f"{side}_{part}"
            direction = _direction(character, mapping, frame, name)
            if direction is not None:
                directions[name] = direction
                turns[name] = _foot_turn(rest, frame, side, part, direction)
    return Alignment(turns, directions)


def _source_direction(rest: np.ndarray, name: str) -> np.ndarray:
    side, _, part = name.partition("_")
    return _unit(rest[JOINT[f"{side}_{_NEXT[part]}"]] - rest[JOINT[name]])


def _direction(character: Character, mapping: BoneMapping, frame: BodyFrame, name: str) -> np.ndarray | None:
    """Direction of a limb's part in the reference pose: to the next part's bone, the fingers, or along the bone."""
    side, _, part = name.partition("_")
    bone_name = mapping.first(name)
    if not bone_name:
        return None
    bone = character.index(bone_name)
    following = mapping.first(f"{side}_{_NEXT.get(part, '')}") if part in _NEXT else ""
    ends = [character.heads[character.index(following)]] if following else []
    if part == "wrist":
        fingers = [child for child in character.children(bone) if "thumb" not in character.bone_names[child].lower()]
        ends = [character.heads[fingers].mean(0)] if len(fingers) >= 2 else []
    for end in [*ends, character.tails[bone]]:
        step = (end - character.heads[bone]) @ frame.axes
        if np.linalg.norm(step) > 1e-3 * frame.leg:
            return _unit(step)
    return None


def _bend_turn(
    character: Character, mapping: BoneMapping, frame: BodyFrame, name: str, turn: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """Turn about the limb that puts the plane of a bent elbow or knee where it bends in the T-pose."""
    side, _, part = name.partition("_")
    upper = _direction(character, mapping, frame, name)
    lower = _direction(character, mapping, frame, f"{side}_{_NEXT[part]}")
    if upper is None or lower is None:
        return np.eye(3)
    hinge = np.cross(upper, lower)
    bend = np.degrees(np.arctan2(np.linalg.norm(hinge), upper @ lower))
    weight = np.clip((bend - _BENT_FROM_DEG) / (_BENT_TO_DEG - _BENT_FROM_DEG), 0.0, 1.0)
    if weight == 0.0:
        return np.eye(3)
    # A knee takes the shin back and an elbow the forearm forward.
    anatomical = _LEFT if part == "hip" else np.cross(wanted, _FRONT)
    angle = _angle_about(wanted, turn @ hinge, anatomical)
    return _about(wanted, weight * angle if abs(angle) < np.radians(_FARTHEST_TWIST_DEG) else 0.0)


def _palm_twist(
    character: Character, mapping: BoneMapping, frame: BodyFrame, name: str, turn: np.ndarray, wanted: np.ndarray
) -> float:
    """Angle about the hand that brings its knuckles from little finger to index to the front; 0 for unnamed fingers."""
    bone = character.index(mapping.first(name))
    knuckles: dict[str, np.ndarray] = {}
    below = [bone, *character.children(bone)]
    for child in [grandchild for one in below for grandchild in character.children(one)]:
        said = character.bone_names[child].lower()
        for finger, words in (("index", ("index",)), ("little", ("pinky", "little", "ring"))):
            if any(word in said for word in words):
                place = character.heads[child]
                if finger == "little" or finger not in knuckles:
                    knuckles[finger] = place
    if len(knuckles) < 2:
        return 0.0
    across = turn @ ((knuckles["index"] - knuckles["little"]) @ frame.axes)
    angle = _angle_about(wanted, across, _FRONT)
    return angle if abs(angle) < np.radians(_FARTHEST_TWIST_DEG) else 0.0


def _foot_turn(rest: np.ndarray, frame: BodyFrame, side: str, part: str, direction: np.ndarray) -> np.ndarray:
    """A standing foot stays flat and turns to the skeleton's heading; one of a leaning pose turns all the way."""
    along = _source_direction(rest, f"{side}_ankle")
    flat = along * [1.0, 1.0, 0.0]
    if not np.allclose(frame.tilt, np.eye(3)):
        upright = frame.tilt @ direction
        return _shortest(upright, along if part == "ankle" else _unit(flat)) @ frame.tilt
    level = direction * [1.0, 1.0, 0.0]
    if np.linalg.norm(level) < 0.2 or np.linalg.norm(flat) < 0.2:
        return np.eye(3)
    angle = _angle_about(_UP, level, flat)
    return _about(_UP, angle) if abs(angle) < np.radians(60.0) else np.eye(3)


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))


def _about(axis: np.ndarray, angle: float) -> np.ndarray:
    return rotvec_to_rotmat(angle * axis)


def _angle_about(axis: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Angle about the unit axis from one direction to another, both seen along it, rad; 0 where one is not seen."""
    a, b = start - axis * (axis @ start), end - axis * (axis @ end)
    if np.linalg.norm(a) < 1e-9 or np.linalg.norm(b) < 1e-9:
        return 0.0
    return float(np.arctan2(axis @ np.cross(a, b), a @ b))


def _shortest(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation from one unit direction to another; opposite ones turn about the front."""
    axis, cosine = np.cross(start, end), float(start @ end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        if cosine > 0:
            return np.eye(3)
        across = np.cross(start, _FRONT if abs(start @ _FRONT) < 0.9 else _LEFT)
        return rotvec_to_rotmat(np.pi * _unit(across))
    return rotvec_to_rotmat(axis / sine * np.arctan2(sine, cosine))

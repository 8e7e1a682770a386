"""Corrections of the world by what somebody says of single frames: this foot is on the floor, this pose is upright."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from rig.frames import rigid_inverse, rigid_transform
from rig.motion import Motion
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import JOINT

from .camera import Camera
from .contacts import foot_points, sole_heights_m
from .errors import InputError
from .floor import settle_height
from .motion_points import nearest_index

_FLOOR = re.compile(r"(left|right)@(-?[0-9.]+)(?:#([0-9]+))?")
_LEVEL = re.compile(r"(-?[0-9.]+)(?:#([0-9]+))?")


class Side(Enum):
    """A foot."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Moment:
    """A frame of one person: the nearest to a time of the motion, s; the first person where no id is given."""

    time_s: float
    person_id: int | None = None


@dataclass(frozen=True)
class FootOnFloor:
    """One foot that stands on the floor at a moment."""

    side: Side
    moment: Moment


@dataclass(frozen=True)
class WorldCorrections:
    """Where the floor is and which way is up, as somebody says.

    least_spread_m   feet that are nearer to each other than this on the floor say nothing of its slope, m
    """

    feet: tuple[FootOnFloor, ...] = ()
    upright: Moment | None = None
    least_spread_m: float = 0.2


def parse_corrections(floor_at: str, level_at: str) -> WorldCorrections:
    """From "left@3.2 right@7.5#2" and "4.0#2" (seconds of the motion # person). Raises InputError."""
    feet = []
    for word in floor_at.replace(",", " ").split():
        match = _FLOOR.fullmatch(word)
        time_s = _number(match[2]) if match else None
        if match is None or time_s is None:
            raise InputError(f"setting floor_at has {word!r}, expected a foot and a time such as left@3.2 or right@7#2")
        feet.append(FootOnFloor(Side(match[1]), Moment(time_s, int(match[3]) if match[3] else None)))
    upright = None
    if level_at.strip():
        match = _LEVEL.fullmatch(level_at.strip())
        time_s = _number(match[1]) if match else None
        if match is None or time_s is None:
            raise InputError(f"setting level_at is {level_at!r}, expected a time such as 4.0, or 4.0#2 for person 2")
        upright = Moment(time_s, int(match[2]) if match[2] else None)
    return WorldCorrections(tuple(feet), upright)


def correct_world(
    motions: Sequence[Motion], camera: Camera, person_ids: Sequence[int], corrections: WorldCorrections
) -> tuple[list[Motion], Camera]:
    """Everybody and the camera in the corrected world: y is up and the floor is y = 0, as `corrections` say.

    First the world is turned so that who is upright is (from ankles to neck), and the floor's height found again.
    Then the feet named come to lie on the floor: one shifts it, two tilt it along their line, more fix its slope by
    least squares. What the camera sees stays the same. Raises InputError for a person or time that is not there.
    """
    motions = list(motions)
    if corrections.upright is not None:
        body = _frame(motions, person_ids, corrections.upright, "level_at").joints()[0]
        ankles = 0.5 * (body[JOINT["left_ankle"]] + body[JOINT["right_ankle"]])
        turn = _turn_to_up(body[JOINT["neck"]] - ankles)
        motions, camera = settle_height(*_moved(motions, camera, rigid_transform(turn, ankles - turn @ ankles)))
    if corrections.feet:
        to_new = np.eye(4)
        frames = [_frame(motions, person_ids, foot.moment, "floor_at") for foot in corrections.feet]
        # The lowest point of a foot that turns along may become another one.
        for _ in range(4):
            soles = np.stack(
                [
                    _sole(frame.transformed(to_new[:3, :3], to_new[:3, 3]), foot.side)
                    for frame, foot in zip(frames, corrections.feet, strict=True)
                ]
            )
            to_new = _onto_floor(soles, corrections.least_spread_m) @ to_new
        motions, camera = _moved(motions, camera, to_new)
    return motions, camera


def _onto_floor(points: np.ndarray, least_spread_m: float) -> np.ndarray:
    """(4, 4) rigid change of the world that brings points (N, 3) to y = 0 with the least tilt."""
    middle = points.mean(axis=0)
    offsets = points - middle
    u, spreads, vt = np.linalg.svd(offsets[:, [0, 2]], full_matrices=False)
    sure = spreads > least_spread_m
    slope = vt[sure].T @ ((u[:, sure].T @ offsets[:, 1]) / spreads[sure])
    turn = _turn_to_up(np.array([-slope[0], 1.0, -slope[1]]))
    return rigid_transform(turn, middle * [1.0, 0.0, 1.0] - turn @ middle)


def _turn_to_up(axis: np.ndarray) -> np.ndarray:
    """(3, 3) the least rotation that takes `axis` (3,) to +y."""
    axis = axis / max(float(np.linalg.norm(axis)), 1e-9)
    about = np.cross(axis, [0.0, 1.0, 0.0])
    sine = float(np.linalg.norm(about))
    angle = np.arctan2(sine, axis[1])
    if sine < 1e-9:
        about, sine = np.array([1.0, 0.0, 0.0]), 1.0
    return rotvec_to_rotmat(about / sine * angle)


def _sole(frame: Motion, side: Side) -> np.ndarray:
    """(3,) the point under the foot that is on the floor when the foot stands: its lowest of heel and toe, m."""
    pair = slice(0, 2) if side is Side.LEFT else slice(2, 4)
    points = foot_points(frame)[0, pair].copy()
    points[:, 1] -= sole_heights_m(frame)[pair]
    lowest: np.ndarray = points[points[:, 1].argmin()]
    return lowest


def _frame(motions: Sequence[Motion], person_ids: Sequence[int], moment: Moment, setting: str) -> Motion:
    """The one frame of a moment. Raises InputError naming the setting."""
    if moment.person_id is not None and moment.person_id not in person_ids:
        known = ", ".join(map(str, person_ids))
        raise InputError(f"setting {setting} names person {moment.person_id}, expected one of those captured: {known}")
    motion = motions[0 if moment.person_id is None else list(person_ids).index(moment.person_id)]
    first_s, last_s = float(motion.times_s[0]), float(motion.times_s[-1])
    if not first_s - 0.5 <= moment.time_s <= last_s + 0.5:
        raise InputError(
            f"setting {setting} names {moment.time_s} s, but the motion runs from {first_s:.2f} to {last_s:.2f} s"
        )
    row = int(nearest_index(motion.times_s, np.array([moment.time_s]))[0])
    return motion.part(slice(row, row + 1))


def _moved(motions: Sequence[Motion], camera: Camera, to_new: np.ndarray) -> tuple[list[Motion], Camera]:
    moved = [motion.transformed(to_new[:3, :3], to_new[:3, 3]) for motion in motions]
    return moved, camera.moved(camera.world_to_camera @ rigid_inverse(to_new))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

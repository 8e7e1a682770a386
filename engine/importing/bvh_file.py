"""Reads BVH files: the joint tree, its offsets and channels, and the frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from rig.timing import parse_rate

from ..errors import InputError

MOST_JOINTS = 2000
MOST_NUMBERS = 50_000_000
_AXES = "XYZ"
_NTSC = Fraction(1000, 1001)


@dataclass(frozen=True)
class BvhJoint:
    """A joint: its name, its parent's index (-1: none), OFFSET (3,), and the channels with their first column."""

    name: str
    parent: int
    offset: np.ndarray
    channels: tuple[str, ...]
    column: int


@dataclass(frozen=True)
class BvhFile:
    """Joints (parents first), the rate, and the rows (F, C) of all channels, lengths in the file's unit, degrees."""

    joints: tuple[BvhJoint, ...]
    fps: Fraction
    rows: np.ndarray
    declared_frames: int

    def ancestors(self, joint: int) -> list[int]:
        """The joint, its parent, and so on up to the root."""
        found = []
        while joint >= 0:
            found.append(joint)
            joint = self.joints[joint].parent
        return found

    def rest_positions(self) -> np.ndarray:
        """(J, 3) where the joints are when all angles are zero, the root at its OFFSET, in the file's unit and axes."""
        places = np.zeros((len(self.joints), 3))
        for number, joint in enumerate(self.joints):
            places[number] = joint.offset + (places[joint.parent] if joint.parent >= 0 else 0.0)
        return places

    def global_rotations(self, wanted: list[int], rows: slice) -> np.ndarray:
        """(F, W, 3, 3) rotations of the wanted joints from the rest pose, in the file's axes, frames `rows`."""
        done: dict[int, np.ndarray] = {}
        for joint in sorted({above for one in wanted for above in self.ancestors(one)}):
            local = self._local_rotations(joint, rows)
            parent = self.joints[joint].parent
            done[joint] = local if parent < 0 else done[parent] @ local
        return np.stack([done[joint] for joint in wanted], axis=1)

    def positions(self, wanted: int) -> np.ndarray:
        """(F, 3) place of one joint in the file's unit and axes.

        A joint's position channels take the place of its OFFSET, as most programs read and write them; below the root
        they do so only where they are used.
        """
        place, turn = np.zeros((len(self.rows), 3)), np.tile(np.eye(3), (len(self.rows), 1, 1))
        for number in reversed(self.ancestors(wanted)):
            joint = self.joints[number]
            step = np.tile(joint.offset, (len(self.rows), 1))
            moved = [k for k, channel in enumerate(joint.channels) if channel.endswith("POSITION")]
            values = self.rows[:, [joint.column + k for k in moved]]
            if moved and (joint.parent < 0 or np.any(values)):
                step[:, [_AXES.index(joint.channels[k][0]) for k in moved]] = values
            place = place + np.einsum("fij,fj->fi", turn, step)
            turn = turn @ self._local_rotations(number, slice(None))
        return place

    def _local_rotations(self, number: int, rows: slice) -> np.ndarray:
        """(F, 3, 3): the channels' turns multiplied in their order."""
        joint = self.joints[number]
        turn = np.tile(np.eye(3), (len(self.rows[rows]), 1, 1))
        for k, channel in enumerate(joint.channels):
            if channel.endswith("ROTATION"):
                turn = turn @ _about_axis(_AXES.index(channel[0]), np.radians(self.rows[rows, joint.column + k]))
        return turn


def read_bvh(text: str, path: Path) -> BvhFile:
    """A BVH file's text. Raises InputError that names the line that cannot be read, or what is missing."""
    lines = text.splitlines()
    joints, motion = _hierarchy(lines, path)
    columns = sum(len(joint.channels) for joint in joints)
    declared, frame_time, start = _motion_header(lines, motion, path)
    if columns == 0:
        raise InputError(f"{path} has joints without any channel, expected a BVH file with motion.")
    if sum(len(line) for line in lines[start:]) > 16 * MOST_NUMBERS:
        raise InputError(f"{path} holds more than {MOST_NUMBERS} numbers, too many for one clip.")
    try:
        values = np.array(" ".join(lines[start:]).split(), dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path} has something other than numbers in its frames: {str(error)[:80]}.") from error
    if len(values) == 0 or len(values) % columns:
        raise InputError(f"{path} breaks off: {len(values)} numbers, expected a multiple of its {columns} channels.")
    return BvhFile(tuple(joints), _rate(frame_time, path), values.reshape(-1, columns), declared)


def _hierarchy(lines: list[str], path: Path) -> tuple[list[BvhJoint], int]:
    """The joints, and the index of the line MOTION."""
    joints: list[BvhJoint] = []
    stack: list[int] = []
    offset, column, in_end, pending = np.zeros(3), 0, False, ""
    for number, raw in enumerate(lines):
        line = raw.strip()
        words = line.replace("{", " ").split()
        word = words[0].upper() if words else ""
        if word == "MOTION":
            if not joints or stack:
                break
            return joints, number
        try:
            if word in ("ROOT", "JOINT"):
                if len(joints) >= MOST_JOINTS:
                    raise InputError(f"{path} has more than {MOST_JOINTS} joints.")
                pending = " ".join(words[1:])
                joints.append(BvhJoint(pending, stack[-1] if stack else -1, np.zeros(3), (), column))
                stack.append(len(joints) - 1)
            elif word == "END":
                in_end = True
                stack.append(-1)
            elif word == "OFFSET":
                offset = np.array([float(value) for value in words[1:4]])
                if len(offset) != 3 or not np.isfinite(offset).all():
                    raise ValueError("offset")
                if not in_end:
                    own = joints[stack[-1]]
                    joints[stack[-1]] = BvhJoint(own.name, own.parent, offset, own.channels, own.column)
            elif word == "CHANNELS":
                channels = tuple(name.upper() for name in words[2:])
                known = all(re.fullmatch(r"[XYZ](POSITION|ROTATION)", name) for name in channels)
                if int(words[1]) != len(channels) or not known:
                    raise ValueError("channels")
                own = joints[stack[-1]]
                joints[stack[-1]] = BvhJoint(own.name, own.parent, own.offset, channels, column)
                column += len(channels)
            elif words and words[0] not in ("HIERARCHY", "}") and number > 0 and line not in ("{", "}"):
                raise ValueError("word")
            if "}" in line:
                stack.pop()
                in_end = False
        except (ValueError, IndexError) as error:
            raise InputError(f"{path}, line {number + 1}: {line[:60]!r} is not what a BVH file has there.") from error
    raise InputError(f"{path} breaks off within its joints, expected a BVH file with MOTION after them.")


def _motion_header(lines: list[str], motion: int, path: Path) -> tuple[int, str, int]:
    """Number of frames declared, frame time as written, index of the first line of numbers."""
    header = " ".join(lines[motion : motion + 8])
    frames = re.search(r"Frames\s*:\s*(\d{1,9})\b", header, re.IGNORECASE)
    time = re.search(r"Frame\s*Time\s*:\s*([0-9.eE+-]+)", header, re.IGNORECASE)
    if not frames or not time:
        raise InputError(f"{path} lacks Frames or Frame Time after MOTION.")
    start = next(n for n in range(motion, motion + 8) if re.search(r"Frame\s*Time\s*:", lines[n], re.IGNORECASE)) + 1
    return int(frames[1]), time[1], start


def _rate(frame_time: str, path: Path) -> Fraction:
    """The rate whose frame time, rounded as the file's is, is the one written: whole rates first, then x 1000/1001."""
    try:
        time_s = float(frame_time)
        rate = 1.0 / time_s
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise InputError(f"{path} has the Frame Time {frame_time!r}, expected seconds.") from error
    if not 0.1 <= rate <= 1000.0:
        raise InputError(f"{path} has the Frame Time {frame_time!r} s, expected 0.001 to 10 s.")
    mantissa, _, exponent = frame_time.lower().partition("e")
    digits = len(mantissa.partition(".")[2]) - int(exponent or 0)
    # Some programs cut digits off in place of rounding.
    rounding = min(1.01 * 10.0**-digits, 1e-3 * time_s)
    whole = Fraction(max(1, round(rate)))
    ntsc = Fraction(max(1, round(rate / float(_NTSC)))) * _NTSC
    errors = {candidate: abs(float(1 / candidate) - time_s) for candidate in (whole, ntsc)}
    for candidate, missed in errors.items():
        if missed <= rounding and missed <= 2.0 * min(errors.values()) + 1e-12:
            return candidate
    return parse_rate(Fraction(rate).limit_denominator(1001))  # 1 / 29.97 stands for 1001 / 30000 too


def _about_axis(axis: int, angle: np.ndarray) -> np.ndarray:
    """(F,) radians to (F, 3, 3) turns about one axis."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn = np.zeros((len(angle), 3, 3))
    turn[:, axis, axis] = 1.0
    turn[:, first, first] = turn[:, second, second] = np.cos(angle)
    turn[:, second, first] = np.sin(angle)
    turn[:, first, second] = -np.sin(angle)
    return turn

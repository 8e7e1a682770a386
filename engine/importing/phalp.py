"""Turns results of PHALP and 4D-Humans into motion of everybody they tracked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rig.frames import WORLD_TO_CAMERA_UPRIGHT

from ..body.model import BodyModel
from ..camera import Camera
from ..errors import InputError
from ..restricted_pickle import plain_value
from .importers import Ground, ImportedMotion, ImportRequest
from .person_track import PersonTrack, track_motion
from .smpl_parameters import Family, body_shape, numbers, pelvis_offset_m
from .source_file import SourceFile

LICENCE = "results of PHALP or 4D-Humans: non-commercial research use (SMPL and training data licences)"
FOCAL_PX, PICTURE_PX = 5000.0, 256.0
"""`camera` is the place of the body seen by a camera of this focal length in the padded square picture of this size."""

SHORTEST_S = 0.5
"""Tracks seen for less time are left out where there are longer ones."""


@dataclass
class _Rows:
    """One person's rows: frame numbers, matrices (24, 3, 3), translations (3,), coefficients."""

    frames: list[int] = field(default_factory=list)
    rotmats: list[np.ndarray] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)
    betas: list[np.ndarray] = field(default_factory=list)


def import_phalp(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    """Everybody tracked, seen by one level camera with the field of view of the settings.

    Rows that PHALP predicted without a detection (`tracked_time` above 0) are gaps. As in HybrIK's results, only
    depth changes with the focal length, which keeps people at their pixels. Raises InputError naming what is wrong.
    """
    path = source.path
    fps = request.rate(path)
    people, size = _rows_by_person(source)
    camera = Camera.from_fov(size, request.settings.fov)
    longest = max(len(rows.frames) for rows in people.values())
    least = min(longest, max(1, int(SHORTEST_S * float(fps))))
    kept = {number: rows for number, rows in sorted(people.items()) if len(rows.frames) >= least}
    notes: tuple[str, ...] = ()
    if len(kept) < len(people):
        notes = (f"{len(people) - len(kept)} people of {path.name} seen for less than {SHORTEST_S} s are left out",)
    found: list[ImportedMotion] = []
    for number, rows in kept.items():
        shape = np.stack(rows.betas)
        betas, shape_notes = body_shape(path, shape, Family.SMPL, body, request.settings.height)
        skeleton = body.skeleton(betas)
        offset = pelvis_offset_m(Family.SMPL, skeleton, body)
        scale = camera.intrinsics[0, 0] * PICTURE_PX / (FOCAL_PX * max(size))
        seen = (np.stack(rows.places) + offset) * [1.0, 1.0, scale]
        seen[~(seen[:, 2] > 0)] = np.nan
        local = np.stack(rows.rotmats)
        local[:, 0] = WORLD_TO_CAMERA_UPRIGHT.T @ local[:, 0]
        track = PersonTrack(
            np.array(rows.frames), local, seen @ WORLD_TO_CAMERA_UPRIGHT, np.ones((len(local), 24), dtype=bool)
        )
        motion = track_motion(track, fps, skeleton, betas, f"person {number} of {path}")
        notes = (*notes, *shape_notes) if not found else ()
        found.append(ImportedMotion(motion, camera, number, "PHALP result file", LICENCE, notes, Ground.UNKNOWN))
    return found


def _rows_by_person(source: SourceFile) -> tuple[dict[int, _Rows], tuple[int, int]]:
    """The detected rows of each person by track number, and the picture's (width, height), px."""
    path = source.path
    people: dict[int, _Rows] = {}
    size: tuple[int, int] | None = None
    named = [(str(name), frame) for name, frame in source.values.items() if isinstance(frame, dict)]
    named.sort(key=lambda item: item[0])
    numbered = [
        (_frame_number(frame.get("time"), name, order), name, frame) for order, (name, frame) in enumerate(named)
    ]
    for number, name, frame in sorted(numbered, key=lambda item: item[0]):
        if "tid" not in frame or "smpl" not in frame:
            continue
        where = f"{path}: frame {name}"
        tracks, bodies = _list(frame["tid"], f"{where}, tid"), _list(frame["smpl"], f"{where}, smpl")
        cameras = _list(frame.get("camera", []), f"{where}, camera")
        ages = _list(frame.get("tracked_time", [0] * len(tracks)), f"{where}, tracked_time")
        if len({len(tracks), len(bodies), len(cameras), len(ages)}) > 1:
            raise InputError(f"{where} has {len(tracks)} tid, {len(bodies)} smpl, {len(cameras)} camera, "
                             f"{len(ages)} tracked_time, expected one of each for every person.")  # fmt: skip
        for track, parameters, place, age in zip(tracks, bodies, cameras, ages, strict=True):
            if numbers(path, "tracked_time", age, (1,)).item() > 0.0:
                continue
            person = people.setdefault(int(numbers(path, "tid", track, (1,))[0]), _Rows())
            if not isinstance(parameters, dict) or not {"global_orient", "body_pose"} <= set(parameters):
                raise InputError(f"{where} lacks the rotations of a person, expected global_orient and body_pose.")
            if person.frames and person.frames[-1] >= number:
                continue
            root = numbers(path, "global_orient", parameters["global_orient"], (1, 3, 3))
            pose = numbers(path, "body_pose", parameters["body_pose"], (23, 3, 3))
            betas = parameters.get("betas")
            person.frames.append(number)
            person.rotmats.append(np.concatenate([root, pose]))
            person.places.append(numbers(path, "camera", place, (3,)))
            person.betas.append(np.zeros(10) if betas is None else numbers(path, "betas", betas, (10,)))
        if size is None and tracks:
            size = _picture_size(frame, where)
    if not people or size is None:
        raise InputError(f"{path} holds no tracked person with SMPL parameters, expected results of PHALP's demo.")
    return people, size


def _frame_number(time: Any, name: str, order: int) -> int:
    """`time` counts the video's frames from 0; without it the number at the end of the picture's name, from 1."""
    if time is not None:
        return int(_finite(time))
    found = re.search(r"(\d{1,9})(?:\.\w+)?$", name)
    return int(found[1]) - 1 if found else order


def _finite(value: Any) -> float:
    """One finite number out of a file. Raises InputError."""
    plain = plain_value(value, "time")
    if isinstance(plain, (int, float, np.integer, np.floating)) and np.isfinite(plain) and abs(float(plain)) < 1e9:
        return float(plain)
    raise InputError(f"a frame's time is {str(plain)[:40]}, expected the number of the frame.")


def _list(value: Any, name: str) -> list[Any]:
    plain = plain_value(value, name)
    if isinstance(plain, np.ndarray) and plain.ndim > 0:
        return list(plain)
    if not isinstance(plain, (list, tuple)):
        raise InputError(f"{name} is a {type(plain).__name__}, expected a list with an entry for every person.")
    return list(plain)


def _picture_size(frame: dict[Any, Any], where: str) -> tuple[int, int]:
    sizes = _list(frame.get("size", []), f"{where}, size")
    size = plain_value(sizes[0], f"{where}, size") if sizes else None
    try:
        height, width = (int(value) for value in size)  # type: ignore[union-attr]
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} does not hold the picture's size, expected height and width.") from error
    if not (1 <= width <= 1 << 16 and 1 <= height <= 1 << 16):
        raise InputError(f"{where} has a picture of {width} x {height} px.")
    return width, height

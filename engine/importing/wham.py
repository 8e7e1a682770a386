"""Turns results of WHAM's demo into motion of everybody in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_inverse, rigid_transform, rotate, transform
from rig.rotations import swing_twist
from rig.skeleton import JOINT

from ..body.model import BodyModel
from ..errors import InputError
from ..restricted_pickle import plain_value
from .importers import Ground, ImportedMotion, ImportRequest, UpAxis
from .person_track import PersonTrack, nearest_rotations, track_motion
from .smpl_parameters import (
    Family,
    body_shape,
    local_rotmats,
    lying_notes,
    numbers,
    pelvis_offset_m,
    same_length,
    world_track,
)
from .source_file import SourceFile
from .watching_camera import watching_camera

LICENCE = "results of WHAM: non-commercial research use (SMPL and training data licences)"
_LEAST_FRAMES = 2


def import_wham(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    """The subjects of a `wham_output.pkl` in the first one's world (y up), `frame_ids` counting the video's frames.

    WHAM gives each subject a world of its own. The others are brought into the first one's where both are seen in
    one frame, through the camera, which is the same for both. Raises InputError naming what is missing or misshapen.
    """
    path = source.path
    people: list[tuple[int, PersonTrack, np.ndarray, tuple[str, ...]]] = []
    notes: tuple[str, ...] = ()
    first: _Cameras | None = None
    for key, subject in source.values.items():
        if not isinstance(subject, dict):
            continue
        number = _person_id(plain_value(key, f"{path}: a subject's number"), len(people))
        missing = [name for name in ("pose", "trans", "frame_ids") if name not in subject]
        if missing:
            raise InputError(f"{path}: subject {number} lacks {', '.join(missing)}, expected results of WHAM's demo.")
        betas, shape_notes = body_shape(
            path, plain_value(subject.get("betas"), f"{path}: betas"), Family.SMPL, body, request.settings.height
        )
        skeleton = body.skeleton(betas)
        frames = numbers(path, "frame_ids", subject["frame_ids"], (-1,))
        seen = _parameters(source, subject, "pose", "trans")
        seen = replace(seen, pelvis=seen.pelvis + pelvis_offset_m(Family.SMPL, skeleton, body))
        world = None
        if "pose_world" in subject:
            world = _parameters(source, subject, "pose_world", "trans_world")
            # In the world WHAM counts from the middle of the hips, and turns that with the body.
            rest = skeleton.rest_joints
            from_hips = rest[JOINT["pelvis"]] - (rest[JOINT["left_hip"]] + rest[JOINT["right_hip"]]) / 2
            world = replace(world, pelvis=world.pelvis + rotate(world.rotmats[:, 0], from_hips))
        same_length(path, frame_ids=frames, pose=seen.frame_numbers)
        if world is not None:
            same_length(path, pose=seen.frame_numbers, pose_world=world.frame_numbers)
        if len(frames) < _LEAST_FRAMES:
            continue
        if not np.isfinite(frames).all() or (np.abs(frames) > 1e9).any():
            raise InputError(f"{path}: frame_ids of subject {number} are not frame numbers.")
        cameras = _Cameras(frames.astype(np.int64), seen, world)
        if first is None:
            first = cameras
        elif not cameras.shares_a_frame_with(first):
            notes += (f"subject {number} is never seen together with the first one: their places may not fit",)
        track = cameras.track_in_world_of(first)
        people.append((number, track, betas, shape_notes))
    if not people:
        raise InputError(f"{path} holds no subject with at least {_LEAST_FRAMES} frames.")
    fps = request.rate(path)
    if request.up is UpAxis.Z:
        people = [(n, world_track(t.rotmats, t.pelvis, UpAxis.Z, t.frame_numbers), b, s) for n, t, b, s in people]
    motions = [track_motion(track, fps, body.skeleton(betas), betas, str(path)) for _, track, betas, _ in people]
    camera = watching_camera(motions, request.settings.fov)
    notes = (*people[0][3], *notes, *lying_notes(path, people[0][1]))
    return [
        ImportedMotion(
            motion, camera, person[0], "WHAM result file", LICENCE, notes if person is people[0] else (), Ground.LEVEL
        )
        for person, motion in zip(people, motions, strict=True)
    ]


def _parameters(source: SourceFile, subject: dict[Any, Any], pose: str, trans: str) -> PersonTrack:
    """Poses with their translations in the place of the pelvis."""
    path = source.path
    values = numbers(path, pose, subject[pose], (-1, 72))
    places = numbers(path, trans, subject.get(trans), (-1, 3))
    same_length(path, **{pose: values, trans: places})
    return world_track(local_rotmats(path, pose, values, Family.SMPL), places, UpAxis.Y)


class _Cameras:
    """One subject as the camera sees it and in its own world, and so where the camera is in that world."""

    def __init__(self, frames: np.ndarray, seen: PersonTrack, world: PersonTrack | None) -> None:
        self._frames = frames
        if world is None:  # a level camera that stands still
            turn = WORLD_TO_CAMERA_UPRIGHT
            local = seen.rotmats.copy()
            local[:, 0] = turn @ local[:, 0]
            world = PersonTrack(seen.frame_numbers, local, seen.pelvis @ turn.T, seen.seen)
        self._seen, self._world = seen, world

    def _common_frame(self, other: _Cameras) -> int | None:
        mine = set(self._frames[self._seen.usable & self._world.usable].tolist())
        theirs = set(other._frames[other._seen.usable & other._world.usable].tolist())
        return min(mine & theirs, default=None)

    def shares_a_frame_with(self, other: _Cameras) -> bool:
        return self._common_frame(other) is not None

    def camera_to_world(self, frame: int) -> np.ndarray:
        """(4, 4) from the camera's axes to this subject's world, in one frame."""
        row = int(np.flatnonzero(self._frames == frame)[0])
        turn = nearest_rotations(self._world.rotmats[row, 0] @ self._seen.rotmats[row, 0].T)
        return rigid_transform(turn, self._world.pelvis[row] - turn @ self._seen.pelvis[row])

    def track_in_world_of(self, other: _Cameras) -> PersonTrack:
        """This subject in the other's world: turned about the vertical and moved, since both are level."""
        frame = None if other is self else self._common_frame(other)
        matrix = np.eye(4)
        if frame is not None:
            matrix = other.camera_to_world(frame) @ rigid_inverse(self.camera_to_world(frame))
            place = transform(matrix, self._world.pelvis[self._frames == frame][0])
            angle = swing_twist(matrix[:3, :3], np.array([0.0, 1.0, 0.0]))[1]
            cos, sin = np.cos(angle), np.sin(angle)
            turn = np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
            matrix = rigid_transform(turn, place - turn @ self._world.pelvis[self._frames == frame][0])
        local = self._world.rotmats.copy()
        local[:, 0] = matrix[:3, :3] @ local[:, 0]
        return PersonTrack(self._frames, local, transform(matrix, self._world.pelvis), self._world.seen)


def _person_id(key: Any, default: int) -> int:
    try:
        return int(key)
    except (TypeError, ValueError):
        return default

"""Turns AMASS files and others like them (SMPL, SMPL+H or SMPL-X poses as npz) into motion."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from rig.amass_writer import BODY_NAME, SHAPE_NAME
from rig.errors import RigError
from rig.timing import parse_rate

from ..body.model import BodyModel
from ..errors import InputError
from .importers import Ground, ImportedMotion, ImportRequest, UpAxis
from .person_track import track_motion
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

LICENCE = "as the file's data set says; AMASS: non-commercial research use"
RATE_NAMES = ("mocap_framerate", "mocap_frame_rate", "fps", "frame_rate", "framerate")


def import_amass(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    """The person of an npz with `poses` (F, 66 | 72 | 156 | 165) or `root_orient` and `pose_body`, z up unless told.

    Raises InputError naming what is missing or misshapen.
    """
    path, values = source.path, source.values
    poses, family = _poses(source)
    trans_name = "trans" if "trans" in values else "transl"
    notes: tuple[str, ...] = ()
    if trans_name in values:
        trans = numbers(path, trans_name, values[trans_name], (-1, 3))
    else:
        trans = np.zeros((len(poses), 3))
        notes = (f"{path.name} holds no trans: the person stays in place",)
    same_length(path, poses=poses, trans=trans)
    local = local_rotmats(path, "poses", poses, family)
    if BODY_NAME in values and str(values[BODY_NAME]) == body.name and not request.settings.height:
        betas = numbers(path, SHAPE_NAME, values.get(SHAPE_NAME), (body.shape_count,))
    else:
        betas, shape_notes = body_shape(path, values.get("betas"), family, body, request.settings.height)
        notes += shape_notes
    skeleton = body.skeleton(betas)
    up = UpAxis.Z if request.up is UpAxis.FILE else request.up
    track = world_track(local, trans + pelvis_offset_m(family, skeleton, body), up)
    motion = track_motion(track, request.rate(path, _rate(source)), skeleton, betas, str(path))
    camera = watching_camera([motion], request.settings.fov)
    notes += lying_notes(path, track)
    return [ImportedMotion(motion, camera, 0, "SMPL parameters (AMASS layout)", LICENCE, notes, Ground.LEVEL)]


def _poses(source: SourceFile) -> tuple[np.ndarray, Family]:
    """(F, N) rotation vectors side by side, and the body they are of."""
    path, values = source.path, source.values
    if "poses" in values:
        poses = numbers(path, "poses", values["poses"], (len(np.atleast_1d(values["poses"])), -1))
    else:
        root = numbers(path, "root_orient", values["root_orient"], (-1, 3))
        poses = numbers(path, "pose_body", values["pose_body"], (len(np.atleast_1d(values["pose_body"])), -1))
        same_length(path, root_orient=root, pose_body=poses)
        poses = np.concatenate([root, poses], axis=1)
    named = str(values.get("surface_model_type", "")).lower()
    if "smplx" in named or "pose_jaw" in values or poses.shape[1] == 3 * Family.SMPL_X.value:
        return poses, Family.SMPL_X
    return poses, Family.SMPL if poses.shape[1] == 3 * Family.SMPL.value else Family.SMPL_H


def _rate(source: SourceFile) -> Fraction | None:
    value: Any = next((source.values[name] for name in RATE_NAMES if name in source.values), None)
    if value is None:
        return None
    try:
        return parse_rate(float(np.asarray(value).reshape(())))
    except (RigError, ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{source.path} has the frame rate {value!r}; give the right one with --fps.") from error

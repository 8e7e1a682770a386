"""Turns results of GVHMR, its own PyTorch file or the same parameters as npz, into motion."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

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
from .source_file import Container, SourceFile
from .watching_camera import watching_camera

RATE = Fraction(30)
"""GVHMR brings every video to this rate before it looks at it."""

LICENCE = "results of GVHMR: non-commercial research use (its licence, SMPL-X and training data licences)"
_PARAMETERS = ("global_orient", "body_pose", "transl")


def import_gvhmr(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    """The person of the file in its gravity-aligned world (`smpl_params_global`, SMPL-X, y up), 30 frames a second.

    An npz has the parameters' names at its top level. Raises InputError naming what is missing or misshapen.
    """
    path = source.path
    values: dict[str, Any] = dict(source.values)
    if source.container is Container.TENSORS:
        start = "smpl_params_global."
        values = {name[len(start) :]: value for name, value in values.items() if name.startswith(start)}
    missing = [name for name in _PARAMETERS if name not in values]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}, expected the global parameters of GVHMR's results.")
    orient = numbers(path, "global_orient", values["global_orient"], (-1, 3))
    transl = numbers(path, "transl", values["transl"], (-1, 3))
    pose = numbers(path, "body_pose", values["body_pose"], (len(np.atleast_1d(values["body_pose"])), -1))
    same_length(path, global_orient=orient, transl=transl, body_pose=pose)
    family = Family.SMPL if pose.shape[1] == 69 else Family.SMPL_X
    local = local_rotmats(path, "body_pose", np.concatenate([orient, pose], axis=1), family)
    betas, notes = body_shape(path, values.get("betas"), family, body, request.settings.height)
    skeleton = body.skeleton(betas)
    up = UpAxis.Y if request.up is UpAxis.FILE else request.up
    track = world_track(local, transl + pelvis_offset_m(family, skeleton, body), up)
    motion = track_motion(track, request.rate(path, RATE), skeleton, betas, str(path))
    if request.fps is None:
        notes += (f"{path.name} is taken to have {RATE} frames a second, as GVHMR makes them; --fps tells otherwise",)
    notes += lying_notes(path, track)
    camera = watching_camera([motion], request.settings.fov)
    return [ImportedMotion(motion, camera, 0, "GVHMR result file", LICENCE, notes, Ground.LEVEL)]

"""Turns results of GVHMR, its own PyTorch file or the same parameters as npz, into motion."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from rig.motion import Motion
from rig.rotations import rotvec_to_rotmat

from ..body.model import BodyModel
from ..camera import Camera
from ..errors import InputError
from .camera_path import path_from_views
from .importers import Ground, ImportedMotion, ImportRequest, UpAxis
from .person_track import PersonTrack, track_motion
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
    offset = pelvis_offset_m(family, skeleton, body)
    track = world_track(local, transl + offset, up)
    motion = track_motion(track, request.rate(path, RATE), skeleton, betas, str(path))
    if request.fps is None:
        notes += (f"{path.name} is taken to have {RATE} frames a second, as GVHMR makes them; --fps tells otherwise",)
    notes += lying_notes(path, track)
    camera, way = _camera(source, values, track, motion, offset, request)
    return [ImportedMotion(motion, camera, 0, "GVHMR result file", LICENCE, notes, Ground.LEVEL, camera_path=way)]


def _camera(
    source: SourceFile,
    values: dict[str, Any],
    track: PersonTrack,
    motion: Motion,
    offset: np.ndarray,
    request: ImportRequest,
) -> tuple[Camera, np.ndarray | None]:
    """The camera that filmed, which may move, from what it saw of the body (`smpl_params_incam`, `K_fullimg`).

    Without these, or with other numbers of frames, or frames missing, a made-up camera that stands still.
    """
    path, made_up = source.path, watching_camera([motion], request.settings.fov)
    everything = source.values
    seen_orient = everything.get("smpl_params_incam.global_orient", values.get("global_orient_incam"))
    seen_transl = everything.get("smpl_params_incam.transl", values.get("transl_incam"))
    lens = everything.get("K_fullimg")
    if seen_orient is None or seen_transl is None or lens is None:
        return made_up, None
    orient = rotvec_to_rotmat(numbers(path, "global_orient in the camera", seen_orient, (-1, 3)))
    places = numbers(path, "transl in the camera", seen_transl, (-1, 3)) + offset
    intrinsics = numbers(path, "K_fullimg", lens, (-1, 3, 3))[0]
    size = _picture_size(source, intrinsics)
    sound = np.isfinite(orient).all() and np.isfinite(places).all() and track.usable.all()
    lens_sound = np.isfinite(intrinsics).all() and intrinsics[0, 0] > 0 and intrinsics[1, 1] > 0 and min(size) > 0
    if not (len(motion) == len(orient) == len(places) and sound and lens_sound):
        return made_up, None
    way = path_from_views(track.rotmats[:, 0], track.pelvis, orient, places)
    return Camera(intrinsics, size, way[0]), way


def _picture_size(source: SourceFile, intrinsics: np.ndarray) -> tuple[int, int]:
    """(width, height) px: as stored, else twice the principal point, which GVHMR puts in the picture's middle."""
    stored = [source.values.get(name) for name in ("img_width", "img_height")]
    if stored[0] is not None and stored[1] is not None:
        width, height = (numbers(source.path, "image size", value, (-1,))[0] for value in stored)
    else:
        width, height = 2.0 * intrinsics[:2, 2]
    bounded = np.nan_to_num(np.clip([width, height], 0, 1 << 16))
    return round(float(bounded[0])), round(float(bounded[1]))

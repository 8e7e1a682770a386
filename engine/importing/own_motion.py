"""Brings back motion.npz files of this program: finished motion, with its own skeleton and camera."""

from __future__ import annotations

from rig.body_mesh import BodyMesh, load_body_mesh
from rig.motion_file import MotionRecord, load_motion
from rig.skeleton import SMPL_JOINT_NAMES

from ..body.model import BodyModel
from ..camera import Camera
from ..errors import InputError, RigError
from .importers import Ground, ImportedMotion, ImportRequest
from .source_file import SourceFile


def import_own_motion(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    """The person of the file as it is, with the body of the `body_<id>.npz` beside it, if there is one.

    A rate given replaces that of the file. Raises InputError where the file is damaged, or no body fits its skeleton.
    """
    path = source.path
    try:
        record = load_motion(path)
    except RigError as error:
        raise InputError(f"{error}.") from error
    motion = record.motion
    if motion.skeleton.joint_names != SMPL_JOINT_NAMES:
        raise InputError(f"{path} has joints other than SMPL's 24, expected a motion.npz of this program.")
    if request.fps is not None:
        raise InputError(f"{path} knows its own rate, {motion.fps}; leave --fps out, --output-fps changes the rate.")
    camera = Camera(record.intrinsics, record.image_size, record.world_to_camera[0])
    model = record.provenance.get("model")
    model = model if isinstance(model, dict) else {}
    found = ImportedMotion(
        motion,
        camera,
        record.person_id,
        str(model.get("name", "motion.npz")),
        str(model.get("licence", "as the file it was made from")),
        ("the file is finished motion: nothing of it is cleaned again",),
        Ground.FINISHED,
        _mesh(source, record, body),
        record.world_to_camera,
        record.provenance,
    )
    return [found]


def _mesh(source: SourceFile, record: MotionRecord, body: BodyModel) -> BodyMesh:
    beside = source.path.with_name(source.path.name.replace("motion", "body", 1))
    if beside != source.path and beside.is_file():
        try:
            return load_body_mesh(beside)
        except RigError as error:
            raise InputError(f"{error}.") from error
    made_with = record.provenance.get("body")
    name = made_with.get("name") if isinstance(made_with, dict) else None
    if name not in (None, body.name) or len(record.motion.betas) != body.shape_count:
        raise InputError(f"{source.path} was made with the body {name!r}; name its file with --body.")
    return body.mesh(record.motion.betas)

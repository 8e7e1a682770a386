"""Turns results of HybrIK's video demo into motion in the world, and motion into such results."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from rig.frames import WORLD_TO_CAMERA_UPRIGHT, transform
from rig.motion import Motion
from rig.motion_file import MotionRecord

from ..body.model import BodyModel
from ..camera import Camera
from ..errors import InputError
from ..settings import Settings
from .hybrik_results import CROP_FOCAL_PX, CROP_SIZE_PX, HybrIKResults, read_hybrik_results, write_hybrik_results
from .importers import ImportedMotion
from .person_track import PersonTrack, shape_from_joints, track_motion

SOURCE_LICENCE = "results of HybrIK's released weights: non-commercial research use (SMPL and training data licences)"
BOX_MARGIN = 1.25
"""Side of the written boxes by the longer side of the box around the joints, as HybrIK crops."""

_NEAREST_M = 0.05


def import_hybrik(path: Path, fps: Fraction, settings: Settings, body: BodyModel) -> list[ImportedMotion]:
    """The person of a `res.pk` with `fps` frames a second, a rate that the file does not hold.

    Raises InputError where the file is not one or holds no frame that can be used.
    """
    results = read_hybrik_results(path)
    camera = Camera.from_fov(results.image_size, settings.fov)
    usable = int(results.usable.sum())
    if usable == 0:
        raise InputError(f"{path} holds no frame with a person in front of the camera.")
    notes = [
        f"{path.name} holds rotations but no skeleton: the {body.name} body "
        + ("with its shape coefficients" if body.name == "smpl" else "fitted to its bone lengths")
        + " carries them"
    ]
    if usable < len(results):
        notes.append(
            f"{len(results) - usable} of {len(results)} frames of {path.name} cannot be used and are filled in"
        )
    motion = motion_of(results, fps, camera, body, settings.height or None)
    return [ImportedMotion(motion, camera, 0, "HybrIK result file", SOURCE_LICENCE, tuple(notes))]


def motion_of(
    results: HybrIKResults, fps: Fraction, camera: Camera, body: BodyModel, height_m: float | None = None
) -> Motion:
    """The results in the world of `camera`, a level one, with every joint's pixel kept.

    Frames run from the first to the last usable row, on the clock of the video (picture 0 at 0 s); one without a row
    has confidence 0 and the pose before it. The camera of each row has a focal length of its own (it goes with the
    box): here the depth of the pelvis changes so that the one focal length of `camera` shows it at the same pixel.
    """
    rows = np.flatnonzero(results.usable)
    betas = _betas(results, rows, body, height_m)
    to_world = WORLD_TO_CAMERA_UPRIGHT.T
    local = results.rotmats.copy()
    local[:, 0] = to_world @ local[:, 0]
    pelvis = results.pelvis_m(camera.intrinsics[0, 0]) @ to_world.T
    pelvis[~results.usable] = np.nan
    track = PersonTrack(results.frame_numbers, local, pelvis, results.scores > 0)
    return track_motion(track, fps, body.skeleton(betas), betas, "the result file")


def results_of(record: MotionRecord) -> HybrIKResults:
    """A motion as results of HybrIK's video demo: what its camera sees, one row for each frame before the camera.

    Boxes are made around the projected joints. Shape coefficients are those of the motion where its body is SMPL, else
    zero. Raises InputError when the person is never in front of the camera.
    """
    motion = record.motion
    joints = transform(record.world_to_camera[:, None], motion.joints())
    visible = (joints[..., 2] > _NEAREST_M).all(axis=1)
    if not visible.any():
        raise InputError("the person is never in front of the camera, so HybrIK's results cannot hold the motion")
    joints = joints[visible]
    pixels = ((joints / joints[..., 2:]) @ record.intrinsics.T)[..., :2]
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    side = np.maximum(BOX_MARGIN * (high - low).max(axis=1), 2.0)
    centre = (low + high) / 2
    boxes = np.concatenate([centre - side[:, None] / 2, centre + side[:, None] / 2], axis=1)

    focal = CROP_FOCAL_PX * side / CROP_SIZE_PX
    depth = joints[:, 0, 2] * focal / record.intrinsics[0, 0]
    offset = (pixels[:, 0] - np.array(record.image_size) / 2) * (depth / focal)[:, None]
    local = motion.local_rotmats()[visible]
    local[:, 0] = record.world_to_camera[visible, :3, :3] @ local[:, 0]
    is_smpl = record.provenance.get("body", {}).get("name") == "smpl" and len(motion.betas) == 10
    return HybrIKResults(
        frame_numbers=np.maximum(np.round(motion.times_s[visible] * float(motion.fps)), 0).astype(np.int64),
        rotmats=local,
        transl=np.concatenate([offset, depth[:, None]], axis=1),
        boxes_xyxy=boxes,
        image_size=record.image_size,
        betas=np.tile(motion.betas if is_smpl else np.zeros(10), (len(joints), 1)),
        joints=joints - joints[:, :1],
        scores=motion.confidence[visible],
    )


def export_hybrik(path: str | os.PathLike[str], record: MotionRecord) -> None:
    """Write a motion as a `res.pk`. Raises InputError for a motion it cannot hold, OSError naming `path`."""
    write_hybrik_results(path, results_of(record), Path(path).stem)


def _betas(results: HybrIKResults, rows: np.ndarray, body: BodyModel, height_m: float | None) -> np.ndarray:
    """(B,) one shape for all frames: SMPL's own coefficients, or those that fit the bone lengths of the joints."""
    if body.name == "smpl" and height_m is None:
        return np.nan_to_num(np.median(results.betas[rows], axis=0))
    return shape_from_joints(results.joints[rows], body, height_m)

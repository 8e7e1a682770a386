"""Turns results of HybrIK's video demo into motion in the world, and motion into such results."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from rig.frames import WORLD_TO_CAMERA_UPRIGHT, transform
from rig.motion import Motion
from rig.motion_file import MotionRecord
from rig.rotations import rotmat_to_rotvec
from rig.skeleton import CONTACT_NAMES

from ..body.fit import fit_betas
from ..body.model import BodyModel
from ..camera import Camera
from ..errors import InputError
from ..poses import PoseSequence
from ..settings import Settings
from .hybrik_results import CROP_FOCAL_PX, CROP_SIZE_PX, HybrIKResults, read_hybrik_results, write_hybrik_results
from .importers import ImportedMotion

SOURCE_LICENCE = "results of HybrIK's released weights: non-commercial research use (SMPL and training data licences)"
LONGEST_FRAMES = 1_000_000
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
    numbers = results.frame_numbers[rows]
    if numbers[-1] - numbers[0] >= LONGEST_FRAMES:
        raise InputError(f"the pictures' numbers run from {numbers[0]} to {numbers[-1]}, more than {LONGEST_FRAMES}")
    frames = np.arange(numbers[0], numbers[-1] + 1)
    held = np.searchsorted(numbers, frames, side="right") - 1
    seen = numbers[held] == frames
    row = rows[held]

    betas = _betas(results, rows, body, height_m)
    skeleton = body.skeleton(betas)
    to_world = WORLD_TO_CAMERA_UPRIGHT.T
    local = _nearest_rotations(results.rotmats[row])
    local[:, 0] = to_world @ local[:, 0]
    rotvecs = rotmat_to_rotvec(local)
    pelvis = results.pelvis_m(camera.intrinsics[0, 0])[row] @ to_world.T
    confidence = (results.scores[row] > 0) & seen[:, None]
    return Motion(
        fps=fps,
        times_s=frames * fps.denominator / fps.numerator,
        skeleton=skeleton,
        betas=betas,
        global_orient=rotvecs[:, 0],
        body_pose=rotvecs[:, 1:],
        transl=pelvis - skeleton.rest_joints[0],
        contacts=np.zeros((len(frames), len(CONTACT_NAMES))),
        confidence=confidence.astype(np.float64),
    )


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
    count = len(rows)
    joints = results.joints[rows]
    poses = PoseSequence(
        person_id=0,
        times_s=np.arange(count, dtype=np.float64),
        joints=joints,
        twist=np.full((count, 23, 2), np.nan),
        keypoints_2d=np.full((count, 24, 2), np.nan),
        scores=np.isfinite(joints).all(axis=2).astype(np.float64),
        leaf_rotmats=np.full((count, 24, 3, 3), np.nan),
    )
    return fit_betas(poses, body, height_m)


def _nearest_rotations(matrices: np.ndarray) -> np.ndarray:
    """(..., 3, 3) nearly rotations to the nearest rotations (orthogonal Procrustes)."""
    u, _, vt = np.linalg.svd(matrices)
    sign = np.ones((*matrices.shape[:-2], 3))
    sign[..., 2] = np.linalg.det(u @ vt)
    return (u * sign[..., None, :]) @ vt

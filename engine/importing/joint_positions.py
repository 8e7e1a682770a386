"""Turns joint positions without rotations (HumanML3D and the like) into motion by inverse kinematics."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from rig.frames import WORLD_TO_CAMERA_UPRIGHT

from ..body.model import BodyModel
from ..errors import InputError
from ..ik.inverse_kinematics import IKMode
from ..ik.solve import solve_motion
from ..poses import PoseSequence
from .importers import Ground, ImportedMotion, ImportRequest, UpAxis
from .person_track import LONGEST_FRAMES, shape_from_joints
from .smpl_parameters import Z_UP_TO_Y_UP, numbers
from .source_file import SourceFile
from .watching_camera import watching_camera

RATE = Fraction(20)
"""Frames a second of HumanML3D's files, which do not hold it."""

LICENCE = "as the file's data set says; HumanML3D is made from AMASS: non-commercial research use"


def import_joint_positions(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    """The person of an array (F, 22 or 24, 3) of SMPL's joints, m, y up; frames with NaN are gaps.

    Twist, which positions do not tell, is that of the rest pose. Raises InputError for any other array.
    """
    path, array = source.path, source.array
    if array is None or array.ndim != 3 or array.shape[1:] not in ((22, 3), (24, 3)) or len(array) > LONGEST_FRAMES:
        found = "objects" if array is None else f"an array of shape {array.shape}"
        raise InputError(f"{path} holds {found}, expected frames x 22 x 3 positions of SMPL's joints.")
    fps = request.rate(path, RATE)
    joints = np.full((len(array), 24, 3), np.nan)
    joints[:, : array.shape[1]] = numbers(path, "the array", array, array.shape)
    joints = np.where(np.abs(joints) < 1e6, joints, np.nan)
    if request.up is UpAxis.Z:
        joints = joints @ Z_UP_TO_Y_UP.T
    seen = np.isfinite(joints[:, 0]).all(axis=1)
    if not seen.any():
        raise InputError(f"{path} holds no frame with a pelvis.")
    betas = shape_from_joints(joints, body, request.settings.height or None)
    skeleton = body.skeleton(betas)
    relative = (joints - joints[:, :1]) @ WORLD_TO_CAMERA_UPRIGHT.T
    poses = PoseSequence(
        person_id=0,
        times_s=np.arange(len(joints)) * fps.denominator / fps.numerator,
        joints=relative,
        twist=np.full((len(joints), 23, 2), np.nan),
        keypoints_2d=np.full((len(joints), 24, 2), np.nan),
        scores=np.isfinite(relative).all(axis=2).astype(np.float64),
        leaf_rotmats=np.full((len(joints), 24, 3, 3), np.nan),
    )
    motion = solve_motion(poses, skeleton, betas, IKMode.ADAPTIVE)
    held = np.maximum.accumulate(np.where(seen, np.arange(len(seen)), int(seen.argmax())))
    motion = replace(motion, fps=fps, transl=joints[held, 0] - skeleton.rest_joints[0])
    notes = [f"{path.name} holds positions only: how limbs turn about themselves is not known"]
    if request.fps is None:
        notes.append(f"{path.name} is taken to have {RATE} frames a second, as HumanML3D has; --fps tells otherwise")
    camera = watching_camera([motion], request.settings.fov)
    return [ImportedMotion(motion, camera, 0, "joint positions", LICENCE, tuple(notes), Ground.LEVEL)]

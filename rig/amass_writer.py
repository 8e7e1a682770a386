"""Writes a motion as an npz in AMASS' layout (SMPL+H), which most SMPL programs read."""

from __future__ import annotations

import os

import numpy as np

from .array_file import save_arrays
from .frames import WORLD_TO_ARMATURE
from .motion_file import MotionRecord
from .rotations import rotmat_to_rotvec, rotvec_to_rotmat

POSE_WIDTH, SHAPE_WIDTH, SOFT_TISSUE_WIDTH = 156, 16, 8
AVERAGE_PELVIS_M = np.array([0.0, -0.22, 0.03])
"""Where SMPL's pelvis lies from its origin, for the average body, to the centimetre."""

BODY_NAME, SHAPE_NAME = "swingtwist_body", "swingtwist_betas"
"""Additions to the layout, which other programs skip: the body that carried the motion and its own coefficients."""


def write_amass(path: str | os.PathLike[str], record: MotionRecord) -> None:
    """Write one person: poses (T, 156), trans (T, 3) m, z up, betas (16,), dmpls (T, 8), gender, mocap_framerate.

    Fingers are straight, soft tissue still, gender is neutral. SMPL+H has no hand joints: their rotation is lost.
    Coefficients are those of the motion where its body is SMPL, else zero; `trans` puts the pelvis of that body where
    the motion has it. Raises OSError when the file cannot be written.
    """
    motion = record.motion
    body = record.provenance.get("body")
    name = str(body.get("name", "")) if isinstance(body, dict) else ""
    is_smpl = name == "smpl"
    poses = np.zeros((len(motion), POSE_WIDTH))
    poses[:, :3] = rotmat_to_rotvec(WORLD_TO_ARMATURE @ rotvec_to_rotmat(motion.global_orient))
    poses[:, 3:66] = motion.body_pose[:, :21].reshape(len(motion), 63)
    pelvis = motion.transl + motion.skeleton.rest_joints[0]
    betas = np.zeros(SHAPE_WIDTH)
    if is_smpl:
        betas[: len(motion.betas)] = motion.betas[:SHAPE_WIDTH]
    arrays = {
        "poses": poses,
        "trans": pelvis @ WORLD_TO_ARMATURE.T - (motion.skeleton.rest_joints[0] if is_smpl else AVERAGE_PELVIS_M),
        "betas": betas,
        "dmpls": np.zeros((len(motion), SOFT_TISSUE_WIDTH)),
        "gender": np.array("neutral"),
        "mocap_framerate": np.float64(motion.fps),
        BODY_NAME: np.array(name),
        SHAPE_NAME: motion.betas,
    }
    save_arrays(path, arrays)

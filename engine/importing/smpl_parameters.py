"""What all files of SMPL-family parameters share: checked numbers, pose columns, axes, where the pelvis is."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from rig.amass_writer import AVERAGE_PELVIS_M
from rig.frames import WORLD_TO_ARMATURE
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import Skeleton

from ..body.model import BodyModel
from ..errors import InputError
from ..restricted_pickle import plain_value
from .importers import UpAxis
from .person_track import PersonTrack, shape_from_joints

Z_UP_TO_Y_UP = WORLD_TO_ARMATURE.T
"""Rotation of column vectors: (x, y, z) with z up is (x, z, -y) with y up."""

MOST_FRAMES = 1_000_000
_BODY_WIDTH = 66
"""Numbers of pelvis and 21 body joints, which all of the family share in this order."""


class Family(Enum):
    """A parametric body, by how many rotation vectors a full pose of it has."""

    SMPL = 24
    SMPL_H = 52
    SMPL_X = 55


_PELVIS_M = {
    Family.SMPL: AVERAGE_PELVIS_M,
    Family.SMPL_H: AVERAGE_PELVIS_M,
    Family.SMPL_X: np.array([0.0, -0.35, 0.01]),
}
"""Where the pelvis of the average body lies from the model's origin, to the centimetre, for those without the model."""


def pelvis_offset_m(family: Family, skeleton: Skeleton, body: BodyModel) -> np.ndarray:
    """(3,) from `trans` of a file to the pelvis, in the axes of the file's world, m.

    SMPL turns its body about the pelvis and then adds `trans`: the offset does not turn. It is exact where the body
    is the user's own SMPL file, else that of the average body: a constant, which finding the floor makes up for.
    """
    if body.name == "smpl" and family is not Family.SMPL_X:
        return skeleton.rest_joints[0]
    return _PELVIS_M[family]


def numbers(path: Path, name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """`value` (stand-ins of a pickle too) as double precision of `shape`, whose -1 is any number, after a check.

    A value with the right number of elements for everything but the first axis is reshaped.
    Raises InputError naming the file and the array.
    """
    value = plain_value(value, f"{path}: {name}")
    found = getattr(value, "shape", type(value).__name__)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise ValueError("not numbers")
        array = array.astype(np.float64)
        if array.size == 0:
            raise ValueError("empty")
        return array.reshape(shape)
    except (ValueError, TypeError) as error:
        wanted = " x ".join("frames" if size < 0 else str(size) for size in shape)
        raise InputError(f"{path}: {name} has shape {found}, expected {wanted} numbers.") from error


def local_rotmats(path: Path, name: str, poses: np.ndarray, family: Family) -> np.ndarray:
    """(F, N) rotation vectors side by side to (F, 24, 3, 3) rotations; NaN where a number is not one.

    N 72 is SMPL's pose with its two hand joints; any more are SMPL+H's or SMPL-X's, whose fingers, jaw and eyes are
    left out, and whose wrists carry the hands.
    """
    frames, width = poses.shape
    if width < _BODY_WIDTH or width % 3:
        raise InputError(f"{path}: {name} has {width} numbers a frame, expected 66, 72 (SMPL), 156 (SMPL+H) or 165 "
                         "(SMPL-X).")  # fmt: skip
    if frames > MOST_FRAMES:
        raise InputError(f"{path}: {name} has {frames} frames, expected at most {MOST_FRAMES}.")
    rotvecs = np.zeros((frames, 24, 3))
    joints = 24 if family is Family.SMPL and width >= 72 else 22
    rotvecs[:, :joints] = poses[:, : 3 * joints].reshape(frames, joints, 3)
    # Infinite or huge numbers mark the frame as missing.
    rotvecs = np.where(np.abs(rotvecs) < 1e3, rotvecs, np.nan)
    return rotvec_to_rotmat(rotvecs)


def same_length(path: Path, **arrays: np.ndarray) -> None:
    """Raise InputError when the arrays do not have the same number of frames."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"{path} holds different numbers of frames: {found}.")


def world_track(
    local: np.ndarray, pelvis: np.ndarray, up: UpAxis, frame_numbers: np.ndarray | None = None
) -> PersonTrack:
    """The track of rotations (F, 24, 3, 3) and pelvis (F, 3), m, of a world whose up axis is `up`, turned to y up."""
    if up is UpAxis.Z:
        local, pelvis = local.copy(), pelvis @ Z_UP_TO_Y_UP.T
        local[:, 0] = Z_UP_TO_Y_UP @ local[:, 0]
    frames = np.arange(len(local)) if frame_numbers is None else frame_numbers
    return PersonTrack(frames, local, pelvis, np.ones((len(local), 24), dtype=bool))


def body_shape(
    path: Path, betas: Any, family: Family, body: BodyModel, height_m: float
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(B,) shape of the body for a file's SMPL coefficients, one shape (B,) or one a frame (F, B), and notes.

    SMPL's coefficients mean nothing to the open body, nor SMPL-X's to SMPL: it gets its average shape, or `height_m`.
    """
    if height_m:
        return shape_from_joints(np.full((1, 24, 3), np.nan), body, height_m), ()
    if body.name == "smpl" and family is not Family.SMPL_X and betas is not None:
        found = numbers(path, "betas", betas, (-1,) if np.ndim(betas) < 2 else (len(betas), -1))
        found = np.nan_to_num(np.median(np.atleast_2d(found), axis=0))[: body.shape_count]
        return np.clip(np.pad(found, (0, body.shape_count - len(found))), -10.0, 10.0), ()
    note = f"{path.name} holds rotations but no skeleton: the {body.name} body of average shape carries them"
    return np.zeros(body.shape_count), (f"{note}; --height gives it the person's size",)


def lying_notes(path: Path, track: PersonTrack) -> tuple[str, ...]:
    """A note where the person lies nearly all the time, as everybody does when a file's up axis is mistaken."""
    upward = track.rotmats[track.usable][:, 0, 1, 1]
    if len(upward) and np.mean(np.abs(upward) < 0.5) > 0.9:
        return (f"the person of {path.name} lies down nearly all the time; if that is wrong, choose its --up axis",)
    return ()

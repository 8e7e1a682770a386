"""One person's SMPL poses as files of other programs hold them, with frames missing, turned into motion."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from rig.motion import Motion
from rig.rotations import rotmat_to_rotvec
from rig.skeleton import CONTACT_NAMES, Skeleton
from rig.validation import check_array

from ..body.fit import fit_betas
from ..body.model import BodyModel
from ..errors import InputError
from ..poses import PoseSequence

LONGEST_FRAMES = 1_000_000


@dataclass(frozen=True)
class PersonTrack:
    """F rows of one person, in a world with y up.

    frame_numbers (F,) of the picture or sample each row belongs to, from 0, increasing
    rotmats       (F, 24, 3, 3) local rotations, the pelvis' in the world; need not be quite orthogonal
    pelvis        (F, 3) m
    seen          (F, 24) bool: joints whose rotation the file knows; a row whose numbers are not finite is not seen
    """

    frame_numbers: np.ndarray
    rotmats: np.ndarray
    pelvis: np.ndarray
    seen: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        put = object.__setattr__
        put(
            self, "frame_numbers", check_array("frame numbers", self.frame_numbers, ("F",), sizes=sizes, dtype=np.int64)
        )
        put(self, "rotmats", check_array("rotations", self.rotmats, ("F", 24, 3, 3), sizes=sizes))
        put(self, "pelvis", check_array("pelvis", self.pelvis, ("F", 3), sizes=sizes))
        put(self, "seen", check_array("seen", self.seen, ("F", 24), sizes=sizes, dtype=bool))

    @property
    def usable(self) -> np.ndarray:
        """(F,) bool: rows of finite numbers, with matrices that can be made rotations."""
        finite = np.isfinite(self.rotmats).all(axis=(1, 2, 3)) & np.isfinite(self.pelvis).all(axis=1)
        finite &= (np.abs(np.nan_to_num(self.pelvis)) < 1e6).all(axis=1)
        bounded = np.clip(np.nan_to_num(self.rotmats), -10.0, 10.0)
        return finite & (np.abs(np.linalg.det(bounded)) > 0.1).all(axis=1)


def track_motion(track: PersonTrack, fps: Fraction, skeleton: Skeleton, betas: np.ndarray, source: str) -> Motion:
    """The track as motion from its first to its last usable row, on the clock whose frame 0 is at 0 s.

    A frame without a row has confidence 0 and the pose before it; so has every joint that was not seen. `source` is
    what to call the file. Raises InputError where no row can be used or the numbers run too far.
    """
    rows = np.flatnonzero(track.usable)
    if len(rows) == 0:
        raise InputError(f"{source} holds no frame that can be used.")
    numbers = track.frame_numbers[rows]
    if (np.diff(numbers) <= 0).any():
        raise InputError(f"{source}: the frames' numbers do not increase, expected one row for each frame.")
    if numbers[-1] - numbers[0] >= LONGEST_FRAMES:
        raise InputError(f"{source}: the frames' numbers run from {numbers[0]} to {numbers[-1]}, more than "
                         f"{LONGEST_FRAMES}.")  # fmt: skip
    frames = np.arange(numbers[0], numbers[-1] + 1)
    held = np.searchsorted(numbers, frames, side="right") - 1
    here = numbers[held] == frames
    row = rows[held]
    rotvecs = rotmat_to_rotvec(nearest_rotations(track.rotmats[row]))
    return Motion(
        fps=fps,
        times_s=frames * fps.denominator / fps.numerator,
        skeleton=skeleton,
        betas=betas,
        global_orient=rotvecs[:, 0],
        body_pose=rotvecs[:, 1:],
        transl=track.pelvis[row] - skeleton.rest_joints[0],
        contacts=np.zeros((len(frames), len(CONTACT_NAMES))),
        confidence=(track.seen[row] & here[:, None]).astype(np.float64),
    )


def shape_from_joints(joints: np.ndarray, body: BodyModel, height_m: float | None) -> np.ndarray:
    """(B,) shape coefficients of the body from SMPL joints (F, 24, 3) in any frame, m; NaN where there is none."""
    count = len(joints)
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


def nearest_rotations(matrices: np.ndarray) -> np.ndarray:
    """(..., 3, 3) nearly rotations to the nearest rotations (orthogonal Procrustes)."""
    u, _, vt = np.linalg.svd(matrices)
    sign = np.ones((*matrices.shape[:-2], 3))
    sign[..., 2] = np.linalg.det(u @ vt)
    return (u * sign[..., None, :]) @ vt

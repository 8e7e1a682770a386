"""Motion: an animated SMPL skeleton of one person in the world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from . import kinematics
from .errors import RigError
from .rotations import rotmat_to_rotvec, rotvec_to_rotmat
from .skeleton import CONTACT_NAMES, Skeleton
from .validation import check_array


@dataclass(frozen=True)
class Motion:
    """One person's animation, world frame (y up), T frames of J = 24 joints.

    fps            rate of the frames; after resampling `times_s` is exactly times_s[0] + k / fps, before it
                   `times_s` holds the video's own presentation times and `fps` its mean rate
    times_s        (T,) strictly increasing, s
    skeleton       rest pose of this person's body
    betas          (B,) shape coefficients the rest pose was made from
    global_orient  (T, 3) rotation vector of the pelvis, rad
    body_pose      (T, J-1, 3) local rotation vectors of the other joints, rad
    transl         (T, 3) m; the pelvis lies at transl + skeleton.rest_joints[0]
    contacts       (T, 4) 0..1 in the order of CONTACT_NAMES
    confidence     (T, J) 0..1; 0 where nothing was seen and the pose is filled in
    """

    fps: Fraction
    times_s: np.ndarray
    skeleton: Skeleton
    betas: np.ndarray
    global_orient: np.ndarray
    body_pose: np.ndarray
    transl: np.ndarray
    contacts: np.ndarray
    confidence: np.ndarray

    def __post_init__(self) -> None:
        joints = len(self.skeleton.joint_names)
        sizes: dict[str, int] = {}
        for name, shape in (
            ("times_s", ("T",)),
            ("betas", ("B",)),
            ("global_orient", ("T", 3)),
            ("body_pose", ("T", joints - 1, 3)),
            ("transl", ("T", 3)),
            ("contacts", ("T", len(CONTACT_NAMES))),
            ("confidence", ("T", joints)),
        ):
            value = check_array(name, getattr(self, name), shape, sizes=sizes, finite=True)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "fps", Fraction(self.fps))
        if self.fps <= 0:
            raise RigError(f"fps is {self.fps}, expected a positive rate")
        if sizes["T"] == 0:
            raise RigError("the motion has no frames, expected at least one")
        if np.any(np.diff(self.times_s) <= 0):
            raise RigError("times_s is not strictly increasing, expected each frame later than the one before")

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def duration_s(self) -> float:
        """Time covered, each frame shown for 1 / fps, s."""
        return float(self.times_s[-1] - self.times_s[0]) + float(1 / self.fps)

    def local_rotmats(self) -> np.ndarray:
        """(T, J, 3, 3) local rotations, the pelvis' in the world."""
        rotvecs = np.concatenate([self.global_orient[:, None], self.body_pose], axis=1)
        return rotvec_to_rotmat(rotvecs)

    def global_rotmats(self) -> np.ndarray:
        """(T, J, 3, 3) rotations of the joints in the world."""
        return kinematics.global_rotations(self.skeleton.parents, self.local_rotmats())

    def joints(self) -> np.ndarray:
        """(T, J, 3) joint positions in the world, m."""
        return kinematics.joint_positions(self.skeleton, self.global_rotmats(), self.transl)

    def joints_and_landmarks(self) -> tuple[np.ndarray, np.ndarray]:
        """(T, J, 3) joints and (T, L, 3) surface points in the world, m."""
        rotmats = self.global_rotmats()
        joints = kinematics.joint_positions(self.skeleton, rotmats, self.transl)
        return joints, kinematics.landmark_positions(self.skeleton, rotmats, joints)

    def part(self, rows: slice) -> Motion:
        """The frames `rows` alone; raises RigError when that is none."""
        return replace(
            self,
            times_s=self.times_s[rows],
            global_orient=self.global_orient[rows],
            body_pose=self.body_pose[rows],
            transl=self.transl[rows],
            contacts=self.contacts[rows],
            confidence=self.confidence[rows],
        )

    def parts(self, frames: int = 1024) -> Iterator[tuple[slice, Motion]]:
        """Consecutive parts of at most `frames` frames, with their rows: keeps memory flat over long clips."""
        for start in range(0, len(self), frames):
            rows = slice(start, min(start + frames, len(self)))
            yield rows, self.part(rows)

    def with_local_rotmats(self, local_rotmats: np.ndarray) -> Motion:
        """The same motion with other local rotations (T, J, 3, 3)."""
        rotvecs = rotmat_to_rotvec(local_rotmats)
        return replace(self, global_orient=rotvecs[:, 0], body_pose=rotvecs[:, 1:])

    def transformed(self, rotmat: np.ndarray, translation: np.ndarray) -> Motion:
        """The motion seen after the rigid change of world x -> rotmat x + translation."""
        pelvis = self.skeleton.rest_joints[0]
        orient = rotmat_to_rotvec(rotmat @ rotvec_to_rotmat(self.global_orient))
        transl = (self.transl + pelvis) @ np.asarray(rotmat).T + translation - pelvis
        return replace(self, global_orient=orient, transl=transl)

"""Postures that captures are poor in, given by hand as joint angles: sitting, kneeling, crawling, lying, arms up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rig.rotations import rotmat_to_quat_wxyz, rotvec_to_rotmat
from rig.skeleton import JOINT

Angles = tuple[float, float, float]
"""Rotation vector, degrees, about x (left), y (up), z (front) of the T-pose."""


@dataclass(frozen=True)
class Posture:
    """tilt: of the pelvis from upright (degrees, rotation vector; None: as in the clip); angles of joints, where a

    name without side stands for both (given for the left; the right is its mirror).
    """

    name: str
    tilt: Angles | None
    angles: Mapping[str, Angles]


POSTURES = (
    Posture("chair", (0, 0, 0), {"hip": (-86, 8, 4), "knee": (86, 0, 0), "ankle": (0, 0, 0)}),
    Posture("chair, leaning back", (-25, 0, 0), {"hip": (-70, 8, 5), "knee": (70, 0, 0), "ankle": (10, 0, 0)}),
    Posture("chair, legs out", (-10, 0, 0), {"hip": (-75, 5, 4), "knee": (25, 0, 0), "ankle": (15, 0, 0)}),
    Posture("legs crossed on a chair", (-5, 0, 0),
            {"left_hip": (-92, -12, -8), "left_knee": (80, 0, 0), "right_hip": (-84, -5, -3),
             "right_knee": (86, 0, 0)}),
    Posture("cross-legged", (-8, 0, 0), {"hip": (-102, 97, -21), "knee": (118, 0, 0), "ankle": (20, 0, 0),
                                         "spine1": (10, 0, 0), "spine2": (8, 0, 0)}),
    Posture("legs straight on the floor", (-8, 0, 0), {"hip": (-80, 5, 5), "knee": (6, 0, 0), "ankle": (15, 0, 0)}),
    Posture("knees up on the floor", (-15, 0, 0), {"hip": (-105, 5, 5), "knee": (110, 0, 0), "ankle": (5, 0, 0)}),
    Posture("kneeling", (5, 0, 0), {"hip": (-8, 3, 4), "knee": (95, 0, 0), "ankle": (60, 0, 0)}),
    Posture("on the heels", (5, 0, 0), {"hip": (-80, 5, 6), "knee": (150, 0, 0), "ankle": (60, 0, 0)}),
    Posture("on one knee", (4, 0, 0),
            {"left_hip": (-88, 3, 4), "left_knee": (90, 0, 0), "right_hip": (-4, 0, 0), "right_knee": (92, 0, 0),
             "right_ankle": (20, 0, 0)}),
    Posture("squat", (20, 0, 0), {"hip": (-110, 18, 12), "knee": (125, 0, 0), "ankle": (-25, 0, 0)}),
    Posture("all fours", (80, 0, 0), {"hip": (-78, 3, 3), "knee": (88, 0, 0), "ankle": (45, 0, 0),
                                      "shoulder": (0, -88, -5), "elbow": (0, -8, 0), "wrist": (0, 0, 70),
                                      "neck": (-25, 0, 0)}),
    Posture("plank", (72, 0, 0), {"hip": (-4, 0, 2), "knee": (3, 0, 0), "ankle": (-10, 0, 0),
                                  "shoulder": (0, -85, -8), "elbow": (0, -5, 0), "wrist": (0, 0, 70),
                                  "neck": (-20, 0, 0)}),
    Posture("bowed to the floor", (55, 0, 0), {"hip": (-80, 2, 3), "knee": (20, 0, 0), "shoulder": (0, -60, -45),
                                               "spine1": (15, 0, 0), "spine2": (15, 0, 0)}),
    Posture("on the back", (-88, 0, 0), {"hip": (-3, 3, 4), "knee": (5, 0, 0), "ankle": (20, 0, 0)}),
    Posture("on the back, knees up", (-88, 0, 0), {"hip": (-48, 3, 4), "knee": (95, 0, 0), "ankle": (-10, 0, 0)}),
    Posture("on the face", (88, 0, 0), {"hip": (0, 3, 4), "knee": (4, 0, 0), "ankle": (40, 0, 0)}),
    Posture("on the left side", (0, 0, 85), {"hip": (-45, 0, 2), "knee": (60, 0, 0), "neck": (0, 0, 12)}),
    Posture("on the right side", (0, 0, -85), {"hip": (-60, 0, 2), "knee": (80, 0, 0), "neck": (0, 0, -12)}),
    Posture("arms up", None, {"shoulder": (0, 0, 82), "elbow": (0, -10, 0), "collar": (0, 0, 18)}),
    Posture("hands on the head", None, {"shoulder": (-76, -29, 35), "elbow": (0, -125, 0), "collar": (0, 0, 12)}),
    Posture("hands on the hips", None, {"shoulder": (70, -33, -42), "elbow": (0, -85, 0)}),
    Posture("arms crossed", None, {"shoulder": (20, -40, -60), "elbow": (0, -105, 0)}),
    Posture("arms forward", None, {"shoulder": (0, -85, 0), "elbow": (0, -8, 0)}),
    Posture("arms out", None, {"shoulder": (0, 0, 0), "elbow": (0, -5, 0)}),
    Posture("bent forward", (40, 0, 0), {"hip": (-42, 2, 3), "knee": (12, 0, 0), "spine1": (15, 0, 0),
                                         "spine2": (15, 0, 0), "spine3": (10, 0, 0)}),
)  # fmt: skip
"""Angles are rotation vectors: x bends hips (negative) and knees forward and back, y hinges elbows, z lifts arms."""


@dataclass(frozen=True)
class PostureTable:
    """P postures: quats (4, 24, P) local (the pelvis': its tilt), mask (24, P) 1 where a joint is given,

    tilted (P,) whether the pelvis is. All float32 but `tilted`.
    """

    quats: np.ndarray
    mask: np.ndarray
    tilted: np.ndarray


def posture_table(postures: tuple[Posture, ...] = POSTURES) -> PostureTable:
    """The postures as arrays."""
    rotvecs = np.zeros((len(postures), 24, 3))
    mask = np.zeros((24, len(postures)), dtype=np.float32)
    for row, posture in enumerate(postures):
        if posture.tilt is not None:
            rotvecs[row, 0], mask[0, row] = posture.tilt, 1.0
        for name, (x, y, z) in posture.angles.items():
            names = [name] if name in JOINT else [f"left_{name}", f"right_{name}"]
            for joint in names:
                mirrored = len(names) == 2 and joint.startswith("right_")
                rotvecs[row, JOINT[joint]] = (x, -y, -z) if mirrored else (x, y, z)
                mask[JOINT[joint], row] = 1.0
    quats = rotmat_to_quat_wxyz(rotvec_to_rotmat(np.radians(rotvecs)))
    return PostureTable(
        np.ascontiguousarray(quats.transpose(2, 1, 0)).astype(np.float32),
        mask,
        np.array([posture.tilt is not None for posture in postures]),
    )

"""Where BlazePose's landmarks lie on a body with a SMPL skeleton."""

from __future__ import annotations

import numpy as np

from rig.skeleton import JOINT, Skeleton

from ..poses import BLAZEPOSE, BLAZEPOSE_NAMES

REFERENCE_LEG_M = 0.806
"""Thigh and shin of the body that `_PLACES` was measured on; other bodies scale with their own, m."""

HIP_HALF_WIDTH_M = 0.095
"""Half the distance of the hip landmarks on that body, m."""

# Left side and centre: the joint a landmark rides with, the joint it lies at, and its offset from that joint at rest
# (x left, y up, z front), m. Measured by running the detector on renders of the open body in 360 captured poses
# and solving for the rigid offsets that explain its 2D landmarks.
_PLACES: dict[str, tuple[str, str, tuple[float, float, float]]] = {
    "nose": ("head", "head", (0.0, 0.013, 0.105)),
    "left_eye_inner": ("head", "head", (0.014, 0.044, 0.073)),
    "left_eye": ("head", "head", (0.025, 0.044, 0.068)),
    "left_eye_outer": ("head", "head", (0.035, 0.044, 0.063)),
    "left_ear": ("head", "head", (0.056, 0.029, 0.025)),
    "mouth_left": ("head", "head", (0.018, -0.018, 0.079)),
    "left_shoulder": ("spine3", "left_shoulder", (-0.016, 0.0, 0.004)),
    "left_elbow": ("left_elbow", "left_elbow", (0.0, 0.0, 0.0)),
    "left_wrist": ("left_wrist", "left_wrist", (0.004, -0.002, 0.003)),
    "left_pinky": ("left_wrist", "left_wrist", (0.084, -0.009, -0.012)),
    "left_index": ("left_wrist", "left_wrist", (0.091, -0.012, 0.018)),
    "left_thumb": ("left_wrist", "left_wrist", (0.064, -0.016, 0.025)),
    "left_hip": ("pelvis", "left_hip", (-0.018, 0.011, 0.015)),
    "left_knee": ("left_hip", "left_knee", (-0.002, 0.0, -0.003)),
    "left_ankle": ("left_knee", "left_ankle", (0.0, 0.027, 0.0)),
    "left_heel": ("left_ankle", "left_ankle", (-0.008, -0.034, -0.031)),
    "left_foot_index": ("left_ankle", "left_ankle", (-0.014, -0.052, 0.17)),
}


def _mirror(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name[5:]
    return name.replace("_left", "_right")


def _places() -> dict[str, tuple[str, str, tuple[float, float, float]]]:
    places = dict(_PLACES)
    for name, (owner, at, (x, y, z)) in _PLACES.items():
        places[_mirror(name)] = (_mirror(owner), _mirror(at), (-x, y, z))
    return places


LANDMARK_OWNERS = tuple(JOINT[_places()[name][0]] for name in BLAZEPOSE_NAMES)
"""For each BlazePose landmark the SMPL joint it moves rigidly with."""

FACE = tuple(BLAZEPOSE[name] for name in BLAZEPOSE_NAMES if _places()[name][0] == "head")
"""Indices of the landmarks on the head."""

# The detector's own face in three dimensions (nose, eyes, ears, mouth in BlazePose's order): the typical shape of its
# world landmarks in the head's frame, x left, y up, z front, relative to their centre, m.
FACE_SHAPE = np.array(
    [
        (0.0, -0.0134, 0.0401),
        (0.0154, 0.0191, 0.0176),
        (0.0155, 0.0197, 0.0176),
        (0.0156, 0.0204, 0.0176),
        (-0.0154, 0.0191, 0.0176),
        (-0.0155, 0.0197, 0.0176),
        (-0.0156, 0.0204, 0.0176),
        (0.0694, -0.0084, -0.0793),
        (-0.0694, -0.0084, -0.0793),
        (0.0198, -0.0443, 0.0072),
        (-0.0198, -0.0443, 0.0072),
    ]
)


def rest_landmarks(skeleton: Skeleton) -> np.ndarray:
    """(33, 3) rest position of every BlazePose landmark on this skeleton, m."""
    rest = skeleton.rest_joints
    lengths = skeleton.bone_lengths
    size = (lengths[JOINT["left_knee"]] + lengths[JOINT["left_ankle"]]) / REFERENCE_LEG_M
    places = _places()
    points = np.stack(
        [rest[JOINT[at]] + size * np.array(offset) for _, at, offset in (places[n] for n in BLAZEPOSE_NAMES)]
    )
    # Bodies differ in how far apart they put the hip joints, people hardly in where the detector sees their hips.
    middle = rest[JOINT["pelvis"], 0]
    for name, sign in (("left_hip", 1.0), ("right_hip", -1.0)):
        points[BLAZEPOSE[name], 0] = middle + sign * size * HIP_HALF_WIDTH_M
    return points

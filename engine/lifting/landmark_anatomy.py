"""Where BlazePose's landmarks lie on a body with a SMPL skeleton."""

from __future__ import annotations

import numpy as np

from rig.skeleton import JOINT, Skeleton

from ..poses import BLAZEPOSE, BLAZEPOSE_NAMES

REFERENCE_LEG_M = 0.806
"""Thigh and shin of the body that `_PLACES` was measured on; other bodies scale with their own, m."""

# Left side and centre: the joint a landmark rides with, the joint it lies at, and its offset from that joint at rest
# (x left, y up, z front), m. Measured by running the detector on renders of the open body in 160 captured poses
# and solving for the rigid offsets that explain its 2D landmarks.
_PLACES: dict[str, tuple[str, str, tuple[float, float, float]]] = {
    "nose": ("head", "head", (0.0, 0.014, 0.095)),
    "left_eye_inner": ("head", "head", (0.014, 0.044, 0.073)),
    "left_eye": ("head", "head", (0.025, 0.044, 0.068)),
    "left_eye_outer": ("head", "head", (0.035, 0.044, 0.063)),
    "left_ear": ("head", "head", (0.058, 0.030, 0.022)),
    "mouth_left": ("head", "head", (0.018, -0.018, 0.079)),
    "left_shoulder": ("spine3", "left_shoulder", (-0.012, 0.0, 0.002)),
    "left_elbow": ("left_elbow", "left_elbow", (0.0, 0.0, 0.0)),
    "left_wrist": ("left_wrist", "left_wrist", (0.0, 0.0, 0.0)),
    "left_pinky": ("left_wrist", "left_wrist", (0.082, -0.010, -0.014)),
    "left_index": ("left_wrist", "left_wrist", (0.088, -0.013, 0.022)),
    "left_thumb": ("left_wrist", "left_wrist", (0.060, -0.016, 0.028)),
    "left_hip": ("pelvis", "left_hip", (-0.012, 0.004, 0.0)),
    "left_knee": ("left_hip", "left_knee", (0.0, -0.009, 0.0)),
    "left_ankle": ("left_knee", "left_ankle", (0.0, 0.028, 0.0)),
    "left_heel": ("left_ankle", "left_ankle", (-0.004, -0.036, -0.028)),
    "left_foot_index": ("left_ankle", "left_ankle", (-0.010, -0.050, 0.165)),
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
    return np.stack(
        [rest[JOINT[at]] + size * np.array(offset) for _, at, offset in (places[n] for n in BLAZEPOSE_NAMES)]
    )

"""What is seen of one person over time: detector landmarks, and the SMPL joints and twists lifted from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.errors import RigError
from rig.skeleton import CONTACT_NAMES, SMPL_JOINT_NAMES
from rig.validation import check_array

BLAZEPOSE_NAMES = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""BlazePose's 33 landmarks in its order; left is the person's left."""

BLAZEPOSE = {name: index for index, name in enumerate(BLAZEPOSE_NAMES)}
"""Index of a BlazePose landmark by name."""


@dataclass(frozen=True)
class LandmarkSequence:
    """Detector output for one person; a frame in which the person was not seen is NaN with score 0.

    person_id     stable id, never an array index
    frame_indices (T,) index of each frame in the video's decoded order
    times_s       (T,) presentation times from the file, strictly increasing, s
    landmarks_2d  (T, 33, 2) px in the upright picture
    landmarks_3d  (T, 33, 3) m, the detector's own world landmarks: camera axes (x right, y down, z forward),
                  origin between the hips
    scores        (T, 33) 0..1 visibility
    boxes_xyxy    (T, 4) px
    """

    person_id: int
    frame_indices: np.ndarray
    times_s: np.ndarray
    landmarks_2d: np.ndarray
    landmarks_3d: np.ndarray
    scores: np.ndarray
    boxes_xyxy: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        count = len(BLAZEPOSE_NAMES)
        put = object.__setattr__
        put(self, "times_s", check_array("times_s", self.times_s, ("T",), sizes=sizes, finite=True))
        put(
            self, "frame_indices", check_array("frame_indices", self.frame_indices, ("T",), sizes=sizes, dtype=np.int64)
        )
        for name, shape in (("landmarks_2d", (2,)), ("landmarks_3d", (3,)), ("scores", ())):
            put(self, name, check_array(name, getattr(self, name), ("T", count, *shape), sizes=sizes))
        put(self, "boxes_xyxy", check_array("boxes_xyxy", self.boxes_xyxy, ("T", 4), sizes=sizes))

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def seen(self) -> np.ndarray:
        """(T,) bool: the person was detected in the frame."""
        return np.isfinite(self.landmarks_2d).all(axis=(1, 2))


@dataclass(frozen=True)
class LearnedMovement:
    """What a network says of a person's movement, frame by frame; NaN where it says nothing.

    gravity_camera  (T, 3) unit, downwards, camera axes
    velocity_m_s    (T, 3) of the pelvis along the person's left, upwards and forward, forward being level, m/s
    contacts        (T, 4) 0..1, in the order of CONTACT_NAMES
    """

    gravity_camera: np.ndarray
    velocity_m_s: np.ndarray
    contacts: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for name, width in (("gravity_camera", 3), ("velocity_m_s", 3), ("contacts", len(CONTACT_NAMES))):
            object.__setattr__(self, name, check_array(name, getattr(self, name), ("T", width), sizes=sizes))


@dataclass(frozen=True)
class PoseSequence:
    """SMPL joints and twists of one person, as a lifter gives them; missing is NaN with score 0.

    times_s       (T,) s
    joints        (T, 24, 3) m, camera axes (x right, y down, z forward), relative to the pelvis joint; the size is
                  the lifter's own and need not be constant over time
    twist         (T, 23, 2) (cos, sin) of the twist of joints 1..23 about their rest bone; NaN where not defined
    keypoints_2d  (T, 24, 2) px, where each SMPL joint projects to; NaN where nothing in the picture says
    scores        (T, 24) 0..1 confidence of each joint
    leaf_rotmats  (T, 24, 3, 3) global rotation, camera axes, of the joints without a child bone to point them
                  (head, hands, feet); NaN elsewhere and where not seen
    root_m        (T, 3) m, camera frame, the pelvis where the source knows its place itself (NaN where it does not);
                  None where it has to be fitted to the keypoints
    movement      what a network says of gravity, speed and contacts; None where there is none
    """

    person_id: int
    times_s: np.ndarray
    joints: np.ndarray
    twist: np.ndarray
    keypoints_2d: np.ndarray
    scores: np.ndarray
    leaf_rotmats: np.ndarray
    root_m: np.ndarray | None = None
    movement: LearnedMovement | None = None

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        joints = len(SMPL_JOINT_NAMES)
        for name, shape in (
            ("times_s", ("T",)),
            ("joints", ("T", joints, 3)),
            ("twist", ("T", joints - 1, 2)),
            ("keypoints_2d", ("T", joints, 2)),
            ("scores", ("T", joints)),
            ("leaf_rotmats", ("T", joints, 3, 3)),
        ):
            object.__setattr__(self, name, check_array(name, getattr(self, name), shape, sizes=sizes))
        if self.root_m is not None:
            object.__setattr__(self, "root_m", check_array("root_m", self.root_m, ("T", 3), sizes=sizes))
        if self.movement is not None and len(self.movement.contacts) != len(self):
            raise RigError(f"movement has {len(self.movement.contacts)} frames, expected {len(self)} like the poses")

    def __len__(self) -> int:
        return len(self.times_s)

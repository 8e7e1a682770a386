"""Preliminary poses, frame by frame while the detector works, for live display."""

from __future__ import annotations

from typing import Any

import numpy as np

from rig.rotations import rotmat_to_quat_wxyz

from .body.model import BodyModel
from .camera import Camera
from .detection.detections import Detections
from .errors import InputError
from .ik.solve import IKMode, solve_motion
from .lifting import GeometricLifter, LiftingConfig
from .lifting.placement import PlacementConfig
from .live_filter import LivePoseFilter
from .poses import LandmarkSequence
from .root import fit_root
from .settings import Settings

_QUICK = LiftingConfig(placement=PlacementConfig(iterations=3))
"""Placing stops early: what is left to gain is smaller than the tremor of a single picture."""


class LivePoses:
    """Follows the most prominent person through a stream of detections and poses the mean body after it.

    Smoothed causally, and in the level-camera world (the camera at the origin): good to look at while the work goes
    on, replaced by the final motion afterwards.
    """

    def __init__(self, body: BodyModel, image_size: tuple[int, int], settings: Settings) -> None:
        self._camera = Camera.from_fov(image_size, settings.fov)
        self._skeleton = body.skeleton(np.zeros(body.shape_count))
        self._lifter = GeometricLifter(self._skeleton, _QUICK)
        self._mode = IKMode(settings.ik)
        self._filter = LivePoseFilter()
        self._box: np.ndarray | None = None
        self._first = True

    def update(self, index: int, time_s: float, detections: Detections) -> dict[str, Any] | None:
        """The pose event of one frame as a JSON-able dictionary, or None where nobody is seen well enough."""
        if not len(detections):
            return None
        row = self._follow(detections)
        landmarks = LandmarkSequence(
            person_id=1,
            frame_indices=np.array([index]),
            times_s=np.array([time_s]),
            landmarks_2d=detections.landmarks_2d[row][None],
            landmarks_3d=detections.landmarks_3d[row][None],
            scores=detections.landmark_scores[row][None],
            boxes_xyxy=detections.boxes_xyxy[row][None],
        )
        poses = self._lifter.lift(landmarks, self._camera)
        betas = np.zeros(0)
        try:
            motion = fit_root(solve_motion(poses, self._skeleton, betas, self._mode), poses, self._camera)
        except InputError:
            # Too little of the body is in this picture to place it; the next may hold more.
            return None
        quats, transl = self._filter.update(time_s, rotmat_to_quat_wxyz(motion.local_rotmats()[0]), motion.transl[0])
        pose = {
            "person_id": 1,
            "frame": index,
            "time_s": round(time_s, 6),
            "rotations_wxyz": np.round(quats, 5).tolist(),
            "transl": np.round(transl, 4).tolist(),
        }
        if self._first:
            pose["rest_joints"] = np.round(self._skeleton.rest_joints, 5).tolist()
            self._first = False
        return pose

    def _follow(self, detections: Detections) -> int:
        """The row that continues the person shown so far; the largest at first."""
        boxes = detections.boxes_xyxy
        sizes = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        row = int(np.argmax(sizes))
        if self._box is not None:
            centres = (boxes[:, :2] + boxes[:, 2:]) / 2
            centre, reach = (self._box[:2] + self._box[2:]) / 2, np.max(self._box[2:] - self._box[:2])
            distances = np.linalg.norm(centres - centre, axis=1)
            if distances.min() < reach:
                row = int(np.argmin(distances))
        self._box = boxes[row]
        return row

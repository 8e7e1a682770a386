"""Preliminary poses, frame by frame while the detector works, for live display."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np

from rig.rotations import rotmat_to_quat_wxyz

from .body.model import BodyModel
from .camera import Camera
from .detection.detections import Detections
from .errors import InputError
from .ik.solve import IKMode, solve_motion
from .lifting import GeometricLifter, Lifter, Lifting, LiftingConfig
from .lifting.landmark_transformer import LandmarkTransformerLifter, WindowConfig
from .lifting.placement import PlacementConfig
from .live_filter import LivePoseFilter
from .poses import LandmarkSequence, PoseSequence
from .root import fit_root
from .settings import Settings

_QUICK = LiftingConfig(placement=PlacementConfig(iterations=3))
"""Placing stops early: what is left to gain is smaller than the tremor of a single picture."""

_REMEMBERED_FRAMES, _REMEMBERED_S = 8, 1.0
_CAUSAL = WindowConfig(frames=_REMEMBERED_FRAMES, overlap=0, causal=True, mirrored=False)


class LivePoses:
    """Follows the most prominent person through a stream of detections and poses the mean body after it.

    The learned lifter reads the last frames too, the geometric one only the present. Smoothed causally, and in the
    level-camera world (the camera at the origin): good to look at while the work goes on, replaced by the final motion
    afterwards.
    """

    def __init__(self, body: BodyModel, image_size: tuple[int, int], settings: Settings) -> None:
        self._camera = Camera.from_fov(image_size, settings.fov)
        self._skeleton = body.skeleton(np.zeros(body.shape_count))
        learned = Lifting(settings.lifting) is Lifting.LEARNED
        self._lifter: Lifter = (
            LandmarkTransformerLifter(config=_CAUSAL) if learned else GeometricLifter(self._skeleton, _QUICK)
        )
        self._past: deque[LandmarkSequence] = deque(maxlen=_REMEMBERED_FRAMES if learned else 1)
        self._mode = IKMode(settings.ik)
        self._filter = LivePoseFilter()
        self._box: np.ndarray | None = None
        self._first = True

    def update(self, index: int, time_s: float, detections: Detections) -> dict[str, Any] | None:
        """The pose event of one frame as a JSON-able dictionary, or None where nobody is seen well enough."""
        if not len(detections):
            return None
        row = self._follow(detections)
        self._remember(index, time_s, detections, row)
        poses = _last(self._lifter.lift(_joined(self._past), self._camera))
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

    def _remember(self, index: int, time_s: float, detections: Detections, row: int) -> None:
        """Keep a frame of the person, and forget those that tell nothing of it any more."""
        while self._past and time_s - self._past[0].times_s[0] > _REMEMBERED_S:
            self._past.popleft()
        self._past.append(
            LandmarkSequence(
                person_id=1,
                frame_indices=np.array([index]),
                times_s=np.array([time_s]),
                landmarks_2d=detections.landmarks_2d[row][None],
                landmarks_3d=detections.landmarks_3d[row][None],
                scores=detections.landmark_scores[row][None],
                boxes_xyxy=detections.boxes_xyxy[row][None],
            )
        )

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
            else:
                self._past.clear()  # somebody else
        self._box = boxes[row]
        return row


_ROWS = ("frame_indices", "times_s", "landmarks_2d", "landmarks_3d", "scores", "boxes_xyxy")


def _joined(frames: deque[LandmarkSequence]) -> LandmarkSequence:
    """Sequences of the same person one after the other."""
    return replace(frames[0], **{name: np.concatenate([getattr(frame, name) for frame in frames]) for name in _ROWS})


def _last(poses: PoseSequence) -> PoseSequence:
    """The last frame."""
    names = ("times_s", "joints", "twist", "keypoints_2d", "scores", "leaf_rotmats")
    return replace(poses, movement=None, **{name: getattr(poses, name)[-1:] for name in names})

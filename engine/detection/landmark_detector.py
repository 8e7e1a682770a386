"""Finds people and their 33 BlazePose landmarks in single pictures with MediaPipe's pose landmarker."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any

import numpy as np

from rig.validation import check_array

from ..errors import InputError
from ..poses import BLAZEPOSE_NAMES
from .model_bundle import find_bundle
from .native_log import without_native_chatter

_COUNT = len(BLAZEPOSE_NAMES)


@dataclass(frozen=True)
class Detections:
    """The people found in one picture, in no particular order.

    boxes_xyxy       (N, 4) px, around the landmarks
    scores           (N,) 0..1, mean visibility of the landmarks that lie in the picture
    landmarks_2d     (N, 33, 2) px of the full upright picture
    landmarks_3d     (N, 33, 3) m, camera axes (x right, y down, z forward), origin between the hips
    landmark_scores  (N, 33) 0..1 visibility
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    landmarks_2d: np.ndarray
    landmarks_3d: np.ndarray
    landmark_scores: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for name, shape in (
            ("boxes_xyxy", ("N", 4)),
            ("scores", ("N",)),
            ("landmarks_2d", ("N", _COUNT, 2)),
            ("landmarks_3d", ("N", _COUNT, 3)),
            ("landmark_scores", ("N", _COUNT)),
        ):
            object.__setattr__(self, name, check_array(name, getattr(self, name), shape, sizes=sizes))

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: np.ndarray) -> Detections:
        """Only some of the people: (M,) indices or (N,) booleans."""
        return Detections(
            self.boxes_xyxy[rows],
            self.scores[rows],
            self.landmarks_2d[rows],
            self.landmarks_3d[rows],
            self.landmark_scores[rows],
        )


class Device(Enum):
    """Where the networks run."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True)
class DetectorOptions:
    """How people are looked for.

    max_people           most people found in one picture
    min_detection_score  below it a person is not detected
    min_presence_score   below it a detected pose is dropped again
    bundle               a pose_landmarker .task file in place of the packaged models
    device               where the networks run
    """

    max_people: int = 4
    min_detection_score: float = 0.5
    min_presence_score: float = 0.5
    bundle: str | None = None
    device: Device = Device.CPU


class LandmarkDetector:
    """MediaPipe's pose landmarker on one picture after the other; use it as a context manager or call `close`.

    Every picture is looked at for itself, so that results do not depend on where a run started.
    Raises InputError for a model bundle that cannot be used, MissingTool when there is none.
    """

    def __init__(self, options: DetectorOptions | None = None) -> None:
        self.options = options or DetectorOptions()
        bundle = find_bundle(self.options.bundle)
        os.environ.setdefault("GLOG_minloglevel", "2")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with without_native_chatter():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            delegate = BaseOptions.Delegate.GPU if self.options.device is Device.GPU else BaseOptions.Delegate.CPU
            settings = vision.PoseLandmarkerOptions(
                # Read here, because the library's own file access fails on some non-ASCII paths.
                base_options=BaseOptions(model_asset_buffer=bundle.read_bytes(), delegate=delegate),
                running_mode=vision.RunningMode.IMAGE,
                num_poses=self.options.max_people,
                min_pose_detection_confidence=self.options.min_detection_score,
                min_pose_presence_confidence=self.options.min_presence_score,
            )
            try:
                self._landmarker: Any = vision.PoseLandmarker.create_from_options(settings)
            except (RuntimeError, ValueError) as error:
                raise InputError(f"the detector cannot start with model {bundle}: {error}") from error
        self._image: Any = mediapipe.Image
        self._format: Any = mediapipe.ImageFormat.SRGB
        self._warm = False

    def __enter__(self) -> LandmarkDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the networks; leaving that to the interpreter's exit prints tracebacks in some versions."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None

    def detect(self, image_rgb: np.ndarray, size: tuple[int, int] | None = None) -> Detections:
        """People in one picture.

        image_rgb  (H, W, 3) uint8, C-contiguous
        size       (width, height) px of the picture that pixel coordinates refer to; the image's own if None
        """
        quiet: AbstractContextManager[None] = nullcontext() if self._warm else without_native_chatter()
        with quiet:
            result = self._landmarker.detect(self._image(self._format, image_rgb))
        self._warm = self._warm or bool(result.pose_landmarks)
        height, width = image_rgb.shape[:2]
        return _detections(result, size or (width, height))


def _detections(result: Any, size: tuple[int, int]) -> Detections:
    people = len(result.pose_landmarks)
    flat = np.array(
        [(p.x, p.y, p.visibility) for pose in result.pose_landmarks for p in pose], dtype=np.float64
    ).reshape(people, _COUNT, 3)
    points = flat[..., :2] * size
    scores = np.clip(flat[..., 2], 0.0, 1.0)
    world = np.array(
        [(p.x, p.y, p.z) for pose in result.pose_world_landmarks for p in pose], dtype=np.float64
    ).reshape(people, _COUNT, 3)
    inside = ((points >= 0) & (points <= size)).all(axis=-1)
    return Detections(
        boxes_xyxy=np.concatenate([points.min(axis=1), points.max(axis=1)], axis=-1) if people else np.empty((0, 4)),
        scores=(scores * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1),
        landmarks_2d=points,
        landmarks_3d=world,
        landmark_scores=scores,
    )

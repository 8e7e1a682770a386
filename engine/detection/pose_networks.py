"""MediaPipe's two pose networks as functions: picture -> regions with people, picture and region -> landmarks."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import InputError
from ..poses import BLAZEPOSE_NAMES
from .native_log import without_native_chatter

_SEARCHED_PX = 448
_WHOLE = np.array([0.5, 0.5, 1.0, 1.0, 0.0])


class Device(Enum):
    """Where the networks run."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True)
class RegionPose:
    """What the landmark network sees in one region.

    landmarks     (33, 3) x, y in 0..1 of the picture, and visibility 0..1
    world         (33, 3) m, camera axes, origin between the hips
    presence      0..1 that there is a person in the region
    next_region   (5,) where to look in the next picture: centre x, y, width, height in 0..1 of the picture, turn in rad
    """

    landmarks: np.ndarray
    world: np.ndarray
    presence: float
    next_region: np.ndarray


class PoseNetworks:
    """Both networks of a `.task` bundle, run one picture at a time; close it, or use it as a context manager.

    MediaPipe's own pose landmarker runs the person network on every picture unless `num_poses` people are followed,
    and lets its regions win, which costs speed and shakes the landmarks; here the caller decides when to search.
    Raises InputError when the bundle does not hold the two networks.
    """

    def __init__(
        self, bundle: Path, *, max_people: int, min_detection: float, min_presence: float, device: Device = Device.CPU
    ) -> None:
        self._quiet = True
        with without_native_chatter():
            import mediapipe
            from mediapipe.framework.formats.rect_pb2 import NormalizedRect
            from mediapipe.python import packet_creator, packet_getter
            from mediapipe.tasks.cc.vision.pose_detector.proto.pose_detector_graph_options_pb2 import (
                PoseDetectorGraphOptions,
            )
            from mediapipe.tasks.cc.vision.pose_landmarker.proto.pose_landmarks_detector_graph_options_pb2 import (
                PoseLandmarksDetectorGraphOptions,
            )

            self._mediapipe, self._rect = mediapipe, NormalizedRect
            self._create, self._get = packet_creator, packet_getter
            people_model, landmark_model = _models(bundle)
            search = PoseDetectorGraphOptions(
                base_options=_base_options(people_model, device),
                min_detection_confidence=min_detection,
                num_poses=max_people,
            )
            look = PoseLandmarksDetectorGraphOptions(
                base_options=_base_options(landmark_model, device), min_detection_confidence=min_presence
            )
            try:
                self._search = _runner(
                    "mediapipe.tasks.vision.pose_detector.PoseDetectorGraph",
                    search,
                    ("IMAGE:image", "NORM_RECT:region"),
                    ("EXPANDED_POSE_RECTS:regions",),
                )
                self._look = _runner(
                    "mediapipe.tasks.vision.pose_landmarker.SinglePoseLandmarksDetectorGraph",
                    look,
                    ("IMAGE:image", "NORM_RECT:region"),
                    (
                        "LANDMARKS:landmarks",
                        "WORLD_LANDMARKS:world",
                        "PRESENCE_SCORE:presence",
                        "POSE_RECT_NEXT_FRAME:next",
                    ),
                )
            except (RuntimeError, ValueError) as error:
                raise InputError(f"the detector cannot start with model {bundle}: {error}") from error

    def __enter__(self) -> PoseNetworks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the networks; leaving that to the interpreter's exit prints tracebacks in some versions."""
        self._search.close()
        self._look.close()

    def picture(self, image_rgb: np.ndarray) -> Any:
        """A picture for `search` and `look` from (H, W, 3) uint8 RGB, C-contiguous; copied."""
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, image_rgb)
        return self._create.create_image(image)

    def search(self, image_rgb: np.ndarray, part: np.ndarray, quarter_turns: int = 0) -> np.ndarray:
        """(N, 5) regions with people, best first, within a part of the picture; layout as `next_region`.

        image_rgb      (H, W, 3) uint8
        part           (4,) centre x, y, width, height in 0..1 of the picture
        quarter_turns  how often the part is turned by 90 degrees counter-clockwise first

        The part is cut out here: the graph gives places in a region of its picture as if the region were the picture.
        """
        import cv2

        size = np.array([image_rgb.shape[1], image_rgb.shape[0]])
        low = np.maximum(np.round((part[:2] - part[2:] / 2) * size), 0).astype(int)
        high = np.minimum(np.round((part[:2] + part[2:] / 2) * size), size).astype(int)
        cut = image_rgb[low[1] : high[1], low[0] : high[0]]
        shrink = _SEARCHED_PX / max(cut.shape[:2])
        if shrink < 1:
            cut = cv2.resize(cut, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        turned = np.ascontiguousarray(np.rot90(cut, quarter_turns))
        with without_native_chatter(self._quiet):
            found = self._search.process({"image": self.picture(turned), "region": self._region(_WHOLE)})
        if found["regions"].is_empty():
            return np.empty((0, 5))
        regions = np.array([_region_array(rect) for rect in self._get.get_proto_list(found["regions"])]).reshape(-1, 5)
        height, width = turned.shape[:2]
        regions[:, :4] *= (width, height, width, height)
        for _ in range(quarter_turns):
            regions[:, :2] = np.stack([height - regions[:, 1], regions[:, 0]], axis=1)
            regions[:, 4] += np.pi / 2
            width, height = height, width
        regions[:, :4] *= np.tile((high - low) / (width, height), 2)
        regions[:, :2] += low
        regions[:, :4] /= np.tile(size, 2)
        return regions

    def look(self, picture: Any, region: np.ndarray) -> RegionPose | None:
        """The pose inside a (5,) region; None where the network sees nobody."""
        with without_native_chatter(self._quiet):
            found = self._look.process({"image": picture, "region": self._region(region)})
        self._quiet = False
        if found["landmarks"].is_empty() or found["next"].is_empty():
            return None
        names = len(BLAZEPOSE_NAMES)
        landmarks = self._get.get_proto(found["landmarks"]).landmark[:names]
        world = self._get.get_proto(found["world"]).landmark[:names]
        return RegionPose(
            np.array([(p.x, p.y, p.visibility) for p in landmarks]),
            np.array([(p.x, p.y, p.z) for p in world]),
            float(self._get.get_float(found["presence"])),
            _region_array(self._get.get_proto(found["next"])),
        )

    def _region(self, region: np.ndarray) -> Any:
        x, y, width, height, turn = (float(value) for value in region)
        return self._create.create_proto(self._rect(x_center=x, y_center=y, width=width, height=height, rotation=turn))


def _region_array(rect: Any) -> np.ndarray:
    return np.array([rect.x_center, rect.y_center, rect.width, rect.height, rect.rotation])


def _models(bundle: Path) -> tuple[bytes, bytes]:
    # Read here, because the library's own file access fails on some non-ASCII paths.
    try:
        with zipfile.ZipFile(bundle) as archive:
            return archive.read("pose_detector.tflite"), archive.read("pose_landmarks_detector.tflite")
    except (KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"detector model {bundle} is not a pose_landmarker .task bundle: {error}") from error


def _base_options(model: bytes, device: Device) -> Any:
    from mediapipe.tasks.python import BaseOptions

    delegate = BaseOptions.Delegate.GPU if device is Device.GPU else BaseOptions.Delegate.CPU
    return BaseOptions(model_asset_buffer=model, delegate=delegate).to_pb2()


def _runner(graph: str, options: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Any:
    """A synchronous MediaPipe graph of one node."""
    from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
    from mediapipe.python._framework_bindings import task_runner

    config = CalculatorGraphConfig(input_stream=inputs, output_stream=outputs)
    node = config.node.add(calculator=graph, input_stream=inputs, output_stream=outputs)
    node.options.Extensions[type(options).ext].CopyFrom(options)
    return task_runner.TaskRunner.create(config)

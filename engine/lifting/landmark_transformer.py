"""Lifts landmarks to joints, twists and shape with the learned landmark transformer, by ONNX Runtime alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rig.skeleton import CONTACT_NAMES, JOINT, SMPL_JOINT_NAMES, mirrored_names

from ..camera import Camera
from ..confidence import confidence_of
from ..errors import InputError, MissingTool
from ..poses import BLAZEPOSE_NAMES, LandmarkSequence, LearnedMovement, PoseSequence
from .geometric import UNSEEN_IN_PICTURE
from .landmark_features import OWN_DEPTH, Features, attention_mask, extract_features
from .landmark_scores import joint_scores, landmark_scores

LEAF_JOINTS = tuple(JOINT[name] for name in ("head", "left_foot", "right_foot", "left_hand", "right_hand"))
"""Joints whose global rotation the network gives, in its order."""

LANDMARK_MODEL_FILE = Path(__file__).resolve().parents[1] / "assets" / "landmark_transformer.onnx"
_OUTPUTS = (
    "joints", "plane", "log_extent", "log_sigma", "twist", "betas", "leaves", "gravity", "velocity", "contacts",
)  # fmt: skip


_LEAST_SCORE, _LEAST_JOINTS = 0.02, 4  # a frame with fewer joints that the detector saw at all is not lifted
_MEAN_OF_LAPLACE = 3.0  # mean distance over the scale of the density exp(-r / scale) in space, which the network learns
_LANDMARK_SIGNS = np.array([-1, 1, 1, -1, 1, 1, 1], np.float32)
_FRAME_SIGNS = np.array([-1, 1, 1, -1, 1, 1], np.float32)
_OTHER_JOINTS = mirrored_names(SMPL_JOINT_NAMES)
_SIDE_FIRST = {"mouth_left": "left_mouth", "mouth_right": "right_mouth"}
_OTHER_LANDMARKS = mirrored_names([_SIDE_FIRST.get(name, name) for name in BLAZEPOSE_NAMES])
_MIRROR_ROWS = {
    "joints": _OTHER_JOINTS,
    "plane": _OTHER_JOINTS,
    "log_sigma": _OTHER_JOINTS,
    "twist": mirrored_names(SMPL_JOINT_NAMES[1:]),
    "leaves": mirrored_names([SMPL_JOINT_NAMES[joint] for joint in LEAF_JOINTS]),
    "contacts": mirrored_names(CONTACT_NAMES),
}
_MIRROR_SIGNS = {
    "joints": np.array([-1, 1, 1], np.float32),
    "plane": np.array([-1, 1], np.float32),
    "twist": np.array([1, -1], np.float32),
    "leaves": np.array([1, -1, -1, -1, 1, 1], np.float32),
    "gravity": np.array([-1, 1, 1], np.float32),
    "velocity": np.array([-1, 1, 1], np.float32),
}


@dataclass(frozen=True)
class WindowConfig:
    """How a clip is cut for the network.

    frames     of a window;  overlap  frames that neighbouring windows share, in which they are blended
    batch      windows that go through the network at once; bounds the memory
    causal     no frame is decided by later ones
    mirrored   the network also sees everyone in a mirror and without the detector's own 3-D landmarks, which deceive as
               often as they help, and both answers count half: truer, twice the work
    threads    of the runtime; 0 lets it choose
    """

    frames: int = 96
    overlap: int = 48
    batch: int = 8
    causal: bool = False
    mirrored: bool = True
    threads: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.frames:
            raise InputError(f"windows of {self.frames} frames overlap by {self.overlap}, expected 0 to one less")


@dataclass(frozen=True)
class LiftedFrames:
    """All that the network says of T frames, camera axes; frames in which nobody was seen are NaN.

    joints     (T, 24, 3) relative to the pelvis, m;  pelvis (T, 3) m;  bearings (T, 24, 2) x/z, y/z of the joints
    sigma      (T, 24) expected distance of each joint from the truth, m
    twist      (T, 23, 2) cos, sin;  betas (T, 10) as seen from each frame
    leaves     (T, 5, 3, 3) rotations of LEAF_JOINTS
    gravity    (T, 3) unit, downwards
    velocity   (T, 3) of the pelvis in the person's heading frame (x left, y up, z forward), m/s
    contacts   (T, 4) 0..1 of left heel, left big toe, right heel, right big toe
    """

    joints: np.ndarray
    pelvis: np.ndarray
    bearings: np.ndarray
    sigma: np.ndarray
    twist: np.ndarray
    betas: np.ndarray
    leaves: np.ndarray
    gravity: np.ndarray
    velocity: np.ndarray
    contacts: np.ndarray


class LandmarkTransformerLifter:
    """The learned lifter; fills the Protocol `Lifter`."""

    def __init__(self, model: Path = LANDMARK_MODEL_FILE, config: WindowConfig | None = None) -> None:
        """Raises InputError where the model cannot be read, MissingTool without onnxruntime."""
        self.config = config or WindowConfig()
        self._session = _open_session(model, self.config.threads)

    def lift(self, landmarks: LandmarkSequence, camera: Camera) -> PoseSequence:
        """One person's joints (camera axes, relative to the pelvis, m), twists, keypoints and scores.

        Scores say how near the truth the network expects each joint to be. Hidden limbs are kept, for the network
        learned what they do; only frames in which hardly anything of the person was seen are missing.
        """
        lifted = self.estimate(landmarks, camera)
        shown = joint_scores(landmark_scores(landmarks, camera)) >= _LEAST_SCORE
        seen = landmarks.seen & (shown.sum(axis=1) >= _LEAST_JOINTS)
        confidence = np.where(seen[:, None], confidence_of(lifted.sigma), 0.0)
        twist = np.where(seen[:, None, None], lifted.twist, np.nan)
        twist[:, [joint - 1 for joint in LEAF_JOINTS]] = np.nan
        keypoints = _project(lifted.bearings, camera)
        keypoints[:, [JOINT[name] for name in UNSEEN_IN_PICTURE]] = np.nan
        rotmats = np.full((len(landmarks), len(SMPL_JOINT_NAMES), 3, 3), np.nan)
        rotmats[:, LEAF_JOINTS] = np.where(seen[:, None, None, None], lifted.leaves, np.nan)
        return PoseSequence(
            person_id=landmarks.person_id,
            times_s=landmarks.times_s,
            joints=np.where(seen[:, None, None], lifted.joints, np.nan),
            twist=twist,
            keypoints_2d=np.where(seen[:, None, None], keypoints, np.nan),
            scores=confidence,
            leaf_rotmats=rotmats,
            movement=LearnedMovement(lifted.gravity, lifted.velocity, lifted.contacts),
        )

    def estimate(self, landmarks: LandmarkSequence, camera: Camera) -> LiftedFrames:
        """Everything the network says of a person, window by window."""
        seen = landmarks.seen
        rays = camera.rays(np.where(seen[:, None, None], landmarks.landmarks_2d, 0.0))
        scores = np.clip(np.nan_to_num(landmarks.scores), 0.0, 1.0)
        features = extract_features(rays, scores, landmarks.landmarks_3d, landmarks.times_s, seen)
        return _in_camera(self._blended(features, landmarks.times_s, seen), features, seen)

    def _blended(self, features: Features, times_s: np.ndarray, seen: np.ndarray) -> dict[str, np.ndarray]:
        """The network's outputs for every frame, (T, ...), windows blended where they overlap."""
        count = len(times_s)
        total: dict[str, np.ndarray] = {}
        weight = np.zeros(count)
        for part in self._parts(count, seen):
            rows = part[:, :, 0]
            share = part[:, :, 1]
            rows = rows.astype(np.int64)
            times = times_s[rows]
            arrays = {
                "landmarks": features.landmarks[rows],
                "frame": features.frame[rows],
                "times_s": (times - times[:, :1]).astype(np.float32),
                "mask": attention_mask(seen[rows], self.config.causal),
                "spread": features.view.spread[rows].astype(np.float32),
            }
            for name, value in self._answer(arrays).items():
                into = total.setdefault(name, np.zeros((count, *value.shape[2:])))
                np.add.at(into, rows, value * share.reshape(*share.shape, *([1] * (value.ndim - 2))))
            np.add.at(weight, rows, share)
        weight = np.maximum(weight, 1e-12)
        return {name: value / weight.reshape(-1, *([1] * (value.ndim - 1))) for name, value in total.items()}

    def _answer(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The network's outputs by name for its inputs."""
        outputs = dict(zip(_OUTPUTS, self._session.run(_OUTPUTS, arrays), strict=True))
        if self.config.mirrored:
            seen = arrays | {name: mirror_features(name, arrays[name]) for name in ("landmarks", "frame")}
            seen["landmarks"][..., OWN_DEPTH] = 0.0
            for name, value in zip(_OUTPUTS, self._session.run(_OUTPUTS, seen), strict=True):
                outputs[name] = 0.5 * (outputs[name] + mirror_output(name, value))
        return outputs

    def _parts(self, count: int, seen: np.ndarray) -> Iterator[np.ndarray]:
        """Batches (N, W, 2) of windows: rows of the clip, and how much the window counts in each."""
        size, overlap = min(self.config.frames, count), min(self.config.overlap, max(count - 1, 0))
        starts = sorted({min(start, count - size) for start in range(0, count, max(1, size - overlap))})
        windows = []
        for start in starts:
            rows = np.arange(start, start + size)
            if not seen[rows].any() and len(starts) > 1:
                continue
            windows.append(np.stack([rows, self._shares(start, size, overlap)], axis=-1))
        for first in range(0, len(windows), self.config.batch):
            yield np.stack(windows[first : first + self.config.batch])

    def _shares(self, start: int, size: int, overlap: int) -> np.ndarray:
        """(W,) how much a window counts in each of its frames: less towards its ends, where it knows one side only."""
        place = np.arange(size)
        if self.config.causal:  # only frames with enough of a past count, but for those at the beginning
            return np.where((place >= overlap) | (start == 0), 1.0, 1e-9)
        return np.minimum(place, size - 1 - place) + 0.5


@lru_cache(maxsize=1)
def shipped_lifter() -> LandmarkTransformerLifter:
    """The lifter with the network that ships with the program."""
    return LandmarkTransformerLifter()


def mirror_features(name: str, values: np.ndarray) -> np.ndarray:
    """Features "landmarks" (..., 33, 7) or "frame" (..., 6) of the same person in a mirror."""
    if name == "landmarks":
        return mirror_landmarks(values) * _LANDMARK_SIGNS
    return values * _FRAME_SIGNS


def mirror_landmarks(values: np.ndarray) -> np.ndarray:
    """(..., 33, C) with what belongs to left and right landmarks exchanged."""
    return values[..., _OTHER_LANDMARKS, :]


def mirror_output(name: str, values: np.ndarray) -> np.ndarray:
    """An output of the network for a person in a mirror, as it is without: sides exchanged, x turned round."""
    if name in _MIRROR_ROWS:
        values = np.take(values, _MIRROR_ROWS[name], axis=2)
    return values * _MIRROR_SIGNS[name] if name in _MIRROR_SIGNS else values


def _in_camera(outputs: dict[str, np.ndarray], features: Features, seen: np.ndarray) -> LiftedFrames:
    """The network's outputs (T, ...), in the views' axes, as the camera has them."""
    if not outputs:
        shapes = {"twist": (23, 2), "leaves": (5, 6), "plane": (24, 2), "joints": (24, 3), "contacts": (4,)}
        shapes |= {"log_extent": (), "log_sigma": (24,), "betas": (10,), "gravity": (3,), "velocity": (3,)}
        outputs = {name: np.full((len(seen), *shape), np.nan) for name, shape in shapes.items()}
    view = features.view
    flat = outputs["plane"] * view.spread[:, None, None]
    directions = np.concatenate([flat, np.ones((*flat.shape[:2], 1))], axis=-1)
    depth = np.exp(outputs["log_extent"]) / view.spread
    bearings = view.to_camera(directions)
    lifted = LiftedFrames(
        joints=view.to_camera(outputs["joints"]),
        pelvis=bearings[:, 0] * depth[:, None],
        bearings=bearings[..., :2] / np.maximum(bearings[..., 2:], 1e-3),
        sigma=_MEAN_OF_LAPLACE * np.exp(outputs["log_sigma"]),
        twist=_unit(outputs["twist"]),
        betas=outputs["betas"],
        leaves=np.swapaxes(view.turn, 1, 2)[:, None] @ rotations_from_columns(outputs["leaves"]),
        gravity=_unit(view.to_camera(outputs["gravity"][:, None])[:, 0]),
        velocity=outputs["velocity"],
        contacts=outputs["contacts"],
    )
    values = {field.name: np.array(getattr(lifted, field.name), np.float64) for field in fields(lifted)}
    for value in values.values():
        value[~seen] = np.nan
    return LiftedFrames(**values)


def rotations_from_columns(columns: np.ndarray) -> np.ndarray:
    """(..., 6) two columns to (..., 3, 3) rotations by Gram-Schmidt (Zhou et al., CVPR 2019)."""
    first = _unit(columns[..., :3])
    second = columns[..., 3:] - np.sum(first * columns[..., 3:], axis=-1, keepdims=True) * first
    second = _unit(second)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _project(bearings: np.ndarray, camera: Camera) -> np.ndarray:
    return bearings @ camera.intrinsics[:2, :2].T + camera.intrinsics[:2, 2]


def _open_session(model: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingTool(
            "The landmark transformer needs onnxruntime: pip install onnxruntime, or use the geometric lifter."
        ) from error
    if not model.is_file():
        raise InputError(f"the landmark transformer {model} does not exist, expected an ONNX file that training wrote")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except (RuntimeError, ValueError, onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf) as error:
        raise InputError(f"the landmark transformer {model} cannot be read: {error}") from error

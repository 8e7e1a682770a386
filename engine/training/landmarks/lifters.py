"""Lifters side by side: each makes joints and rotations of the same sequence of landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.body.fit import fit_betas
from engine.body.model import BodyModel
from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.confidence import expected_error_m
from engine.errors import InputError
from engine.ik.solve import IKMode, solve_motion
from engine.lifting import GeometricLifter
from engine.lifting.body_fit import fit_to_body
from engine.lifting.landmark_transformer import LandmarkTransformerLifter, WindowConfig
from engine.lifting.placement import distance_of, turn_to_bearing
from engine.lifting.window_fit import BodyFitConfig
from engine.poses import BLAZEPOSE, LandmarkSequence, PoseSequence
from engine.root import fit_root
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.skeleton import JOINT

LIMB_JOINTS = tuple(
    f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
"""Joints that the detector marks itself, on which it can be compared with lifters."""

LIMBS = [JOINT[name] for name in LIMB_JOINTS]
_LIMB_LANDMARKS = [BLAZEPOSE[name] for name in LIMB_JOINTS]
_HIPS = [LIMB_JOINTS.index("left_hip"), LIMB_JOINTS.index("right_hip")]


@dataclass(frozen=True)
class TrueSequence:
    """What a lifter is given of one person, and the truth of the T frames.

    joints (T, 24, 3) m, camera axes;  local_rotmats (T, 24, 3, 3), the pelvis' in camera axes
    world_to_camera (T, 4, 4)
    """

    landmarks: LandmarkSequence
    camera: Camera
    joints: np.ndarray
    local_rotmats: np.ndarray
    world_to_camera: np.ndarray


@dataclass(frozen=True)
class Answer:
    """joints (T, 24, 3) m relative to the pelvis, camera axes; NaN for what is missing or never answered.

    pelvis (T, 3) m, camera frame, where the pelvis is; NaN where nothing tells.
    local_rotmats (T, 24, 3, 3) after inverse kinematics, the pelvis' in camera axes, or None.
    expected_m (T, 24) how far the method expects each joint to be from the truth, or None.
    """

    joints: np.ndarray
    pelvis: np.ndarray
    local_rotmats: np.ndarray | None = None
    expected_m: np.ndarray | None = None


Method = Callable[[TrueSequence], Answer]
_FIT = BodyFitConfig()


def learned_method(
    model: Path,
    windows: WindowConfig | None = None,
    fit: BodyFitConfig | None = _FIT,
    mode: IKMode = IKMode.ADAPTIVE,
    known_lens: bool = True,
) -> Method:
    """The landmark transformer of an ONNX file, with inverse kinematics on a body fitted to the clip.

    fit None leaves the joints where the network put them, whatever the lengths of the body's bones.
    known_lens False takes every picture for one of the usual lens.
    """
    lifter = LandmarkTransformerLifter(model, windows)
    body = load_open_body()

    def answer(sequence: TrueSequence) -> Answer:
        camera = sequence.camera if known_lens else Camera.from_fov(sequence.camera.image_size)
        poses = lifter.lift(sequence.landmarks, camera)
        betas = fit_betas(poses, body)
        if fit is not None:
            poses = fit_to_body(poses, camera, body.skeleton(betas), fit)
        return Answer(poses.joints, *_solved(poses, camera, body, betas, mode), expected_error_m(poses.scores))

    return answer


def geometric_method() -> Method:
    """The geometric lifter as the program uses it."""
    body = load_open_body()
    mean = GeometricLifter(body.skeleton(np.zeros(body.shape_count)))

    def answer(sequence: TrueSequence) -> Answer:
        betas = fit_betas(mean.lift(sequence.landmarks, sequence.camera), body)
        poses = GeometricLifter(body.skeleton(betas)).lift(sequence.landmarks, sequence.camera)
        return Answer(poses.joints, *_solved(poses, sequence.camera, body, betas))

    return answer


def detector_method(sequence: TrueSequence) -> Answer:
    """The detector's own world landmarks, as if the limbs' landmarks were their joints; hips stand for the pelvis."""
    landmarks = sequence.landmarks
    joints = np.full((len(landmarks), 24, 3), np.nan)
    joints[:, LIMBS] = landmarks.landmarks_3d[:, _LIMB_LANDMARKS]
    seen = np.isfinite(joints[:, LIMBS]).all((1, 2)) & landmarks.seen
    rays = sequence.camera.rays(landmarks.landmarks_2d[seen][:, _LIMB_LANDMARKS])
    pelvis = np.full((len(landmarks), 3), np.nan)
    turned = turn_to_bearing(joints[seen][:, LIMBS], rays.mean(axis=1))
    pelvis[seen, 2] = distance_of(rays, turned, landmarks.scores[seen][:, _LIMB_LANDMARKS])
    pelvis[seen, :2] = pelvis[seen, 2:] * rays[:, _HIPS].mean(axis=1)
    return Answer(joints, pelvis)


def martinez_method(weights: Path) -> Method:
    """The baseline, with inverse kinematics without twists. Raises InputError for other weights."""
    import pickle

    import torch

    from engine.lifting.landmark_features import extract_features

    from .martinez import MartinezNetwork

    network = MartinezNetwork()
    try:
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError, TypeError, AttributeError, EOFError) as error:
        raise InputError(
            f"baseline {weights} cannot be read, expected the martinez.pt that training with --martinez wrote"
        ) from error
    network.eval()
    body = load_open_body()

    def answer(sequence: TrueSequence) -> Answer:
        landmarks, seen = sequence.landmarks, sequence.landmarks.seen
        rays = sequence.camera.rays(np.where(seen[:, None, None], landmarks.landmarks_2d, 0.0))
        features = extract_features(rays, landmarks.scores, landmarks.landmarks_3d, landmarks.times_s, seen)
        with torch.inference_mode():
            joints = network(torch.from_numpy(features.landmarks[..., :2])).double().numpy()
        joints = np.where(seen[:, None, None], features.view.to_camera(joints), np.nan)
        count = len(landmarks)
        keypoints = np.full((count, 24, 2), np.nan)
        keypoints[:, LIMBS] = landmarks.landmarks_2d[:, _LIMB_LANDMARKS]
        poses = PoseSequence(
            person_id=landmarks.person_id,
            times_s=landmarks.times_s,
            joints=joints,
            twist=np.full((count, 23, 2), np.nan),
            keypoints_2d=keypoints,
            scores=np.repeat(seen[:, None].astype(np.float64), 24, axis=1),
            leaf_rotmats=np.full((count, 24, 3, 3), np.nan),
        )
        return Answer(joints, *_solved(poses, sequence.camera, body, fit_betas(poses, body)))

    return answer


def _solved(
    poses: PoseSequence, camera: Camera, body: BodyModel, betas: np.ndarray, mode: IKMode = IKMode.ADAPTIVE
) -> tuple[np.ndarray, np.ndarray]:
    """(T, 3) m, the pelvis in the camera frame, and (T, 24, 3, 3) local rotations, the pelvis' in camera axes."""
    motion = solve_motion(poses, body.skeleton(betas), betas, mode)
    rotmats = motion.local_rotmats()
    rotmats[:, 0] = WORLD_TO_CAMERA_UPRIGHT.T @ rotmats[:, 0]
    level = camera.moved(rigid_transform(WORLD_TO_CAMERA_UPRIGHT, np.zeros(3)))
    try:
        pelvis = fit_root(motion, poses, level).joints()[:, 0] @ WORLD_TO_CAMERA_UPRIGHT.T
    except InputError:  # too little was seen of the person
        pelvis = np.full((len(poses), 3), np.nan)
    return pelvis, rotmats

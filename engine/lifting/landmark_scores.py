"""How far joints and twists can be trusted, from the visibility and the place of the landmarks behind them."""

from __future__ import annotations

import numpy as np

from rig.skeleton import SMPL_JOINT_NAMES

from ..camera import Camera
from ..poses import BLAZEPOSE, LandmarkSequence

_OUTSIDE_REACH = 0.08
"""How far outside the picture a landmark loses most of its score, as a part of the picture's longer side."""


def landmark_scores(landmarks: LandmarkSequence, camera: Camera) -> np.ndarray:
    """(T, 33) 0..1: the detector's visibility, faded out for landmarks that it places outside the picture."""
    points = landmarks.landmarks_2d
    size = np.array(camera.image_size, dtype=np.float64)
    beyond = np.linalg.norm(np.maximum(np.maximum(-points, points - size), 0.0), axis=-1) / size.max()
    fade = np.exp(-0.5 * (beyond / _OUTSIDE_REACH) ** 2)
    return np.nan_to_num(np.clip(landmarks.scores, 0.0, 1.0) * fade)


def _needed() -> dict[str, tuple[str, ...]]:
    hips, shoulders = ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")
    needed: dict[str, tuple[str, ...]] = {name: (*hips, *shoulders) for name in ("spine1", "spine2", "spine3")}
    needed |= {"pelvis": hips, "neck": shoulders, "left_collar": shoulders, "right_collar": shoulders}
    needed["head"] = ("nose", "left_ear", "right_ear")
    for side in ("left", "right"):
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            needed[f"{side}_{part}"] = (f"{side}_{part}",)
        needed[f"{side}_hand"] = (f"{side}_wrist", f"{side}_index", f"{side}_pinky")
        needed[f"{side}_foot"] = (f"{side}_ankle", f"{side}_heel", f"{side}_foot_index")
    return needed


def _needed_for_twist() -> dict[str, tuple[str, ...]]:
    needed = {name: needs for name, needs in _needed().items() if name.startswith(("spine", "neck"))}
    needed["neck"] = ("nose", "left_ear", "right_ear")
    for side in ("left", "right"):
        needed[f"{side}_collar"] = (f"{side}_shoulder",)
        needed[f"{side}_shoulder"] = (f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
        needed[f"{side}_elbow"] = (f"{side}_elbow", f"{side}_wrist", f"{side}_index", f"{side}_pinky")
        needed[f"{side}_wrist"] = needed[f"{side}_hand"] = (f"{side}_wrist", f"{side}_index", f"{side}_pinky")
        needed[f"{side}_hip"] = (f"{side}_hip", f"{side}_knee", f"{side}_ankle")
        needed[f"{side}_knee"] = (f"{side}_knee", f"{side}_ankle", f"{side}_foot_index")
        needed[f"{side}_ankle"] = needed[f"{side}_foot"] = (f"{side}_ankle", f"{side}_foot_index")
    needed["head"] = ("nose", "left_ear", "right_ear")
    return needed


_JOINT_NEEDS = _needed()
_TWIST_NEEDS = _needed_for_twist()


def joint_scores(scores: np.ndarray) -> np.ndarray:
    """(T, 33) landmark scores to (T, 24) joint scores: the mean over the landmarks that place the joint."""
    columns = [scores[:, [BLAZEPOSE[n] for n in _JOINT_NEEDS[name]]].mean(axis=1) for name in SMPL_JOINT_NAMES]
    return np.stack(columns, axis=1)


def twist_scores(scores: np.ndarray) -> np.ndarray:
    """(T, 33) landmark scores to (T, 23): the least of the landmarks that a twist is measured with."""
    columns = [scores[:, [BLAZEPOSE[n] for n in _TWIST_NEEDS[name]]].min(axis=1) for name in SMPL_JOINT_NAMES[1:]]
    return np.stack(columns, axis=1)

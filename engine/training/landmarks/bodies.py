"""The people of the training data: their rest joints, landmarks and shape, all posed alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.body.open_body import load_open_body
from engine.errors import InputError
from engine.lifting.landmark_anatomy import LANDMARK_OWNERS, rest_landmarks
from rig.skeleton import SMPL_PARENTS, Skeleton

BODIES_FILE = Path(__file__).resolve().parents[2] / "assets" / "landmark_bodies.npz"


@dataclass(frozen=True)
class Bodies:
    """B people in the open body's T-pose, soles at y = 0.

    joint_offsets (B, 24, 3) from the parent (the pelvis' own place), m; landmark_offsets (B, 33, 3) from the joint in
    LANDMARK_OWNERS, m; betas (B, 10) of the open body fitted to them; heights (B,) m.
    """

    joint_offsets: np.ndarray
    landmark_offsets: np.ndarray
    betas: np.ndarray
    heights: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.betas)
        for name, shape in (
            ("joint_offsets", (count, 24, 3)),
            ("landmark_offsets", (count, 33, 3)),
            ("betas", (count, 10)),
            ("heights", (count,)),
        ):
            array = np.asarray(getattr(self, name), dtype=np.float32)
            if array.shape != shape or not np.isfinite(array).all():
                raise InputError(f"{name} of the bodies has shape {array.shape}, expected finite {shape}")
            object.__setattr__(self, name, array)

    @property
    def rest_joints(self) -> np.ndarray:
        """(B, 24, 3) m."""
        rest = self.joint_offsets.copy()
        for joint, parent in enumerate(SMPL_PARENTS):
            if parent >= 0:
                rest[:, joint] += rest[:, parent]
        return rest

    @property
    def rest_landmarks(self) -> np.ndarray:
        """(B, 33, 3) m."""
        return self.rest_joints[:, list(LANDMARK_OWNERS)] + self.landmark_offsets


def load_bodies(path: Path = BODIES_FILE) -> Bodies:
    """The people that ship with the program. Raises InputError where the file is missing or broken."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Bodies(**{name: stored[name] for name in Bodies.__dataclass_fields__})
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"The bodies {path} cannot be read ({error}); install swingtwist again.") from error


def mean_skeleton() -> Skeleton:
    """The open body's own skeleton, which all motion is put on before people take it over."""
    body = load_open_body()
    return body.skeleton(np.zeros(body.shape_count))


def single_body(skeleton: Skeleton) -> Bodies:
    """One person with a skeleton's joints and the landmarks that belong to them; coefficients 0."""
    points = rest_landmarks(skeleton)
    return Bodies(
        joint_offsets=skeleton.offsets[None],
        landmark_offsets=(points - skeleton.rest_joints[list(LANDMARK_OWNERS)])[None],
        betas=np.zeros((1, 10)),
        heights=np.array([skeleton.rest_joints[:, 1].max() + 0.15]),
    )

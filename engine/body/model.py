"""The body model every body file is read into: SMPL's 24-joint topology with a linear shape space."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rig.body_mesh import BodyMesh
from rig.skeleton import LANDMARK_NAMES, SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton
from rig.validation import check_array

LANDMARK_JOINTS = {
    "nose": "head",
    "left_heel": "left_ankle",
    "left_big_toe": "left_foot",
    "right_heel": "right_ankle",
    "right_big_toe": "right_foot",
}
"""The joint each surface point of `LANDMARK_NAMES` rides on."""


@dataclass(frozen=True)
class BodyModel:
    """A shape space over a skinned template in T-pose (y up, facing +z, left is +x), metres.

    template          (V, 3) m
    shape_directions  (V, 3, B) m per unit of each coefficient
    joint_regressor   (24, V) rows that sum to 1: rest joints from shaped vertices
    skin_weights      (V, 24) rows that sum to 1
    faces             (F, 3 or 4) vertex indices
    landmark_regressor (5, V) rows that sum to 1, in the order of LANDMARK_NAMES
    pose_directions   (207, 3 V) pose blend shapes of SMPL files, or None
    h36m_regressor    (17, V), or None
    face_materials    (F,) index into material_names, material_colors (M, 3) linear RGB
    """

    name: str
    licence: str
    template: np.ndarray
    shape_directions: np.ndarray
    joint_regressor: np.ndarray
    skin_weights: np.ndarray
    faces: np.ndarray
    landmark_regressor: np.ndarray
    pose_directions: np.ndarray | None = None
    h36m_regressor: np.ndarray | None = None
    face_materials: np.ndarray | None = None
    material_names: tuple[str, ...] = ("body",)
    material_colors: np.ndarray = field(default_factory=lambda: np.array([[0.6, 0.5, 0.45]]))

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        joints = len(SMPL_JOINT_NAMES)
        put = object.__setattr__
        for name, shape in (
            ("template", ("V", 3)),
            ("shape_directions", ("V", 3, "B")),
            ("joint_regressor", (joints, "V")),
            ("skin_weights", ("V", joints)),
            ("landmark_regressor", (len(LANDMARK_NAMES), "V")),
        ):
            put(self, name, check_array(name, getattr(self, name), shape, sizes=sizes, finite=True))
        put(self, "faces", check_array("faces", self.faces, ("F", "N"), sizes=sizes, dtype=np.int64))

    @property
    def shape_count(self) -> int:
        """Number of shape coefficients."""
        return self.shape_directions.shape[-1]

    def shaped(self, betas: np.ndarray) -> np.ndarray:
        """(..., B) coefficients to (..., V, 3) rest vertices, m."""
        return self.template + np.einsum("vcb,...b->...vc", self.shape_directions, betas)

    def skeleton(self, betas: np.ndarray) -> Skeleton:
        """The rest skeleton of one body shape (B,), with its surface points."""
        vertices = self.shaped(np.asarray(betas, dtype=np.float64))
        return Skeleton(
            joint_names=SMPL_JOINT_NAMES,
            parents=SMPL_PARENTS,
            rest_joints=self.joint_regressor @ vertices,
            landmark_names=LANDMARK_NAMES,
            landmark_joints=tuple(SMPL_JOINT_NAMES.index(LANDMARK_JOINTS[name]) for name in LANDMARK_NAMES),
            rest_landmarks=self.landmark_regressor @ vertices,
        )

    def mesh(self, betas: np.ndarray, influences: int = 4) -> BodyMesh:
        """The skinned rest mesh of one body shape (B,), the strongest `influences` joints a vertex."""
        order = np.argsort(-self.skin_weights, axis=1, kind="stable")[:, :influences]
        weights = np.take_along_axis(self.skin_weights, order, axis=1)
        materials = self.face_materials if self.face_materials is not None else np.zeros(len(self.faces), np.int64)
        return BodyMesh(
            vertices=self.shaped(np.asarray(betas, dtype=np.float64)),
            faces=self.faces,
            skin_joints=order,
            skin_weights=weights / weights.sum(axis=1, keepdims=True),
            face_materials=materials,
            material_names=self.material_names,
            material_colors=self.material_colors,
        )

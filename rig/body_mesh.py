"""A skinned mesh in its rest pose: what a body model hands to Blender and other programs."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass

import numpy as np

from .array_file import save_arrays
from .errors import RigError
from .validation import check_array

_FIELDS = ("vertices", "faces", "skin_joints", "skin_weights", "face_materials", "material_names", "material_colors")


@dataclass(frozen=True)
class BodyMesh:
    """One person's body in the rest pose of its skeleton, world axes (y up), metres.

    vertices (V, 3) m; faces (F, 3 or 4) vertex indices, counter-clockwise seen from outside, a triangle
    among quads repeats a corner;
    skin_joints (V, K) joint indices with skin_weights (V, K), rows summing to 1;
    face_materials (F,) index into material_names; material_colors (M, 3) linear RGB 0..1.
    """

    vertices: np.ndarray
    faces: np.ndarray
    skin_joints: np.ndarray
    skin_weights: np.ndarray
    face_materials: np.ndarray
    material_names: tuple[str, ...]
    material_colors: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {"M": len(self.material_names)}
        put = object.__setattr__
        put(self, "material_names", tuple(str(n) for n in self.material_names))
        put(self, "vertices", check_array("vertices", self.vertices, ("V", 3), sizes=sizes, finite=True))
        put(self, "faces", check_array("faces", self.faces, ("F", "N"), sizes=sizes, dtype=np.int64))
        put(self, "skin_joints", check_array("skin_joints", self.skin_joints, ("V", "K"), sizes=sizes, dtype=np.int64))
        put(self, "skin_weights", check_array("skin_weights", self.skin_weights, ("V", "K"), sizes=sizes, finite=True))
        put(
            self,
            "face_materials",
            check_array("face_materials", self.face_materials, ("F",), sizes=sizes, dtype=np.int64),
        )
        put(self, "material_colors", check_array("material_colors", self.material_colors, ("M", 3), sizes=sizes))
        if sizes["N"] not in (3, 4):
            raise RigError(f"faces have {sizes['N']} corners, expected 3 or 4")


def save_body_mesh(path: str | os.PathLike[str], mesh: BodyMesh) -> None:
    """Write the mesh as an npz of plain arrays, moved into place when complete."""
    arrays = {name: np.asarray(getattr(mesh, name)) for name in _FIELDS}
    save_arrays(path, arrays)


def load_body_mesh(path: str | os.PathLike[str]) -> BodyMesh:
    """Read what `save_body_mesh` wrote; nothing in the file is executed. Raises RigError naming the file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {name: archive[name] for name in _FIELDS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise RigError(f"{path} is not a body mesh file: {error}") from error
    return BodyMesh(**{**data, "material_names": tuple(data["material_names"].tolist())})

"""One annotated person in one picture, in the same form for every data set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from engine.errors import InputError

POINTS, JOINTS, REGRESSED, TWISTS, SHAPES = 29, 24, 17, 23, 10

_SHAPES: dict[str, tuple[int, ...]] = {
    "box_xyxy": (4,), "joints_px": (POINTS, 3), "joint_weights": (POINTS, 3), "positions_m": (JOINTS, 3),
    "position_weights": (JOINTS, 3), "regressed_m": (REGRESSED, 3), "rotvecs": (JOINTS, 3), "betas": (SHAPES,),
    "twist": (TWISTS, 2), "twist_weights": (TWISTS, 2), "focal_px": (2,), "centre_px": (2,), "root_m": (3,),
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """Labels of one person; what a data set does not know is 0 and has weight 0. Metres, radians, picture px.

    picture           file of the picture, tried in this order
    origin            annotation file and place in it, for messages
    size_wh           width and height of the picture, px
    box_xyxy          (4,) box around the person;  margin: side of the crop over its longer side
    joints_px         (29, 3) x, y in the picture and depth from the pelvis, in SMPL's order with five surface points
    joint_weights     (29, 3) 0 or 1 for each coordinate
    positions_m       (24, 3) SMPL's joints relative to the pelvis, camera frame;  position_weights (24, 3)
    regressed_m       (17, 3) true joints to score with: Human3.6M's, in MPI-INF-3DHP's test set its own 17
    rotvecs, betas    (24, 3) local rotation vectors, the pelvis' in the camera frame, (10,) shape;  smpl_weight 0 or 1
    twist             (23, 2) cosine, sine of joints 1 to 23;  twist_weights (23, 2)
    focal_px, centre_px  (2,) of the camera;  root_m (3,) pelvis in the camera frame;  zeros where there is no camera
    sequence          numbers of subject, action, take (Human3.6M), else zeros
    """

    picture: tuple[Path, ...]
    origin: str
    size_wh: tuple[int, int]
    box_xyxy: np.ndarray
    margin: float
    joints_px: np.ndarray
    joint_weights: np.ndarray
    positions_m: np.ndarray
    position_weights: np.ndarray
    regressed_m: np.ndarray
    rotvecs: np.ndarray
    betas: np.ndarray
    smpl_weight: float
    twist: np.ndarray
    twist_weights: np.ndarray
    focal_px: np.ndarray
    centre_px: np.ndarray
    root_m: np.ndarray
    sequence: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        """Raises InputError for arrays of another shape or with numbers that are not finite."""
        for name, shape in _SHAPES.items():
            array = np.asarray(getattr(self, name), np.float32)
            if array.shape != shape:
                raise InputError(f"{self.origin}: {name} has the shape {array.shape}, expected {shape}")
            if not np.isfinite(array).all():
                raise InputError(
                    f"{self.origin}: {name} holds numbers that are not finite; correct or remove the entry"
                )
            object.__setattr__(self, name, array)


class SampleTable:
    """Many samples, kept as one array for each field so that half a million of them fit into memory.

    Raises InputError when there is none.
    """

    def __init__(self, samples: Iterable[Sample], source: str) -> None:
        rows = list(samples)
        if not rows:
            raise InputError(f"{source} holds no usable person; check that it is the file of this data set")
        self.source = source
        self._arrays = {name: np.stack([getattr(row, name) for row in rows]) for name in _SHAPES}
        self._rest = [tuple(getattr(row, name) for name in _OTHERS) for row in rows]

    def __len__(self) -> int:
        return len(self._rest)

    def column(self, name: str) -> np.ndarray:
        """One field of all samples, an array with them along the first axis."""
        if name in self._arrays:
            return self._arrays[name]
        place = _OTHERS.index(name)
        return np.array([row[place] for row in self._rest])

    def __getitem__(self, index: int) -> Sample:
        values = {name: array[index] for name, array in self._arrays.items()}
        return Sample(**values, **dict(zip(_OTHERS, self._rest[index], strict=True)))


_OTHERS = tuple(field.name for field in fields(Sample) if field.name not in _SHAPES)

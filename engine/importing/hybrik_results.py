"""The result file of HybrIK's video demo, `res.pk`: a pickle of arrays with one row for each frame."""

from __future__ import annotations

import os
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rig.atomic_file import replacing
from rig.rotations import quat_wxyz_to_rotmat
from rig.validation import check_array

from ..errors import InputError, RigError
from ..restricted_pickle import load_pickled_arrays

CROP_FOCAL_PX = 1000.0
"""Focal length of the demo's camera, for pictures of the box scaled to `CROP_SIZE_PX`."""

CROP_SIZE_PX = 256.0
DEPTH_UNIT_M = 2.2
"""Metres per unit of pred_xyz_* in files of today; files with quaternions used `OLD_DEPTH_UNIT_M`."""

OLD_DEPTH_UNIT_M = 2.0
LARGEST_FILE = 1 << 30
_LEAVES = (15, 22, 23, 10, 11)
"""Joints whose surface points are the last five of HybrIK's 29."""


@dataclass(frozen=True)
class HybrIKResults:
    """One person's frames as the demo stores them, F rows; cameras, positions and rotations in the camera's frame.

    frame_numbers (F,) number of the picture each row was made from, counted from 0, increasing
    rotmats       (F, 24, 3, 3) local rotations, the pelvis' relative to the camera
    transl        (F, 3) m, the pelvis seen by a camera of focal 1000 px * box width / 256 and the picture's centre as
                  its principal point
    boxes_xyxy    (F, 4) px, square
    image_size    (width, height) px
    betas         (F, 10) SMPL shape coefficients
    joints        (F, 24, 3) m relative to the pelvis, after inverse kinematics; NaN where the file has none
    scores        (F, 24) highest value of each joint's heat-map, not calibrated; 0 is not seen, 1 where there is none
    """

    frame_numbers: np.ndarray
    rotmats: np.ndarray
    transl: np.ndarray
    boxes_xyxy: np.ndarray
    image_size: tuple[int, int]
    betas: np.ndarray
    joints: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        put = object.__setattr__
        put(self, "frame_numbers", check_array("img_path", self.frame_numbers, ("F",), sizes=sizes, dtype=np.int64))
        for name, shape in (
            ("rotmats", (24, 3, 3)),
            ("transl", (3,)),
            ("boxes_xyxy", (4,)),
            ("betas", (10,)),
            ("joints", (24, 3)),
            ("scores", (24,)),
        ):
            put(self, name, check_array(name, getattr(self, name), ("F", *shape), sizes=sizes))

    def __len__(self) -> int:
        return len(self.frame_numbers)

    @property
    def usable(self) -> np.ndarray:
        """(F,) bool: rows of finite numbers with the person in front of the camera and a box that has an area."""
        finite = np.isfinite(self.rotmats).all(axis=(1, 2, 3)) & np.isfinite(self.transl).all(axis=1)
        with np.errstate(invalid="ignore"):
            in_front = self.transl[:, 2] > 0
            seen = self.boxes_xyxy[:, 2] - self.boxes_xyxy[:, 0] >= 1.0
        return finite & in_front & seen & (np.abs(np.linalg.det(np.nan_to_num(self.rotmats))) > 0.1).all(axis=1)

    @property
    def focal_px(self) -> np.ndarray:
        """(F,) focal length of each row's camera, px."""
        return CROP_FOCAL_PX * (self.boxes_xyxy[:, 2] - self.boxes_xyxy[:, 0]) / CROP_SIZE_PX

    def pelvis_m(self, focal_px: float) -> np.ndarray:
        """(F, 3) pelvis in the frame of one camera of `focal_px`, m, projected to the same pixels.

        Only depth changes with the focal length: scaling all three coordinates, as the file's transl_camsys is, would
        move the person in the picture.
        """
        scale = focal_px / np.where(self.focal_px > 0, self.focal_px, np.nan)
        return self.transl * np.stack([np.ones_like(scale), np.ones_like(scale), scale], axis=1)


def read_hybrik_results(path: str | os.PathLike[str]) -> HybrIKResults:
    """Read a `res.pk`, written under NumPy 1 or 2, also the older kind with quaternions; nothing in it is executed.

    Raises InputError that says what is wrong with the file.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} has more than {LARGEST_FILE} bytes, expected a result file of HybrIK (res.pk).")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"The result file {path} cannot be read: {error.strerror or error}.") from error
    arrays = load_pickled_arrays(data, str(path), "result file of HybrIK", text_arrays=True)
    missing = [key for key in ("pred_thetas", "transl", "bbox", "height", "width") if key not in arrays]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}, expected a result file of HybrIK's video demo (res.pk).")
    rows = _Rows(path, arrays)
    quaternions = rows.width("pred_thetas") == 96
    unit_m = OLD_DEPTH_UNIT_M if quaternions else DEPTH_UNIT_M
    thetas = rows.numbers("pred_thetas", (24, 4) if quaternions else (24, 3, 3))
    if quaternions:
        lengths = np.linalg.norm(thetas, axis=-1, keepdims=True)
        with np.errstate(invalid="ignore"):
            thetas = quat_wxyz_to_rotmat(np.where(lengths > 1e-6, thetas, np.nan))
    try:
        return HybrIKResults(
            frame_numbers=rows.frame_numbers(),
            rotmats=thetas,
            transl=rows.numbers("transl", (3,)),
            boxes_xyxy=rows.numbers("bbox", (4,)),
            image_size=(rows.constant("width"), rows.constant("height")),
            betas=rows.numbers("pred_betas", (10,), default=0.0),
            joints=rows.numbers("pred_xyz_24_struct", (24, 3), default=np.nan) * unit_m,
            scores=rows.numbers("pred_scores", (-1,), default=1.0, take=24),
        )
    except RigError as error:
        raise InputError(f"{path} is damaged: {error}") from error


def write_hybrik_results(path: str | os.PathLike[str], results: HybrIKResults, name: str) -> None:
    """Write the keys of a `res.pk` that hold the same in every program, whole or not at all.

    `name` goes into the made-up names of pictures, which carry the frame numbers. pred_uvd, pred_xyz_17, pred_xyz_29
    and pred_phi are not written: they say what HybrIK's network saw. Raises OSError naming `path`.
    """
    frames = len(results)
    width, height = results.image_size
    side = results.boxes_xyxy[:, 2] - results.boxes_xyxy[:, 0]
    single = np.float32
    arrays = {
        "pred_xyz_24_struct": (results.joints / DEPTH_UNIT_M).astype(single),
        "pred_scores": np.concatenate([results.scores, results.scores[:, list(_LEAVES)]], axis=1).astype(single),
        "pred_camera": (CROP_FOCAL_PX / (CROP_SIZE_PX * results.transl[:, 2:])).astype(single),
        "pred_betas": results.betas.astype(single),
        "pred_thetas": results.rotmats.reshape(frames, 216).astype(single),
        "pred_cam_root": results.transl.astype(single),
        "transl": results.transl.astype(single),
        "transl_camsys": (results.transl * (CROP_SIZE_PX / side)[:, None]).astype(single),
        "bbox": results.boxes_xyxy.astype(single),
        "height": np.full(frames, height, np.int64),
        "width": np.full(frames, width, np.int64),
        "img_path": np.array([f"raw_images/{name}-{number + 1:06d}.png" for number in results.frame_numbers]),
    }
    with replacing(path) as temporary:
        temporary.write_bytes(_pickled(arrays))


def _pickled(arrays: dict[str, np.ndarray]) -> bytes:
    """A pickle that NumPy 1 and NumPy 2 both read: NumPy 2 still knows the names of the modules of NumPy 1."""
    data = pickle.dumps(arrays, protocol=2)
    return data.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


class _Rows:
    """The arrays of one file, each checked for its number of rows when it is taken."""

    def __init__(self, path: Path, arrays: dict[str, Any]) -> None:
        self._path, self._arrays = path, arrays
        transl = arrays["transl"]
        if not isinstance(transl, np.ndarray) or transl.ndim == 0 or len(transl) == 0:
            raise InputError(f"{path}: transl holds no frames, expected an array with one row for each frame.")
        self._count = len(transl)

    def width(self, key: str) -> int:
        """Numbers in a row of `key`."""
        value = self._arrays[key]
        return value.size // self._count if isinstance(value, np.ndarray) else 0

    def numbers(
        self, key: str, shape: tuple[int, ...], default: float | None = None, take: int | None = None
    ) -> np.ndarray:
        """(F, *shape) as double precision, the first `take` columns; filled with `default` where the key is absent."""
        if key not in self._arrays and default is not None:
            return np.full((self._count, *shape) if take is None else (self._count, take), default)
        value = self._arrays[key]
        try:
            array = np.asarray(value, dtype=np.float64)
            array = array.reshape(self._count, *shape)
            if take is not None and array.shape[1] < take:
                raise ValueError("too few columns")
        except (ValueError, TypeError) as error:
            found = getattr(value, "shape", type(value).__name__)
            wanted = " x ".join(str(n) for n in (self._count, *shape) if n > 0)
            raise InputError(f"{self._path}: {key} has shape {found}, expected {wanted} numbers.") from error
        return array if take is None else array[:, :take]

    def constant(self, key: str) -> int:
        """The one positive whole number that every row of `key` has."""
        values = self.numbers(key, ())
        if not (np.isfinite(values).all() and (values == values[0]).all() and 1 <= values[0] <= 1 << 16):
            raise InputError(f"{self._path}: {key} is not the same picture size in all frames.")
        return int(values[0])

    def frame_numbers(self) -> np.ndarray:
        """(F,) numbers of the pictures, from 0: the demo counts its pictures from 1 and leaves undetected ones out."""
        if "img_path" not in self._arrays:
            return np.arange(self._count)
        paths = [str(item) for item in np.asarray(self._arrays["img_path"]).ravel().tolist()]
        found = [re.search(r"(\d{1,9})(?:\.\w+)?$", item) for item in paths]
        if len(found) != self._count or not all(found):
            raise InputError(f"{self._path}: img_path does not number the picture of every frame.")
        numbers = np.array([int(match[1]) for match in found if match]) - 1
        if (np.diff(numbers) <= 0).any() or numbers[0] < -1:
            row = int(np.argmax(np.diff(numbers) <= 0))
            raise InputError(
                f"{self._path}: picture {paths[row + 1]} follows {paths[row]}, expected increasing numbers; "
                "a file holds one person."
            )
        return numbers + 1 if numbers[0] < 0 else numbers

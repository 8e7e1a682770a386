"""Cuts the square crop around a person that the image networks look at, exactly as they were trained.

Coordinates are pixels with x to the right and y down. A crop of `size` px spans its box from edge to edge: crop
coordinate 0 is the left edge, `size` the right one. Source: the pre-processing of HybrIK (Li et al., CVPR 2021) and
HybrIK-Transformer (Oreshkin, 2023), accidents included, because released weights expect them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import InputError

CROP_SIZE = 256
"""Side of the networks' input, px."""

DEFAULT_MARGIN = 1.25
"""Side of the crop over the longer side of the person's box; every data set but Human3.6M."""

HUMAN36M_MARGIN = 1.0

MEAN = (0.406, 0.457, 0.480)
DEVIATION = (0.225, 0.224, 0.229)
"""Subtracted from, then divided into red, green, blue of [0, 1]; ImageNet's numbers in the order blue, green, red."""

SMALLEST_PICTURE = 2
"""A picture less wide or high than this, px, holds nothing to interpolate; smaller than the crop is fine: enlarged."""

FARTHEST_PX = 1e6
"""Coordinates beyond this cannot be told apart to a fraction of a pixel in single precision."""

LARGEST_PICTURE = 32766
"""The warp counts picture coordinates in 16 bits."""


@dataclass(frozen=True)
class CropFrame:
    """Where a crop lies in its picture.

    centre (2,) px and side px (one number) are float32 values, as the networks saw them in training; image_to_crop
    and crop_to_image (2, 3) float64 act on (x, y, 1); square_box_xyxy (4,) float64 is the unrotated square.
    """

    centre: np.ndarray
    side: float
    image_to_crop: np.ndarray
    crop_to_image: np.ndarray
    square_box_xyxy: np.ndarray


def crop_frame(
    box_xyxy: ArrayLike,
    margin: float = DEFAULT_MARGIN,
    rotation_deg: float = 0.0,
    image_wh: tuple[int, int] | None = None,
    size: int = CROP_SIZE,
) -> CropFrame:
    """The square of side margin * max(width, height) around the centre of a person's box (4,), px.

    The box may leave the picture. rotation_deg turns the square about its centre, clockwise as seen on screen. Random
    scaling in training is a factor on `margin`. Raises InputError when the box is not four numbers within 1e6 px with
    x0 < x1 and y0 < y1, or, with image_wh (width, height) given, lies entirely outside of the picture.
    """
    box = np.asarray(box_xyxy, np.float64)
    if box.shape != (4,) or not (np.abs(box) <= FARTHEST_PX).all():
        raise InputError(
            f"person box {box.tolist()} is not four finite numbers x0, y0, x1, y1 up to {FARTHEST_PX:g} px"
        )
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    if width <= 0 or height <= 0:
        raise InputError(
            f"person box {box.tolist()} is {width:g} x {height:g} px, expected x0 < x1 and y0 < y1 in px; "
            "leave the frame out or give another box"
        )
    if image_wh is not None:
        _require_overlap("person box", box, image_wh)
    if not (np.isfinite(margin) and margin > 0):
        raise InputError(f"margin of the crop is {margin}, expected a number above 0, usually {DEFAULT_MARGIN}")
    centre = np.array([x0 + width * 0.5, y0 + height * 0.5], np.float32)
    side = np.float32(max(width, height))
    if centre[0] != -1.0:  # the programs that trained the networks take -1 for "no centre"
        side = np.float32(side * np.float32(margin))
    return square_frame(centre, float(side), rotation_deg, size)


def square_frame(centre: ArrayLike, side: float, rotation_deg: float = 0.0, size: int = CROP_SIZE) -> CropFrame:
    """The frame of a square with `centre` (2,) and `side` px, both rounded to float32, turned by rotation_deg.

    Each affine is solved in double precision from three pairs of points in single precision. Raises InputError when
    the square has no finite positive size.
    """
    centre32 = np.asarray(centre, np.float32)
    side32 = float(np.float32(side))
    if centre32.shape != (2,) or not np.isfinite(centre32).all() or not (np.isfinite(side32) and side32 > 0):
        raise InputError(
            f"crop with centre {centre32.tolist()} and side {side} px is not a square of finite size; give another box"
        )
    angle = radians(rotation_deg)
    upwards = -0.5 * side32
    source = _corner_points(centre32, np.array([-upwards * sin(angle), upwards * cos(angle)]))
    half = 0.5 * size
    target = _corner_points(np.array([half, half], np.float32), np.array([0.0, -half]))
    return CropFrame(
        centre=centre32,
        side=side32,
        image_to_crop=_affine(source, target),
        crop_to_image=_affine(target, source),
        square_box_xyxy=np.concatenate([centre32 - 0.5 * side32, centre32 + 0.5 * side32]).astype(np.float64),
    )


def _corner_points(centre: np.ndarray, upwards: np.ndarray) -> np.ndarray:
    """(3, 2) float32: the centre, the middle of the upper edge, and the corner to the left of that."""
    points = np.zeros((3, 2), np.float32)
    points[0] = centre
    points[1] = centre + upwards
    back = points[0] - points[1]
    points[2] = points[1] + np.array([-back[1], back[0]], np.float32)
    return points


def _affine(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(2, 3) float64 that takes three points (3, 2) exactly to three others."""
    homogeneous = np.concatenate([source.astype(np.float64), np.ones((3, 1))], axis=1)
    return np.linalg.solve(homogeneous, target.astype(np.float64)).T


def warp_crop(image_rgb: np.ndarray, frame: CropFrame, size: int = CROP_SIZE) -> np.ndarray:
    """(H, W, 3) uint8 picture to its (size, size, 3) uint8 crop, bilinear, black outside of the picture.

    `size` is the one the frame was made with. A small picture is enlarged. Raises InputError for an array that is not
    such a picture, one under 2 px or over 32766 px wide or high, and for a frame entirely outside of the picture.
    """
    import cv2

    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
        raise InputError(
            f"picture is {image_rgb.dtype} of shape {image_rgb.shape}, expected (height, width, 3) uint8 RGB"
        )
    height, width = image_rgb.shape[:2]
    if not all(SMALLEST_PICTURE <= length <= LARGEST_PICTURE for length in (height, width)):
        raise InputError(
            f"picture is {width} x {height} px, expected {SMALLEST_PICTURE} to {LARGEST_PICTURE} px a side; "
            "use a picture of another size"
        )
    corners = map_points(np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64), frame.crop_to_image)
    _require_overlap("crop", np.concatenate([corners.min(0), corners.max(0)]), (width, height))
    return cv2.warpAffine(np.ascontiguousarray(image_rgb), frame.image_to_crop, (size, size), flags=cv2.INTER_LINEAR)


def _require_overlap(what: str, box_xyxy: np.ndarray, image_wh: tuple[int, int]) -> None:
    width, height = image_wh
    x0, y0, x1, y1 = box_xyxy
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise InputError(
            f"{what} {np.round(box_xyxy, 1).tolist()} lies entirely outside of the picture of {width} x {height} px; "
            "leave the frame out or give another box"
        )


def normalise(crops: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) uint8 RGB crops to the networks' input (N, 3, S, S) float32.

    Each crop whose brightest value is above 1 is divided by 255; an (almost) black one is not.
    """
    if crops.ndim != 4 or crops.shape[3] != 3 or crops.dtype != np.uint8:
        raise InputError(f"crops are {crops.dtype} of shape {crops.shape}, expected (count, side, side, 3) uint8 RGB")
    mean, deviation = (np.array(values, np.float32)[:, None, None] for values in (MEAN, DEVIATION))
    result = np.empty((len(crops), 3, *crops.shape[1:3]), np.float32)
    for crop, planes in zip(crops, result, strict=True):
        planes[...] = crop.transpose(2, 0, 1)
        if crop.max(initial=0) > 1:
            planes /= np.float32(255)
        planes -= mean
        planes /= deviation
    return result


def map_points(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """(..., P, 2) points through affines (..., 2, 3) or one (2, 3); e.g. crop px to picture px by crop_to_image."""
    return points @ np.swapaxes(affine[..., :2], -1, -2) + affine[..., None, :, 2]


def uv_to_image(uv: np.ndarray, crop_to_image: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
    """(..., P, 2) network coordinates (-0.5 to 0.5 over the crop) to picture px by crop_to_image (..., 2, 3)."""
    return map_points((uv + 0.5) * size, crop_to_image)


def xywh_to_clipped_xyxy(box_xywh: ArrayLike, image_wh: tuple[int, int]) -> np.ndarray:
    """Annotation boxes (..., 4) x, y, width, height px to x0, y0, x1, y1 between the first and the last pixel.

    A width of w spans w - 1 px from first to last pixel (at least 0). The result may have no area.
    """
    box = np.asarray(box_xywh, np.float64)
    low, extent = box[..., :2], np.maximum(box[..., 2:] - 1.0, 0.0)
    last = np.array(image_wh, np.float64) - 1.0
    return np.concatenate([np.clip(low, 0.0, last), np.clip(low + extent, 0.0, last)], axis=-1)


def image_centre(image_wh: tuple[int, int]) -> np.ndarray:
    """(2,) middle of a picture (width, height), px, that camera models take beside the square box."""
    return np.array(image_wh, np.float64) / 2.0

"""Cuts and normalises many crops at once where the networks run, grey level by grey level as `crops` does."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.errors import InputError

from .crops import CROP_SIZE, DEVIATION, MEAN, CropFrame

_FRACTION_BITS = 5
"""Positions are rounded to 1/32 px, as OpenCV's classic warp does, whose crops the networks were trained on."""

_ROW_BITS = 10
"""The steps within a row and the start of each row are rounded to 1/1024 px first."""


def warp_crops(
    pictures: Tensor, frames: list[CropFrame], picture_of_frame: Tensor | None = None, size: int = CROP_SIZE
) -> Tensor:
    """(B, H, W, 3) uint8 RGB pictures to (N, size, size, 3) uint8 crops of N frames, on the pictures' device.

    picture_of_frame (N,) int64 says which picture each frame lies in; without it frame i lies in picture i. Bilinear,
    black outside of the picture: the same integers as `crops.warp_crop`. Raises InputError for other shapes; frames
    are not checked for overlap (an entirely outside one is black).
    """
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.dtype != torch.uint8:
        raise InputError(
            f"pictures are {pictures.dtype} of shape {tuple(pictures.shape)}, expected (count, height, width, 3) uint8"
        )
    owner = torch.arange(len(frames)) if picture_of_frame is None else picture_of_frame
    if owner.shape != (len(frames),) or (len(frames) and not 0 <= int(owner.min()) <= int(owner.max()) < len(pictures)):
        raise InputError(
            f"{len(frames)} frames lie in the pictures {owner.tolist()}, expected {len(frames)} numbers below "
            f"{len(pictures)}"
        )
    if not frames:
        return pictures.new_zeros((0, size, size, 3))
    device, height, width = pictures.device, pictures.shape[1], pictures.shape[2]
    x, y = (torch.from_numpy(axis).to(device) for axis in _source_positions(frames, size))
    column, row = x >> _FRACTION_BITS, y >> _FRACTION_BITS
    one = 1 << _FRACTION_BITS
    right, below = x & (one - 1), y & (one - 1)
    first = owner.to(device)[:, None, None] * (height * width)
    flat = pictures.reshape(-1, 3)
    total = torch.full((*x.shape, 3), one * one // 2, dtype=torch.int32, device=device)
    for step_y, weight_y in ((0, one - below), (1, below)):
        for step_x, weight_x in ((0, one - right), (1, right)):
            at_x, at_y = column + step_x, row + step_y
            inside = (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)
            index = first + (at_y.clamp(0, height - 1) * width + at_x.clamp(0, width - 1)).long()
            weight = torch.where(inside, weight_x * weight_y, 0)
            total += flat[index].int() * weight[..., None]
    return (total >> 2 * _FRACTION_BITS).to(torch.uint8)


def _source_positions(frames: list[CropFrame], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each crop pixel comes from, (N, size, size) int32 x and y in 1/32 px; the sum of two rounded parts."""
    affines = np.stack([_inverse(frame.image_to_crop) for frame in frames])
    steps = np.arange(size, dtype=np.float64)
    scale, half = float(1 << _ROW_BITS), 1 << (_ROW_BITS - _FRACTION_BITS - 1)
    along = np.rint(affines[:, :, :1] * steps * scale).astype(np.int64)
    start = np.rint((affines[:, :, 1:2] * steps + affines[:, :, 2:]) * scale).astype(np.int64) + half
    position = (start[:, :, :, None] + along[:, :, None, :]) >> (_ROW_BITS - _FRACTION_BITS)
    return position[:, 0].astype(np.int32), position[:, 1].astype(np.int32)


def _inverse(affine: np.ndarray) -> np.ndarray:
    """(2, 3) to its inverse in OpenCV's order of operations; `crop_to_image` differs in the last single digits."""
    (a, b, c), (d, e, f) = affine
    factor = 1.0 / (a * e - b * d)
    a, b, d, e = e * factor, -b * factor, -d * factor, a * factor
    return np.array([[a, b, -a * c - b * f], [d, e, -d * c - e * f]])


def normalise(crops: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 RGB to the networks' input (N, 3, S, S) float32; see `crops.normalise`."""
    levels = crops.permute(0, 3, 1, 2).float()
    bright = crops.flatten(1).amax(dim=1) > 1 if len(crops) else torch.zeros(0, dtype=torch.bool, device=crops.device)
    levels = torch.where(bright[:, None, None, None], levels / 255, levels)
    mean, deviation = (torch.tensor(values, device=crops.device)[:, None, None] for values in (MEAN, DEVIATION))
    return (levels - mean) / deviation

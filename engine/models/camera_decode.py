"""Joints and pelvis in metres from predicted uvd and a weak perspective camera."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import InputError

from .network import BoxGeometry

FOCAL_PX = 1000.0
"""Focal length that the networks take every crop to have, in px of the crop."""

CROP_PX = 256.0

DEPTH_FACTOR_M = 2.2
"""Metres per unit of predicted depth."""

EPSILON = 1e-9

BASE_SPAN = CROP_PX / FOCAL_PX
"""Metres that the crop spans at a depth of one metre."""


@dataclass(frozen=True)
class PlacedSkeleton:
    """skeleton (N, K, 3) m relative to the pelvis; root (N, 3) m, the pelvis in the camera frame."""

    skeleton: Tensor
    root: Tensor


def box_offset(geometry: BoxGeometry | None, uvd: Tensor) -> Tensor:
    """(N, 1, 2), what to add to u, v so that they count from the middle of the picture, in box sizes; 0 without boxes.

    Raises InputError where shapes disagree or a box is empty.
    """
    count = uvd.shape[0]
    if geometry is None:
        return uvd.new_zeros(count, 1, 2)
    boxes, centre = geometry.boxes_xyxy, geometry.image_centre
    for name, tensor, shape in (("boxes_xyxy", boxes, (count, 4)), ("image_centre", centre, (count, 2))):
        if tuple(tensor.shape) != shape:
            raise InputError(f"{name} has shape {tuple(tensor.shape)}, expected {shape} for {count} pictures")
    size = boxes[:, 2:] - boxes[:, :2]
    if not bool((size > 0).all()):
        raise InputError(f"boxes_xyxy holds a box of size {size.min().item():g} px, expected x0 < x1 and y0 < y1")
    return (((boxes[:, :2] + boxes[:, 2:]) / 2 - centre) / size)[:, None]


def pelvis_depth(scale: Tensor) -> Tensor:
    """(N, 1) camera scale to the depth (N, 1) m at which the crop spans 1 / scale metres."""
    return FOCAL_PX / (CROP_PX * scale + EPSILON)


def place_skeleton(uvd: Tensor, scale: Tensor, offset: Tensor, shift: Tensor | None = None) -> PlacedSkeleton:
    """Back-project uvd (N, K, 3) (Li et al. 2021, "HybrIK", section 3.4, with perspective).

    scale (N, 1); offset (N, 1, 2) as `box_offset` has it; shift (N, 2) m, subtracted from x, y, where a camera without
    boxes predicts one.
    """
    depth_from_pelvis = uvd[..., 2:] * DEPTH_FACTOR_M
    depth = depth_from_pelvis + pelvis_depth(scale)[:, None]
    xy = (uvd[..., :2] + offset) * BASE_SPAN * depth
    if shift is not None:
        xy = xy - shift[:, None]
    absolute = torch.cat([xy, depth], dim=2)
    relative = torch.cat([xy - xy[:, :1], depth_from_pelvis - depth_from_pelvis[:, :1]], dim=2)
    return PlacedSkeleton(relative, absolute[:, 0])

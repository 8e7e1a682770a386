"""Places the joints that a network sees in a crop along the camera's rays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ik.components import Array

if TYPE_CHECKING:
    from .network import RayGeometry

CROP_PX = 256
"""Side of the crop, px."""

UNIT_M = 2.0
"""Metres in one depth factor, whatever unit that is given in."""


def skeleton_from_rays(uvd: Array, geometry: RayGeometry) -> Array:
    """(N, K, 3) crop coordinates to positions in the camera frame, m, relative to the first joint, the pelvis.

    The pixel (u + 1/2, v + 1/2) 256 of the crop gives a ray; d times the depth factor, plus the root's depth, the place
    on it. A camera of zeros gives a skeleton of zeros (pictures without 3-D labels). NumPy's arrays, also those
    in the geometry, do as well as torch's tensors.
    """
    pixels = (uvd[..., :2] + 0.5) * CROP_PX
    in_picture = pixels @ geometry.crop_to_image[:, :, :2].swapaxes(1, 2) + geometry.crop_to_image[:, None, :, 2]
    rays = in_picture @ geometry.inv_intrinsics[:, :, :2].swapaxes(1, 2) + geometry.inv_intrinsics[:, None, :, 2]
    unit = geometry.depth_factor[:, None]
    depth = uvd[..., 2:] * unit + geometry.root[:, None, 2:]
    positions = (rays * depth - geometry.root[:, None]) / unit
    return UNIT_M * (positions - positions[:, :1])

"""Corrects the camera scale so that the posed body, with its own bone lengths, projects onto the predicted joints."""

from __future__ import annotations

import torch
from torch import Tensor

from .camera_decode import BASE_SPAN, DEPTH_FACTOR_M

SIGMA_WEIGHT = 10.0
"""A joint of this many times less spread than 1 / SIGMA_WEIGHT counts; wider ones not at all."""


def joint_weights(sigma: Tensor) -> Tensor:
    """Spreads (N, K, 1) to the weights (N, K, 1) of joints in the refit, 0..1."""
    return (1.0 - SIGMA_WEIGHT * sigma).clamp(min=0.0)


def refit_scale(scale: Tensor, uvd: Tensor, offset: Tensor, joints: Tensor, root_xy: Tensor, weights: Tensor) -> Tensor:
    """The scale (N, 1) that brings a posed body onto the picture, weighted least squares over its joints' u and v.

    scale     (N, 1) predicted, kept where no joint has a weight
    uvd       (N, K, 3), K >= 24;  offset (N, 1, 2) as `camera_decode.box_offset` has it
    joints    (N, 24, 3) m, the posed body's, relative to the pelvis;  root_xy (N, 2) m, the pelvis by predicted scale
    weights   (N, 24, 1)

    With rho = 1 / scale, BASE_SPAN * (depth of the pelvis) = rho, and each joint's x = BASE_SPAN * u * z + u * rho is
    linear in it. The result is not bounded and may be negative where predictions are nonsense; so it is in the released
    program.
    """
    uv = uvd[:, :24, :2] + offset
    xy = joints[..., :2] + root_xy[:, None]
    depth_from_pelvis = joints[..., 2:] + uvd[:, :1, 2:] * DEPTH_FACTOR_M
    residual = xy - BASE_SPAN * uv * depth_from_pelvis
    squared = weights * weights
    normal = (squared * uv * uv).sum(dim=(1, 2))[:, None]
    moment = (squared * uv * residual).sum(dim=(1, 2))[:, None]
    solvable = moment != 0.0
    return torch.where(solvable, normal / torch.where(solvable, moment, torch.ones_like(moment)), scale)

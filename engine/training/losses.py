"""What training of the image networks minimises."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.ik.reference_rotations import rotmat_to_quat_wxyz

if TYPE_CHECKING:
    from engine.models.network import PoseOutput

COORDINATE_FACTOR = 64.0
"""The L1 error of uvd and xyz counts cells of a heat map of 64."""

JOINTS_FOR_CAMERA = 3
"""A camera is compared where more single xyz weights than this are above 0."""


@dataclass(frozen=True)
class Targets:
    """Labels of a batch of N people, tensors on one device; what is unknown has weight 0 (and any finite value).

    smpl_weight (N, 1) is 1 where shape and rotations are known. betas (N, 10). rotations (N, 96) 24 local label
    quaternions wxyz (`targets.label_quats_wxyz`) for HybrIK-Transformer, (N, 216) row-major matrices for the camera
    networks; rotation_weights of the same shape. twist (N, 23, 2) cosine and sine, twist_weights likewise. uvd
    (N, K, 3) network coordinates of 29 (or at least 24) joints, uvd_weights likewise.
    Only for the camera networks: xyz_weights (N, 24, 3), camera_scale (N, 1), camera_trans (N, 2).
    """

    smpl_weight: Tensor
    betas: Tensor
    rotations: Tensor
    rotation_weights: Tensor
    twist: Tensor
    twist_weights: Tensor
    uvd: Tensor
    uvd_weights: Tensor
    xyz_weights: Tensor | None = None
    camera_scale: Tensor | None = None
    camera_trans: Tensor | None = None


@dataclass(frozen=True)
class Predicted:
    """A network's output as the losses read it; shapes as in `Targets`. twist is raw, not of unit length.

    sigma (N, K, 1) is the camera network's spread of uvd; camera_trans is None for networks without one.
    """

    betas: Tensor
    rotations: Tensor
    twist: Tensor
    uvd: Tensor
    sigma: Tensor | None = None
    camera_scale: Tensor | None = None
    camera_trans: Tensor | None = None

    @classmethod
    def with_quaternions(cls, output: PoseOutput) -> Predicted:
        """For `transformer_loss`: rotations as 96 quaternion values."""
        return cls._of(output, rotmat_to_quat_wxyz(output.rotmats))

    @classmethod
    def with_matrices(cls, output: PoseOutput) -> Predicted:
        """For the camera losses: rotations as 216 matrix entries."""
        return cls._of(output, output.rotmats)

    @classmethod
    def _of(cls, output: PoseOutput, rotations: Tensor) -> Predicted:
        return cls(
            betas=output.betas,
            rotations=rotations.reshape(len(rotations), -1),
            twist=output.twist,
            uvd=output.uvd,
            sigma=output.sigma,
            camera_scale=output.camera_scale,
            camera_trans=output.camera_trans,
        )


@dataclass(frozen=True)
class LossWeights:
    """Factor of each term in the total; a camera's terms count 1."""

    betas: float
    rotations: float
    twist: float
    uvd: float


TRANSFORMER_WEIGHTS = LossWeights(betas=1.0, rotations=0.01, twist=0.01, uvd=1.0)
CAMERA_WEIGHTS = LossWeights(betas=1.0, rotations=0.01, twist=1.0, uvd=1.0)


@dataclass(frozen=True)
class Loss:
    """The total to minimise, and its terms (before their factors) for the log; None where a term does not apply."""

    total: Tensor
    betas: Tensor
    rotations: Tensor
    twist: Tensor
    uvd: Tensor
    camera_scale: Tensor | None = None
    camera_trans: Tensor | None = None


def transformer_loss(predicted: Predicted, targets: Targets, weights: LossWeights = TRANSFORMER_WEIGHTS) -> Loss:
    """HybrIK-Transformer's loss over its 24 joints; `predicted.rotations` are quaternions."""
    return _loss(
        predicted, targets, weights, l1_term(predicted.uvd[:, :24], targets.uvd[:, :24], targets.uvd_weights[:, :24])
    )


def camera_laplace_loss(predicted: Predicted, targets: Targets, weights: LossWeights = CAMERA_WEIGHTS) -> Loss:
    """The camera networks' loss with the spread of uvd predicted. Raises ValueError for a prediction without sigma."""
    if predicted.sigma is None:
        raise ValueError("the Laplace loss needs sigma, which this network does not predict")
    uvd = laplace_term(predicted.uvd, predicted.sigma, targets.uvd, targets.uvd_weights)
    return _with_camera(_loss(predicted, targets, weights, uvd), predicted, targets)


def camera_l1_loss(predicted: Predicted, targets: Targets, weights: LossWeights = CAMERA_WEIGHTS) -> Loss:
    """The camera networks' loss with the L1 error of uvd."""
    uvd = l1_term(predicted.uvd, targets.uvd, targets.uvd_weights)
    return _with_camera(_loss(predicted, targets, weights, uvd), predicted, targets)


def l1_term(predicted: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of 64 |predicted - truth| over all coordinates; 0 where nothing has weight. Any equal shapes."""
    return _weighted_mean(COORDINATE_FACTOR * (predicted - truth).abs(), weights)


def laplace_term(predicted: Tensor, sigma: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of log(sigma sqrt(2 pi)) + |predicted - truth| / (sqrt(2) sigma + 1e-5); shapes broadcast.

    The likelihood of Li et al., Residual Log-likelihood Estimation, ICCV 2021, with a Gaussian's constant.
    """
    spread = torch.log(sigma * math.sqrt(2 * math.pi))
    return _weighted_mean(spread + (predicted - truth).abs() / (math.sqrt(2) * sigma + 1e-5), weights)


def squared_term(predicted: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean over all entries, masked ones included as zeros, of (mask predicted - mask truth)^2; shapes broadcast."""
    return ((predicted * mask - truth * mask) ** 2).mean()


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    total = (values * weights).sum()
    weight = weights.sum()
    return total / torch.where(weight > 0, weight, torch.ones_like(weight))


def _loss(predicted: Predicted, targets: Targets, weights: LossWeights, uvd: Tensor) -> Loss:
    betas = squared_term(predicted.betas, targets.betas, targets.smpl_weight)
    rotations = squared_term(predicted.rotations, targets.rotations, targets.smpl_weight * targets.rotation_weights)
    twist = squared_term(predicted.twist, targets.twist, targets.twist_weights)
    total = weights.betas * betas + weights.rotations * rotations + weights.twist * twist + weights.uvd * uvd
    return Loss(total, betas, rotations, twist, uvd)


def _with_camera(loss: Loss, predicted: Predicted, targets: Targets) -> Loss:
    """Adds the camera's terms, in people with enough known joints."""
    if targets.xyz_weights is None or targets.camera_scale is None or predicted.camera_scale is None:
        raise ValueError("a camera loss needs a predicted camera_scale, and targets camera_scale and xyz_weights")
    known = (targets.xyz_weights.flatten(1).sum(dim=1, keepdim=True) > JOINTS_FOR_CAMERA).to(predicted.betas.dtype)
    scale = squared_term(predicted.camera_scale, targets.camera_scale, known)
    total, trans = loss.total + scale, None
    if predicted.camera_trans is not None and targets.camera_trans is not None:
        trans = squared_term(predicted.camera_trans, targets.camera_trans, known)
        total = total + trans
    return Loss(total, loss.betas, loss.rotations, loss.twist, loss.uvd, scale, trans)

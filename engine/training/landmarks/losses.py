"""What the landmark transformer is trained on: distances of its outputs from the truth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .model import Output, rotation_from_columns
from .windows import LEAVES


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term; distances are in decimetres, so that the terms are of one size.

    joints   mean distance of the joints;  sized  the same after the best scale of each frame
    coarse   both for the joints read off the frame tokens;  speed  difference of displacements between frames
    sigma    negative log likelihood of the distances under the expected ones, which alone trains log_sigma
    """

    joints: float = 0.5
    sized: float = 1.0
    coarse: float = 0.5
    speed: float = 0.5
    extent: float = 0.5
    sigma: float = 0.1
    twist: float = 0.5
    leaves: float = 0.3
    betas: float = 0.02
    gravity: float = 0.5
    velocity: float = 0.1
    contacts: float = 0.1


@dataclass(frozen=True)
class TruthTensors:
    """The fields of `examples.Targets` as tensors of the frames that the templates are decoded for, and `seen` (N, K);

    coarse_joints (N, T, 24, 3), coarse_extent (N, T), coarse_seen (N, T) of all frames.
    """

    joints: Tensor
    log_extent: Tensor
    twist: Tensor
    betas: Tensor
    leaves: Tensor
    gravity: Tensor
    velocity: Tensor
    contacts: Tensor
    seen: Tensor
    coarse_joints: Tensor
    coarse_extent: Tensor
    coarse_seen: Tensor


def losses(output: Output, truth: TruthTensors, weights: LossWeights, runs: int) -> dict[str, Tensor]:
    """Weighted terms by name; their sum is the loss. Frames in which nobody is seen count where others tell of them.

    runs: the decoded frames are runs of so many consecutive ones, between which displacements are compared.
    """
    distance = 10.0 * (output.fine.joints - truth.joints).norm(dim=-1)
    sigma = output.log_sigma
    calibration = (0.1 * distance.detach() / sigma.exp() + 3.0 * sigma).mean()
    coarse = 10.0 * (output.coarse.joints - truth.coarse_joints).norm(dim=-1).mean()
    coarse_sized = _sized(output.coarse.joints, truth.coarse_joints)
    extent = (output.coarse.log_extent - truth.coarse_extent).abs().mean()
    angle = 1.0 - functional.cosine_similarity(output.twist, truth.twist, dim=-1)
    keep = [joint - 1 for joint in range(1, 24) if joint not in LEAVES]
    # Twist grows insecure where a short pair is allowed: hold its length near one.
    length = (output.twist.norm(dim=-1) - 1.0).square()
    leaves = (rotation_from_columns(output.leaves) - truth.leaves).square().sum((-1, -2))
    betas = (output.betas - truth.betas.unsqueeze(1)).abs().mean()
    gravity = 1.0 - functional.cosine_similarity(output.gravity, truth.gravity, dim=-1)
    return {
        "joints": weights.joints * distance.mean(),
        "sized": weights.sized * _sized(output.fine.joints, truth.joints),
        "coarse": weights.coarse * (weights.joints * coarse + weights.sized * coarse_sized),
        "speed": weights.speed * _speed(output.fine.joints, truth.joints, runs),
        "extent": weights.extent * extent,
        "sigma": weights.sigma * calibration,
        "twist": weights.twist * (_root(angle[..., keep]) + 0.02 * length[..., keep].mean()),
        "leaves": weights.leaves * leaves.add(1e-4).sqrt().mean(),
        "betas": weights.betas * betas,
        "gravity": weights.gravity * _root(gravity),
        "velocity": weights.velocity * (output.velocity - truth.velocity).norm(dim=-1).mean(),
        "contacts": weights.contacts * functional.binary_cross_entropy_with_logits(output.contacts, truth.contacts),
    }


def _root(one_minus_cosine: Tensor) -> Tensor:
    """About the mean angle, radians, where the mean of 1 - cos would hardly press small angles."""
    return (2.0 * one_minus_cosine.clamp_min(0.0) + 1e-4).sqrt().mean()


def _sized(joints: Tensor, truth: Tensor) -> Tensor:
    """Mean distance, dm, after each frame's best scale (Rhodin et al., CVPR 2018)."""
    scale = (joints * truth).sum((-1, -2)) / joints.square().sum((-1, -2)).clamp_min(1e-6)
    return 10.0 * (scale[..., None, None] * joints - truth).norm(dim=-1).mean()


def _speed(joints: Tensor, truth: Tensor, runs: int) -> Tensor:
    """Mean difference, dm, of displacements between the frames of a run."""
    error = (joints - truth).unflatten(1, (-1, runs))
    return 10.0 * error.diff(dim=2).norm(dim=-1).mean() if runs > 1 else torch.zeros(())

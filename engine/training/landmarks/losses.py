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
    """Weighted terms by name; their sum is the loss. Frames in which the person is not seen do not count.

    runs: the decoded frames are runs of so many consecutive ones, between which displacements are compared.
    """
    seen, coarse_seen = truth.seen, truth.coarse_seen
    distance = 10.0 * (output.fine.joints - truth.joints).norm(dim=-1)
    # The pelvis is never wrong: its scale would go to zero.
    log_sigma = output.log_sigma[..., 1:].clamp(-7.0, 2.0)
    calibration = 0.1 * distance[..., 1:].detach() / log_sigma.exp() + 3.0 * log_sigma
    coarse = 10.0 * (output.coarse.joints - truth.coarse_joints).norm(dim=-1)
    coarse_sized = _sized(output.coarse.joints, truth.coarse_joints)
    extent = (output.coarse.log_extent - truth.coarse_extent).abs()
    boned = [joint - 1 for joint in range(1, 24) if joint not in LEAVES]
    angle = _angle(output.twist, truth.twist)[..., boned]
    # Twist grows insecure where a short pair is allowed: hold its length near one.
    length = (output.twist.norm(dim=-1) - 1.0).square()[..., boned]
    leaves = (rotation_from_columns(output.leaves) - truth.leaves).square().sum((-1, -2)).add(1e-4).sqrt()
    betas = (output.betas - truth.betas.unsqueeze(1)).abs()
    contacts = functional.binary_cross_entropy_with_logits(output.contacts, truth.contacts, reduction="none")
    return {
        "joints": weights.joints * _mean(distance, seen),
        "sized": weights.sized * _mean(_sized(output.fine.joints, truth.joints), seen),
        "coarse": weights.coarse
        * (weights.joints * _mean(coarse, coarse_seen) + weights.sized * _mean(coarse_sized, coarse_seen)),
        "speed": weights.speed * _speed(output.fine.joints, truth.joints, seen, runs),
        "extent": weights.extent * _mean(extent, coarse_seen),
        "sigma": weights.sigma * _mean(calibration, seen),
        "twist": weights.twist * (_mean(angle, seen) + 0.02 * _mean(length, seen)),
        "leaves": weights.leaves * _mean(leaves, seen),
        "betas": weights.betas * _mean(betas, seen),
        "gravity": weights.gravity * _mean(_angle(output.gravity, truth.gravity), seen),
        "velocity": weights.velocity * _mean((output.velocity - truth.velocity).norm(dim=-1), seen),
        "contacts": weights.contacts * _mean(contacts, seen),
    }


def _mean(values: Tensor, seen: Tensor) -> Tensor:
    """Mean of (N, T, ...) values over the seen frames (N, T)."""
    values = values.flatten(2).mean(-1) if values.ndim > 2 else values
    return (values * seen).sum() / seen.sum().clamp_min(1)


def _angle(vectors: Tensor, truth: Tensor) -> Tensor:
    """About the angle, radians, between vectors; the mean of 1 - cos would hardly press small ones."""
    cosine = functional.cosine_similarity(vectors, truth, dim=-1)
    return (2.0 * (1.0 - cosine).clamp_min(0.0) + 1e-4).sqrt()


def _sized(joints: Tensor, truth: Tensor) -> Tensor:
    """(N, T, 24) distances, dm, after each frame's best scale (Rhodin et al., CVPR 2018)."""
    scale = (joints * truth).sum((-1, -2)) / joints.square().sum((-1, -2)).clamp_min(1e-6)
    return 10.0 * (scale[..., None, None] * joints - truth).norm(dim=-1)


def _speed(joints: Tensor, truth: Tensor, seen: Tensor, runs: int) -> Tensor:
    """Mean difference, dm, of displacements between the frames of a run."""
    if runs < 2:
        return torch.zeros(())
    change = (joints - truth).unflatten(1, (-1, runs)).diff(dim=2).flatten(1, 2)
    both = seen.unflatten(1, (-1, runs))
    return 10.0 * _mean(change.norm(dim=-1), (both[:, :, 1:] & both[:, :, :-1]).flatten(1, 2))

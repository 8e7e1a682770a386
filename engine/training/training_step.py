"""The part of a training step that the processes of several GPUs share: pictures to poses, losses, learning rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from engine.models.network import Evidence, Geometry, PoseNetwork, PoseOutput, moved_to

from .losses import (
    Loss,
    Predicted,
    Targets,
    camera_l1_loss,
    camera_laplace_loss,
    transformer_loss,
)
from .schedule import inverse_square_root_rate
from .train_settings import LossKind, RateSchedule, TrainSettings


class PosingStep(nn.Module):
    """The network as it is trained: reads pictures in 16 bits if wanted, poses the body always in 32.

    The camera networks are trained without the crops' places, as their camera labels are made, and what their inverse
    kinematics aims at is held fixed, so that rotations teach twists and shape only (Li et al., HybrIK, CVPR 2021).
    """

    def __init__(self, network: PoseNetwork, bfloat16: bool) -> None:
        super().__init__()
        self.network = network
        self.in_16_bits = bfloat16

    def forward(self, images: Tensor, geometry: Geometry) -> tuple[PoseOutput, Tensor]:
        """Poses of N pictures, and for each (N,) whether the network gave finite numbers for it."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.in_16_bits):
            evidence = self.network.evidence(images)
        evidence = moved_to(evidence, torch.float32)
        finite = evidence.uvd.isfinite().flatten(1).all(dim=1) & evidence.twist.isfinite().flatten(1).all(dim=1)
        if not self.network.architecture.predicts_camera:
            return self.network.decode(evidence, geometry), finite
        output = self.network.decode(_aims_held(evidence), None)
        camera = evidence.camera
        if camera is not None:
            shift = None if output.camera_trans is None else camera[:, 1:]
            output = replace(output, camera_scale=camera[:, :1], camera_trans=shift)
        return replace(output, uvd=evidence.uvd), finite


def _aims_held(evidence: Evidence) -> Evidence:
    camera = None if evidence.camera is None else evidence.camera.detach()
    return replace(evidence, uvd=evidence.uvd.detach(), camera=camera)


def loss_of(kind: LossKind, output: PoseOutput, targets: Targets) -> Loss:
    """What is minimised for a batch."""
    match kind:
        case LossKind.TRANSFORMER:
            return transformer_loss(Predicted.with_quaternions(output), targets)
        case LossKind.CAMERA_LAPLACE:
            return camera_laplace_loss(Predicted.with_matrices(output), targets)
        case LossKind.CAMERA_L1:
            return camera_l1_loss(Predicted.with_matrices(output), targets)


def learning_rate(settings: TrainSettings, step: int, epoch: int) -> float:
    """Of an optimiser step and the epoch it lies in, both counted from 0."""
    if settings.schedule is RateSchedule.INVERSE_SQUARE_ROOT:
        return inverse_square_root_rate(step, settings.warm_up_steps, settings.learning_rate)
    return settings.learning_rate * 0.1 ** sum(epoch >= drop for drop in settings.drop_epochs)


def seed_of_step(seed: int, step: int, rank: int) -> int:
    """Seed of dropout and token choice in one step of one process: a resumed training draws the same numbers again."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> np.uint64(1))

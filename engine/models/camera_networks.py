"""The HybrIK networks that estimate a camera themselves: 29 joints from heat-maps, on a ResNet-34 or an HRNet-W48."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.errors import InputError
from engine.ik.reference import ReferenceForm

from .architectures import Architecture
from .camera_decode import box_offset, place_skeleton
from .camera_refit import joint_weights, refit_scale
from .flip import averaged_evidence, mirrored_images, mirrored_joints
from .heatmap import cell_probabilities, mirrored_logits
from .heatmap_heads import DeconvolutionHead, HeatmapHead, HighResolutionHead
from .hrnet import HRNetW48
from .hybrik_layer import HybrIKLayer
from .network import BoxGeometry, Evidence, Geometry, PoseNetwork, PoseOutput
from .resnet import ResNet34


class CameraNetwork(PoseNetwork):
    """What both camera networks share: evidence from heat-maps, and its decoding with the camera they predict."""

    head: HeatmapHead

    def __init__(self, architecture: Architecture, backbone: nn.Module, head: HeatmapHead) -> None:
        super().__init__(architecture)
        self.backbone = backbone
        self.head = head
        self.hybrik_layer = HybrIKLayer(architecture.joint_count)

    @abstractmethod
    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Pictures (N, 3, 256, 256) to what the head reads."""

    def evidence(self, images: Tensor) -> Evidence:
        """See `PoseNetwork`."""
        return self.head(*self.features(images))

    def flip_tested_evidence(self, images: Tensor) -> Evidence:
        """The mean of pictures and mirror images; joints are read from the mean of both heat-maps.

        Scales are averaged as depths, that is, their harmonic mean is taken. There is no reference for the ResNet,
        whose released program cannot run this test; it is treated as HRNet is.
        """
        logits, vector = self.head.read(*self.features(images))
        mirror_logits, mirror_vector = self.head.read(*self.features(mirrored_images(images)))
        mirrored_back = cell_probabilities(mirrored_logits(mirror_logits, mirrored_joints(self.head.joints)))
        probabilities = torch.lerp(cell_probabilities(logits), mirrored_back, 0.5)
        plain, mirrored = (self.head.evidence(probabilities, each) for each in (vector, mirror_vector))
        return replace(
            averaged_evidence(plain, mirrored),
            uvd=plain.uvd,
            delta_betas=plain.delta_betas,
            camera=_averaged_camera(plain.camera, mirrored.camera),
        )

    def fitted_scale(self, evidence: Evidence, scale: Tensor, offset: Tensor) -> Tensor:
        """The camera scale (N, 1) to decode with; here the predicted one. offset as `box_offset` has it."""
        return scale

    def decode(self, evidence: Evidence, geometry: Geometry) -> PoseOutput:
        """See `PoseNetwork`. Without boxes the picture is taken to be the crop.

        Raises InputError for evidence without a camera or another network's kind of geometry.
        """
        if evidence.camera is None or evidence.sigma is None:
            raise InputError("the evidence holds no camera or no spread of joints, expected that of a camera network")
        if not (geometry is None or isinstance(geometry, BoxGeometry)):
            raise InputError(f"a camera network takes a BoxGeometry or none, not {type(geometry).__name__}")
        offset = box_offset(geometry, evidence.uvd)
        scale = self.fitted_scale(evidence, evidence.camera[:, :1], offset)
        shift = evidence.camera[:, 1:] if evidence.camera.shape[1] > 1 else None
        placed = place_skeleton(evidence.uvd, scale, offset, shift if geometry is None else None)
        posed = self.hybrik_layer(evidence.betas, placed.skeleton, evidence.twist)
        return PoseOutput(
            betas=evidence.betas,
            delta_betas=evidence.delta_betas,
            twist=evidence.twist,
            leaf_quats_wxyz=None,
            rotmats=posed.rotmats,
            uvd=evidence.uvd,
            skeleton=placed.skeleton,
            joints=posed.joints,
            h36m_joints=posed.h36m_joints,
            vertices=posed.vertices,
            maxvals=evidence.maxvals,
            camera_scale=scale,
            camera_trans=shift,
            predicted_scale=evidence.camera[:, :1],
            root=placed.root,
            transl=placed.root - posed.joints[:, 0],
            sigma=evidence.sigma,
            scores=1.0 - evidence.sigma,
            features=evidence.features,
        )


class HybrIKCameraResNet(CameraNetwork):
    """Heat-maps by deconvolution; predicts a scale and a shift, of which boxes make the shift superfluous."""

    def __init__(self) -> None:
        architecture = Architecture.HYBRIK_CAMERA_RESNET34
        super().__init__(architecture, ResNet34(), DeconvolutionHead(architecture.joint_count, camera_parameters=3))

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """See `CameraNetwork`."""
        return (self.backbone(images),)


class HybrIKCameraHRNet(CameraNetwork):
    """Heat-maps from the finest branch; predicts a scale, which evaluation refits to the posed body."""

    backbone: HRNetW48

    def __init__(self) -> None:
        architecture = Architecture.HYBRIK_CAMERA_HRNET48
        super().__init__(architecture, HRNetW48(), HighResolutionHead(architecture.joint_count, camera_parameters=1))

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """See `CameraNetwork`."""
        branches = self.backbone.branches(images)
        return branches[0], self.backbone.feature_map(branches)

    def fitted_scale(self, evidence: Evidence, scale: Tensor, offset: Tensor) -> Tensor:
        """The predicted scale in training, else the one refitted to a first, naively posed body."""
        if self.training or evidence.sigma is None:
            return scale
        placed = place_skeleton(evidence.uvd, scale, offset)
        posed = self.hybrik_layer(evidence.betas, placed.skeleton, evidence.twist, form=ReferenceForm.NAIVE)
        weights = joint_weights(evidence.sigma[:, :24])
        return refit_scale(scale, evidence.uvd, offset, posed.joints, placed.root[:, :2], weights)


def _averaged_camera(plain: Tensor | None, mirrored: Tensor | None) -> Tensor | None:
    """(N, 1) scales, or (N, 3) scales and shifts of which x changes its sign in a mirror."""
    if plain is None or mirrored is None:
        return None
    scale = 2.0 / (1.0 / plain[:, :1] + 1.0 / mirrored[:, :1])
    sign = plain.new_tensor([-1.0, 1.0])[: plain.shape[1] - 1]
    return torch.cat([scale, (plain[:, 1:] + sign * mirrored[:, 1:]) / 2.0], dim=1)

"""The networks of 24 joints, which must be told the camera: HybrIK-Transformer and the deconvolution network."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.errors import InputError

from .architectures import Architecture
from .flip import averaged_evidence, mirrored_images
from .hybrik_layer import HybrIKLayer
from .network import Evidence, Geometry, PoseNetwork, PoseOutput, RayGeometry, tensors_of
from .ray_decode import skeleton_from_rays


class RayNetwork(PoseNetwork):
    """backbone: images to a feature map; head: the map to `Evidence`, with the mean shape in its `init_shape`."""

    def __init__(self, architecture: Architecture, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__(architecture)
        self.backbone = backbone
        self.head = head
        self.hybrik_layer = HybrIKLayer(architecture.joint_count)

    def evidence(self, images: Tensor) -> Evidence:
        """See `PoseNetwork`."""
        return self.head(self.backbone(images))

    def flip_tested_evidence(self, images: Tensor) -> Evidence:
        """See `PoseNetwork`."""
        both = tensors_of(self.evidence(torch.cat([images, mirrored_images(images)])))
        plain = Evidence(**{name: array[: len(images)] for name, array in both.items()})
        mirrored = Evidence(**{name: array[len(images) :] for name, array in both.items()})
        return averaged_evidence(plain, mirrored)

    def decode(self, evidence: Evidence, geometry: Geometry) -> PoseOutput:
        """See `PoseNetwork`. A picture with a NaN among its uvd gets the mean shape and zeros for all else.

        Raises InputError for geometry that is no `RayGeometry`.
        """
        if not isinstance(geometry, RayGeometry):
            raise InputError(
                f"{self.architecture.value} needs the camera's rays and the pelvis' depth (RayGeometry), "
                f"it was given {type(geometry).__name__}"
            )
        unread = evidence.uvd.isnan().flatten(1).any(dim=1)
        seen = replace(evidence, **_zeroed(tensors_of(evidence), unread))
        skeleton = skeleton_from_rays(seen.uvd, geometry)
        posed = self.hybrik_layer(seen.betas, skeleton, seen.twist, seen.leaf_quats_wxyz)
        output = PoseOutput(
            betas=seen.betas,
            delta_betas=seen.delta_betas,
            twist=seen.twist,
            leaf_quats_wxyz=seen.leaf_quats_wxyz,
            rotmats=posed.rotmats,
            uvd=seen.uvd,
            skeleton=skeleton,
            joints=posed.joints,
            h36m_joints=posed.h36m_joints,
            vertices=posed.vertices,
            maxvals=seen.maxvals,
        )
        mean_shape = self.head.get_buffer("init_shape")
        betas = torch.where(unread[:, None], mean_shape, output.betas)
        return replace(output, **_zeroed(tensors_of(output), unread) | {"betas": betas})


def _zeroed(arrays: dict[str, Tensor], where: Tensor) -> dict[str, Tensor]:
    """Each array (N, ...) with zeros in the entries of its first axis that `where` (N,) names."""
    return {name: array.masked_fill(where.reshape(-1, *(1,) * (array.ndim - 1)), 0.0) for name, array in arrays.items()}

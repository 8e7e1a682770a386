"""What every image network takes and gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor, nn

from .architectures import Architecture
from .hybrik_layer import HybrIKLayer


@dataclass(frozen=True)
class Evidence:
    """What backbone and head read from N pictures, without any geometry. K is 24 or 29 joints.

    uvd              (N, K, 3) u, v: crop px / 256 - 0.5; d: depth from the pelvis / depth factor
    twist            (N, 23, 2) raw (cos, sin) of joints 1..23
    delta_betas      (N, 10) difference from the mean shape, betas (N, 10) with it
    maxvals          (N, K, 1) height of the heat-map's peak; ones where there is no heat-map
    leaf_quats_wxyz  (N, 5, 4) raw local rotations of leaf joints, for 24 joints
    camera           (N, 1) scale, or (N, 3) scale and shift, of the camera networks
    sigma            (N, K, 1) spread, of the camera networks
    features         (N, F) pooled features, where the head reads them
    """

    uvd: Tensor
    twist: Tensor
    delta_betas: Tensor
    betas: Tensor
    maxvals: Tensor
    leaf_quats_wxyz: Tensor | None = None
    camera: Tensor | None = None
    sigma: Tensor | None = None
    features: Tensor | None = None


@dataclass(frozen=True)
class RayGeometry:
    """The camera, as the networks without one of their own must be told it. Any unit of length, the same for all.

    crop_to_image   (N, 2, 3) crop px to picture px
    inv_intrinsics  (N, 3, 3) picture px to rays of depth 1
    root            (N, 3) pelvis in the camera frame; only its depth matters
    depth_factor    (N, 1) two metres
    """

    crop_to_image: Tensor
    inv_intrinsics: Tensor
    root: Tensor
    depth_factor: Tensor


@dataclass(frozen=True)
class BoxGeometry:
    """Where the crops of the camera networks lie: boxes_xyxy (N, 4) px, square; image_centre (N, 2) px."""

    boxes_xyxy: Tensor
    image_centre: Tensor


Geometry = RayGeometry | BoxGeometry | None
"""None: a camera network without knowledge of the crop's place, the picture taken to be the crop."""


@dataclass(frozen=True)
class PoseOutput:
    """Pose of N people in the camera frame (x right, y down, z away), rotations local, the pelvis' global.

    betas, delta_betas (N, 10); twist (N, 23, 2) raw; leaf_quats_wxyz (N, 5, 4) raw or None; rotmats (N, 24, 3, 3)
    uvd          (N, K, 3) as in `Evidence`, K = 24 or 29;  maxvals (N, K, 1)
    skeleton     (N, K, 3) m, relative to the pelvis: where the network sees the joints
    joints       (N, 24, 3) m, relative to the pelvis: the posed body's, with its bone lengths
    h36m_joints  (N, 17, 3) m and vertices (N, V, 3) m, relative to the Human3.6M pelvis
    camera networks only:
    camera_scale (N, 1), camera_trans (N, 2) or None: the weak perspective camera used
    predicted_scale (N, 1): the scale as the head gave it, before it was refitted
    root         (N, 3) m position of the pelvis;  transl (N, 3) m to be added to joints
    sigma, scores (N, K, 1);  features (N, F)
    """

    betas: Tensor
    delta_betas: Tensor
    twist: Tensor
    leaf_quats_wxyz: Tensor | None
    rotmats: Tensor
    uvd: Tensor
    skeleton: Tensor
    joints: Tensor
    h36m_joints: Tensor
    vertices: Tensor
    maxvals: Tensor
    camera_scale: Tensor | None = None
    camera_trans: Tensor | None = None
    predicted_scale: Tensor | None = None
    root: Tensor | None = None
    transl: Tensor | None = None
    sigma: Tensor | None = None
    scores: Tensor | None = None
    features: Tensor | None = None


class PoseNetwork(nn.Module, ABC):
    """A network of exactly three parts: `backbone` and `head` read pictures, `hybrik_layer` poses the body."""

    backbone: nn.Module
    head: nn.Module
    hybrik_layer: HybrIKLayer

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture

    @abstractmethod
    def evidence(self, images: Tensor) -> Evidence:
        """What the pictures (N, 3, 256, 256), normalised, show: all that an exported network computes."""

    @abstractmethod
    def flip_tested_evidence(self, images: Tensor) -> Evidence:
        """The mean of what the pictures and their mirror images show."""

    @abstractmethod
    def decode(self, evidence: Evidence, geometry: Geometry) -> PoseOutput:
        """The pose that evidence and camera give, in the form for training when the module is in training mode."""

    def forward(self, images: Tensor, geometry: Geometry = None, flip: bool = False) -> PoseOutput:
        """Pictures (N, 3, 256, 256), normalised, to poses; `flip` averages with the mirrored pictures first."""
        evidence = self.flip_tested_evidence(images) if flip else self.evidence(images)
        return self.decode(evidence, geometry)


def tensors_of(instance: Any) -> dict[str, Tensor]:
    """The fields of one of the dataclasses above that are not None, by name."""
    values = {field.name: getattr(instance, field.name) for field in fields(instance)}
    return {name: value for name, value in values.items() if value is not None}


def moved_to(instance: Any, *args: Any, **options: Any) -> Any:
    """One of the dataclasses above, or another of tensors, with `Tensor.to(...)` applied to each of its tensors."""
    return replace(instance, **{name: value.to(*args, **options) for name, value in tensors_of(instance).items()})

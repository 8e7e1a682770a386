"""Names the network architectures whose released checkpoints can be loaded. Importing it does not load torch."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .network import PoseNetwork
    from .transformer import TransformerSettings


class Architecture(Enum):
    """A network: how a picture is read, what its joints are, what it must be told of the camera."""

    HYBRIK_TRANSFORMER_RESNET34 = "hybrik-transformer-resnet34"
    HYBRIK_TRANSFORMER_HRNET48 = "hybrik-transformer-hrnet48"
    HYBRIK_DECONVOLUTION_RESNET34 = "hybrik-deconvolution-resnet34"
    """Heat-maps of 24 joints and predicted leaf rotations."""
    HYBRIK_CAMERA_RESNET34 = "hybrik-camera-resnet34"
    HYBRIK_CAMERA_HRNET48 = "hybrik-camera-hrnet48"

    @property
    def predicts_camera(self) -> bool:
        """Whether it estimates a camera and takes a `BoxGeometry`; the others take a `RayGeometry`."""
        return self in (self.HYBRIK_CAMERA_RESNET34, self.HYBRIK_CAMERA_HRNET48)

    @property
    def joint_count(self) -> int:
        """29 (24 joints and five surface points) for the camera networks; 24 with leaf rotations for the others."""
        return 29 if self.predicts_camera else 24

    @property
    def depth_factor_m(self) -> float:
        """Metres per unit of predicted depth."""
        return 2.2 if self.predicts_camera else 2.0


def build_network(architecture: Architecture, transformer: TransformerSettings | None = None) -> PoseNetwork:
    """The network in evaluation mode with every entry of its state allocated: random weights, a body of zeros.

    transformer: the released setting if None; of use for training, and ignored by networks without a transformer.
    """
    network: PoseNetwork
    match architecture:
        case Architecture.HYBRIK_TRANSFORMER_RESNET34:
            from .ray_network import RayNetwork
            from .resnet import FEATURE_CHANNELS, ResNet34
            from .transformer_head import TransformerHead

            network = RayNetwork(architecture, ResNet34(), TransformerHead(FEATURE_CHANNELS, transformer))
        case Architecture.HYBRIK_TRANSFORMER_HRNET48:
            from .hrnet import FEATURE_CHANNELS, HRNetW48
            from .ray_network import RayNetwork
            from .transformer_head import TransformerHead

            network = RayNetwork(architecture, HRNetW48(), TransformerHead(FEATURE_CHANNELS, transformer))
        case Architecture.HYBRIK_DECONVOLUTION_RESNET34:
            from .heatmap_heads import DeconvolutionHead
            from .ray_network import RayNetwork
            from .resnet import ResNet34

            network = RayNetwork(architecture, ResNet34(), DeconvolutionHead(architecture.joint_count))
        case Architecture.HYBRIK_CAMERA_RESNET34:
            from .camera_networks import HybrIKCameraResNet

            network = HybrIKCameraResNet()
        case Architecture.HYBRIK_CAMERA_HRNET48:
            from .camera_networks import HybrIKCameraHRNet

            network = HybrIKCameraHRNet()
    return network.eval()

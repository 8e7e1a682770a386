"""The heads of the original HybrIK networks: heat-maps for joints, linear regressions for all else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import torch
from torch import Tensor, nn

from .heatmap import CELLS, cell_probabilities, expected_uvd, largest_probability
from .hrnet import BRANCH_WIDTHS
from .hrnet import FEATURE_CHANNELS as HRNET_FEATURES
from .network import Evidence
from .resnet import FEATURE_CHANNELS as RESNET_FEATURES

DECONVOLUTION_WIDTH = 256
DECONVOLUTIONS = 3
HIDDEN = 1024
DROPOUT = 0.5

INITIAL_SCALE = 0.9
"""Camera scale that the head's corrections start from."""


class HeatmapHead(nn.Module, ABC):
    """Regressions from one vector of `width` an image, and the joints from their heat-maps' probabilities.

    camera_parameters: 0 for a network without a camera, which predicts leaf rotations instead; 1 for a scale; 3 for a
    scale and a shift. Li et al. 2021, "HybrIK", section 3.4.
    """

    init_shape: Tensor
    init_cam: Tensor

    normalises_again = True
    """See `expected_uvd`."""

    def __init__(self, joints: int, width: int, camera_parameters: int) -> None:
        super().__init__()
        self.joints = joints
        self.camera_parameters = camera_parameters
        self.register_buffer("init_shape", torch.zeros(10))
        self.decshape = nn.Linear(width, 10)
        self.decphi = nn.Linear(width, 2 * 23)
        if camera_parameters:
            initial = [INITIAL_SCALE, 0.0, 0.0][:camera_parameters]
            self.register_buffer("init_cam", torch.tensor(initial))
            self.deccam = nn.Linear(width, camera_parameters)
            self.decsigma = nn.Linear(width, joints)
        else:
            self.decleaf = nn.Linear(width, 4 * 5)

    @abstractmethod
    def read(self, *features: Tensor) -> tuple[Tensor, Tensor]:
        """What the backbone gives to heat-map logits (N, 64 K, 64, 64) and the vector (N, width)."""

    def forward(self, *features: Tensor) -> Evidence:
        """What the backbone gives, as `read` takes it, to evidence."""
        logits, vector = self.read(*features)
        return self.evidence(cell_probabilities(logits), vector)

    def evidence(self, probabilities: Tensor, vector: Tensor) -> Evidence:
        """Heat-maps (N, K, 64, 64, 64) that sum to 1 and the vector (N, width) to evidence.

        Without a camera `maxvals` are ones, as in the released program.
        """
        delta_betas = self.decshape(vector)
        has_camera = self.camera_parameters > 0
        peaks = largest_probability(probabilities) if has_camera else vector.new_ones(vector.shape[0], self.joints, 1)
        return Evidence(
            uvd=expected_uvd(probabilities, self.normalises_again),
            twist=self.decphi(vector).reshape(-1, 23, 2),
            delta_betas=delta_betas,
            betas=delta_betas + self.init_shape,
            maxvals=peaks,
            leaf_quats_wxyz=None if has_camera else self.decleaf(vector).reshape(-1, 5, 4),
            camera=self.deccam(vector) + self.init_cam if has_camera else None,
            sigma=self.decsigma(vector).sigmoid()[:, :, None] if has_camera else None,
        )


class DeconvolutionHead(HeatmapHead):
    """Reads a ResNet's map (N, 512, 8, 8): three deconvolutions to heat-maps, two linear layers to the vector."""

    def __init__(self, joints: int, camera_parameters: int = 0) -> None:
        super().__init__(joints, HIDDEN, camera_parameters)
        layers: list[nn.Module] = []
        for number in range(DECONVOLUTIONS):
            channels = DECONVOLUTION_WIDTH if number else RESNET_FEATURES
            layers += [
                nn.ConvTranspose2d(channels, DECONVOLUTION_WIDTH, 4, 2, padding=1, bias=False),
                nn.BatchNorm2d(DECONVOLUTION_WIDTH),
                nn.ReLU(inplace=True),
            ]
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(DECONVOLUTION_WIDTH, joints * CELLS, 1)
        self.fc1 = nn.Linear(RESNET_FEATURES, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, HIDDEN)
        self.dropout = nn.Dropout(DROPOUT)

    def read(self, *features: Tensor) -> tuple[Tensor, Tensor]:
        """See `HeatmapHead`; from the feature map (N, 512, 8, 8)."""
        (feature_map,) = features
        hidden = self.dropout(self.fc1(feature_map.mean(dim=(2, 3))))
        return self.final_layer(self.deconv_layers(feature_map)), self.dropout(self.fc2(hidden))


class HighResolutionHead(HeatmapHead):
    """Reads HRNet: heat-maps from the finest branch, the vector is the feature map's mean."""

    normalises_again = False

    def __init__(self, joints: int, camera_parameters: int) -> None:
        super().__init__(joints, HRNET_FEATURES, camera_parameters)
        self.final_layer = nn.Conv2d(BRANCH_WIDTHS[0], joints * CELLS, 1)

    def read(self, *features: Tensor) -> tuple[Tensor, Tensor]:
        """See `HeatmapHead`; from the finest branch (N, 48, 64, 64) and the feature map (N, 2048, 8, 8)."""
        finest_branch, feature_map = features
        return self.final_layer(finest_branch), feature_map.mean(dim=(2, 3))

    def evidence(self, probabilities: Tensor, vector: Tensor) -> Evidence:
        """As `HeatmapHead.evidence`; the vector goes along."""
        return replace(super().evidence(probabilities, vector), features=vector)

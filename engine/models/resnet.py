"""ResNet-34, the smaller backbone, without its classifier."""

from __future__ import annotations

from torch import Tensor, nn

from .residual_blocks import BasicBlock

FEATURE_CHANNELS = 512
BLOCKS = (3, 4, 6, 3)
WIDTHS = (64, 128, 256, FEATURE_CHANNELS)
"""Blocks and channels of each layer; all but the first halve the resolution."""


class ResNet34(nn.Module):
    """He et al. 2016, "Deep Residual Learning for Image Recognition", table 1, down to the last feature map.

    Layout and names of weights are torchvision's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _layer(WIDTHS[max(k - 1, 0)], width, count, stride=1 if k == 0 else 2)
            for k, (width, count) in enumerate(zip(WIDTHS, BLOCKS, strict=True))
        )

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, 256, 256) to the feature map (N, 512, 8, 8)."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        return self.layer4(self.layer3(self.layer2(self.layer1(features))))


def _layer(channels_in: int, width: int, count: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(channels_in, width, stride), *(BasicBlock(width, width) for _ in range(count - 1)))

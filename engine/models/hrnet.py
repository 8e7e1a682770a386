"""HRNet-W48, the larger backbone: parallel branches of four resolutions and one 8 x 8 map made of them all."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import torch
from torch import Tensor, nn

from .residual_blocks import BasicBlock, Bottleneck

BRANCH_WIDTHS = (48, 96, 192, 384)
"""Channels of the branches; each has half the resolution of the one before it."""

MODULES_PER_STAGE = {2: 1, 3: 4, 4: 3}
BLOCKS_PER_BRANCH = 4
STEM_WIDTH = 64

FEATURE_WIDTHS = (128, 256, 512, 1024)
"""Channels to which the feature head widens the branches."""

FEATURE_CHANNELS = 2048


class HRNetW48(nn.Module):
    """Wang et al. 2020, "Deep High-Resolution Representation Learning", with its classification feature head.

    Names of weights are those of the released checkpoints without their prefix.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM_WIDTH, 3, 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_WIDTH)
        self.conv2 = nn.Conv2d(STEM_WIDTH, STEM_WIDTH, 3, 2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(STEM_WIDTH)
        self.relu = nn.ReLU(inplace=True)
        stem_out = STEM_WIDTH * Bottleneck.EXPANSION
        self.layer1 = nn.Sequential(
            Bottleneck(STEM_WIDTH, STEM_WIDTH), *(Bottleneck(stem_out, STEM_WIDTH) for _ in range(3))
        )
        self.transition1 = nn.ModuleList(
            [_convolved(stem_out, BRANCH_WIDTHS[0]), nn.Sequential(_convolved(stem_out, BRANCH_WIDTHS[1], stride=2))]
        )
        self.stage2 = _stage(2)
        self.transition2 = _one_branch_more(2)
        self.stage3 = _stage(3)
        self.transition3 = _one_branch_more(3)
        self.stage4 = _stage(4)
        self.incre_modules = nn.ModuleList(
            nn.Sequential(Bottleneck(width, wider // Bottleneck.EXPANSION))
            for width, wider in zip(BRANCH_WIDTHS, FEATURE_WIDTHS, strict=True)
        )
        self.downsamp_modules = nn.ModuleList(
            _convolved(width, wider, stride=2, bias=True) for width, wider in pairwise(FEATURE_WIDTHS)
        )
        self.final_feat_layer = _convolved(FEATURE_WIDTHS[-1], FEATURE_CHANNELS, size=1, bias=True)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, 256, 256) to the feature map (N, 2048, 8, 8)."""
        return self.feature_map(self.branches(images))

    def branches(self, images: Tensor) -> list[Tensor]:
        """Normalised images (N, 3, 256, 256) to (N, 48, 64, 64), (N, 96, 32, 32), (N, 192, 16, 16), (N, 384, 8, 8)."""
        stem = self.relu(self.bn1(self.conv1(images)))
        stem = self.layer1(self.relu(self.bn2(self.conv2(stem))))
        branches = self.stage2([transition(stem) for transition in self.transition1])
        branches = self.stage3(_extended(self.transition2, branches))
        return self.stage4(_extended(self.transition3, branches))

    def feature_map(self, branches: list[Tensor]) -> Tensor:
        """What `branches` returns to the feature map (N, 2048, 8, 8)."""
        features = self.incre_modules[0](branches[0])
        for widen, downsample, branch in zip(self.incre_modules[1:], self.downsamp_modules, branches[1:], strict=True):
            features = widen(branch) + downsample(features)
        return self.final_feat_layer(features)


class HighResolutionModule(nn.Module):
    """Residual blocks on every branch, then each branch summed with all others at its resolution.

    `fuse_layers[i][j]` brings branch j to branch i.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, width) for _ in range(BLOCKS_PER_BRANCH))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            Fusion(_between_branches(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        """One map a branch, (N, widths[i], H / 2^i, W / 2^i), to maps of the same shapes."""
        branches = [blocks(branch) for blocks, branch in zip(self.branches, branches, strict=True)]
        return [fusion(branches) for fusion in self.fuse_layers]


class Fusion(nn.ModuleList):
    """One layer a branch, each bringing its branch to the same shape; their outputs are summed and rectified."""

    def forward(self, branches: list[Tensor]) -> Tensor:
        """One map a branch to the map of the branch that this fusion is for."""
        return torch.relu(reduce(torch.add, (layer(branch) for layer, branch in zip(self, branches, strict=True))))


def _stage(number: int) -> nn.Sequential:
    widths = BRANCH_WIDTHS[:number]
    return nn.Sequential(*(HighResolutionModule(widths) for _ in range(MODULES_PER_STAGE[number])))


def _one_branch_more(count: int) -> nn.ModuleList:
    """`count` branches that pass through and a new one that halves the last."""
    new = nn.Sequential(_convolved(BRANCH_WIDTHS[count - 1], BRANCH_WIDTHS[count], stride=2))
    return nn.ModuleList([*(nn.Identity() for _ in range(count)), new])


def _extended(transition: nn.ModuleList, branches: list[Tensor]) -> list[Tensor]:
    sources = [*branches, branches[-1]]
    return [layer(source) for layer, source in zip(transition, sources, strict=True)]


def _convolved(
    channels_in: int, channels_out: int, size: int = 3, stride: int = 1, bias: bool = False, relu: bool = True
) -> nn.Sequential:
    layers = [
        nn.Conv2d(channels_in, channels_out, size, stride, padding=size // 2, bias=bias),
        nn.BatchNorm2d(channels_out),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


def _between_branches(widths: tuple[int, ...], source: int, target: int) -> nn.Module:
    """Nothing for the branch itself, nearest up-sampling to finer branches, strided convolutions to coarser ones."""
    if source == target:
        return nn.Identity()
    if source > target:
        up = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
        return nn.Sequential(*_convolved(widths[source], widths[target], size=1, relu=False), up)
    steps = target - source
    return nn.Sequential(
        *(_convolved(widths[source], widths[source], stride=2) for _ in range(steps - 1)),
        _convolved(widths[source], widths[target], stride=2, relu=False),
    )

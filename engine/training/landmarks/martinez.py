"""The residual multilayer perceptron of Martinez et al., a baseline that lifts every frame by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

JOINTS, LANDMARKS = 24, 33


class ResidualBlock(nn.Module):
    """Two times linear, batch normalisation, ReLU and dropout, around which the input is added."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_half(width, width, dropout), *_half(width, width, dropout))

    def forward(self, values: Tensor) -> Tensor:
        """values (N, W)."""
        return values + self.layers(values)


class MartinezNetwork(nn.Module):
    """Landmarks in the picture (N, 33, 2) to joints (N, 24, 3) relative to the pelvis, m.

    Both sides are normalised by the mean and standard deviation of training data, which are part of the network.
    Source: Martinez, Hossain, Romero, Little, A simple yet effective baseline for 3d human pose estimation, ICCV 2017,
    with the published width 1024, two blocks and dropout 0.5; input and output here are those of the view that is
    turned to the person, as for the landmark transformer.
    """

    input_mean: Tensor
    input_deviation: Tensor
    output_mean: Tensor
    output_deviation: Tensor

    def __init__(self, width: int = 1024, blocks: int = 2, dropout: float = 0.5) -> None:
        super().__init__()
        self.first = nn.Sequential(*_half(2 * LANDMARKS, width, dropout))
        self.blocks = nn.Sequential(*(ResidualBlock(width, dropout) for _ in range(blocks)))
        self.last = nn.Linear(width, 3 * JOINTS)
        for name, size in (("input", 2 * LANDMARKS), ("output", 3 * JOINTS)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_deviation", torch.ones(size))

    def set_normalisation(self, landmarks: Tensor, joints: Tensor) -> None:
        """Take mean and deviation from examples: landmarks (N, 33, 2), joints (N, 24, 3)."""
        for name, values in (("input", landmarks.flatten(1)), ("output", joints.flatten(1))):
            getattr(self, f"{name}_mean").copy_(values.mean(0))
            getattr(self, f"{name}_deviation").copy_(values.std(0).clamp_min(1e-3))

    def forward(self, landmarks: Tensor) -> Tensor:
        """(N, 33, 2) to (N, 24, 3), m."""
        values = (landmarks.flatten(1) - self.input_mean) / self.input_deviation
        values = self.last(self.blocks(self.first(values)))
        return (values * self.output_deviation + self.output_mean).unflatten(1, (JOINTS, 3))


def _half(inputs: int, width: int, dropout: float) -> list[nn.Module]:
    linear = nn.Linear(inputs, width)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return [linear, nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]

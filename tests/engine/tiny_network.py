"""HybrIK-Transformer with a small backbone, a narrow transformer and few vertices, which trains in seconds."""

from __future__ import annotations

import numpy as np
import torch
from dataset_files import small_body
from torch import nn

from engine.models.architectures import Architecture
from engine.models.network import PoseNetwork
from engine.models.ray_network import RayNetwork
from engine.models.transformer import TransformerSettings
from engine.models.transformer_head import TransformerHead

CHANNELS = 64


class TinyBackbone(nn.Module):
    """Pictures (N, 3, 256, 256) to a map (N, 64, 8, 8), without statistics over the batch.

    The map is enlarged, so that what is seen stands out from the places and templates it is added to, or the first
    hundreds of steps would go by before the transformer looks at the picture.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 8, 8), nn.GroupNorm(4, 32), nn.ReLU(),
            nn.Conv2d(32, CHANNELS, 3, 2, padding=1), nn.GroupNorm(4, CHANNELS), nn.ReLU(),
            nn.Conv2d(CHANNELS, CHANNELS, 3, 2, padding=1), nn.GroupNorm(4, CHANNELS),
        )  # fmt: skip

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 8.0 * self.layers(images)


def fill_body(network: PoseNetwork, arrays: dict[str, np.ndarray]) -> None:
    """Put a body of any number of vertices into the network's layer."""
    layer = network.hybrik_layer
    entries = {
        "v_template": arrays["v_template"],
        "shapedirs": arrays["shapedirs"],
        "posedirs": arrays["posedirs"].reshape(-1, 207).T,
        "J_regressor": arrays["J_regressor"],
        "J_regressor_h36m": arrays["J_regressor_h36m"],
        "lbs_weights": arrays["weights"],
    }
    for name, array in entries.items():
        setattr(layer, name, torch.from_numpy(np.ascontiguousarray(array, np.float32)))


def tiny_network(seed: int = 0, dropout: float = 0.0, kept_tokens: tuple[float, float] = (1.0, 1.0)) -> RayNetwork:
    torch.manual_seed(seed)
    settings = TransformerSettings(1, 2, 64, 2, 64, dropout, kept_tokens)
    network = RayNetwork(Architecture.HYBRIK_TRANSFORMER_RESNET34, TinyBackbone(), TransformerHead(CHANNELS, settings))
    fill_body(network, small_body())
    return network

"""The head of HybrIK-Transformer: from the backbone's feature map to joints, twists, leaf rotations and shape.

    picture -> backbone -> feature map -> source tokens ---+
                                                           +--> ladder of blocks --> output heads
                         learned target templates ---------+

Oreshkin 2023, "3D Human Pose and Shape Estimation via HybrIK-Transformer", figure 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .compatibility import TWIST_TEMPLATE_OFFSET, TYPE_ROWS
from .network import Evidence
from .transformer import LadderTransformer, TransformerSettings

JOINTS, TWISTS, LEAVES, SHAPES = 24, 23, 5, 10

GRID = 8
"""Rows and columns of the feature map, each cell a token."""

TARGETS = (JOINTS, TWISTS, LEAVES, 1)
"""Templates of each kind, in order: joints, twists, leaf rotations, shape."""

EMBEDDED_JOINTS = JOINTS + LEAVES


class TransformerHead(nn.Module):
    """Names of weights are those of the released checkpoints. channels: of the feature map, an even number."""

    init_shape: Tensor

    def __init__(self, channels: int, settings: TransformerSettings | None = None) -> None:
        super().__init__()
        settings = settings or TransformerSettings()
        low, high = (int(share * GRID * GRID) for share in settings.kept_tokens)
        self.kept_tokens = max(low, 1), max(high, 1)
        self.pos_embedding = CellPositions(channels)
        self.joint_embeddings = nn.Parameter(torch.randn(EMBEDDED_JOINTS, channels))
        self.type_embeddings = nn.Parameter(torch.randn(TYPE_ROWS, channels))
        self.transformer = LadderTransformer(channels, settings)
        self.decjoint = nn.Linear(channels, 3)
        self.decphi = nn.Linear(channels, 2)
        self.decleaf = nn.Linear(channels, 4)
        self.decshape = nn.Linear(channels, SHAPES)
        self.register_buffer("init_shape", torch.zeros(SHAPES))

    def forward(self, feature_map: Tensor) -> Evidence:
        """(N, C, 8, 8) to evidence of 24 joints."""
        sources = self.source_tokens(feature_map)
        if self.training:
            sources = random_subset(sources, *self.kept_tokens)
        templates = self.target_templates().expand(feature_map.shape[0], -1, -1)
        return self.read_out(self.transformer(sources, templates))

    def source_tokens(self, feature_map: Tensor) -> Tensor:
        """Each cell of the map with its place: (N, C, 8, 8) to (N, 64, C), row by row."""
        return (feature_map + self.pos_embedding()).flatten(2).transpose(1, 2)

    def target_templates(self) -> Tensor:
        """(1, 53, C): what is asked of every picture: 24 joints, 23 twists, 5 leaf rotations, the shape."""
        of_joint, of_type = self.joint_embeddings, self.type_embeddings
        first_twist = 1 + TWIST_TEMPLATE_OFFSET
        templates = [
            of_joint[:JOINTS] + of_type[0],
            of_joint[first_twist : first_twist + TWISTS] + of_type[1],
            of_joint[JOINTS:] + of_type[2],
            of_type[3:4],
        ]
        return torch.cat(templates)[None]

    def read_out(self, tokens: Tensor) -> Evidence:
        """The answers (N, 53, C) to numbers: plain linear layers, unbounded."""
        joints, twists, leaves, shape = tokens.split(TARGETS, dim=1)
        uvd = self.decjoint(joints)
        delta_betas = self.decshape(shape[:, 0])
        return Evidence(
            uvd=uvd,
            twist=self.decphi(twists),
            delta_betas=delta_betas,
            betas=delta_betas + self.init_shape,
            maxvals=torch.ones_like(uvd[..., :1]),
            leaf_quats_wxyz=self.decleaf(leaves),
        )


class CellPositions(nn.Module):
    """A learned vector for each cell of the feature map: first half by column, second half by row."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.row_embed = nn.Embedding(GRID, channels // 2)
        self.col_embed = nn.Embedding(GRID, channels // 2)
        nn.init.uniform_(self.row_embed.weight)
        nn.init.uniform_(self.col_embed.weight)

    def forward(self) -> Tensor:
        """(C, 8, 8)."""
        by_column = self.col_embed.weight.T[:, None, :].expand(-1, GRID, -1)
        by_row = self.row_embed.weight.T[:, :, None].expand(-1, -1, GRID)
        return torch.cat([by_column, by_row])


def random_subset(tokens: Tensor, low: int, high: int) -> Tensor:
    """n of the tokens (N, S, C) of each picture, drawn for it without replacement; n in low..high, one for all."""
    count = int(torch.randint(low, high + 1, ()))
    chosen = torch.rand(tokens.shape[:2], device=tokens.device).argsort(dim=1)[:, :count]
    return tokens.gather(1, chosen[..., None].expand(-1, -1, tokens.shape[2]))

"""Soft-argmax: joint coordinates and confidences from volumetric heat-maps."""

from __future__ import annotations

import torch
from torch import Tensor

CELLS = 64
"""Cells of a heat-map along each of its three axes."""


def cell_probabilities(logits: Tensor) -> Tensor:
    """Soft-max over each joint's volume: (N, 64 K, H, W), channel = 64 joint + depth, to (N, K, 64, H, W)."""
    count, channels, height, width = logits.shape
    joints = channels // CELLS
    flat = torch.softmax(logits.reshape(count, joints, CELLS * height * width), dim=2)
    return flat.reshape(count, joints, CELLS, height, width)


def expected_uvd(probabilities: Tensor, normalise_again: bool) -> Tensor:
    """Expected cell of each joint, (N, K, 64, 64, 64) with axes depth, row, column to uvd (N, K, 3) (Sun et al. 2018,
    "Integral Human Pose Regression", eq. 1).

    A coordinate is the expected index / 64 - 0.5: cells count by their first edge, not by their centre, as the released
    weights expect. A soft-max in single precision over that many cells misses 1 by some 1e-5, which `normalise_again`
    makes up for; checkpoints expect it as they were trained.
    """
    index = torch.arange(CELLS, dtype=probabilities.dtype, device=probabilities.device)
    in_image = probabilities.sum(dim=2)
    marginals = torch.stack([in_image.sum(dim=2), in_image.sum(dim=3), probabilities.sum(dim=(3, 4))], dim=2)
    if normalise_again:
        marginals = marginals / in_image.sum(dim=(2, 3))[:, :, None, None]
    return (marginals * index).sum(dim=3) / CELLS - 0.5


def largest_probability(probabilities: Tensor) -> Tensor:
    """(N, K, 64, H, W) to (N, K, 1), how sharp each joint's heat-map is."""
    return probabilities.amax(dim=(2, 3, 4))[:, :, None]


def mirrored_logits(logits: Tensor, order: tuple[int, ...]) -> Tensor:
    """Heat-maps (N, 64 K, H, W) of a mirrored crop as those of the crop itself; joint k becomes joint order[k].

    Mirrored columns are one cell to the left, since cells count by their first edge: all move one to the right, and
    the first is repeated.
    """
    count, channels, height, width = logits.shape
    swapped = logits.reshape(count, channels // CELLS, CELLS, height, width)[:, order].flip(-1)
    return torch.cat([swapped[..., :1], swapped[..., :-1]], dim=-1).reshape(logits.shape)

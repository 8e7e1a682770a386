"""The transformer that lets templates of what is sought read the tokens of a picture (Oreshkin 2023, section 3).

It is not the textbook's: a block of the decoder reads the block of the encoder of its own depth, not the last one
(a ladder); attention is followed by normalisation *and* a ReLU; every layer of a feed-forward part, also the last, is
rectified; the normalisation divides by an unbiased standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from engine.errors import InputError

from .compatibility import NORM_EPSILON


class Rectifier(Enum):
    """What follows each linear layer of a feed-forward part; the state of a network does not tell."""

    LEAKY_RELU = "leaky_relu"
    """All released networks ("custom" in their settings)."""

    RELU = "relu"
    """The variant that their settings call "original"."""


@dataclass(frozen=True)
class TransformerSettings:
    """Sizes of the transformer and its regularisation in training; the default is that of the released networks.

    model_width       entries of a token, a multiple of heads
    feed_forward_layers, feed_forward_width   linear layers of each feed-forward part, entries between them
    dropout           share of each sub-layer's output set to zero
    kept_tokens       (low, high) shares: the tokens each picture keeps in training are drawn between them
    recompute         in training calculate each block again for its backward pass: a fraction of the memory for a third
                      more time of the head, the same numbers
    """

    blocks: int = 6
    heads: int = 8
    model_width: int = 512
    feed_forward_layers: int = 3
    feed_forward_width: int = 512
    dropout: float = 0.1
    kept_tokens: tuple[float, float] = (0.2, 1.0)
    rectifier: Rectifier = Rectifier.LEAKY_RELU
    recompute: bool = False

    def __post_init__(self) -> None:
        """Raises InputError for sizes that make no network."""
        for name in ("blocks", "heads", "model_width", "feed_forward_layers", "feed_forward_width"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} of the transformer is {getattr(self, name)}, expected 1 or more")
        if self.model_width % self.heads:
            raise InputError(f"model_width of the transformer is {self.model_width}, no multiple of {self.heads} heads")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout of the transformer is {self.dropout}, expected 0 or more and less than 1")
        low, high = self.kept_tokens
        if not 0 < low <= high <= 1:
            raise InputError(f"kept_tokens of the transformer are {low}..{high}, expected 0 < low <= high <= 1")


class LadderTransformer(nn.Module):
    """Encoder and decoder side by side, rung by rung. Names of weights are those of the released checkpoints."""

    def __init__(self, token_width: int, settings: TransformerSettings) -> None:
        super().__init__()
        width, blocks = settings.model_width, range(settings.blocks)
        self.input_projection_src = nn.Linear(token_width, width)
        self.input_projection_tgt = nn.Linear(token_width, width)
        self.mha_src, self.mha_tgt, self.mha_cross = (
            nn.ModuleList(MultiHeadAttention(width, settings.heads) for _ in blocks) for _ in range(3)
        )
        self.layer_norm_src, self.layer_norm_tgt, self.layer_norm_cross = (
            nn.ModuleList(Normalisation(width) for _ in blocks) for _ in range(3)
        )
        self.ffn_src, self.ffn_tgt = (nn.ModuleList(FeedForward(settings) for _ in blocks) for _ in range(2))
        self.output_projection = nn.Linear(width, token_width)
        self.dropout = nn.Dropout(settings.dropout)
        self.recompute = settings.recompute

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        """Source tokens (N, S, C) and target templates (N, T, C) to what was read for each target, (N, T, C)."""
        s = self.input_projection_src(sources)
        t = self.input_projection_tgt(targets)
        for rung in range(len(self.mha_src)):
            if self.recompute and self.training:
                s, t = checkpoint(self._climb, rung, s, t, use_reentrant=False)
            else:
                s, t = self._climb(rung, s, t)
        return self.output_projection(t)

    def _climb(self, rung: int, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        s = self._attend(self.mha_src[rung], self.layer_norm_src[rung], s, s)
        s = self.ffn_src[rung](s)
        t = self._attend(self.mha_tgt[rung], self.layer_norm_tgt[rung], t, t)
        t = self._attend(self.mha_cross[rung], self.layer_norm_cross[rung], t, s)
        return s, self.ffn_tgt[rung](t)

    def _attend(self, attention: nn.Module, normalisation: nn.Module, asking: Tensor, asked: Tensor) -> Tensor:
        return torch.relu(normalisation(self.dropout(attention(asking, asked)) + asking))


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention; heads are contiguous slices of a token (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear_q, self.linear_k, self.linear_v, self.linear_o = (nn.Linear(width, width) for _ in range(4))

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Tokens (N, T, D) read tokens (N, S, D): (N, T, D)."""
        q, k, v = self.linear_q(asking), self.linear_k(asked), self.linear_v(asked)
        read = functional.scaled_dot_product_attention(self._split(q), self._split(k), self._split(v))
        return self.linear_o(read.transpose(1, 2).flatten(2))

    def _split(self, tokens: Tensor) -> Tensor:
        """(N, T, D) to (N, heads, T, D / heads)."""
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Module):
    """Linear layers, each rectified, around a shortcut, then normalised."""

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        inner = [settings.feed_forward_width] * (settings.feed_forward_layers - 1)
        widths = [settings.model_width, *inner, settings.model_width]
        self.fc_layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.rectify = _rectifier(settings.rectifier)
        self.layer_norm = Normalisation(settings.model_width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, T, D) to (N, T, D)."""
        hidden = tokens
        for layer in self.fc_layers:
            hidden = self.rectify(layer(hidden))
        return self.layer_norm(self.dropout(hidden) + tokens)


class Normalisation(nn.Module):
    """a (x - mean) / (standard deviation + epsilon) + b over the entries of a token, with the unbiased deviation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a_2 = nn.Parameter(torch.ones(width))
        self.b_2 = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., D) to (..., D)."""
        if self.training:
            return self.a_2 * _Standardised.apply(tokens) + self.b_2
        centred = tokens - tokens.mean(dim=-1, keepdim=True)
        return self.a_2 * centred / (tokens.std(dim=-1, keepdim=True) + NORM_EPSILON) + self.b_2


class _Standardised(torch.autograd.Function):
    """(x - mean) / (standard deviation + epsilon), which keeps one array for the backward pass and not four."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor) -> Tensor:  # type: ignore[override]
        deviation = tokens.std(dim=-1, keepdim=True)
        unit = (tokens - tokens.mean(dim=-1, keepdim=True)) / (deviation + NORM_EPSILON)
        ctx.save_for_backward(unit, deviation)
        return unit

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        unit, deviation = ctx.saved_tensors
        through_mean = (gradient - gradient.mean(dim=-1, keepdim=True)) / (deviation + NORM_EPSILON)
        spread = (unit.shape[-1] - 1) * deviation.clamp_min(torch.finfo(unit.dtype).tiny)
        return through_mean - unit * ((gradient * unit).sum(dim=-1, keepdim=True) / spread)


def _rectifier(kind: Rectifier) -> nn.Module:
    """In place: what comes in is needed no more, so that training keeps one array for each layer and not two."""
    return nn.LeakyReLU(0.01, inplace=True) if kind is Rectifier.LEAKY_RELU else nn.ReLU(inplace=True)

"""The mean of several checkpoints of one training, which does better than each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from engine.errors import InputError
from engine.models.checkpoint import read_checkpoint

AVERAGED_EPOCHS = tuple(range(181, 200, 2))
"""What the published HybrIK-Transformer checkpoints are the mean of."""


def average_files(paths: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of checkpoint files, of which only one at a time is in memory; see `average_states`.

    Raises InputError naming the file when one cannot be read, holds something else than tensors by name, or does not
    fit the first.
    """
    return average_states((str(path), read_checkpoint(path)) for path in paths)


def average_states(states: Iterable[tuple[str, Mapping[str, Tensor]]]) -> dict[str, Tensor]:
    """Arithmetic mean of every entry of (source name, state) pairs, as float32 on the CPU, integers included.

    Sums are kept in double precision. Raises InputError when there is none or names or shapes differ. Source:
    Izmailov et al., Averaging Weights Leads to Wider Optima, UAI 2018, without their pass for batch statistics.
    """
    sums: dict[str, Tensor] = {}
    first, count = "", 0
    for source, state in states:
        if count == 0:
            first, sums = source, {name: entry.to("cpu", torch.float64, copy=True) for name, entry in state.items()}
        else:
            _require_same_entries(first, sums, source, state)
            for name, total in sums.items():
                total += state[name].to("cpu", torch.float64)
        count += 1
        del state  # before the next one is read
    if count == 0:
        raise InputError("there is no checkpoint to average; give at least one file")
    return {name: (sums.pop(name) / count).to(torch.float32) for name in list(sums)}


def _require_same_entries(first: str, sums: Mapping[str, Tensor], source: str, state: Mapping[str, Tensor]) -> None:
    if sums.keys() != state.keys():
        name = min(sums.keys() ^ state.keys())
        holder, other = (first, source) if name in sums else (source, first)
        raise InputError(f"{holder} has the entry {name} that {other} lacks; average files of one network")
    for name, total in sums.items():
        if total.shape != state[name].shape:
            raise InputError(
                f"{name} has the shape {tuple(state[name].shape)} in {source} and {tuple(total.shape)} in {first}; "
                "average files of one network"
            )

"""Knows which of the processes started by torchrun this one is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed

from engine.errors import InputError


@dataclass(frozen=True)
class Ranks:
    """Place of this process among `world` ones; local is its place on this machine, which is its GPU's number."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @classmethod
    def from_environment(cls) -> Ranks:
        """As torchrun states it; the only process without torchrun."""
        if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
            return cls()
        return cls(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ.get("LOCAL_RANK", "0")))

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def device(self, wanted: str) -> torch.device:
        """The device `wanted`: "auto" is this process' GPU, else the CPU; "cuda" its own GPU too.

        Raises InputError for one that torch does not find.
        """
        if wanted in ("auto", "cuda") and torch.cuda.is_available():
            return torch.device("cuda", self.local)
        try:
            device = torch.device("cpu" if wanted == "auto" else wanted)
            torch.zeros(1, device=device)
        except (RuntimeError, AssertionError) as error:
            detail = str(error).split("\n")[0]
            raise InputError(f"the device {wanted!r} cannot be used: {detail} (choose auto, cpu or cuda)") from error
        return device

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """Connect the processes for as long as the context lasts; nothing to do for a single one."""
        if self.world == 1:
            yield
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def gathered(self, value: Any) -> list[Any]:
        """The value of each process, by rank, in every process."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        distributed.all_gather_object(values, value)
        return values

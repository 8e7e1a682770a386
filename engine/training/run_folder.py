"""The files of a training: the state it goes on from, snapshots, the best one, their mean, the log."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from torch import Tensor

from engine.errors import InputError
from engine.models.checkpoint import save_checkpoint
from engine.models.network import PoseNetwork
from rig.atomic_file import replacing

from .averaging import average_files
from .train_settings import TrainSettings

SCHEMA = 1
_UNREADABLE = (
    OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError, BadZipFile
)  # fmt: skip
_MAY_CHANGE = frozenset(
    ("run", "body", "training", "validation", "h36m_regressor", "mean_shape", "backbone_weights", "epochs", "workers",
     "snapshot_every", "average_last", "checkpoint_every", "log_every", "device")
)  # fmt: skip
"""Settings that a resumed training may state anew: paths, and what does not touch the numbers so far."""


@dataclass(frozen=True)
class Progress:
    """How far a training is: optimiser steps in all, the epoch being trained (from 0), steps had in it, best PA."""

    step: int = 0
    epoch: int = 0
    steps_of_epoch: int = 0
    best_pa_mm: float = float("inf")


@dataclass(frozen=True)
class RunFolder:
    """Everything that a training writes; each file appears whole or not at all."""

    path: Path

    @property
    def state(self) -> Path:
        """What the training goes on from."""
        return self.path / "state.pth"

    @property
    def best(self) -> Path:
        """The snapshot with the best PA-MPJPE on the first validation set."""
        return self.path / "best.pth"

    @property
    def average(self) -> Path:
        """The mean of the last snapshots."""
        return self.path / "average.pth"

    @property
    def log(self) -> Path:
        """One JSON object a line."""
        return self.path / "log.jsonl"

    def snapshot(self, epoch: int) -> Path:
        """The network after an epoch, counted from 0 as in the published file names."""
        return self.path / "snapshots" / f"epoch_{epoch:03d}.pth"

    def create(self) -> None:
        """Make the folders."""
        self.snapshot(0).parent.mkdir(parents=True, exist_ok=True)

    def write_log(self, entry: Mapping[str, Any]) -> None:
        """Add a line to the log."""
        with open(self.log, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")

    def save_state(
        self, network: PoseNetwork, optimiser: torch.optim.Optimizer, progress: Progress, settings: TrainSettings
    ) -> None:
        """Write all that the training needs to go on as if it had not stopped, but the body."""
        content = {
            "schema": SCHEMA,
            "settings": _fixed_settings(settings),
            "progress": asdict(progress),
            "network": _trained_state(network),
            "optimiser": optimiser.state_dict(),
        }
        with replacing(self.state) as temporary, open(temporary, "wb") as stream:
            torch.save(content, stream)

    def load_state(
        self, network: PoseNetwork, optimiser: torch.optim.Optimizer, settings: TrainSettings
    ) -> Progress | None:
        """Put the saved state into network and optimiser; None where nothing was saved.

        Raises InputError for a damaged file and for one of a training with other settings.
        """
        if not self.state.is_file():
            return None
        try:
            content = torch.load(self.state, map_location="cpu", weights_only=True)
            if content["schema"] != SCHEMA:
                raise InputError(f"{self.state} was written by another version; start in another folder")
            saved, now = json.loads(content["settings"]), json.loads(_fixed_settings(settings))
            different = sorted(name for name in saved.keys() | now.keys() if saved.get(name) != now.get(name))
            if different:
                raise InputError(
                    f"the training in {self.path} was begun with {different[0]} {saved.get(different[0])}, not "
                    f"{now.get(different[0])}; go on with the same settings or name another folder as run"
                )
            network.load_state_dict(content["network"], strict=False)
            optimiser.load_state_dict(content["optimiser"])
            return Progress(**content["progress"])
        except _UNREADABLE as error:
            detail = str(error).split("\n")[0]
            raise InputError(f"{self.state} cannot be used to go on: {detail}; remove it to begin anew") from error

    def save_snapshot(self, network: PoseNetwork, epoch: int) -> None:
        """Write the network after an epoch."""
        save_checkpoint(self.snapshot(epoch), network)

    def save_average(self, count: int) -> list[Path]:
        """Write the mean of the last snapshots and return their files."""
        paths = sorted(self.snapshot(0).parent.glob("epoch_*.pth"))[-count:]
        mean = average_files(paths)
        with replacing(self.average) as temporary, open(temporary, "wb") as stream:
            torch.save(mean, stream)
        return paths


def _trained_state(network: PoseNetwork) -> dict[str, Tensor]:
    """The network's state without the body, which belongs to somebody else."""
    return {name: value for name, value in network.state_dict().items() if not name.startswith("hybrik_layer.")}


def _fixed_settings(settings: TrainSettings) -> str:
    """Those settings that must stay as they are, as JSON."""
    values = {name: value for name, value in asdict(settings).items() if name not in _MAY_CHANGE}
    return json.dumps(values, default=lambda value: value.value, sort_keys=True)

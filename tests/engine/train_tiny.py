"""Trains the tiny network on one small data set: python train_tiny.py DATA RUN BATCH EPOCHS, alone or by torchrun."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tiny_network import tiny_network

from engine.models.architectures import Architecture
from engine.training.augmentation import NO_AUGMENTATION
from engine.training.datasets.kinds import DatasetKind
from engine.training.train_settings import DataSource, TrainSettings
from engine.training.trainer import train


def tiny_settings(data: Path, run: Path, **changes: Any) -> TrainSettings:
    source = DataSource(DatasetKind.HUMAN36M, data / "human36m.json", data / "images")
    values: dict[str, Any] = {
        "batch_size": 4, "epochs": 2, "workers": 0, "warm_up_steps": 3, "learning_rate": 2e-3, "log_every": 1,
        "snapshot_every": 1, "average_last": 2, "device": "cpu", "training": (source,),
    }  # fmt: skip
    return TrainSettings(Architecture.HYBRIK_TRANSFORMER_RESNET34, run, Path("unused"), **(values | changes))


if __name__ == "__main__":
    data, run, batch, epochs = sys.argv[1:]
    settings = tiny_settings(
        Path(data), Path(run), batch_size=int(batch), epochs=int(epochs), augmentation=NO_AUGMENTATION
    )
    train(settings, lambda entry: None, tiny_network())

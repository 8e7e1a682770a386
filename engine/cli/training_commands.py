"""The arguments and the work of `mocap train` and `mocap evaluate dataset`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .reporters import CommandReporter

if TYPE_CHECKING:
    from ..models.network import PoseNetwork

DATASETS = ("human36m", "3dpw", "3dhp")


def add_train_parser(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add `mocap train` to the command line."""
    parser = command("train", "train an image network on annotated pictures, or go on where a training stopped")
    parser.add_argument("config", type=Path, metavar="CONFIG.toml", help="settings, described in docs/training.md")
    parser.add_argument("--json", action="store_true", help="print each line of the log as one JSON object")


def add_dataset_parser(kind: Callable[..., argparse.ArgumentParser]) -> None:
    """Add `mocap evaluate dataset` to the kinds of evaluation."""
    parser = kind("dataset", help="score an image network on a public data set, by the protocol publications use")
    parser.add_argument("name", choices=DATASETS, help="the data set, which decides layout and protocol")
    parser.add_argument("--annotations", required=True, type=Path, metavar="FILE", help="its annotation file (.json)")
    parser.add_argument("--images", required=True, type=Path, metavar="DIR", help="folder with its pictures")
    parser.add_argument(
        "--model", required=True, metavar="NAME|FILE", help="an added model, or a checkpoint file (.pth)"
    )
    parser.add_argument(
        "--body", type=Path, metavar="FILE", help="SMPL file or released checkpoint, for a checkpoint without a body"
    )
    parser.add_argument("--no-flip", action="store_true", help="read each picture once, not its mirror image too")
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="people at once (default: 32)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that open pictures (default: 0)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run_train(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    """Do what `mocap train` asks."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        from ..errors import MissingTool

        raise MissingTool("Training needs PyTorch, which is not installed; install it with: pip install torch")
    from ..training.train_settings import read_train_settings
    from ..training.trainer import train

    settings = read_train_settings(arguments.config)

    def show(entry: dict[str, Any]) -> None:
        print(json.dumps(entry) if arguments.json else _line(entry), flush=True)

    train(settings, show)
    return 0


def _line(entry: dict[str, Any]) -> str:
    """One line of the log for people."""
    shown = [f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}" for name, value in entry.items()]
    return "  ".join(text.removeprefix("event ") for text in shown)


def run_evaluate_dataset(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    """Do what `mocap evaluate dataset` asks."""
    if arguments.batch < 1 or arguments.workers < 0:
        raise InputError(f"--batch {arguments.batch} --workers {arguments.workers}: expected at least 1 and 0")
    network = _network(arguments.model, arguments.body, arguments.device)
    from ..training.datasets.kinds import DatasetKind, open_dataset
    from ..training.evaluate_dataset import format_score, predict, score_predictions

    kind = DatasetKind(arguments.name)
    table = open_dataset(kind, arguments.annotations, arguments.images)
    predictions = predict(network, table, arguments.batch, arguments.workers, flip=not arguments.no_flip)
    score = score_predictions(kind, table, predictions, arguments.batch)
    print(json.dumps(asdict(score)) if arguments.json else format_score(score))
    return 0


def _network(model: str, body: Path | None, device: str) -> PoseNetwork:
    """The network of an added model's name or of a checkpoint file, on the device."""
    from ..models.load import load_network
    from ..models.registry import InstalledModel, ModelFormat, find_model

    path = Path(model)
    if path.suffix.lower() in (".pth", ".pt"):
        from ..models.load import check_model_file

        architecture = check_model_file(path, ModelFormat.TORCH, str(path), body=body)
        installed = InstalledModel(
            str(path), path, architecture, "", ModelFormat.TORCH, "", path.stat().st_size, str(body) if body else ""
        )
    else:
        installed = find_model(model)
    from ..training.distributed import Ranks

    return load_network(installed, str(Ranks().device(device)))

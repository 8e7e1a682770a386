"""Every setting of a training of an image network, with the published values for each network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, get_type_hints

from engine.errors import InputError
from engine.models.architectures import Architecture
from engine.models.transformer import TransformerSettings
from engine.settings import load_toml

from .augmentation import Augmentation
from .datasets.kinds import DatasetKind


class LossKind(StrEnum):
    """What is minimised."""

    TRANSFORMER = "transformer"
    """HybrIK-Transformer's, also for the deconvolution network of 24 joints."""
    CAMERA_LAPLACE = "camera-laplace"
    CAMERA_L1 = "camera-l1"


class RateSchedule(StrEnum):
    """How the learning rate changes."""

    INVERSE_SQUARE_ROOT = "inverse-square-root"
    """From 0 to learning_rate in warm_up_steps, then with the root of the steps."""
    EPOCHS = "epochs"
    """Divided by ten at each of drop_epochs."""


@dataclass(frozen=True)
class DataSource:
    """One data set: its kind, annotation file, folder of pictures, share of all draws (None: the published one)."""

    kind: DatasetKind
    annotations: Path
    images: Path
    share: float | None = None


@dataclass(frozen=True)
class TrainSettings:
    """Settings of one training; make one with `preset` or `read_train_settings`.

    run                folder for everything written
    body               SMPL file, or a released checkpoint, which carries the body
    h36m_regressor     .npy (17, V) for a SMPL file, which lacks it; mean_shape .npy (10,), zeros without
    backbone_weights   file of pretrained weights of the backbone
    batch_size, workers   of each process
    snapshot_every     epochs between snapshots and scores on `validation`; average_last: snapshots averaged at the end
    checkpoint_every   optimiser steps between the states that training can go on from
    clip_norm          largest norm of the gradient of each single tensor; 0: none
    bfloat16           half of the network's arithmetic in 16 bits, on a GPU only
    """

    architecture: Architecture
    run: Path
    body: Path
    training: tuple[DataSource, ...]
    validation: tuple[DataSource, ...] = ()
    h36m_regressor: Path | None = None
    mean_shape: Path | None = None
    backbone_weights: Path | None = None
    loss: LossKind = LossKind.TRANSFORMER
    schedule: RateSchedule = RateSchedule.INVERSE_SQUARE_ROOT
    learning_rate: float = 5e-4
    warm_up_steps: int = 4000
    drop_epochs: tuple[int, ...] = ()
    clip_norm: float = 0.0
    epochs: int = 200
    batch_size: int = 64
    workers: int = 8
    snapshot_every: int = 2
    average_last: int = 10
    checkpoint_every: int = 1000
    log_every: int = 50
    seed: int = 0
    device: str = "auto"
    bfloat16: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)
    transformer: TransformerSettings = field(default_factory=TransformerSettings)

    def __post_init__(self) -> None:
        """Raises InputError for values that make no training."""
        counts = ("epochs", "batch_size", "snapshot_every", "average_last", "checkpoint_every", "log_every")
        for name, least in [*((name, 1) for name in counts), ("workers", 0), ("warm_up_steps", 1), ("seed", 0)]:
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}, expected a whole number from {least}")
        if not 0 < self.learning_rate < 1:
            raise InputError(f"learning_rate is {self.learning_rate}, expected more than 0 and less than 1")
        if not 0 <= self.clip_norm < float("inf"):
            raise InputError(f"clip_norm is {self.clip_norm}, expected 0 (no clipping) or more")
        if self.architecture.predicts_camera != (self.loss is not LossKind.TRANSFORMER):
            raise InputError(f"the loss {self.loss.value} is not one of {self.architecture.value}")
        if not self.training:
            raise InputError("there is no data set to train on; name at least one under [[training]]")
        for source in self.validation:
            if not source.kind.has_truth_in_3d:
                raise InputError(f"{source.kind.value} has no truth in 3-D to validate with; name another data set")


def preset(architecture: Architecture) -> dict[str, Any]:
    """The published settings of a network, as far as they differ from the defaults of `TrainSettings`."""
    match architecture:
        case Architecture.HYBRIK_TRANSFORMER_RESNET34 | Architecture.HYBRIK_DECONVOLUTION_RESNET34:
            return {}
        case Architecture.HYBRIK_TRANSFORMER_HRNET48:
            return {"batch_size": 56}
        case Architecture.HYBRIK_CAMERA_RESNET34:
            return {**_CAMERA, "loss": LossKind.CAMERA_L1, "batch_size": 32, "drop_epochs": (90, 120)}
        case Architecture.HYBRIK_CAMERA_HRNET48:
            return {**_CAMERA, "loss": LossKind.CAMERA_LAPLACE, "batch_size": 36, "drop_epochs": (60, 80)}


_CAMERA: dict[str, Any] = {
    "schedule": RateSchedule.EPOCHS, "learning_rate": 1e-3, "clip_norm": 5.0,
    "augmentation": Augmentation(flip_probability=0.25),
}  # fmt: skip


def read_train_settings(path: Path) -> TrainSettings:
    """Settings from a TOML file: the published ones of its `architecture`, changed by whatever else it states.

    Relative paths are those beside the file. Raises InputError naming a key that is unknown, missing or of a value
    that cannot be.
    """
    values = load_toml(path)
    if "architecture" not in values:
        choices = ", ".join(each.value for each in Architecture)
        raise InputError(f"{path} states no architecture; choose one of {choices}")
    try:
        return _filled(TrainSettings, values, path, preset(_value(Architecture, values["architecture"], path)))
    except InputError as error:
        message = str(error)
        raise InputError(message if message.startswith(str(path)) else f"{path}: {message}") from error


def _filled(kind: Any, values: Any, path: Path, base: Mapping[str, Any]) -> Any:
    """A dataclass from a table of the file on top of `base`."""
    if not isinstance(values, Mapping):
        raise InputError(f"{path}: {values!r} stands where a table of settings is expected")
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise InputError(f"{path}: the setting {unknown[0]!r} is unknown; there are {', '.join(sorted(hints))}")
    found = dict(base)
    for name, value in values.items():
        start = found.get(name)
        if hints[name] in (Augmentation, TransformerSettings):
            table = _filled(hints[name], value, path, {})
            changed = {key.name: getattr(table, key.name) for key in fields(table) if key.name in value}
            found[name] = replace(start, **changed) if start is not None else table
        elif hints[name] == tuple[DataSource, ...]:
            if not isinstance(value, list):
                raise InputError(f"{path}: {name} is no list of tables; write [[{name}]] above each data set")
            found[name] = tuple(_filled(DataSource, entry, path, {}) for entry in value)
        else:
            found[name] = _value(hints[name], value, path, name)
    lacking = [item.name for item in fields(kind) if item.name not in found and item.default is item.default_factory]
    if lacking:
        raise InputError(f"{path} does not state {lacking[0]}, which has no default")
    return kind(**found)


def _value(kind: Any, value: Any, path: Path, name: str = "architecture") -> Any:
    """A value of the file as the setting's type."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        choices = [member.value for member in kind]
        if value not in choices:
            raise InputError(f"{path}: {name} is {value!r}, expected one of {', '.join(map(str, choices))}")
        return kind(value)
    if kind in (Path, Path | None) and isinstance(value, str):
        return path.parent / Path(value).expanduser()
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind in (float, float | None) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind is str and isinstance(value, str):
        return value
    if kind == tuple[int, ...] and isinstance(value, list) and all(type(entry) is int for entry in value):
        return tuple(value)
    if kind == tuple[float, float] and isinstance(value, list) and len(value) == 2:
        return _value(float, value[0], path, name), _value(float, value[1], path, name)
    raise InputError(f"{path}: {name} is {value!r}, expected {_NAMES.get(kind, 'another kind of value')}")


_NAMES = {
    Path: "a path in quotes", Path | None: "a path in quotes", bool: "true or false", int: "a whole number",
    float: "a number", float | None: "a number", str: "a text", tuple[int, ...]: "a list of whole numbers",
    tuple[float, float]: "two numbers",
}  # fmt: skip

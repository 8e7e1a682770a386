"""Keeps the networks that a user has added: where they lie, of which licence, and whether they are still whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rig.atomic_file import replacing

from ..errors import InputError, MissingTool, OutputError
from .architectures import Architecture
from .catalogue import CATALOGUE

ENTRY_FILE = "entry.json"
SCHEMA = 1
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_BLOCK = 1 << 20


class ModelFormat(StrEnum):
    """What kind of file the weights are in."""

    TORCH = "torch"
    ONNX = "onnx"

    @classmethod
    def of(cls, path: Path) -> ModelFormat:
        """By the file's ending: .onnx, everything else is torch's."""
        return cls.ONNX if path.suffix.lower() == ".onnx" else cls.TORCH


@dataclass(frozen=True)
class InstalledModel:
    """A network that was added.

    path is the file with the weights, blake2b the hash it had then, body the user's SMPL file for weights that do not
    carry their body ("" where they do), linked whether the file lies where the user keeps it.
    """

    name: str
    path: Path
    architecture: Architecture
    licence: str
    format: ModelFormat
    blake2b: str
    size: int
    body: str = ""
    linked: bool = False


def data_folder() -> Path:
    """Where this user's models lie: $SWINGTWIST_HOME, else by the platform's convention."""
    given = os.environ.get("SWINGTWIST_HOME")
    if given:
        return Path(given).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "swingtwist"


def models_folder() -> Path:
    """The folder with one folder for each added network."""
    return data_folder() / "models"


def find_model(name: str) -> InstalledModel:
    """The network added under `name`.

    Raises MissingTool that says exactly what to download, from whom, under which licence, and how to add it; InputError
    for a name that is neither added nor in the catalogue, and for a damaged entry.
    """
    check_name(name)
    entry = models_folder() / name / ENTRY_FILE
    if not entry.is_file():
        if name in CATALOGUE:
            raise MissingTool(f"The model {name} has no weights yet: {CATALOGUE[name].instruction}")
        raise InputError(f"The model {name!r} is not known; choose one of {', '.join(_known_names())}.")
    model = _read_entry(name, entry)
    if not model.path.is_file():
        raise InputError(
            f"The model {name} lost its file {model.path}; add it again with: mocap models add {name} FILE"
        )
    return model


def installed_models() -> dict[str, InstalledModel]:
    """Every added network by name. Raises InputError for a damaged entry."""
    folder = models_folder()
    if not folder.is_dir():
        return {}
    entries = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and (path / ENTRY_FILE).is_file())
    return {path.name: _read_entry(path.name, path / ENTRY_FILE) for path in entries}


def add_model(
    name: str, file: Path, licence: str = "", body: Path | None = None, *, link: bool = False
) -> InstalledModel:
    """Check `file` fully, then copy it to the user's models under `name`, in place of what was there.

    licence  for a network that is not in the catalogue: under which licence its weights are
    body     the user's own SMPL file, for weights that do not carry their body
    link     remember where the file lies, copy nothing
    Raises InputError that says what is wrong with the file, MissingTool without torch (or onnxruntime for .onnx).
    """
    check_name(name)
    if name not in CATALOGUE and not licence:
        raise InputError(
            f"The model {name!r} is not in the catalogue ({', '.join(CATALOGUE)}); "
            "to add a network of your own under this name, state the licence of its weights with --licence."
        )
    from .load import check_model_file

    file = file.absolute()
    form = ModelFormat.of(file)
    expected = CATALOGUE[name].architecture if name in CATALOGUE else None
    architecture = check_model_file(file, form, name, expected, body)
    licence = licence or CATALOGUE[name].licence
    folder, digest = models_folder() / name, file_hash(file)
    # A name of its own for each content: until the entry is written the old one and its file stay together.
    target = file if link else folder / f"weights-{digest[:12]}{'.onnx' if form is ModelFormat.ONNX else '.pth'}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not link:
            with replacing(target) as temporary:
                shutil.copyfile(file, temporary)
                if file_hash(temporary) != digest:
                    raise InputError(f"{file} changed while it was copied; add it again when it is complete.")
        model = InstalledModel(
            name, target, architecture, licence, form, digest, target.stat().st_size,
            str(body.absolute()) if body else "", link,
        )  # fmt: skip
        _write_entry(model)
        for other in folder.glob("weights-*"):
            if other != target:
                other.unlink()
    except OSError as error:
        raise OutputError(
            f"The model {name} cannot be kept in {models_folder()}: {error.strerror or error}."
        ) from error
    return model


def verify_model(model: InstalledModel) -> None:
    """Read the whole file again: same hash, loads, finite. Raises InputError that says what is wrong."""
    digest = file_hash(model.path)
    if digest != model.blake2b:
        raise InputError(
            f"The model {model.name} changed since it was added: {model.path} has the hash {digest[:16]}..., "
            f"expected {model.blake2b[:16]}...; add the file again."
        )
    from .load import check_model_file

    body = Path(model.body) if model.body else None
    check_model_file(model.path, model.format, model.name, model.architecture, body)


def remove_model(name: str) -> Path:
    """Forget the network `name` and delete the copied file, never a linked one. Returns the folder that is gone."""
    check_name(name)
    folder = models_folder() / name
    if not folder.is_dir():
        raise InputError(f"The model {name!r} was not added, so there is nothing to remove.")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"The model {name} cannot be removed from {folder}: {error.strerror or error}.") from error
    return folder


def check_name(name: str) -> None:
    """Raise InputError for a name that could not be a folder's everywhere."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise InputError(f"The model name {name!r} is not usable, expected lower case letters, digits and hyphens.")


def file_hash(path: Path) -> str:
    """The blake2b hash of a file, hexadecimal. Raises InputError for one that cannot be read."""
    digest = hashlib.blake2b()
    try:
        with open(path, "rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise InputError(f"The model file {path} cannot be read: {error.strerror or error}.") from error
    return digest.hexdigest()


def _known_names() -> list[str]:
    return [*CATALOGUE, *(name for name in installed_models() if name not in CATALOGUE)]


def _write_entry(model: InstalledModel) -> None:
    values: dict[str, Any] = {
        "schema": SCHEMA,
        **asdict(model),
        "architecture": model.architecture.value,
        "path": str(model.path) if model.linked else model.path.name,
    }
    with replacing(models_folder() / model.name / ENTRY_FILE) as temporary:
        temporary.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")


def _read_entry(name: str, path: Path) -> InstalledModel:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("schema") != SCHEMA:
            raise InputError(f"{path} was written by another version; add the model {name} again.")
        values["architecture"] = Architecture(values["architecture"])
        values["format"] = ModelFormat(values["format"])
        values["path"] = path.parent / values["path"]  # an absolute path stays as it is
        return InstalledModel(**{**values, "name": name})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error}); remove the folder and add the model {name} again.") from error

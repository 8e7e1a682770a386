"""Reads and writes the state of the image networks under the names that the released checkpoints use."""

from __future__ import annotations

import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rig.atomic_file import replacing

from ..errors import InputError
from .architectures import Architecture
from .network import PoseNetwork
from .released_keys import RELEASED_LAYER, network_name, released_name

LARGEST_FILE = 4 << 30
"""Bytes that a checkpoint may have, unpacked; the largest released one has about 0.5 GB."""

BODY_STRUCTURE = (RELEASED_LAYER + "children_map", RELEASED_LAYER + "parents")
"""Entries of the body that say how the network was trained and are nobody's data."""

_INTEGERS = ("num_batches_tracked", "faces_tensor", "children_map", "parents")
_COUNTER = "num_batches_tracked"
_WRAPPERS = ("model", "state_dict")
_PREFIX = "module."
_NAMED = 3


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The state in a released checkpoint, or in one written by `save_checkpoint`, as the released names to tensors.

    Reads torch's zip and its older format, a flat dictionary or one under 'model' or 'state_dict', with or without the
    prefix 'module.'. Averaged checkpoints hold their counters and index buffers as floats, counters even fractional:
    those come back as int64 (counters rounded), everything else as float32. Nothing in the file is executed.

    Raises InputError for a file that cannot be read, is truncated, asks to run code, or holds values that are not
    finite numbers; the message names the first such entry.
    """
    path = Path(path)
    state = _unwrapped(_load(path), path)
    out: dict[str, Tensor] = {}
    for key, value in state.items():
        name = str(key).removeprefix(_PREFIX)
        if not isinstance(value, Tensor):
            raise InputError(f"{path}: {name} is a {type(value).__name__}, expected a tensor; this is no checkpoint.")
        if name in out:
            raise InputError(f"{path} holds {name} twice, with and without the prefix {_PREFIX!r}; it is damaged.")
        out[name] = _plain(value, name, path)
    return out


def detect_architecture(keys: Iterable[str]) -> Architecture | None:
    """The network that a state with these released names belongs to, None for none of those known here."""
    names = set(keys)
    hrnet, camera = "preact.stage4.0.fuse_layers.0.1.0.weight" in names, "deccam.weight" in names
    resnet34 = "preact.layer3.5.conv2.weight" in names and "preact.layer1.0.conv3.weight" not in names
    if "transformer.output_projection.weight" in names:
        if hrnet:
            return Architecture.HYBRIK_TRANSFORMER_HRNET48
        return Architecture.HYBRIK_TRANSFORMER_RESNET34 if resnet34 else None
    if hrnet and camera:
        return Architecture.HYBRIK_CAMERA_HRNET48
    if not resnet34 or "deconv_layers.0.weight" not in names:
        return None
    if camera:
        return Architecture.HYBRIK_CAMERA_RESNET34
    return Architecture.HYBRIK_DECONVOLUTION_RESNET34 if "decleaf.weight" in names else None


def released_state(network: PoseNetwork) -> dict[str, Tensor]:
    """The network's state under the released names; the tensors are the network's own, detached."""
    return {released_name(name, network.architecture): value for name, value in network.state_dict().items()}


def load_released_state(network: PoseNetwork, state: Mapping[str, Tensor], source: str = "the checkpoint") -> None:
    """Copy a state with released names into the network, strictly.

    Raises InputError that names what `source` lacks, has too much or in another shape (the first few and their
    number); the network is then as it was.
    """
    own = released_state(network)
    missing = [name for name in own if name not in state]
    extra = [name for name in state if name not in own]
    misshapen = [
        f"{name} of shape {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    faults = [
        f"{verb} {_first(names)}"
        for verb, names in (("lacks", missing), ("has the unknown", extra), ("has", misshapen))
        if names
    ]
    if faults:
        raise InputError(f"{source} does not fit {network.architecture.value}: it {' and '.join(faults)}.")
    network.load_state_dict({network_name(name): value for name, value in state.items()})


def save_checkpoint(path: str | os.PathLike[str], network: PoseNetwork) -> None:
    """Write the network's state under the released names, whole or not at all, without the licensed body.

    Of the body's entries only the joint tree stays, which says how the network was trained. The reader supplies the
    body: the user's SMPL file, or a released checkpoint. Raises OSError naming `path`.
    """
    state = {
        name: value.detach().cpu().clone()
        for name, value in released_state(network).items()
        if not name.startswith(RELEASED_LAYER) or name in BODY_STRUCTURE
    }
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        torch.save(state, stream)


def _load(path: Path) -> Any:
    """What torch finds in the file, loaded with weights_only so that nothing in it runs."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, expected a checkpoint file (.pth).")
        size = path.stat().st_size
        with open(path, "rb") as stream:
            if stream.read(2) == b"PK":
                stream.seek(0)
                with zipfile.ZipFile(stream) as archive:
                    size = max(size, sum(member.file_size for member in archive.infolist()))
        if size > LARGEST_FILE:
            raise InputError(f"{path} has {size} bytes, more than any checkpoint ({LARGEST_FILE}).")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"The checkpoint {path} cannot be read: {error.strerror or error}.") from error
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))
        if asked:
            raise InputError(
                f"{path} was refused: it asks to load {asked[1]}, which no checkpoint of weights needs; "
                "nothing in it was run."
            ) from error
        raise InputError(f"{path} is not a checkpoint of torch: its beginning is something else.") from error
    except (
        RuntimeError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError,
        zipfile.BadZipFile, NotImplementedError, OverflowError, MemoryError, RecursionError,
    ) as error:  # fmt: skip
        if "TorchScript" in str(error):
            raise InputError(f"{path} is a TorchScript program, expected a checkpoint of weights (.pth).") from error
        detail = str(error).strip().split("\n")[0].split(". ")[0] or type(error).__name__
        raise InputError(f"{path} is damaged or incomplete, download it again ({detail[:120]}).") from error


def _unwrapped(content: Any, path: Path) -> Mapping[Any, Any]:
    """The dictionary of tensors, out of the ones that training programs put around it."""
    if isinstance(content, Mapping):
        for wrapper in _WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                content = content[wrapper]
                break
    if not isinstance(content, Mapping) or not content:
        raise InputError(
            f"{path} holds {'nothing' if isinstance(content, Mapping) else f'a {type(content).__name__}'}, "
            "expected a dictionary of weights."
        )
    return content


def _plain(value: Tensor, name: str, path: Path) -> Tensor:
    """The entry as a tensor of its own, finite, of the type its name calls for."""
    if value.layout is not torch.strided or value.is_quantized or value.is_complex() or value.device.type != "cpu":
        raise InputError(f"{path}: {name} is not a plain array of numbers; this is no released checkpoint.")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise InputError(f"{path}: {name} claims more numbers than the file holds for it; the file is damaged.")
    value = value.detach()
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        bad = int((~torch.isfinite(value)).sum())
        raise InputError(f"{path}: {bad} of {value.numel()} values of {name} are not finite; the training diverged.")
    last = name.rsplit(".", 1)[-1]
    if last not in _INTEGERS:
        return value.to(torch.float32).contiguous()
    whole = value.round() if value.is_floating_point() else value
    if last != _COUNTER and bool((whole != value).any()):
        raise InputError(f"{path}: {name} holds fractions, expected whole numbers; it averages unlike bodies.")
    return whole.to(torch.int64).contiguous()


def _first(names: list[str]) -> str:
    """The first few names and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more ({len(names)} in all)" if len(names) > _NAMED else shown

"""Turns an added model into a network that is ready to use, and checks files before they are added."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..errors import InputError, MissingTool
from .architectures import Architecture, build_network
from .registry import InstalledModel, ModelFormat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .hybrik_layer import HybrIKLayer
    from .network import PoseNetwork

_Module = TypeVar("_Module", bound="nn.Module")

_TORCH_COMMAND = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
CHECKPOINT_SUFFIXES = (".pth", ".pt")
_BODY = ("faces_tensor", "v_template", "shapedirs", "posedirs", "J_regressor", "J_regressor_h36m", "lbs_weights")


def load_network(installed: InstalledModel, device: str = "cpu") -> PoseNetwork:
    """The network with its weights, in evaluation mode, on `device` ("cpu", "cuda", "cuda:1").

    The body comes from the checkpoint; where that has none, from the user's file named when the model was added. The
    mean shape (`init_shape`) always comes from the checkpoint, and so does the regressor of the Human3.6M joints unless
    the body file has one too. Raises MissingTool without torch, InputError for a file or device that cannot be used.
    """
    if installed.format is not ModelFormat.TORCH:
        raise InputError(f"The model {installed.name} is an ONNX file, {installed.path}, expected weights for torch.")
    network = _read_network(
        installed.path, installed.name, installed.architecture, Path(installed.body) if installed.body else None
    )
    return _moved(network, device)


def load_hybrik_layer(installed: InstalledModel, device: str = "cpu") -> HybrIKLayer:
    """The layer that poses the body for an exported network, which has none of its own: from the file added with it.

    Raises InputError where the model was added without `--body`, or for a file that cannot be used.
    """
    if not installed.body:
        raise InputError(
            f"The model {installed.name} is an export, which holds no body; add it again with your own SMPL file or a "
            f"released checkpoint: mocap models add {installed.name} {installed.path} --body FILE"
        )
    _require_torch()
    from .hybrik_layer import HybrIKLayer
    from .released_keys import RELEASED_LAYER

    layer = HybrIKLayer(installed.architecture.joint_count)
    entries = _taken_from(Path(installed.body), [RELEASED_LAYER + name for name in _BODY])
    own = layer.state_dict()
    own.update({key.removeprefix(RELEASED_LAYER): value for key, value in entries.items()})
    try:
        layer.load_state_dict(own)
    except RuntimeError as error:
        raise InputError(f"{installed.body} holds a body of another size than SMPL's.") from error
    return _moved(layer.eval(), device)


def check_model_file(
    path: Path, form: ModelFormat, name: str, expected: Architecture | None = None, body: Path | None = None
) -> Architecture:
    """Read a file wholly, as the model `name` would be, and return its architecture.

    Raises InputError that says what is wrong with it, also where it is of another architecture than `expected`;
    MissingTool without torch or, for ONNX, onnxruntime.
    """
    if form is ModelFormat.ONNX:
        from .onnx_network import check_onnx_file

        architecture = check_onnx_file(path, name, expected)
        if body is not None:
            load_rest_arrays(body)
        return architecture
    return _read_network(path, name, expected, body).architecture


def _require_torch() -> None:
    if find_spec("torch") is None:
        raise MissingTool(f"The image networks need PyTorch, which is not installed; install it with: {_TORCH_COMMAND}")


def _moved(module: _Module, device: str) -> _Module:
    """The module on `device`. Raises InputError for one that is not there."""
    import torch

    try:
        return module.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        detail = str(error).split("\n")[0]
        raise InputError(f"The device {device!r} cannot be used: {detail} (cpu always works).") from error


def _read_network(path: Path, name: str, expected: Architecture | None, body: Path | None) -> PoseNetwork:
    _require_torch()
    from .checkpoint import detect_architecture, load_released_state, read_checkpoint

    state = read_checkpoint(path)
    found = detect_architecture(state)
    if found is None:
        raise InputError(f"{path} is a checkpoint of no network known here (its first entry is {next(iter(state))}).")
    if expected not in (None, found):
        raise InputError(
            f"{path} is a checkpoint of {found.value}, the entry {name} expects {expected.value if expected else ''}."
        )
    network = build_network(found)
    load_released_state(network, _with_body(state, network, path, body), str(path))
    return network


def _with_body(state: dict[str, Tensor], network: PoseNetwork, path: Path, body: Path | None) -> dict[str, Tensor]:
    """The state with the entries of the body that it lacks, from the user's file."""
    from .checkpoint import BODY_STRUCTURE, released_state
    from .released_keys import RELEASED_LAYER

    lacking = [key for key in (RELEASED_LAYER + name for name in _BODY) if key not in state]
    own = released_state(network)
    out = {**{key: own[key] for key in BODY_STRUCTURE}, **state}
    if not lacking:
        return out
    if body is None:
        raise InputError(
            f"{path} holds no body (it lacks {lacking[0]}); give your own SMPL file or a released checkpoint as --body."
        )
    return {**out, **_taken_from(body, lacking)}


def _taken_from(body: Path, wanted: list[str]) -> dict[str, Tensor]:
    """The entries `wanted`, by released name, of a file with a body."""
    supplied = body_entries(body)
    missing = [key.rsplit(".", 1)[-1] for key in wanted if key not in supplied]
    if missing:
        raise InputError(
            f"{body} has no {missing[0]}, which SMPL's own files do not hold; "
            "name a released checkpoint with --body, those carry it."
        )
    return {key: supplied[key] for key in wanted}


def load_rest_arrays(body: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Template (V, 3) m, shape directions (V, 3, 10) and joint regressor (24, V) of the body in the user's file.

    All that evidence of an exported network, which holds no body, needs of one. SMPL's own files are read without
    torch. Raises InputError for a file that holds no body, MissingTool for a checkpoint where torch is not installed.
    """
    if body.suffix.lower() not in CHECKPOINT_SUFFIXES:
        from ..body.smpl_file import SHAPE_COUNT, read_smpl_arrays

        arrays = read_smpl_arrays(body)
        return arrays["v_template"], arrays["shapedirs"][:, :, :SHAPE_COUNT], arrays["J_regressor"]
    if find_spec("torch") is None:
        raise MissingTool(
            f"The body in {body} can only be read with PyTorch; give SMPL's own file as --body, or install PyTorch "
            f"with: {_TORCH_COMMAND}"
        )
    from .released_keys import RELEASED_LAYER

    wanted = [RELEASED_LAYER + name for name in ("v_template", "shapedirs", "J_regressor")]
    template, directions, regressor = (tensor.double().numpy() for tensor in _taken_from(body, wanted).values())
    return template, directions, regressor


def body_entries(path: Path) -> dict[str, Tensor]:
    """The body's entries by released name, from a SMPL file or from a checkpoint that carries a body."""
    import torch

    from .released_keys import RELEASED_LAYER

    if path.suffix.lower() in CHECKPOINT_SUFFIXES:
        from .checkpoint import read_checkpoint

        return {key: value for key, value in read_checkpoint(path).items() if key.startswith(RELEASED_LAYER)}
    from ..body.smpl_file import POSE_COUNT, SHAPE_COUNT, read_smpl_arrays

    arrays = read_smpl_arrays(path)
    entries = {
        "faces_tensor": arrays["f"],
        "v_template": arrays["v_template"],
        "shapedirs": arrays["shapedirs"][:, :, :SHAPE_COUNT],
        "posedirs": arrays["posedirs"].reshape(-1, POSE_COUNT).T,
        "J_regressor": arrays["J_regressor"],
        "lbs_weights": arrays["weights"],
    }
    if "J_regressor_h36m" in arrays:
        entries["J_regressor_h36m"] = arrays["J_regressor_h36m"]
    return {
        RELEASED_LAYER + name: torch.from_numpy(
            np.ascontiguousarray(array, np.int64 if name == "faces_tensor" else np.float32)
        )
        for name, array in entries.items()
    }

"""Which network the settings name: whether it can be used, what identifies its results, and loading it."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import InputError, MissingTool
from ..models.catalogue import CATALOGUE
from ..models.crops import CROP_SIZE
from ..models.onnx_network import ONNX_COMMAND, check_half, has_gpu
from ..models.registry import InstalledModel, ModelFormat, find_model
from ..settings import LANDMARKS, Settings
from .evidence import Predictor
from .run_network import NetworkOptions

TORCH_COMMAND = "pip install torch"


def uses_network(settings: Settings) -> bool:
    """Whether the settings name an image network, and not the detector's own landmarks."""
    return settings.model != LANDMARKS


def check_network(settings: Settings) -> None:
    """Raise, before any long work, what `load_predictor` would: MissingTool or InputError."""
    model = _find(settings)
    if model.format is ModelFormat.TORCH and find_spec("torch") is None:
        raise MissingTool(
            f"model {settings.model} needs PyTorch, which is not installed; install it with: {TORCH_COMMAND}"
        )
    if model.format is ModelFormat.ONNX:
        _check_export(model, settings)
    elif _torch_device(settings) != "cpu":
        import torch

        if not torch.cuda.is_available():
            raise InputError(f"device is {settings.device!r} but PyTorch finds no GPU here; choose --device cpu")


def check_picture(video: str, image_size: tuple[int, int], settings: Settings) -> None:
    """Raise InputError where every crop of a picture (width, height), px, would be enlarged out of nothing."""
    if max(image_size) < CROP_SIZE:
        raise InputError(
            f"video {video} is {image_size[0]} x {image_size[1]} px, expected at least {CROP_SIZE} px along a side, "
            f"which model {settings.model} looks at; use a larger picture, or the model {LANDMARKS}"
        )


def network_options(settings: Settings) -> NetworkOptions:
    """What identifies and rules the run of the network. Raises MissingTool or InputError for one that is not there."""
    model = _find(settings)
    return NetworkOptions(
        name=model.name,
        model_hash=model.blake2b,
        flip_test=settings.flip_test,
        half=settings.half,
        batch_size=settings.batch_size,
    )


def load_predictor(settings: Settings) -> Predictor:
    """The network that the settings name, on their device. Raises MissingTool or InputError."""
    model = _find(settings)
    if model.format is ModelFormat.ONNX:
        from ..models.onnx_network import OnnxNetwork
        from .onnx_predictor import OnnxPredictor, exported_rest_shape

        exported = OnnxNetwork(model.path, settings.device, settings.threads, settings.half)
        if settings.flip_test and exported.facts.averages_mirror == "yes":
            raise InputError(f"the export {model.name} looks at mirror images by itself; run it without --flip-test")
        return OnnxPredictor(exported, model.architecture, exported_rest_shape(model), _title(model), model.licence)
    from ..models.load import load_network
    from .torch_predictor import TorchPredictor

    return TorchPredictor(load_network(model, _torch_device(settings)), _title(model), model.licence, settings.half)


def _check_export(model: InstalledModel, settings: Settings) -> None:
    """Raise MissingTool or InputError where an exported network cannot be run as the settings want it."""
    if find_spec("onnxruntime") is None:
        raise MissingTool(
            f"model {model.name} needs onnxruntime, which is not installed; install it with: {ONNX_COMMAND}"
        )
    if settings.device != "cpu" and not has_gpu():
        raise InputError(
            f"device is {settings.device!r} but onnxruntime finds no CUDA here (pip install onnxruntime-gpu has it); "
            "choose --device cpu"
        )
    if settings.half and settings.device == "cpu":
        check_half()


def _find(settings: Settings) -> InstalledModel:
    try:
        return find_model(settings.model)
    except InputError as error:
        raise InputError(f"setting model: {error}") from error


def _title(model: InstalledModel) -> str:
    entry = CATALOGUE.get(model.name)
    return f"{model.name} ({entry.title})" if entry else f"{model.name} ({model.architecture.value})"


def _torch_device(settings: Settings) -> str:
    return "cpu" if settings.device == "cpu" else "cuda"

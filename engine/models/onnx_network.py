"""Runs exported image networks with ONNX Runtime; needs no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, MissingTool
from .architectures import Architecture

if TYPE_CHECKING:
    import onnxruntime

ONNX_COMMAND = "pip install onnxruntime"
INPUT = "images"
INPUT_SIZE = 256
OUTPUTS = ("uvd", "twist", "delta_betas", "betas", "maxvals", "leaf_quats_wxyz", "camera", "sigma")
"""Evidence that an export may give, named as in `engine.models.network.Evidence`."""

REQUIRED_OUTPUTS = frozenset(("uvd", "twist", "betas"))
OPENVINO_COMMAND = "pip uninstall onnxruntime; pip install onnxruntime-openvino"
_GPU, _CPU, _OPENVINO = "CUDAExecutionProvider", "CPUExecutionProvider", "OpenVINOExecutionProvider"


@dataclass(frozen=True)
class ExportFacts:
    """What an exported file says about itself, in its metadata; all of it text there.

    architecture        value of `Architecture`
    licence             of the weights
    source, source_hash name and blake2b of the file that was exported, hexadecimal
    precision           "float32", or "float16 weights, calculated in float32"
    averages_mirror     "yes" where the graph looks at the mirror image too and averages
    trained_right_hand  "yes" where the fifth leaf rotation turns the right hand
    input_size          "256": side of the crops, px
    mean, deviation     of RGB parts 0..1, "a b c": crops are to be normalised with them
    """

    architecture: str
    licence: str = ""
    source: str = ""
    source_hash: str = ""
    precision: str = "float32"
    averages_mirror: str = "no"
    trained_right_hand: str = "no"
    input_size: str = str(INPUT_SIZE)
    mean: str = ""
    deviation: str = ""

    def as_metadata(self) -> dict[str, str]:
        """By name, for the file."""
        return asdict(self)


class OnnxNetwork:
    """An exported network in memory.

    path     the file
    device   "cpu", or "gpu" for CUDA
    threads  of the runtime; 0 lets it choose
    half     on a processor: convolutions and products in bfloat16, by OpenVINO; on a processor without such numbers
             in single precision
    Raises MissingTool without onnxruntime or, for `half`, without its OpenVINO provider; InputError for a file or a
    device that cannot be used.
    """

    def __init__(self, path: Path, device: str = "cpu", threads: int = 0, half: bool = False) -> None:
        self.path = path
        self._session = _open(path, device, threads, half)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]
        if not set(self._outputs) >= REQUIRED_OUTPUTS or len(self._session.get_inputs()) != 1:
            raise InputError(
                f"{path} gives {', '.join(self._outputs[:4])}, "
                "expected an exported image network with uvd, twist and betas."
            )
        stored = self._session.get_modelmeta().custom_metadata_map
        known = {field.name for field in fields(ExportFacts)}
        values = {name: value for name, value in stored.items() if name in known}
        self.facts = ExportFacts(**{"architecture": "", **values})

    @property
    def architecture(self) -> Architecture | None:
        """Which network it says it is; None where it does not say so."""
        known = {architecture.value: architecture for architecture in Architecture}
        return known.get(self.facts.architecture)

    def evidence(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Normalised crops (N, 3, 256, 256) float32 to arrays named and shaped as in `engine.models.network.Evidence`.

        Raises InputError where the runtime cannot calculate them.
        """
        try:
            results = self._session.run(None, {self._input: np.ascontiguousarray(images, np.float32)})
        except _faults() as error:
            raise InputError(f"{self.path} is not an ONNX network that can be used: {_first_line(error)}.") from error
        return dict(zip(self._outputs, (np.asarray(result) for result in results), strict=True))


def has_gpu() -> bool:
    """Whether this onnxruntime can use CUDA. Raises MissingTool without onnxruntime."""
    return _GPU in _runtime().get_available_providers()


def check_half() -> None:
    """Raise MissingTool where this onnxruntime cannot calculate in half precision on a processor."""
    if _OPENVINO not in _runtime().get_available_providers():
        raise MissingTool(
            "half precision on a processor needs ONNX Runtime with OpenVINO in place of the plain one: "
            f"{OPENVINO_COMMAND}"
        )


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingTool(
            f"ONNX models need onnxruntime, which is not installed; install it with: {ONNX_COMMAND}"
        ) from error
    return onnxruntime


def _open(path: Path, device: str, threads: int, half: bool) -> onnxruntime.InferenceSession:
    runtime = _runtime()
    if device != "cpu" and not has_gpu():
        raise InputError(
            f"The device {device!r} cannot be used: this onnxruntime has no CUDA (pip install onnxruntime-gpu has; "
            "cpu always works)."
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    providers: list[Any] = [_CPU] if device == "cpu" else [_GPU, _CPU]
    if half and device == "cpu":
        check_half()
        # Threads held to cores wait for whatever else runs there.
        hints = {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO"}
        hints |= {"INFERENCE_NUM_THREADS": str(threads)} if threads else {}
        providers = [(_OPENVINO, {"device_type": "CPU", "load_config": json.dumps({"CPU": hints})}), _CPU]
    try:
        # From memory, so that the file must be complete in itself.
        return runtime.InferenceSession(path.read_bytes(), options, providers=providers)
    except OSError as error:
        raise InputError(f"The model file {path} cannot be read: {error.strerror or error}.") from error
    except _faults() as error:
        raise InputError(f"{path} is not an ONNX network that can be used: {_first_line(error)}.") from error


def _faults() -> tuple[type[Exception], ...]:
    """What onnxruntime raises for a graph that it cannot read or calculate."""
    _runtime()
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.InvalidArgument, state.NotImplemented,
        state.RuntimeException, state.NoSuchFile, RuntimeError, ValueError,
    )  # fmt: skip


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0][:160]


def check_onnx_file(path: Path, name: str, expected: Architecture | None) -> Architecture:
    """Run an exported network once on a blank picture, as the model `name` would be, and return its architecture.

    Raises InputError that says what is wrong with it, MissingTool without onnxruntime.
    """
    network = OnnxNetwork(path)
    found = network.architecture or expected
    results = network.evidence(np.zeros((1, 3, INPUT_SIZE, INPUT_SIZE), np.float32))
    for output, value in results.items():
        if not np.isfinite(value).all():
            raise InputError(f"{path}: {output} is not finite for a blank picture; its weights are damaged.")
    if found is None:
        raise InputError(f"{path} does not say which network it is, expected the metadata 'architecture' in it.")
    if expected not in (None, found):
        raise InputError(
            f"{path} is an export of {found.value}, the entry {name} expects {expected.value if expected else ''}."
        )
    return found

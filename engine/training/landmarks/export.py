"""Writes a trained landmark transformer as an ONNX file that the program runs without torch."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import InputError
from engine.lifting.landmark_features import FRAME_FEATURES, LANDMARK_FEATURES
from rig.atomic_file import replacing

from .model import LandmarkTransformer
from .train import load_average

INPUTS = ("landmarks", "frame", "times_s", "mask", "spread")
OUTPUTS = (
    "joints", "plane", "log_extent", "log_sigma", "twist", "betas", "leaves", "gravity", "velocity", "contacts",
)  # fmt: skip
_OPSET = 17
_SMALL = 256  # weights with fewer numbers stay as they are


class _Flat(nn.Module):
    """The network with its outputs as a tuple."""

    def __init__(self, network: LandmarkTransformer) -> None:
        super().__init__()
        self.network = network

    def forward(self, landmarks: Tensor, frame: Tensor, times_s: Tensor, mask: Tensor, spread: Tensor) -> tuple:  # type: ignore[type-arg]
        """The arrays named OUTPUTS."""
        output = self.network(landmarks, frame, times_s, mask, spread)
        own = {
            "joints": output.fine.joints,
            "plane": output.fine.plane,
            "log_extent": output.fine.log_extent,
            "contacts": output.contacts.sigmoid(),
        }
        return tuple(own[name] if name in own else getattr(output, name) for name in OUTPUTS)


def export_onnx(network: LandmarkTransformer, path: Path) -> None:
    """Write the network for any number of windows and frames; weights are stored in half precision.

    Arithmetic stays in single precision: the weights are cast back when the file is loaded.
    """
    import onnx

    windows, frames = 2, 5
    example = (
        torch.zeros(windows, frames, 33, LANDMARK_FEATURES),
        torch.zeros(windows, frames, FRAME_FEATURES),
        torch.zeros(windows, frames),
        torch.zeros(windows, frames, frames),
        torch.ones(windows, frames),
    )
    buffer = io.BytesIO()
    axes = {name: {0: "windows", 1: "frames"} for name in (*INPUTS, *OUTPUTS)}
    axes["mask"][2] = "frames"
    torch.onnx.export(
        _Flat(network).eval(),
        example,
        buffer,  # type: ignore[arg-type]
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_axes=axes,
        opset_version=_OPSET,
        dynamo=False,
    )
    model = onnx.load_from_string(buffer.getvalue())
    _store_half(model)
    onnx.checker.check_model(model)
    with replacing(path) as temporary:
        onnx.save(model, str(temporary))


def _store_half(model: object) -> None:
    """Store large weights in half precision, each followed by a cast that the runtime folds away."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph  # type: ignore[attr-defined]
    casts = []
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < _SMALL:
            continue
        stored = numpy_helper.from_array(values.astype(np.float16), weight.name + "_half")
        casts.append(helper.make_node("Cast", [stored.name], [weight.name], to=TensorProto.FLOAT))
        graph.initializer.remove(weight)
        graph.initializer.append(stored)
    for number, cast in enumerate(casts):
        graph.node.insert(number, cast)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 when the file is written, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m engine.training.landmarks.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("onnx", type=Path)
    options = parser.parse_args(arguments)
    try:
        export_onnx(load_average(options.checkpoint), options.onnx)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

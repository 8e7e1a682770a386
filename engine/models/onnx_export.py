"""Writes an image network as an ONNX file that needs no torch, and proves that it says the same."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rig.atomic_file import replacing

from ..body.lbs import rest_vertices_and_joints, surface_joints
from ..errors import InputError, MissingTool, OutputError
from ..ik.plan import TIPS_24
from ..ik.reference import solve_reference
from .crops import DEVIATION, MEAN
from .hybrik_layer import VERTICES
from .network import PoseNetwork, tensors_of
from .onnx_network import INPUT, INPUT_SIZE, OUTPUTS, ExportFacts, OnnxNetwork

OPSET = 17
EVIDENCE_TOLERANCE = 1e-4
"""Most by which uvd of an export in single precision may differ."""

ROTATION_TOLERANCE_RAD = 1e-3
"""Most by which a joint's rotation from the inverse kinematics may differ, unless rounding alone makes as much."""

_ROUNDING = 1e-5
"""Of evidence in single precision; of a network that sees no person it may turn a joint by any angle."""

_HALF = "float16 weights, calculated in float32"
_SMALL = 1024
"""Weights of fewer entries stay in single precision: biases and norms, which weigh nothing."""


@dataclass(frozen=True)
class ExportReport:
    """How an export compares.

    differences   largest of each evidence array, by name
    rotation_rad  largest of rotations, NaN without a body to pose
    rounding_rad  what rounding of the evidence does to these rotations
    size          bytes written
    """

    differences: dict[str, float]
    rotation_rad: float
    rounding_rad: float
    size: int


def export_network(
    network: PoseNetwork,
    out: Path,
    *,
    licence: str = "",
    source: str = "",
    source_hash: str = "",
    half: bool = False,
    averages_mirror: bool = False,
) -> ExportReport:
    """Write `PoseNetwork.evidence`, backbone and head, for any number of pictures; the body is not in the file.

    licence, source, source_hash  go into the file (see `ExportFacts`)
    half             weights in half precision: half the size, calculated in single precision
    averages_mirror  write the flip test in its place (twice the time)

    The file is tried against the network on pictures of noise before it takes the place of `out`. Raises InputError
    where it differs by more than EVIDENCE_TOLERANCE or ROTATION_TOLERANCE_RAD in single precision, MissingTool without
    onnx or onnxruntime, OutputError where `out` cannot be written.
    """
    _require_onnx()
    network = network.eval()
    layer = network.hybrik_layer
    facts = ExportFacts(
        architecture=network.architecture.value,
        licence=licence,
        source=source,
        source_hash=source_hash,
        precision=_HALF if half else "float32",
        averages_mirror="yes" if averages_mirror else "no",
        trained_right_hand="yes" if network.architecture.joint_count == 24 and layer.tips == TIPS_24 else "no",
        mean=" ".join(map(str, MEAN)),
        deviation=" ".join(map(str, DEVIATION)),
    )
    model = _traced(_Evidence(network, averages_mirror).eval())
    if half:
        _store_half(model)
    _refuse_body(model, out)
    import onnx

    onnx.helper.set_model_props(model, facts.as_metadata())
    try:
        with replacing(out) as temporary:
            temporary.write_bytes(model.SerializeToString())
            report = _compared(network, temporary, averages_mirror)
            if not half:
                _refuse_difference(report, out)
    except OSError as error:
        raise OutputError(f"The export cannot be written to {out}: {error.strerror or error}.") from error
    return report


class _Evidence(nn.Module):
    """The network's evidence as a tuple, in the order of OUTPUTS."""

    def __init__(self, network: PoseNetwork, averages_mirror: bool) -> None:
        super().__init__()
        self.network, self.averages_mirror = network, averages_mirror

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, 256, 256) to the evidence that there is."""
        return tuple(self.said(images).values())

    def said(self, images: Tensor) -> dict[str, Tensor]:
        """As `forward`, by name."""
        evidence = self.network.flip_tested_evidence(images) if self.averages_mirror else self.network.evidence(images)
        named = tensors_of(evidence)
        return {name: named[name] for name in OUTPUTS if name in named}


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise MissingTool(
            "Exporting needs onnx and onnxruntime, one of which is not installed; install both with: "
            'pip install "onnx<1.23" onnxruntime'
        ) from error


def _traced(evidence: _Evidence) -> Any:
    """The ONNX model of the graph with a free number of pictures."""
    import onnx

    buffer = io.BytesIO()
    example = _noise(2, evidence.network)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = list(evidence.said(example))
        torch.onnx.export(
            evidence,
            (example,),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=names,
            dynamic_axes={name: {0: "people"} for name in (INPUT, *names)},
        )
    return onnx.load_from_string(buffer.getvalue())


def _noise(count: int, network: PoseNetwork, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 3, INPUT_SIZE, INPUT_SIZE)
    return torch.randn(shape, generator=generator).to(next(network.parameters()).device)


def _store_half(model: Any) -> None:
    """Turn large weights into half precision, each followed by a cast that the runtime does once, on loading."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _SMALL:
            continue
        name = weight.name
        values = numpy_helper.to_array(weight)
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)


def _refuse_body(model: Any, out: Path) -> None:
    """Raise InputError where something of the body's size went into the graph."""
    for weight in model.graph.initializer:
        if any(size in (VERTICES, 3 * VERTICES) for size in weight.dims):
            raise InputError(f"{out} was not written: {weight.name} would carry the licensed body into it.")


def _compared(network: PoseNetwork, path: Path, averages_mirror: bool) -> ExportReport:
    """The file's evidence about three pictures against the network's."""
    exported = OnnxNetwork(path)
    pictures = _noise(3, network, seed=1)
    with torch.no_grad():
        said = _Evidence(network, averages_mirror).said(pictures)
    here = {name: tensor.double().cpu().numpy() for name, tensor in said.items()}
    there = {name: array.astype(np.float64) for name, array in exported.evidence(pictures.cpu().numpy()).items()}
    if here.keys() != there.keys():
        raise InputError(f"{path} gives {', '.join(there)}, expected {', '.join(here)}.")
    differences = {name: float(np.abs(here[name] - there[name]).max()) for name in here}
    angle = by_rounding = float("nan")
    if bool(network.hybrik_layer.v_template.any()):
        rotmats = _rotations(network, here)
        angle = _largest_angle(rotmats, _rotations(network, there))
        by_rounding = max(_largest_angle(rotmats, _rotations(network, _rounded(here, seed))) for seed in range(8))
    return ExportReport(differences, angle, by_rounding, path.stat().st_size)


def _rounded(said: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Evidence with as much noise as single precision may have."""
    rng = np.random.default_rng(seed)
    return {name: array + rng.uniform(-_ROUNDING, _ROUNDING, array.shape) for name, array in said.items()}


def _rotations(network: PoseNetwork, said: dict[str, np.ndarray]) -> np.ndarray:
    """(N, 24, 3, 3) by the inverse kinematics on the network's own body, as if seen from far away."""
    layer = network.hybrik_layer
    betas = torch.from_numpy(said["betas"]).to(layer.v_template)
    vertices, joints = rest_vertices_and_joints(layer.body, betas)
    rest = (surface_joints(vertices, joints) if layer.point_count > joints.shape[1] else joints).double().cpu().numpy()
    targets = network.architecture.depth_factor_m * said["uvd"]
    tips = layer.tips if network.architecture.joint_count == 24 else None
    solved = solve_reference(rest, targets, said["twist"], said.get("leaf_quats_wxyz"), tips=tips)
    return np.asarray(solved.local_rotmats)


def _largest_angle(a: np.ndarray, b: np.ndarray) -> float:
    """Largest angle between rotations (..., 3, 3), rad; from the distance of the matrices, exact also for tiny ones."""
    chord = np.sqrt(((a - b) ** 2).sum(axis=(-2, -1)) / 8.0)
    return float(2.0 * np.arcsin(np.minimum(chord, 1.0)).max())


def _refuse_difference(report: ExportReport, out: Path) -> None:
    uvd = report.differences["uvd"]
    if not uvd <= EVIDENCE_TOLERANCE:
        raise InputError(
            f"{out} was not written: the export's joints differ by {uvd:.1e}, more than {EVIDENCE_TOLERANCE:.0e}."
        )
    if report.rotation_rad > max(ROTATION_TOLERANCE_RAD, report.rounding_rad):
        raise InputError(
            f"{out} was not written: the export's rotations differ by {report.rotation_rad:.1e} rad, more than "
            f"{ROTATION_TOLERANCE_RAD:.0e}."
        )

"""Exported networks say what the network says, hold no body, and pose people where torch cannot be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_networks import random_evidence
from sample_pieces import sample_video

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

from engine.cli import main  # noqa: E402
from engine.errors import InputError, MissingTool, OutputError  # noqa: E402
from engine.evaluation import recipe  # noqa: E402
from engine.evaluation.parity_networks import seeded_body_state, seeded_network  # noqa: E402
from engine.image_poses.choice import check_network, load_predictor  # noqa: E402
from engine.image_poses.mirrored import predict_with_mirror  # noqa: E402
from engine.image_poses.onnx_predictor import OnnxPredictor, open_rest_shape  # noqa: E402
from engine.image_poses.torch_predictor import TorchPredictor  # noqa: E402
from engine.models.architectures import Architecture, build_network  # noqa: E402
from engine.models.heatmap_heads import DeconvolutionHead  # noqa: E402
from engine.models.hybrik_layer import HybrIKLayer  # noqa: E402
from engine.models.network import PoseNetwork, tensors_of  # noqa: E402
from engine.models.onnx_export import ExportReport, export_network  # noqa: E402
from engine.models.onnx_network import OnnxNetwork, check_onnx_file  # noqa: E402
from engine.models.registry import InstalledModel, ModelFormat, add_model, find_model  # noqa: E402
from engine.models.released_keys import RELEASED_LAYER  # noqa: E402
from engine.models.transformer import TransformerSettings  # noqa: E402
from engine.models.transformer_head import TransformerHead  # noqa: E402
from engine.settings import Settings  # noqa: E402

RESNETS = [architecture for architecture in Architecture if "resnet" in architecture.value]
_OUTPUT_NAMES = {"uvd", "twist", "betas", "delta_betas", "maxvals"}
_LARGE = pytest.mark.skipif(
    "SWINGTWIST_LARGE_TESTS" not in os.environ,
    reason="writing and reading an HRNet takes a minute and 3 GB: set SWINGTWIST_LARGE_TESTS=1",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWINGTWIST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@cache
def body_state(points: int) -> dict[str, Any]:
    state = seeded_body_state(1, points)
    return {name.removeprefix(RELEASED_LAYER): torch.tensor(array) for name, array in state.items()}


def small(architecture: Architecture, seed: int = 1) -> PoseNetwork:
    """The network on a backbone of one layer, its transformer small."""
    with torch.device("meta"):
        network = build_network(architecture)
    torch.manual_seed(seed)
    network.backbone = torch.nn.Sequential(torch.nn.AvgPool2d(32), torch.nn.Conv2d(3, 512, 1))
    points = architecture.joint_count
    if architecture is Architecture.HYBRIK_TRANSFORMER_RESNET34:
        settings = TransformerSettings(blocks=1, heads=2, model_width=64, feed_forward_width=64)
        network.head = TransformerHead(512, settings)
    else:
        network.head = DeconvolutionHead(points, 3 if points == 29 else 0)
    network.hybrik_layer = HybrIKLayer(points)
    network.hybrik_layer.load_state_dict(body_state(points))
    return network.eval()


Exported = Callable[[Architecture], tuple[PoseNetwork, Path, ExportReport]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A small network with its export, written once; change neither."""
    folder = tmp_path_factory.mktemp("exports")

    @cache
    def of(architecture: Architecture) -> tuple[PoseNetwork, Path, ExportReport]:
        network, path = small(architecture), folder / f"{architecture.value}.onnx"
        report = export_network(network, path, licence="none at all", source="mine", source_hash="abc")
        return network, path, report

    return of


def as_numpy(network: PoseNetwork, images: np.ndarray, flip: bool = False) -> dict[str, np.ndarray]:
    with torch.no_grad():
        read = network.flip_tested_evidence if flip else network.evidence
        return {name: tensor.numpy() for name, tensor in tensors_of(read(torch.from_numpy(images))).items()}


def constant_export(path: Path, points: int) -> Path:
    """A file that says the same of every crop, whatever it shows: what `random_evidence` has first."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    said = {name: array[:1] for name, array in random_evidence(1, points).arrays().items() if name != "rest_joints"}
    said["maxvals"] = said["maxvals"][..., None]
    nodes = [helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0)]
    weights = [helper.make_tensor("nothing", kind, [1], [0.0])]
    nodes.append(helper.make_node("Mul", ["mean", "nothing"], ["zero"]))
    for name, array in said.items():
        shape = helper.make_tensor(f"{name}_shape", onnx.TensorProto.INT64, [array.ndim], [-1] + [1] * (array.ndim - 1))
        weights += [helper.make_tensor(f"{name}_said", kind, array.shape, array.astype(np.float32).ravel()), shape]
        nodes.append(helper.make_node("Reshape", ["zero", f"{name}_shape"], [f"{name}_zero"]))
        nodes.append(helper.make_node("Add", [f"{name}_zero", f"{name}_said"], [name]))
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("images", kind, ["n", 3, 256, 256])],
        [helper.make_tensor_value_info(name, kind, ["n", *array.shape[1:]]) for name, array in said.items()],
        weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.helper.set_model_props(model, {"architecture": "hybrik-deconvolution-resnet34"})
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("architecture", RESNETS, ids=lambda architecture: architecture.value)
def test_exports_say_what_the_network_says_of_any_number_of_pictures(
    architecture: Architecture, exported: Exported
) -> None:
    network, path, report = exported(architecture)
    assert report.differences["uvd"] < 1e-4
    assert report.rotation_rad <= max(1e-3, report.rounding_rad)
    in_onnx = OnnxNetwork(path, threads=1)
    for count in (1, 4):
        images = recipe.images(4, count)
        expected = as_numpy(network, images)
        said = in_onnx.evidence(images)
        assert said.keys() >= _OUTPUT_NAMES
        for name, array in said.items():
            assert array == pytest.approx(expected[name], abs=1e-4), name
    facts = in_onnx.facts
    assert in_onnx.architecture is architecture
    assert (facts.licence, facts.source, facts.source_hash) == ("none at all", "mine", "abc")
    assert (facts.input_size, facts.mean, facts.precision) == ("256", "0.406 0.457 0.48", "float32")


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture",
    [pytest.param(each, marks=() if each in RESNETS else _LARGE, id=each.value) for each in Architecture],
)
def test_whole_networks_say_the_same_when_exported(architecture: Architecture, tmp_path: Path) -> None:
    report = export_network(seeded_network(architecture, 2), tmp_path / "net.onnx")
    assert report.differences["uvd"] < 1e-4


def test_no_file_holds_a_body_and_half_precision_halves_it(tmp_path: Path, exported: Exported) -> None:
    network, path, full = exported(Architecture.HYBRIK_CAMERA_RESNET34)
    half = export_network(network, tmp_path / "half.onnx", half=True)
    assert half.size < 0.55 * full.size
    assert 0 < half.differences["uvd"] < 0.01
    body = network.hybrik_layer
    rest = (body.J_regressor @ body.v_template).numpy().astype(np.float32)
    for file in (path, tmp_path / "half.onnx"):
        model = onnx.load(str(file))
        weights = {weight.name: onnx.numpy_helper.to_array(weight) for weight in model.graph.initializer}
        assert all(not {6890, 20670, 13776} & set(array.shape) for array in weights.values())
        assert not any("hybrik_layer" in name or "smpl" in name for name in weights)
        assert rest[:4].tobytes() not in model.SerializeToString()
    said = OnnxNetwork(tmp_path / "half.onnx").evidence(recipe.images(4, 2))
    assert all(array.dtype == np.float32 for array in said.values())


def test_half_precision_on_a_processor_is_openvinos(exported: Exported) -> None:
    _, path, _ = exported(Architecture.HYBRIK_CAMERA_RESNET34)
    if "OpenVINOExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(MissingTool, match="pip install onnxruntime-openvino"):
            OnnxNetwork(path, half=True)
        return
    images = recipe.images(4, 2)
    single, half = OnnxNetwork(path).evidence(images), OnnxNetwork(path, threads=1, half=True).evidence(images)
    difference = np.abs(half["betas"] - single["betas"]).max()
    assert difference < 0.05 * np.abs(single["betas"]).max()


def test_something_of_the_bodys_size_is_refused(tmp_path: Path) -> None:
    network = small(Architecture.HYBRIK_CAMERA_RESNET34)
    network.head.fc1.weight = torch.nn.Parameter(torch.zeros(6890, 512))
    network.head.fc1.bias = torch.nn.Parameter(torch.zeros(6890))
    network.head.fc2 = torch.nn.Linear(6890, 1024)
    with pytest.raises(InputError, match=r"was not written: .* would carry the licensed body"):
        export_network(network, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_differs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = small(Architecture.HYBRIK_CAMERA_RESNET34)
    monkeypatch.setattr("engine.models.onnx_export.EVIDENCE_TOLERANCE", -1.0)
    with pytest.raises(InputError, match="joints differ by"):
        export_network(network, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="cannot be written to"):
        export_network(network, tmp_path / "nowhere" / "net.onnx", half=True)


def test_the_flip_test_can_be_inside(tmp_path: Path) -> None:
    network = small(Architecture.HYBRIK_CAMERA_RESNET34)
    export_network(network, tmp_path / "net.onnx", averages_mirror=True)
    exported = OnnxNetwork(tmp_path / "net.onnx")
    assert exported.facts.averages_mirror == "yes"
    images = recipe.images(4, 2)
    expected = as_numpy(network, images, flip=True)
    for name, array in exported.evidence(images).items():
        assert array == pytest.approx(expected[name], abs=1e-4), name


@pytest.mark.parametrize("architecture", RESNETS, ids=lambda architecture: architecture.value)
def test_both_ways_of_running_hand_over_the_same(architecture: Architecture, exported: Exported) -> None:
    _, path, _ = exported(architecture)
    # It folds its norms away, so the network is one of its own.
    in_torch = TorchPredictor(small(architecture), "net", "none")
    in_onnx = OnnxPredictor(OnnxNetwork(path, threads=1), architecture, in_torch._rest, "net", "none")
    assert in_onnx.facts == in_torch.facts
    crops = recipe.images(5, 2)
    for read in (lambda predictor: predictor.predict(crops), lambda predictor: predict_with_mirror(predictor, crops)):
        expected, said = read(in_torch).arrays(), read(in_onnx).arrays()
        assert said.keys() == expected.keys()
        for name, array in said.items():
            assert array == pytest.approx(expected[name], abs=1e-4), name


@pytest.mark.parametrize("points", [24, 29])
def test_the_open_body_stands_in_where_no_body_was_named(points: int) -> None:
    rest = open_rest_shape(points).rest_joints(np.ones((2, 10)))
    assert rest.shape == (2, points, 3)
    if points == 29:
        head_top, left_finger, right_finger, left_toe, right_toe = rest[0, 24:] - rest[0, [15, 22, 23, 10, 11]]
        assert head_top[1] > 0.05
        assert left_finger[0] > 0 > right_finger[0]
        assert min(left_toe[2], right_toe[2]) > 0.0
        assert np.abs(rest[0, 24:] - rest[0, [15, 22, 23, 10, 11]]).max() < 0.3


@pytest.mark.slow
def test_people_are_posed_where_torch_cannot_be_imported(tmp_path: Path, home: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "torch.py").write_text("raise ImportError('torch is not installed')")
    file = constant_export(tmp_path / "net.onnx", 24)
    code = (
        f"import sys; sys.path.insert(0, {str(blocked)!r}); from engine.cli import main; "
        f"assert main(['models', 'add', 'mine', {str(file)!r}, '--licence', 'none']) == 0; "
        f"sys.exit(main(['run', {str(sample_video())!r}, '--model', 'mine', '--end', '0.3', '--threads', '1', "
        f"'--out', {str(tmp_path / 'out.npz')!r}]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, timeout=300, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    with np.load(tmp_path / "out.npz", allow_pickle=False) as motion:
        assert np.isfinite(motion["body_pose"]).all()


# The command


def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = Architecture.HYBRIK_CAMERA_RESNET34
    model = InstalledModel("mine", Path("mine.pth"), architecture, "nobody's", ModelFormat.TORCH, "12ab", 1)
    monkeypatch.setattr("engine.models.registry.find_model", lambda name: model)
    monkeypatch.setattr("engine.models.load.load_network", lambda model: small(architecture))


def test_the_command_writes_a_file_that_can_be_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine ü.onnx"
    with monkeypatch.context() as patched:
        fake_model(patched)
        assert main(["models", "export", "mine", "--out", str(out), "--json"]) == 0
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert told["differences"]["uvd"] < 1e-4
        assert told["bytes"] == out.stat().st_size
        assert main(["models", "export", "mine", "--out", str(tmp_path / "mine.pth")]) == 2
        assert "ends in .onnx" in capsys.readouterr().err
        assert main(["models", "export", "mine", "--out", str(tmp_path / "no" / "mine.onnx")]) == 5
        assert "folder does not exist" in capsys.readouterr().err
    assert main(["models", "add", "hybrik-resnet34", str(out)]) == 0
    model = find_model("hybrik-resnet34")
    assert model.format is ModelFormat.ONNX
    settings = Settings(model="hybrik-resnet34", threads=1)
    check_network(settings)
    said = load_predictor(settings).predict(recipe.images(1, 2))
    assert said.uvd.shape == (2, 29, 3)
    if "CUDAExecutionProvider" not in __import__("onnxruntime").get_available_providers():
        with pytest.raises(InputError, match="finds no CUDA"):
            check_network(Settings(model="hybrik-resnet34", device="gpu"))
    assert main(["models", "export", "hybrik-resnet34", "--out", str(out)]) == 2
    assert "is an ONNX file" in capsys.readouterr().err
    assert main(["models", "export", "hybrid", "--out", str(out)]) == 2
    assert "not known" in capsys.readouterr().err


def test_without_onnx_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "onnx", None)
        with pytest.raises(MissingTool, match="pip install"):
            export_network(small(Architecture.HYBRIK_CAMERA_RESNET34), tmp_path / "net.onnx")
    file = constant_export(tmp_path / "net.onnx", 24)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingTool, match="pip install onnxruntime"):
        check_onnx_file(file, "hybrik-24", None)


def test_a_checkpoint_as_body_needs_torch_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("engine.models.load.find_spec", lambda name: None)
    with pytest.raises(MissingTool, match=r"give SMPL's own file as --body"):
        add_model("hybrik-24", constant_export(tmp_path / "net.onnx", 24), body=tmp_path / "weights.pth")

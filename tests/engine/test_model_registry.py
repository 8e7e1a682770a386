"""Networks are listed, added whole or not at all, checked, removed; one that is missing says how to get it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.cli import main
from engine.errors import InputError, MissingTool
from engine.evaluation.parity_networks import seeded_network
from engine.models.architectures import Architecture
from engine.models.catalogue import CATALOGUE
from engine.models.checkpoint import released_state, save_checkpoint
from engine.models.load import load_hybrik_layer, load_network
from engine.models.registry import ModelFormat, add_model, find_model, installed_models, models_folder, remove_model


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWINGTWIST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("downloads") / "hybrik 24 ü.pth"
    torch.save(released_state(seeded_network(Architecture.HYBRIK_DECONVOLUTION_RESNET34, 3)), path)
    return path


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_model_without_weights_says_everything_needed_to_get_it() -> None:
    with pytest.raises(MissingTool) as error:
        find_model("hybrik-transformer")
    for part in (
        "https://storage.googleapis.com/hybrik-transformer/trained_models/average_model_hrnet_w_pw3d_181_199.pth",
        "the HybrIK-Transformer project",
        "non-commercial research",
        "SMPL licence",
        "all rights reserved",
        "mocap models add hybrik-transformer average_model_hrnet_w_pw3d_181_199.pth",
    ):
        assert part in str(error.value)
    with pytest.raises(InputError, match=r"not known; choose one of hybrik-transformer, .*hybrik-24"):
        find_model("hybrid")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "Ä", "-x", "x" * 65, "a..b"])
def test_names_that_could_leave_the_folder_are_refused(name: str) -> None:
    for use in (find_model, remove_model):
        with pytest.raises(InputError, match="not usable"):
            use(name)


def test_every_entry_is_complete_and_of_its_own_architecture() -> None:
    assert {entry.architecture for entry in CATALOGUE.values()} == set(Architecture)
    for name, entry in CATALOGUE.items():
        assert name == entry.name
        assert "non-commercial" in entry.licence
        assert entry.publisher
        assert entry.address.startswith("https://")


def test_listing_loads_no_torch_and_needs_no_folder(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    rows = said(capsys)
    assert [row["name"] for row in rows] == list(CATALOGUE)
    assert {row["state"] for row in rows} == {"not added"}
    assert main(["models", "list"]) == 0
    assert "mocap models add hybrik hybrik_hrnet.pth" in capsys.readouterr().out
    assert not home.exists()


def test_add_list_load_verify_remove(checkpoint: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "add", "hybrik-24", str(checkpoint)]) == 0
    assert "non-commercial" in capsys.readouterr().out
    model = find_model("hybrik-24")
    assert model.path.is_relative_to(home)
    assert model.path.read_bytes() == checkpoint.read_bytes()
    assert model.format is ModelFormat.TORCH
    assert sorted(path.name for path in model.path.parent.iterdir()) == [
        "entry.json",
        f"weights-{model.blake2b[:12]}.pth",
    ]
    assert load_network(model).architecture is Architecture.HYBRIK_DECONVOLUTION_RESNET34

    assert main(["models", "list", "--json"]) == 0
    row = next(row for row in said(capsys) if row["name"] == "hybrik-24")
    assert (row["state"], row["blake2b"], row["file"]) == ("added", model.blake2b, str(model.path))
    assert main(["models", "verify", "--json"]) == 0
    assert said(capsys) == [{"name": "hybrik-24", "ok": True, "message": "unchanged, loads, all weights finite"}]

    data = bytearray(model.path.read_bytes())
    data[len(data) // 2] ^= 1
    model.path.write_bytes(data)
    assert main(["models", "verify"]) == 1
    assert "FAILED  The model hybrik-24 changed since it was added" in capsys.readouterr().out
    assert main(["models", "remove", "hybrik-24"]) == 0
    assert installed_models() == {}
    assert checkpoint.exists()
    assert main(["models", "remove", "hybrik-24"]) == 2


def test_what_cannot_be_used_is_never_installed_and_leaves_the_old_one(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_model("hybrik-24", checkpoint)
    bad = tmp_path / "bad.pth"
    bad.write_bytes(checkpoint.read_bytes()[:-1000])
    assert main(["models", "add", "hybrik-24", str(bad)]) == 2
    assert "bad.pth is damaged" in capsys.readouterr().err
    assert main(["models", "add", "hybrik-resnet34", str(checkpoint)]) == 2
    assert "is a checkpoint of hybrik-deconvolution-resnet34, the entry hybrik-resnet34" in capsys.readouterr().err
    assert list(installed_models()) == ["hybrik-24"]
    assert main(["models", "verify", "hybrik-24"]) == 0


def test_a_linked_file_stays_where_it_is(checkpoint: Path, tmp_path: Path) -> None:
    mine = shutil.copy(checkpoint, tmp_path / "mine.pth")
    model = add_model("hybrik-24", Path(mine), link=True)
    assert model.path == Path(mine)
    assert find_model("hybrik-24") == model
    remove_model("hybrik-24")
    assert Path(mine).exists()
    add_model("hybrik-24", Path(mine), link=True)
    Path(mine).unlink()
    with pytest.raises(InputError, match=r"lost its file .*mine\.pth"):
        find_model("hybrik-24")


def test_a_network_of_ones_own_needs_a_licence_and_may_take_its_body_from_elsewhere(
    checkpoint: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.pth"
    save_checkpoint(own, seeded_network(Architecture.HYBRIK_DECONVOLUTION_RESNET34, 3))
    with pytest.raises(InputError, match="state the licence"):
        add_model("mine", own)
    with pytest.raises(InputError, match="no body"):
        add_model("mine", own, "mine alone")
    add_model("mine", own, "mine alone", body=checkpoint)
    assert (find_model("mine").licence, find_model("mine").body) == ("mine alone", str(checkpoint))
    assert torch.equal(
        load_network(find_model("mine")).hybrik_layer.v_template,
        seeded_network(Architecture.HYBRIK_DECONVOLUTION_RESNET34, 3).hybrik_layer.v_template,
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "architecture": "x"}'])
def test_a_damaged_entry_says_so(home: Path, text: str) -> None:
    (models_folder() / "hybrik").mkdir(parents=True)
    (models_folder() / "hybrik" / "entry.json").write_text(text)
    with pytest.raises(InputError, match=r"entry\.json"):
        find_model("hybrik")


def test_without_torch_the_command_that_installs_it_is_named(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("engine.models.load.find_spec", lambda name: None if name == "torch" else find(name))
    assert main(["models", "add", "hybrik-24", str(checkpoint)]) == 4
    assert "pip install torch" in capsys.readouterr().err
    assert installed_models() == {}


def test_exported_networks_are_tried_before_they_are_kept(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    good = tmp_path / "net.onnx"
    good.write_bytes(_exported(onnx, "hybrik-camera-resnet34"))
    assert main(["models", "add", "hybrik-resnet34", str(good)]) == 0
    model = find_model("hybrik-resnet34")
    assert (model.format, model.path.suffix) == (ModelFormat.ONNX, ".onnx")
    assert model.architecture is Architecture.HYBRIK_CAMERA_RESNET34
    with pytest.raises(InputError, match="is an ONNX file"):
        load_network(model)
    with pytest.raises(InputError, match=r"add it again .* --body FILE"):
        load_hybrik_layer(model)
    assert main(["models", "add", "hybrik-resnet34", str(good), "--body", str(checkpoint)]) == 0
    layer = load_hybrik_layer(find_model("hybrik-resnet34"))
    source = seeded_network(Architecture.HYBRIK_DECONVOLUTION_RESNET34, 3)
    assert layer.point_count == 29
    assert torch.equal(layer.lbs_weights, source.hybrik_layer.lbs_weights)
    capsys.readouterr()
    for name, data, message in (
        ("hybrik", good.read_bytes(), "is an export of hybrik-camera-resnet34, the entry hybrik expects"),
        ("hybrik-resnet34", good.read_bytes()[:50], "is not an ONNX network"),
        ("hybrik-resnet34", b"", "is not an ONNX network"),
        ("hybrik-resnet34", _exported(onnx, "hybrik-camera-resnet34", np.nan), "twist is not finite"),
        ("hybrik-resnet34", _exported(onnx, "hybrik-camera-resnet34", names=("a", "b", "c")), "gives a, b, c"),
    ):
        (tmp_path / "bad.onnx").write_bytes(data)
        assert main(["models", "add", name, str(tmp_path / "bad.onnx")]) == 2
        assert message in capsys.readouterr().err


def _exported(
    onnx: Any, architecture: str, twist: float = 1.0, names: tuple[str, ...] = ("uvd", "twist", "betas")
) -> bytes:
    """A tiny ONNX file: the mean of the picture under three names, one of them times `twist`."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0)]
    factors = []
    for name, factor in zip(names, (1.0, twist, 1.0), strict=True):
        factors.append(helper.make_tensor(f"{name}_factor", kind, [1], [factor]))
        nodes.append(helper.make_node("Add", ["mean", f"{name}_factor"], [name]))
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("images", kind, ["n", 3, 256, 256])],
        [helper.make_tensor_value_info(name, kind, ["n"]) for name in names],
        factors,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.helper.set_model_props(model, {"architecture": architecture})
    return bytes(model.SerializeToString())


def test_the_registry_loads_no_torch() -> None:
    import subprocess

    code = "import sys, engine.models.registry, engine.cli.model_commands; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0

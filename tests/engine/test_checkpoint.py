"""Released checkpoints load unchanged in every form they come in; bad files end with one clear sentence."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.errors import InputError
from engine.evaluation import recipe
from engine.evaluation.parity_networks import seeded_network
from engine.models.architectures import Architecture, build_network
from engine.models.checkpoint import (
    detect_architecture,
    load_released_state,
    read_checkpoint,
    released_state,
    save_checkpoint,
)
from engine.models.load import load_network
from engine.models.network import PoseNetwork
from engine.models.registry import InstalledModel, ModelFormat

KEYS = Path(__file__).parents[1] / "data" / "parity" / "keys"
LISTINGS = {
    "hkt_res34": Architecture.HYBRIK_TRANSFORMER_RESNET34,
    "hkt_hrnet48": Architecture.HYBRIK_TRANSFORMER_HRNET48,
    "smpl24_deconv": Architecture.HYBRIK_DECONVOLUTION_RESNET34,
    "cam_res34": Architecture.HYBRIK_CAMERA_RESNET34,
    "cam_hrnet48": Architecture.HYBRIK_CAMERA_HRNET48,
}
DECONVOLUTION = Architecture.HYBRIK_DECONVOLUTION_RESNET34


@pytest.fixture(scope="module")
def network() -> PoseNetwork:
    return seeded_network(DECONVOLUTION, 3)


@pytest.fixture(scope="module")
def state(network: PoseNetwork) -> dict[str, Tensor]:
    return released_state(network)


def installed(path: Path, body: Path | None = None, architecture: Architecture = DECONVOLUTION) -> InstalledModel:
    return InstalledModel("hybrik-24", path, architecture, "", ModelFormat.TORCH, "", 0, str(body or ""))


def saved(path: Path, content: Any, *, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def small() -> dict[str, Tensor]:
    return {"a.weight": torch.arange(6.0).reshape(2, 3), "a.num_batches_tracked": torch.tensor(7)}


def same(network: PoseNetwork, state: dict[str, Tensor]) -> None:
    for name, value in released_state(network).items():
        assert torch.equal(value, state[name]), name
        assert value.dtype == state[name].dtype, name


@pytest.mark.parametrize("listing", LISTINGS)
def test_the_architecture_is_seen_from_the_released_names(listing: str) -> None:
    names = [line.split("\t")[0] for line in (KEYS / f"{listing}.tsv").read_text().splitlines()]
    assert detect_architecture(names) is LISTINGS[listing]
    without_body = [name for name in names if not name.startswith("smpl.")]
    assert detect_architecture(without_body) is LISTINGS[listing]


def test_other_networks_are_not_taken_for_known_ones() -> None:
    names = [line.split("\t")[0] for line in (KEYS / "smpl24_deconv.tsv").read_text().splitlines()]
    assert detect_architecture([name for name in names if "decleaf" not in name]) is None
    assert detect_architecture([name for name in names if "layer3.5" not in name]) is None
    assert detect_architecture([*names, "preact.layer1.0.conv3.weight"]) is None
    assert detect_architecture([]) is None


@pytest.mark.parametrize("form", ["flat", "ordered", "model", "state_dict", "prefixed", "old format"])
def test_every_form_of_file_is_read(tmp_path: Path, form: str) -> None:
    content: dict[str, Any] = {
        "ordered": OrderedDict(small()),
        "model": {"model": small(), "epoch": 3, "optimizer": {"lr": 0.1}},
        "state_dict": {"state_dict": OrderedDict(small())},
        "prefixed": {f"module.{name}": value for name, value in small().items()},
    }.get(form, small())
    read = read_checkpoint(saved(tmp_path / "a.pth", content, zipped=form != "old format"))
    assert read.keys() == small().keys()
    for name, value in small().items():
        assert torch.equal(read[name], value)
        assert read[name].dtype == value.dtype


def test_averaged_checkpoints_get_their_integers_back(tmp_path: Path) -> None:
    averaged = {
        "bn.num_batches_tracked": torch.tensor(190_123.4),
        "smpl.children_map": torch.tensor([3.0, -1.0]),
        "smpl.parents": torch.tensor([-1.0, 0.0]),
        "smpl.faces_tensor": torch.tensor([[0.0, 6889.0, 5.0]]),
        "half": torch.ones(2, dtype=torch.float16),
        "double": torch.ones(2, dtype=torch.float64),
    }
    read = read_checkpoint(saved(tmp_path / "a.pth", averaged))
    assert read["bn.num_batches_tracked"].item() == 190_123
    assert read["smpl.children_map"].tolist() == [3, -1]
    assert {name for name, value in read.items() if value.dtype == torch.int64} == set(averaged) - {"half", "double"}
    assert read["half"].dtype == read["double"].dtype == torch.float32
    averaged["smpl.parents"] = torch.tensor([-1.0, 0.5])
    with pytest.raises(InputError, match=r"smpl\.parents holds fractions"):
        read_checkpoint(saved(tmp_path / "a.pth", averaged))


def test_an_averaged_file_loads_into_the_network_unchanged(tmp_path: Path, state: dict[str, Tensor]) -> None:
    averaged = {f"module.{name}": value.to(torch.float32) for name, value in state.items()}
    path = saved(tmp_path / "average.pth", {"model": averaged})
    loaded = load_network(installed(path))
    assert not loaded.training
    same(loaded, state)


def test_the_joint_tree_comes_from_the_file(state: dict[str, Tensor]) -> None:
    network = build_network(DECONVOLUTION)
    assert network.hybrik_layer.tips[23] == 0
    mended = state["smpl.children_map"].clone()
    mended[23] = -1
    load_released_state(network, {**state, "smpl.children_map": mended})
    assert network.hybrik_layer.tips[23] == -1


def test_missing_extra_and_misshapen_entries_are_named(state: dict[str, Tensor]) -> None:
    network = build_network(DECONVOLUTION)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wrong = dict(state)
    del wrong["fc1.bias"]
    wrong["more.weight"] = torch.zeros(2)
    wrong["init_shape"] = torch.zeros(11)
    with pytest.raises(InputError) as error:
        load_released_state(network, wrong, "a.pth")
    assert str(error.value) == (
        "a.pth does not fit hybrik-deconvolution-resnet34: it lacks fc1.bias and has the unknown more.weight "
        "and has init_shape of shape (11,) instead of (10,)."
    )
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    few = {name: value for name, value in state.items() if not name.startswith("preact.layer4")}
    with pytest.raises(InputError, match=r"lacks preact\.layer4\.0\.conv1\.weight, .* and 39 more \(42 in all\)"):
        load_released_state(network, few)


def test_a_checkpoint_of_another_network_says_of_which(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = saved(tmp_path / "a.pth", state)
    with pytest.raises(
        InputError,
        match=r"of hybrik-deconvolution-resnet34, the entry hybrik-24 expects hybrik-camera-resnet34\.",
    ):
        load_network(installed(path, architecture=Architecture.HYBRIK_CAMERA_RESNET34))
    with pytest.raises(InputError, match="no network known here"):
        load_network(installed(saved(tmp_path / "b.pth", small())))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(tmp_path: Path, value: float) -> None:
    content = small()
    content["a.weight"][1, 1] = value
    with pytest.raises(InputError, match=r"1 of 6 values of a\.weight are not finite"):
        read_checkpoint(saved(tmp_path / "a.pth", content))


class _Bomb:
    """Pickles as a call that makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["zip", "old format", "plain pickle"])
def test_a_file_that_would_run_something_is_refused_and_not_run(tmp_path: Path, form: str) -> None:
    path = tmp_path / "bomb.pth"
    content = {**small(), "x": _Bomb(tmp_path / "was run")}
    if form == "plain pickle":
        path.write_bytes(pickle.dumps({"x": _Bomb(tmp_path / "was run")}, protocol=2))
    else:
        saved(path, content, zipped=form == "zip")
    with pytest.raises(InputError, match=r"refused: it asks to load (posix|nt)\.mkdir.*nothing in it was run"):
        read_checkpoint(path)
    assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_every_truncation_says_so(tmp_path: Path, zipped: bool) -> None:
    data = saved(tmp_path / "a.pth", {"w": torch.ones(2000)}, zipped=zipped).read_bytes()
    for end in range(0, len(data), max(1, len(data) // 13)):
        (tmp_path / "a.pth").write_bytes(data[:end])
        with pytest.raises(InputError, match=r"a\.pth (is damaged or incomplete|is not a checkpoint)"):
            read_checkpoint(tmp_path / "a.pth")


def test_other_files_end_with_one_sentence(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a/readme.txt", "hello")
    for data in (b"<!DOCTYPE html><html>quota exceeded</html>", archive.getvalue(), b"\x00" * 100, pickle.dumps(3)):
        (tmp_path / "a.pth").write_bytes(data)
        with pytest.raises(InputError, match=r"a\.pth"):
            read_checkpoint(tmp_path / "a.pth")
    with pytest.raises(InputError, match="cannot be read"):
        read_checkpoint(tmp_path / "nowhere.pth")
    with pytest.raises(InputError, match="folder"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(2)], "holds a list"),
        ({}, "holds nothing"),
        ({"a": 1.0}, "a is a float"),
        ({"module.a": torch.ones(1), "a": torch.ones(1)}, "holds a twice"),
        ({"a": torch.ones(2).to_sparse()}, "not a plain array"),
        ({"a": torch.ones(1).expand(10**9)}, "claims more numbers"),
    ],
)
def test_content_that_is_no_state_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_checkpoint(saved(tmp_path / "a.pth", content))


def test_a_saved_checkpoint_carries_no_body_and_takes_it_from_the_users_file(
    tmp_path: Path, network: PoseNetwork, state: dict[str, Tensor]
) -> None:
    save_checkpoint(tmp_path / "own.pth", network)
    kept = read_checkpoint(tmp_path / "own.pth")
    assert {name for name in kept if name.startswith("smpl.")} == {"smpl.children_map", "smpl.parents"}
    with pytest.raises(InputError, match=r"holds no body .* as --body"):
        load_network(installed(tmp_path / "own.pth"))

    arrays = recipe.body(3)
    body = tmp_path / "body.pkl"
    body.write_bytes(pickle.dumps(arrays))
    same(load_network(installed(tmp_path / "own.pth", body)), state)

    del arrays["J_regressor_h36m"]
    body.write_bytes(pickle.dumps(arrays))
    with pytest.raises(InputError, match=r"no J_regressor_h36m, which SMPL's own files do not hold"):
        load_network(installed(tmp_path / "own.pth", body))
    released = saved(tmp_path / "released.pth", state)
    same(load_network(installed(tmp_path / "own.pth", released)), state)


def test_the_loaded_network_gives_the_same_numbers(
    tmp_path: Path, network: PoseNetwork, state: dict[str, Tensor]
) -> None:
    loaded = load_network(installed(saved(tmp_path / "a.pth", state)))
    images = torch.from_numpy(recipe.images(5, count=1))
    with torch.no_grad():
        assert torch.equal(loaded.evidence(images).uvd, network.evidence(images).uvd)


def test_a_device_that_is_not_there_is_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    with pytest.raises(InputError, match="device 'nonsense'"):
        load_network(installed(saved(tmp_path / "a.pth", state)), "nonsense")
    assert np.isfinite(state["init_shape"].numpy()).all()

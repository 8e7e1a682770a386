"""Checkpoints, pictures and boxes that cannot be used end `mocap` with one sentence and a code that is not 0."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dataset_files import make_people, write_human36m  # noqa: E402
from tiny_network import tiny_network  # noqa: E402

from engine.cli import main, training_commands  # noqa: E402
from engine.models.registry import installed_models  # noqa: E402


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs `mocap`, which is to fail in one line, and gives that line."""

    def run(*arguments: object, code: int = 2) -> str:
        assert main([str(argument) for argument in arguments]) == code
        said = capsys.readouterr()
        assert said.out == ""
        [line] = said.err.splitlines()
        return line

    return run


# Checkpoints


class _Bomb:
    """Pickles as a call that makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def state() -> dict[str, Any]:
    """As much of a state as tells which network it is of: HybrIK-Transformer on ResNet-34."""
    body = ("faces_tensor", "v_template", "shapedirs", "posedirs", "J_regressor", "J_regressor_h36m", "lbs_weights")
    names = ("preact.layer3.5.conv2.weight", "transformer.output_projection.weight", "decphi.bias")
    return {name: torch.zeros(2) for name in (*names, *(f"smpl.{name}" for name in body))}


def test_checkpoints_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused) -> None:
    monkeypatch.setenv("SWINGTWIST_HOME", str(tmp_path / "home"))
    file = tmp_path / "weights.pth"

    def added(content: Any, name: str = "hybrik-transformer-resnet34") -> str:
        torch.save(content, file)
        return refused("models", "add", name, file)

    said = added(state(), "hybrik-24")
    assert f"{file} is a checkpoint of hybrik-transformer-resnet34, the entry hybrik-24 expects hybrik-deconv" in said
    said = added({**state(), "strange.weight": torch.zeros(1), "preact.conv1.weight": torch.zeros(64, 3, 3, 3)})
    assert "does not fit hybrik-transformer-resnet34: it lacks " in said
    assert "has the unknown strange.weight" in said
    assert "has preact.conv1.weight of shape (64, 3, 3, 3) instead of (64, 3, 7, 7)" in said
    said = added({**state(), "decphi.bias": torch.tensor([1.0, torch.nan])})
    assert "1 of 2 values of decphi.bias are not finite" in said
    said = added({**state(), "x": _Bomb(tmp_path / "was run")})
    assert "refused" in said
    assert not (tmp_path / "was run").exists()
    torch.save(state(), file)
    file.write_bytes(file.read_bytes()[:-100])
    assert "weights.pth is damaged or incomplete" in refused("models", "add", "hybrik-transformer-resnet34", file)
    assert installed_models() == {}


# Pictures and boxes


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setattr(training_commands, "_network", lambda model, body, device: tiny_network())
    return write_human36m(tmp_path, make_people(3, 1))


def score(people: tuple[Path, Path]) -> tuple[object, ...]:
    return ("evaluate", "dataset", "human36m", "--annotations", people[0], "--images", people[1], "--model", "any")


def changed(annotations: Path, part: str, **values: Any) -> None:
    content = json.loads(annotations.read_text())
    content[part][0].update(values)
    annotations.write_text(json.dumps(content))


@pytest.mark.parametrize("box", [[50, 40, 0, 0], [50, 40, 1, 80]])
def test_a_box_without_an_area_is_refused(people: tuple[Path, Path], refused, box: list[int]) -> None:
    changed(people[0], "annotations", bbox=box)
    said = refused(*score(people))
    assert "annotation 0: person box" in said
    assert "expected x0 < x1 and y0 < y1" in said


@pytest.mark.parametrize(("size_wh", "fits"), [((1, 1), False), ((1, 90), False), ((20, 30), True)])
def test_a_picture_smaller_than_the_crop_is_enlarged_and_one_of_a_line_refused(
    people: tuple[Path, Path], refused, capsys: pytest.CaptureFixture[str], size_wh: tuple[int, int], fits: bool
) -> None:
    [picture] = people[1].iterdir()
    cv2.imwrite(str(picture), np.full((size_wh[1], size_wh[0], 3), 99, np.uint8))
    changed(people[0], "images", width=size_wh[0], height=size_wh[1])
    changed(people[0], "annotations", bbox=[2, 2, 15, 25])
    if fits:
        assert main([str(argument) for argument in score(people)]) == 0
        assert "human36m, 1 people" in capsys.readouterr().out
    else:
        said = refused(*score(people))
        assert "annotation 0" in said

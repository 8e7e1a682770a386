"""Tests of `mocap train` and `mocap evaluate dataset` as commands."""

import json

import pytest

torch = pytest.importorskip("torch")

from dataset_files import make_people, write_3dpw, write_human36m  # noqa: E402
from tiny_network import tiny_network  # noqa: E402

from engine.cli import main, training_commands  # noqa: E402
from engine.training import trainer  # noqa: E402


@pytest.fixture
def pw3d(tmp_path):
    return [str(path) for path in write_3dpw(tmp_path, make_people(3, 2))]


def test_train_reads_a_file_trains_and_says_so(tmp_path, monkeypatch, capsys):
    write_human36m(tmp_path, make_people(3, 2))
    monkeypatch.setattr(trainer, "initial_network", lambda settings: tiny_network(settings.seed))
    config = tmp_path / "config.toml"
    config.write_text(
        'architecture = "hybrik-transformer-resnet34"\nrun = "run"\nbody = "none"\nepochs = 1\nbatch_size = 2\n'
        'workers = 0\nlog_every = 1\ndevice = "cpu"\n[[training]]\nkind = "human36m"\n'
        'annotations = "human36m.json"\nimages = "images"\n'
    )
    assert main(["train", str(config), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["step", "step", "epoch", "averaged"]
    assert [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()] == lines
    assert (tmp_path / "run" / "average.pth").is_file()


def test_a_wrong_configuration_ends_with_one_sentence(tmp_path, capsys):
    assert main(["train", str(tmp_path / "none.toml")]) == 2
    assert "none.toml cannot be read" in capsys.readouterr().err


def test_evaluate_dataset_prints_the_row(pw3d, monkeypatch, capsys):
    monkeypatch.setattr(training_commands, "_network", lambda model, body, device: tiny_network())
    command = ["evaluate", "dataset", "3dpw", "--annotations", pw3d[0], "--images", pw3d[1], "--model", "any"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "3dpw, 2 people" in text
    assert text.splitlines()[2].split() == ["PA-MPJPE", "mm", "MPJPE", "mm", "PVE", "mm"]
    assert main([*command, "--json", "--no-flip"]) == 0
    score = json.loads(capsys.readouterr().out)
    assert (score["kind"], score["people"]) == ("3dpw", 2)
    assert score["row"]["MPJPE mm"] > 50


def test_evaluate_dataset_names_what_it_cannot_use(pw3d, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SWINGTWIST_HOME", str(tmp_path))
    command = ["evaluate", "dataset", "3dpw", "--annotations", pw3d[0], "--images", pw3d[1], "--model"]
    assert main([*command, "hybrik-transformer"]) == 4
    assert "has no weights yet" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "none.pth")]) == 2
    assert "none.pth cannot be read" in capsys.readouterr().err
    assert main([*command, "x.pth", "--batch", "0"]) == 2

"""Tests of the training loop: going on exactly, several processes, what is written, and what stops it."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from dataset_files import make_people, write_human36m  # noqa: E402
from tiny_network import tiny_network  # noqa: E402
from train_tiny import tiny_settings  # noqa: E402

from engine.errors import InputError  # noqa: E402
from engine.models.checkpoint import read_checkpoint, released_state  # noqa: E402
from engine.training.augmentation import NO_AUGMENTATION, Augmentation  # noqa: E402
from engine.training.distributed import Ranks  # noqa: E402
from engine.training.evaluate_dataset import predict  # noqa: E402
from engine.training.network_input import EpochPlaces  # noqa: E402
from engine.training.run_folder import RunFolder  # noqa: E402
from engine.training.train_settings import RateSchedule  # noqa: E402
from engine.training.trainer import train  # noqa: E402
from engine.training.training_step import learning_rate, seed_of_step  # noqa: E402

HERE = Path(__file__).parent
PEOPLE = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    write_human36m(folder, make_people(3, PEOPLE))
    return folder


def losses(run):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if line["event"] == "step"}


class Stopped(Exception):
    pass


def test_a_stopped_training_goes_on_bit_by_bit(data, tmp_path):
    """In the middle of an epoch, with everything random: dropout, chosen tokens, augmentation, order."""

    def network():
        return tiny_network(dropout=0.2, kept_tokens=(0.2, 1.0))

    def stop_at_7(entry):
        if entry.get("step") == 7 and entry["event"] == "step":
            raise Stopped

    whole = tiny_settings(data, tmp_path / "whole")
    train(whole, lambda entry: None, network())
    broken = replace(whole, run=tmp_path / "broken", checkpoint_every=2)
    with pytest.raises(Stopped):
        train(broken, stop_at_7, network())
    assert RunFolder(broken.run).state.is_file()
    steps = []
    train(broken, lambda entry: steps.append(entry.get("step")), network())
    assert steps[0] == 6
    assert losses(broken.run) == losses(whole.run)
    assert len(losses(whole.run)) == 8
    for file in ("average.pth", "snapshots/epoch_000.pth", "snapshots/epoch_001.pth"):
        one, other = (read_checkpoint(run / file) for run in (whole.run, broken.run))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one), file
    finished = RunFolder(whole.run).state.read_bytes()
    assert train(whole, lambda entry: None, network()).epoch == 2
    assert RunFolder(whole.run).state.read_bytes() == finished


def test_a_run_is_not_continued_with_other_settings(data, tmp_path):
    settings = tiny_settings(data, tmp_path, epochs=1)
    train(settings, lambda entry: None, tiny_network())
    with pytest.raises(InputError, match=r"begun with learning_rate 0.002, not 0.003"):
        train(replace(settings, learning_rate=3e-3), lambda entry: None, tiny_network())
    RunFolder(tmp_path).state.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"state\.pth cannot be used to go on"):
        train(settings, lambda entry: None, tiny_network())


def test_files_hold_the_network_without_the_body_and_the_best_is_kept(data, tmp_path):
    source = tiny_settings(data, tmp_path).training
    entries = []
    settings = tiny_settings(data, tmp_path, validation=source, epochs=4, snapshot_every=2, average_last=10)
    network = tiny_network()
    progress = train(settings, entries.append, network)
    folder = RunFolder(tmp_path)
    assert sorted(path.name for path in folder.snapshot(0).parent.iterdir()) == ["epoch_001.pth", "epoch_003.pth"]
    scores = [entry["PA-MPJPE mm"] for entry in entries if entry["event"] == "score"]
    assert progress.best_pa_mm == min(scores)
    best = folder.snapshot(1 if scores[0] <= scores[1] else 3)
    assert folder.best.read_bytes() == best.read_bytes()
    last = read_checkpoint(folder.snapshot(3))
    body = {"smpl.parents", "smpl.children_map"}
    assert {name for name in last if name.startswith("smpl.")} == body
    own = released_state(network)
    assert all(torch.equal(last[name], own[name]) for name in last)
    first, mean = read_checkpoint(folder.snapshot(1)), read_checkpoint(folder.average)
    torch.testing.assert_close(mean["decjoint.bias"], (first["decjoint.bias"] + last["decjoint.bias"]) / 2)


def test_two_processes_train_as_one_with_the_double_batch(data, tmp_path):
    """The network has no statistics over the batch and every person equal weights, so that only rounding differs."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)]),
    }
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               str(HERE / "train_tiny.py"), str(data), str(tmp_path / "two"), "4", "2"]  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    settings = tiny_settings(data, tmp_path / "one", batch_size=8, augmentation=NO_AUGMENTATION)
    train(settings, lambda entry: None, tiny_network())
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == 4
    assert two == pytest.approx(one, rel=1e-4)
    assert one[3] < one[0]


@pytest.mark.parametrize("place", ["loss", "gradient"])
def test_a_loss_that_is_no_number_stops_the_training_with_the_pictures(place, data, tmp_path):
    network = tiny_network()
    if place == "loss":
        with torch.no_grad():
            network.head.decjoint.bias[0] = math.nan
    else:
        network.head.decjoint.weight.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(InputError, match=rf"the {place} of step 0 \(epoch 0\) .*_ca_01_00000\d\.png .*and 3 more"):
        train(tiny_settings(data, tmp_path), lambda entry: None, network)


def test_a_missing_picture_stops_the_training_in_plain_words_from_a_loading_process_too(tmp_path):
    _, images = write_human36m(tmp_path, make_people(3, 2))
    (images / "s_09_act_05_subact_01_ca_01_000001.png").unlink()
    settings = tiny_settings(tmp_path, tmp_path / "run", batch_size=2, workers=1)
    with pytest.raises(InputError, match=r"^the picture .*000001\.png of .*annotation 1 is missing"):
        train(settings, lambda entry: None, tiny_network())


def test_a_batch_larger_than_an_epoch_is_refused(data, tmp_path):
    with pytest.raises(InputError, match="fewer than batch_size 17"):
        train(tiny_settings(data, tmp_path, batch_size=17), lambda entry: None, tiny_network())


def test_processes_share_an_epoch_without_overlap():
    parts = [EpochPlaces(11, rank, 2, seed=4) for rank in range(2)]
    for part in parts:
        part.set_epoch(3)
    drawn = [list(part) for part in parts]
    assert [len(part) for part in drawn] == [5, 5] == [len(part) for part in parts]
    assert len(set(drawn[0]) | set(drawn[1])) == 10
    assert {epoch for epoch, _ in drawn[0]} == {3}
    parts[0].set_epoch(3, skipped=2)
    assert list(parts[0]) == drawn[0][2:]
    parts[0].set_epoch(4)
    assert [place for _, place in parts[0]] != [place for _, place in drawn[0]]


def test_ranks_come_from_torchrun(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert Ranks.from_environment() == Ranks(0, 1, 0)
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert Ranks.from_environment() == Ranks(5, 8, 1)
    with pytest.raises(InputError, match="device 'gpu' cannot be used"):
        Ranks().device("gpu")


def test_the_learning_rate_of_each_schedule(data, tmp_path):
    root = tiny_settings(data, tmp_path, warm_up_steps=4000, learning_rate=5e-4)
    assert [learning_rate(root, step, 0) for step in (0, 2000, 4000, 16000)] == [0.0, 2.5e-4, 5e-4, 2.5e-4]
    steps = replace(root, schedule=RateSchedule.EPOCHS, learning_rate=1e-3, drop_epochs=(60, 80))
    rates = [learning_rate(steps, 0, epoch) for epoch in (0, 59, 60, 80)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5])


def test_each_step_and_process_draws_other_numbers():
    seeds = {seed_of_step(seed, step, rank) for seed in range(3) for step in range(5) for rank in range(2)}
    assert len(seeds) == 30


def test_scoring_by_shares_gives_everybody_once_and_in_order(data):
    from engine.training.datasets.kinds import DatasetKind, open_dataset

    table = open_dataset(DatasetKind.HUMAN36M, data / "human36m.json", data / "images")
    network = tiny_network().train()
    whole = predict(network, table, batch_size=3)
    assert network.training
    one_by_one = predict(network, table, batch_size=1)
    for name in ("regressed_mm", "joints_mm", "vertex_error_mm"):
        array = getattr(whole, name)
        assert len(array) == PEOPLE
        assert abs(array - getattr(one_by_one, name)).max() < 0.1


def test_augmentation_changes_what_is_learnt(data, tmp_path):
    plain = tiny_settings(data, tmp_path / "plain", epochs=1, augmentation=NO_AUGMENTATION)
    train(plain, lambda entry: None, tiny_network())
    train(replace(plain, run=tmp_path / "varied", augmentation=Augmentation()), lambda entry: None, tiny_network())
    assert losses(tmp_path / "plain") != losses(tmp_path / "varied")

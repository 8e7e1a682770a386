"""Stopping a capture at any stage: soon, in one sentence, without leftovers, and to go on with the same result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from captures import Capture, environment, mocap_command, run_mocap
from sample_pieces import pictures, sample_video, write_piece

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")

STOP_S = 2.0


def run_arguments(folder: Path, *formats: str) -> list[object]:
    return ["run", sample_video(), "--end", "1.2", *(f"--out={folder / f'x.{suffix}'}" for suffix in formats)]


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class Running:
    """A `mocap` command under way."""

    def __init__(self, *arguments: object, **changes: str) -> None:
        self.process = subprocess.Popen(
            mocap_command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**changes),
            start_new_session=True,
        )

    def wait_for(self, stage: str, done: int) -> None:
        for line in self.process.stdout:
            event = json.loads(line)
            assert event["event"] != "error", event
            if event["event"] == "progress" and event["stage"].endswith(stage) and event["done"] >= done:
                return
        raise AssertionError(f"the command ended before {stage} {done}")

    def stop(self, *signals: signal.Signals, group: bool = False) -> None:
        """Send signals, and check that it ends as promised."""
        begin = time.monotonic()
        for number in signals:
            (os.killpg if group else os.kill)(self.process.pid, number)
        out, err = self.process.communicate(timeout=30)
        assert time.monotonic() - begin < STOP_S
        assert err == ""
        assert self.process.returncode == 130
        last = json.loads(out.splitlines()[-1])
        assert (last["event"], last["exit_code"]) == ("error", 130)
        assert "interrupted" in last["message"]
        # Nobody stays of the processes it started; a library's own, asked for a moment while it loads, may still end.
        while group_exists(self.process.pid):
            assert time.monotonic() - begin < STOP_S
            time.sleep(0.02)


def assert_nothing_half_written(folder: Path) -> None:
    assert not [path for path in folder.rglob("*") if ".part" in path.name]


def assert_goes_on(folder: Path, sample_capture: Capture, detected: int, *formats: str) -> None:
    """The same command starts behind `detected` frames and ends with the uninterrupted result."""
    ended = run_mocap(*run_arguments(folder, *formats))
    assert ended.code == 0, ended
    counts = [event["done"] for event in ended.of("progress") if event["stage"] == "detect"]
    assert counts[0] > detected or counts == [36]
    with np.load(folder / "x.npz") as got, np.load(sample_capture.output("npz")) as want:
        for name in want.files:
            if name != "provenance":
                assert (got[name] == want[name]).all(), name


@pytest.mark.parametrize(
    ("stage", "done", "signals", "group"),
    [
        ("detect", 1, (signal.SIGINT,), False),
        ("detect", 20, (signal.SIGTERM, signal.SIGINT, signal.SIGTERM), True),
        ("solve", 1, (signal.SIGTERM,), False),
    ],
)
def test_stop_and_go_on(tmp_path: Path, sample_capture: Capture, stage, done, signals, group) -> None:
    running = Running(*run_arguments(tmp_path, "npz"))
    running.wait_for(stage, done)
    running.stop(*signals, group=group)
    assert [path.name for path in tmp_path.iterdir()] == ["x.mocap"]
    assert_nothing_half_written(tmp_path)
    assert "interrupted" in (tmp_path / "x.mocap" / "job.log").read_text(encoding="utf-8")
    assert_goes_on(tmp_path, sample_capture, done if stage == "detect" else 35, "npz")


def test_stop_while_blender_works(tmp_path: Path, sample_capture: Capture) -> None:
    script = tmp_path / "blender"
    script.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    script.chmod(0o700)
    running = Running(*run_arguments(tmp_path, "npz", "fbx"), SWINGTWIST_BLENDER=str(script))
    running.wait_for("export", 0)
    time.sleep(0.3)
    running.stop(signal.SIGTERM)
    assert_nothing_half_written(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blender", "x.mocap", "x.npz"]
    if find_spec("bpy") is not None:
        assert_goes_on(tmp_path, sample_capture, 36, "npz", "fbx")
        assert (tmp_path / "x.fbx").stat().st_size > 100_000


@pytest.mark.parametrize("delay_s", [0.03, 0.12, 0.3])
def test_stop_while_it_starts(tmp_path: Path, delay_s: float) -> None:
    running = Running(*run_arguments(tmp_path, "npz"))
    time.sleep(delay_s)
    begin = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    _, err = running.process.communicate(timeout=30)
    assert time.monotonic() - begin < STOP_S
    # A signal that comes before the interpreter listens kills it; what it says itself while it starts is not ours.
    assert running.process.returncode in (130, -signal.SIGINT)
    assert "engine" not in err
    assert_nothing_half_written(tmp_path)


def test_an_interruption_inside_executed_source_keeps_the_exit_code(tmp_path: Path) -> None:
    # Python remembers that a KeyboardInterrupt left source text run by `exec` and kills itself in the end.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'engine.video':\n"
        "            exec('import os, signal; os.kill(os.getpid(), signal.SIGINT); [None for _ in range(1000)]')\n"
        "sys.meta_path.insert(0, Interrupting())\n"
    )
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    ended = run_mocap("run", sample_video(), "--out", tmp_path / "x.npz", env=environment(PYTHONPATH=path))
    assert ended.code == 130


def test_a_far_seek_is_given_up(tmp_path: Path) -> None:
    images = pictures(30, (1280, 720)) * 16  # there is still work behind the seek where that is quick
    video = write_piece(tmp_path / "far.mp4", images, key_every=1000)
    running = Running("run", video, "--start", "11.9", "--out", tmp_path / "x.npz")
    deadline = time.monotonic() + 20
    while not (tmp_path / "x.mocap" / "detections" / "key.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.4)
    begin = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    _, err = running.process.communicate(timeout=30)
    assert time.monotonic() - begin < STOP_S
    assert err == ""
    assert running.process.returncode == 130
    assert_nothing_half_written(tmp_path)


def test_a_batch_stops_with_what_it_runs(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_piece(tmp_path / name, pictures(30))
    running = Running("batch", tmp_path, "--out", tmp_path / "out", "--format", "npz")
    running.wait_for("a.mp4: detect", 5)
    running.stop(signal.SIGTERM)
    assert_nothing_half_written(tmp_path)
    log = (tmp_path / "out" / "a.mocap" / "job.log").read_text(encoding="utf-8")
    assert "interrupted" in log
    assert "Traceback" not in log
    ended = run_mocap("batch", tmp_path, "--out", tmp_path / "out", "--format", "npz")
    assert ended.code == 0
    counts = [event["done"] for event in ended.of("progress") if event["stage"] == "a.mp4: detect"]
    assert counts[0] > 5

"""The worker: answers every line, survives bad ones, gives up what a newer line overtakes, ends with the lines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captures import Capture, environment, run_mocap

import engine.refine_worker as worker
from engine.errors import InputError
from engine.job import open_job
from engine.pipeline import refine_job
from engine.progress import SilentReporter
from engine.refine_worker import serve_refinements
from rig.motion_file import load_motion


@pytest.fixture
def mine(tmp_path: Path, sample_capture: Capture) -> Capture:
    return sample_capture.copy(tmp_path / "copy")


def answers(job: Path, *lines: bytes) -> list[dict[str, Any]]:
    """What is said when each line waits for the answer to the one before."""
    said: list[dict[str, Any]] = []
    answered = threading.Semaphore(1)

    def one_by_one() -> Iterator[bytes]:
        for line in lines:
            assert answered.acquire(timeout=60)
            yield line

    def say(answer: dict[str, Any]) -> None:
        said.append(answer)
        answered.release()

    serve_refinements(job, one_by_one(), say)
    return said


def test_answers_are_what_a_refinement_gives(mine: Capture, tmp_path: Path) -> None:
    settings = {"smoothing": "heavy", "smooth_arms": 0.5, "floor_at": "left@0.5", "foot_lock": "grounding"}
    [first, second] = answers(mine.job, b"{}\n", json.dumps(settings).encode())
    assert (first["event"], first["request"], second["request"]) == ("result", 1, 2)
    [path] = second["files"]
    got = load_motion(path)
    job = open_job(mine.job)
    assert job.settings.smoothing == "heavy"
    assert got.provenance["settings"]["floor_at"] == "left@0.5"
    out = tmp_path / "again.npz"
    refine_job(job, [out], job.settings, SilentReporter())
    again = load_motion(out)
    for name in ("global_orient", "body_pose", "transl", "contacts", "confidence"):
        np.testing.assert_array_equal(getattr(got.motion, name), getattr(again.motion, name))


def test_a_line_means_the_same_whatever_came_before(mine: Capture) -> None:
    def transl_after(*lines: bytes) -> np.ndarray:
        answers(mine.job, *lines)
        return load_motion(open_job(mine.job).motion_paths()[0]).motion.transl

    plain = open_job(mine.job).settings
    one = transl_after(b'{"smoothing": "light"}')
    open_job(mine.job)
    replace(open_job(mine.job), settings=plain).save()
    other = transl_after(b'{"height": 1.9, "foot_lock": "off"}', b'{"smooth_root": 3}', b'{"smoothing": "light"}')
    np.testing.assert_array_equal(one, other)


def test_only_what_changes_is_computed(mine: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    class Counting(worker.StageMemory):
        def __call__(self, slot: Any, stage: Any, *inputs: Any) -> Any:
            def counted(*values: Any) -> Any:
                return stage(*values)

            before = self._before_stage
            self._before_stage = lambda: (ran.append(slot if isinstance(slot, str) else slot[0]), before())[1]
            try:
                return super().__call__(slot, stage, *inputs)
            finally:
                self._before_stage = before

    monkeypatch.setattr(worker, "StageMemory", Counting)
    marks: list[int] = []
    lines = [b"{}", b"{}", b'{"smooth_arms": 2}', b'{"smooth_arms": 2, "foot_lock": "off"}', b'{"height": 1.7}']
    said: list[dict[str, Any]] = []
    answered = threading.Semaphore(1)

    def one_by_one() -> Iterator[bytes]:
        for line in lines:
            answered.acquire(timeout=60)
            marks.append(len(ran))
            yield line

    serve_refinements(mine.job, one_by_one(), lambda answer: (said.append(answer), answered.release())[0])
    parts = [set(ran[a:b]) for a, b in zip(marks, [*marks[1:], len(ran)], strict=True)]
    assert {"people", "mean body", "poses", "ik", "root", "smoothing", "floor", "feet", "rate"} <= parts[0]
    assert parts[1] == set()
    assert parts[2] == {"smoothing", "floor", "corrections", "contacts", "feet", "rate"}
    assert parts[3] == {"feet", "rate"}
    assert {"poses", "ik", "smoothing"} <= parts[4]
    assert parts[4].isdisjoint({"people", "camera", "mean body"})


def test_bad_lines_are_answered_and_the_work_goes_on(mine: Capture) -> None:
    lines = [b"{nonsense\n", b"[1]\n", b'{"smooth": 1}\n', b'{"start": 0.5}\n', b'{"level_at": "99"}\n', b"{}\n"]
    said = answers(mine.job, *lines)
    assert [answer["request"] for answer in said] == [1, 2, 3, 4, 5, 6]
    assert [answer["event"] for answer in said] == ["error"] * 5 + ["result"]
    for answer, told in zip(
        said, ("line 1 is not valid JSON", "line 2 is list", "smooth", "start", "99"), strict=False
    ):
        assert told in answer["message"]
        assert answer["exit_code"] == 2
    assert open_job(mine.job).settings.level_at == ""


def test_a_newer_line_overtakes_older_ones(mine: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    working, third_is_in = threading.Event(), threading.Event()
    smooth = worker.refine_people

    def slow(*arguments: Any) -> Any:
        working.set()
        assert third_is_in.wait(60)
        return smooth(*arguments)

    def lines() -> Iterator[bytes]:
        yield b'{"smoothing": "off"}'
        assert working.wait(60)
        yield b'{"smoothing": "light"}'
        yield b'{"smoothing": "heavy"}'
        # Whatever asks for the next line after this has put the third where the worker sees it.
        third_is_in.set()

    monkeypatch.setattr(worker, "refine_people", slow)
    said: list[dict[str, Any]] = []
    serve_refinements(mine.job, lines(), said.append)
    kinds = {answer["request"]: answer["event"] for answer in said}
    assert kinds == {1: "superseded", 2: "superseded", 3: "result"}
    assert open_job(mine.job).settings.smoothing == "heavy"


def test_the_lines_end_ends_the_program_after_the_last_answer(mine: Capture) -> None:
    command = [sys.executable, "-m", "engine", "worker", str(mine.job), "--progress", "json"]
    asked = b'not json\n{"foot_lock": "off"}\n'
    done = subprocess.run(command, input=asked, capture_output=True, env=environment(), timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["error", "result"]


def test_a_folder_that_is_no_job(tmp_path: Path, mine: Capture) -> None:
    with pytest.raises(InputError, match="not a job folder"):
        serve_refinements(tmp_path, iter([b"{}"]), lambda answer: None)
    ended = run_mocap("worker", tmp_path, stdin=subprocess.DEVNULL)
    assert ended.code == 2
    assert "not a job folder" in ended.message


def test_a_job_that_is_removed_meanwhile_is_not_made_anew(mine: Capture) -> None:

    def lines() -> Iterator[bytes]:
        shutil.rmtree(mine.job)
        yield b"{}"

    said: list[dict[str, Any]] = []
    serve_refinements(mine.job, lines(), said.append)
    assert said[0]["event"] == "error"
    assert not mine.job.exists()

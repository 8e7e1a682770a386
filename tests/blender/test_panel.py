"""The sidebar's upper half: the queue of jobs, ranges and lenses in users' units, people, and the video's camera."""

import importlib
import json
import os
import sys
import time
import types
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from blender_scripts import run_inside
from sample_motions import walking
from test_addon import package  # noqa: F401  (a fixture)

from engine.cli.arguments import build_parser
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.motion_file import MotionRecord, save_motion

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SAMPLE = ROOT / "samples" / "walk_and_kick.mp4"


@pytest.fixture(scope="module")
def addon():
    """The add-on's modules that know nothing of Blender, without its __init__, which does."""
    bare = types.ModuleType("panel_without_blender")
    bare.__path__ = [str(ROOT / "blender_addon")]
    sys.modules[bare.__name__] = bare
    names = ("job_queue", "engine_questions", "video_facts", "engine_process", "text_lines", "shown_again")
    modules = {name: importlib.import_module(f"{bare.__name__}.{name}") for name in names}
    yield types.SimpleNamespace(**modules)
    modules["engine_process"].kill_all()


def python(code):
    return [sys.executable, "-u", "-c", f"import json, os, signal, sys, time\n{code}"]


GOOD = """
print(json.dumps({"event": "progress", "stage": "detect", "done": 3, "total": 4, "fps": 2.5, "eta_s": 61}))
print(json.dumps({"event": "result", "job": "x", "people": [1]}))
"""


def run(queue, seconds=30.0):
    """Step until nothing is left to do; the jobs in the order they ended."""
    ended, limit = [], time.monotonic() + seconds
    while queue.is_busy:
        assert time.monotonic() < limit
        job = queue.step()
        ended += [job] if job is not None else []
        time.sleep(0.02)
    return ended


def test_jobs_run_one_after_another_whatever_becomes_of_each(addon):
    queue = addon.job_queue.JobQueue()
    commands = [
        python(GOOD),
        python("sys.stderr.write('deep inside\\n'); os._exit(9)"),
        python("print('{'); print('[]'); print(json.dumps({'event': 'progress', 'done': 'x'})); print('\\0')"),
        ["/no/such/program"],
        python("print(json.dumps({'event': 'error', 'message': 'no person was found'})); sys.exit(3)"),
        python("print(json.dumps({'event': 'result'})); sys.exit(1)"),
        python(GOOD),
    ]
    jobs = [queue.add(f"job {number}", command, None) for number, command in enumerate(commands)]
    waiting = queue.add("never", python(GOOD), None)
    queue.remove(waiting.number)
    queue.step()
    assert [job.state.value for job in jobs] == ["running"] + 6 * ["waiting"]
    assert run(queue) == jobs
    states = [job.state.value for job in jobs]
    assert states == ["done", "failed", "failed", "failed", "failed", "failed", "done"]
    assert jobs[0].answer["people"] == [1]
    assert "status 9: deep inside" in jobs[1].error
    assert "status 0: it said nothing" in jobs[2].error
    assert "/no/such/program cannot be started" in jobs[3].error
    assert jobs[4].error == "no person was found"
    queue.remove(jobs[1].number)
    assert jobs[1] not in queue.jobs


def test_progress_says_stage_rate_and_time_left(addon):
    event = {"stage": "detect", "done": 3, "total": 4, "fps": 2.5, "eta_s": 61}
    assert addon.job_queue.progress_text(event) == "Detect 3/4, 2.5/s, 1:01 left"
    assert addon.job_queue.progress_text({}) == "Working"


def test_a_stubborn_job_is_gone_within_two_seconds_and_the_next_one_starts(addon, tmp_path):
    queue = addon.job_queue.JobQueue()
    told = tmp_path / "pid"
    code = f"""
signal.signal(signal.SIGINT, signal.SIG_IGN)
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"])
open({str(told)!r}, "w").write(str(child.pid))
time.sleep(99)
"""
    stubborn, after = queue.add("stubborn", python(code), None), queue.add("after", python(GOOD), None)
    while not told.exists() or not told.read_text():
        queue.step()
        time.sleep(0.02)
    start = time.monotonic()
    queue.cancel(stubborn.number)
    assert stubborn.message == "Stopping"
    while stubborn.is_open:
        queue.step()
        time.sleep(0.02)
    assert time.monotonic() - start < 2.0
    assert stubborn.state.value == "cancelled"
    run(queue)
    assert after.state.value == "done"
    if os.path.isdir("/proc"):
        stat = Path("/proc") / told.read_text() / "stat"
        assert not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_closing_ends_what_runs_and_what_waits(addon):
    queue = addon.job_queue.JobQueue()
    jobs = [queue.add("long", python("time.sleep(99)"), None) for _ in range(3)]
    queue.step()
    queue.close()
    assert {job.state.value for job in jobs} == {"cancelled"}
    assert not queue.is_busy
    assert queue.step() is None


def test_questions_are_asked_once_and_answered_with_json_or_a_reason(addon):
    questions = addon.engine_questions.EngineQuestions()
    assert questions.known("video") is None
    answer = questions.ask("video", python("print('hello'); print(json.dumps({'fps': '25'}))"))
    assert answer.is_open
    assert questions.ask("video", ["never"]) is answer
    assert questions.wait("video").value == {"fps": "25"}
    questions.ask("bad", python("sys.stderr.write('mocap: no such video: x.mp4\\n'); sys.exit(2)"))
    assert questions.wait("bad").error == "no such video: x.mp4"
    questions.ask("odd", python("print('{')"))
    assert "nothing that can be read" in questions.wait("odd").error
    questions.ask("none", ["/no/such/program"])
    assert "cannot be started" in questions.known("none").error


FACTS = {"size": [1280, 720], "fps": "30000/1001", "variable_rate": False, "duration_s": 4.0, "frames": 120}


def test_what_came_is_shown_again_at_the_speed_of_life_while_nothing_comes(addon):
    shown = addon.shown_again.ShownAgain(most=4)
    assert shown.at(100.0) is None
    for number in range(6):
        shown.add(number / 10, number, now_s=50.0)
    assert shown.at(51.4) is None
    assert [shown.at(51.5 + 0.01 + step / 10) for step in range(5)] == [2, 3, 4, 2, 3]
    shown.add(0.0, "new", now_s=60.0)
    assert shown.at(70.0) is None
    shown.add(1.0, "end", now_s=60.0)
    assert shown.at(70.0) == "new"


def test_texts_fill_lines_and_lose_nothing_but_where_they_are_cut(addon):
    def measure(text):
        return sum(3 if letter in "mw" else 1 for letter in text)

    text = "a long word wwwwmmmm/and a path, then more"
    for width in (3, 8, 12, 60):
        lines = addon.text_lines.lines_within(text, width, measure)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(measure(line) <= width for line in lines)
    assert addon.text_lines.lines_within(text, 100, measure) == [text]
    assert addon.text_lines.lines_within("w a", 1, measure) == ["w", "a"]
    assert addon.text_lines.lines_within(" ", 9, measure) == []
    assert addon.text_lines.first_line_within("one  two\nthree", 15, measure) == "one two three"
    cut = addon.text_lines.first_line_within(text, 20, measure)
    assert cut == "a long word ..."
    assert measure(cut) <= 20


def test_what_the_engine_says_about_a_video_in_words(addon):
    facts = addon.video_facts.VideoFacts.parse(FACTS)
    assert facts.rate_text == "29.97 fps"
    assert facts.length_text == "0:04.00, 120 frames"
    for broken in (None, {}, {**FACTS, "fps": "1/0"}, {**FACTS, "size": 3}, {**FACTS, "fps": "0"}, []):
        assert addon.video_facts.VideoFacts.parse(broken) is None


@pytest.mark.parametrize("rate", ["24", "30000/1001", "60", "240"])
@pytest.mark.parametrize(("first", "last"), [(1, 0), (1, 1), (2, 2), (7, 100), (120, 120), (50, 0)])
def test_a_range_of_frames_holds_those_very_frames(addon, rate, first, last):
    facts = addon.video_facts.VideoFacts.parse({**FACTS, "fps": rate})
    start_s, end_s = addon.video_facts.frames_to_seconds(first, last, facts)
    times = np.arange(facts.frames) / float(facts.fps)
    inside = np.flatnonzero((times >= start_s) & (times < (end_s or np.inf))) + 1
    assert list(inside) == list(range(first, (last or 120) + 1))


def test_ranges_that_cannot_be_used_are_refused(addon):
    facts, vfr = (addon.video_facts.VideoFacts.parse({**FACTS, "variable_rate": varies}) for varies in (False, True))
    for first, last, told, words in (
        (9, 8, facts, "at least 9"),
        (121, 0, facts, "has 120"),
        (2, 0, vfr, "in seconds"),
    ):
        with pytest.raises(addon.video_facts.UnfitRange, match=words):
            addon.video_facts.frames_to_seconds(first, last, told)


LENSES = [("AUTO", (1920, 1080)), ("AUTO", (1080, 1920)), ("HORIZONTAL", (1080, 1920)), ("VERTICAL", (1920, 1080))]


@pytest.mark.parametrize(("fit", "picture"), LENSES)
def test_the_lens_of_a_camera_gives_the_field_along_the_longer_side(addon, fit, picture):
    width, height = picture
    angle = addon.video_facts.field_of_camera(50.0, (36.0, 24.0), fit, picture)
    # Blender: the sensor's width (fit AUTO: along the longer side) or height spans that side of the picture.
    mm_per_px = {"AUTO": 36 / max(picture), "HORIZONTAL": 36 / width, "VERTICAL": 24 / height}[fit]
    assert np.tan(np.radians(angle) / 2) * 50 == pytest.approx(max(picture) * mm_per_px / 2)


def moving_camera_record():
    """A walk seen by a camera that turns, with its middle off centre and oblong pixels."""
    motion = walking(1.0, Fraction(24))[0]
    cameras = []
    for frame in range(len(motion)):
        turn = np.radians(3 * np.sin(frame / 5))
        yaw = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
        pose = rigid_transform(WORLD_TO_CAMERA_UPRIGHT @ yaw, np.array([0.1 * frame / 24, 0.9, 4.5]))
        cameras.append(pose)
    intrinsics = np.array([[900.0, 0, 300.0], [0, 950.0, 270.0], [0, 0, 1]])
    return MotionRecord(motion, np.array(cameras), intrinsics, (720, 480), 1, {})


@pytest.mark.blender
def test_people_queue_and_camera_inside_blender(blender_program, package, tmp_path, monkeypatch):  # noqa: F811
    for name in ("clip ü", "garbage", "vfr", "hang"):
        (tmp_path / f"{name}.mp4").touch()
    engine = tmp_path / "mocap"
    engine.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_engine.py"}" "$@"\n')
    engine.chmod(0o755)
    record = moving_camera_record()
    save_motion(tmp_path / "motion_1.npz", record)
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    monkeypatch.setenv("BLENDER_USER_SCRIPTS", str(tmp_path / "user" / "scripts"))
    monkeypatch.setenv("FAKE_ENGINE_LOG", str(tmp_path / "log.jsonl"))
    monkeypatch.setenv("FAKE_ENGINE_CHILD", str(tmp_path / "child.pid"))

    output = run_inside(blender_program, HERE / "drive_panel.py", str(package), str(engine), str(tmp_path), str(SAMPLE))
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))
    asked = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    for arguments in asked:
        build_parser().parse_args(arguments)

    def given(arguments, flag):
        return arguments[arguments.index(flag) + 1]

    search, split, merge, undo, capture = asked[:5]
    assert told["facts"] == [1920, 1080, "60", 600]
    assert search[:2] == ["people", str(tmp_path / "clip ü.mp4")]
    # Frames 31 to 90 at 60 frames a second, a quarter of a frame early.
    assert float(given(search, "--start")) == pytest.approx(29.75 / 60, abs=1e-5)
    assert float(given(search, "--end")) == pytest.approx(89.75 / 60, abs=1e-5)
    assert given(search, "--slow-motion") == "2"
    assert told["tracks"] == [[1, True], [2, False]]
    # Scene frame 13 is the 13th of the range, twelve behind its start.
    assert given(split, "--split").startswith("2@")
    assert float(given(split, "--split").split("@")[1]) == pytest.approx(41.75 / 60, abs=1e-5)
    assert told["after_split"] == [1, 2, 3]
    assert [given(merge, "--merge"), told["after_merge"]] == ["1,3", [1, 2, 3, 4]]
    assert "--undo-edit" in undo
    assert told["after_undo"] == [1, 2, 3]
    assert told["nobody"] == "Error: Nobody is chosen; find people and tick some, or capture the largest person\n"
    assert given(capture, "--person") == "1,3"
    assert given(capture, "--job") != given(search, "--job")
    assert given(capture, "--start") == given(search, "--start")
    assert Path(given(capture, "--job"), "track_edits.json").read_text() == json.dumps([given(split, "--split")])
    assert float(given(capture, "--fov")) == pytest.approx(2 * np.degrees(np.arctan(18 / 50)), abs=1e-3)
    assert told["garbage"]["objects"] == told["before_garbage"]
    assert "answer cannot be understood" in told["garbage"]["outcome"]
    assert "rate varies; give the range in seconds" in told["vfr"]
    assert told["no_smpl"] == "Error: No SMPL file is chosen; choose one, or the open body\n"
    assert [told["given"], told["given_bones"]] == [["FINISHED"], True]
    assert told["panel_after"] == ["garbage.mp4", "LARGEST", "default", "FOCAL", "ALL"]
    once = next(arguments for arguments in asked if "--all-people" in arguments)
    assert [given(once, flag) for flag in ("--fov", "--smoothing", "--smooth-arms", "--slow-motion", "--end")] == [
        "70", "light", "0.25", "4", "1.5"
    ]  # fmt: skip
    assert told["defaults"] == ["heavy", "default", "heavy", "default"]
    assert told["clip"] == [str(SAMPLE), True]
    assert told["lens"] == pytest.approx(2 * np.degrees(np.arctan(18 / 50)), abs=1e-3)
    assert "no perspective camera" in told["no_camera"]
    # A job outlives New, but its result then waits to be asked for.
    assert told["after_new"] == ["done", "Finished; another file was opened meanwhile", []]
    assert told["added"] == [["FINISHED"], ["clip ü", "clip ü_Body"]]
    assert told["closed"] == ["cancelled", "cancelled"]

    motion = record.motion
    points = np.einsum("tij,tkj->tki", record.world_to_camera[:, :3, :3], motion.joints())
    points += record.world_to_camera[:, None, :3, 3]
    seen = ((points / points[..., 2:]) @ record.intrinsics.T)[..., :2]
    for frame, heads in told["seen"].items():
        for joint, place in enumerate(heads):
            np.testing.assert_allclose(place, seen[int(frame) - 1, joint], atol=0.05)
    assert told["size"] == [720, 480]

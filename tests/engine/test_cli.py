"""The command line: light help, one clear sentence for bad input, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.cli import main

HEAVY = ("numpy", "scipy", "av", "cv2", "mediapipe", "torch", "onnxruntime", "bpy")


def run_python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["batch", "--help"], ["evaluate", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    code = f"""
import sys
from engine.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
print("LOADED", [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = run_python(code)
    assert "usage: mocap" in done.stdout
    assert done.stdout.strip().endswith("LOADED []")


def failure(capsys, arguments) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.err.strip()


@pytest.fixture
def still_video(tmp_path) -> Path:
    """A readable video with nobody in it."""
    import av

    path = tmp_path / 'o\'clock "é ü".mp4'
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for level in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), 40 * level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_no_such_file(capsys, tmp_path):
    code, said = failure(capsys, ["run", tmp_path / "gone.mp4", "--out", tmp_path / "x.npz"])
    assert code == 2
    assert "gone.mp4" in said
    assert len(said.splitlines()) == 1


def test_not_a_video(capsys, tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_text("these are words")
    code, said = failure(capsys, ["run", path, "--out", tmp_path / "x.npz"])
    assert (code, len(said.splitlines())) == (2, 1)
    assert "notes.mp4" in said
    assert not (tmp_path / "x.npz").exists()


def test_unknown_output(capsys, tmp_path, still_video):
    code, said = failure(capsys, ["run", still_video, "--out", tmp_path / "x.doc"])
    assert code == 2
    assert ".doc" in said
    assert ".fbx" in said


def test_missing_output_folder(capsys, tmp_path, still_video):
    code, said = failure(capsys, ["run", still_video, "--out", tmp_path / "nowhere" / "x.npz"])
    assert code == 5
    assert "nowhere" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_output_folder(capsys, tmp_path, still_video):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    code, said = failure(capsys, ["run", still_video, "--out", closed / "x.npz"])
    assert code == 5
    assert "closed" in said


def test_blender_missing(capsys, tmp_path, still_video, monkeypatch):
    monkeypatch.setenv("SWINGTWIST_BLENDER", str(tmp_path / "no-blender-here"))
    code, said = failure(capsys, ["run", still_video, "--out", tmp_path / "x.fbx"])
    assert code == 4
    assert "no-blender-here" in said
    assert not (tmp_path / "x.mocap").exists()


def test_nobody_in_the_picture(capsys, tmp_path, still_video):
    code, said = failure(capsys, ["run", still_video, "--out", tmp_path / "x.npz"])
    assert code == 3
    assert "no person" in said
    assert not (tmp_path / "x.npz").exists()


def test_json_progress_ends_with_the_error(capsys, tmp_path, still_video):
    code = main(["run", str(still_video), "--out", str(tmp_path / "x.npz"), "--progress", "json"])
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 3
    assert events[-1] == {"event": "error", "message": events[-1]["message"], "exit_code": 3}
    done = [event["done"] for event in events if event["event"] == "progress"]
    assert done == sorted(done)
    assert done[-1] == 5


def test_bad_setting_is_named(capsys, tmp_path, still_video):
    code, said = failure(capsys, ["run", still_video, "--out", tmp_path / "x.npz", "--fov", "500"])
    assert code == 2
    assert "fov" in said
    assert "500" in said


def test_not_a_job(capsys, tmp_path):
    code, said = failure(capsys, ["refine", tmp_path])
    assert code == 2
    assert "job" in said


def test_info_tells_what_will_be_read(capsys, still_video):
    assert main(["info", str(still_video), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["size"] == [160, 120]
    assert told["fps"] == "25"
    assert told["frames"] == 5
    assert told["duration_s"] == pytest.approx(0.2)


def test_info_in_words(capsys, still_video):
    assert main(["info", str(still_video)]) == 0
    assert "160 x 120" in capsys.readouterr().out


def test_a_camera_needs_an_end(capsys, tmp_path):
    code, said = failure(capsys, ["run", "webcam:0", "--out", tmp_path / "x.npz"])
    assert code == 2
    assert "webcam:0" in said
    assert "--end" in said


def test_a_failure_that_an_interruption_caused_is_the_interruption(capsys, monkeypatch):
    """A native module that is broken off while it loads reports an error of its own."""
    import contextlib
    import os
    import signal
    import time

    from engine.cli import commands

    def load(arguments, reporter):
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        raise ImportError("initialisation failed")

    monkeypatch.setitem(commands.COMMANDS, "info", load)
    before = signal.getsignal(signal.SIGINT)
    try:
        code, said = failure(capsys, ["info", "x.mp4"])
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert code == 130
    assert "interrupted" in said

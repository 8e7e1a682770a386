"""Results of jobs come into the scene in pieces: all of them or nothing, whatever happens in between."""

import json
import sys
from pathlib import Path

import pytest
from blender_scripts import run_inside
from test_addon import package  # noqa: F401  (a fixture)

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "samples" / "walk_and_kick.mp4"


@pytest.mark.blender
def test_results_come_in_pieces_and_wholly_or_not_at_all(blender_program, package, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "two.mp4").touch()
    engine = tmp_path / "mocap"
    engine.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_engine.py"}" "$@"\n')
    engine.chmod(0o755)
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    monkeypatch.setenv("BLENDER_USER_SCRIPTS", str(tmp_path / "user" / "scripts"))
    output = run_inside(
        blender_program, HERE / "drive_intake.py", str(package), str(engine), str(tmp_path), str(SAMPLE)
    )
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))

    people = ["two_4", "two_4_Body", "two_5", "two_5_Body"]
    # The bones, the body and its skin of the first person came in turns of their own.
    assert told["calls"] >= 3
    assert told["half"]["objects"] == people[:2]
    assert told["half"]["actions"] == ["two_4"]
    taken_back = "Finished; taken back before all of it was in the scene"
    assert told["undone"] == ["done", taken_back, True, False]
    assert told["added"] == [["FINISHED"], people]
    assert told["failed"] == ["failed", "the disk is full", True]
    assert told["deleted"] == ["done", taken_back, []]
    assert told["whole"] == ["done", "Captured 2 people"]
    assert told["overlay"] == [["FINISHED"], "The overlay is behind the camera"]
    assert told["shown"] == ["overlay.mp4"]

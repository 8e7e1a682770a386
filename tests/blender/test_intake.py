"""Results of jobs come into the scene in pieces: all of them or nothing, whatever happens in between."""

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from blender_scripts import run_inside
from sample_motions import walking
from test_addon import package  # noqa: F401  (a fixture)

from rig.frames import WORLD_TO_ARMATURE, rotate
from rig.resample import resample
from rig.skeleton import JOINT

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "samples" / "walk_and_kick.mp4"


@pytest.mark.blender
def test_results_come_in_pieces_and_wholly_or_not_at_all(blender_program, package, tmp_path, monkeypatch):  # noqa: F811
    for name in ("one", "two", "fail"):
        (tmp_path / f"{name}.mp4").touch()
    engine = tmp_path / "mocap"
    engine.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_engine.py"}" "$@"\n')
    engine.chmod(0o755)
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    monkeypatch.setenv("BLENDER_USER_SCRIPTS", str(tmp_path / "user" / "scripts"))
    output = run_inside(
        blender_program, HERE / "drive_intake.py", str(package), str(engine), str(tmp_path), str(SAMPLE)
    )
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))

    told_end = [["ERROR"], "fail: no person was found in the video"]
    assert told["watched"] == [[["PASS_THROUGH"], ["FINISHED", "PASS_THROUGH"]], [told_end]]
    people = ["two_4", "two_4_Body", "two_5", "two_5_Body"]
    # The bones, the body and its skin of the first person came in turns of their own.
    assert told["calls"] >= 3
    assert told["half"]["objects"] == people[:2]
    assert told["half"]["actions"] == ["two_4"]
    taken_back = "Finished; taken back before all of it was in the scene"
    assert told["undone"] == ["done", taken_back, True, False]
    assert told["added"] == [["FINISHED"], people]
    assert told["opened"] == ["done", "Finished; another file was opened meanwhile", people]
    assert told["failed"] == ["failed", "the disk is full", True]
    assert told["deleted"] == ["done", taken_back, []]
    assert told["whole"] == ["done", "Captured 2 people"]
    assert told["overlay"] == [["FINISHED"], "The overlay is behind the camera"]
    assert told["shown"] == ["overlay.mp4"]

    # 3 s at 29.97 frames a second, in a scene of 24 in which a door is animated.
    note = "Captured 1 person; 29.97 frames a second became the scene's 24, since other things in it are animated"
    assert told["other_rate"] == ["done", note]
    assert told["kept"] == [24, 1.0, 1, 72]
    motion = walking(3.0, Fraction(30000, 1001))[0]
    truth = rotate(WORLD_TO_ARMATURE, resample(motion, Fraction(24)).joints())[48, JOINT["left_elbow"]]
    np.testing.assert_allclose(told["elbow"], truth, atol=1e-5)
    assert np.linalg.norm(np.subtract(told["bent"], truth)) > 0.1
    np.testing.assert_allclose(told["cleaned"][0], truth, atol=1e-5)
    assert told["cleaned"][1] == [1.0, 72.0]

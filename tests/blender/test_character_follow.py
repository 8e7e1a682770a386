"""Characters that follow a clean-up inside Blender, without a window, with a stand-in for the engine's worker."""

import json
from pathlib import Path

import numpy as np
import pytest
from blender_scripts import load_module, run_inside, stand_in_worker

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_LIFT_M = 0.25
"""How far the stand-in lifts a person whose smoothing is heavy."""


@pytest.mark.blender
def test_characters_follow_the_clean_up_of_their_person(blender_program, tmp_path, monkeypatch):
    package = load_module(ROOT / "build_addon.py").build(tmp_path / "dist")
    engine = stand_in_worker(tmp_path, monkeypatch)
    made = load_module(ROOT / "tests" / "rig" / "made_characters.py")
    names = {"pelvis": ["pelvis"], "spine": ["spine_01"], "head": ["head"], **{
        f"{side}_{part}": [f"{bone}_{side[0]}"] for side in ("left", "right") for part, bone in {
            "shoulder": "upperarm", "elbow": "lowerarm", "wrist": "hand", "hip": "thigh", "knee": "calf",
            "ankle": "foot"}.items()}}  # fmt: skip
    bones = [(name, parent, list(head), list(tail)) for name, parent, head, tail in made.humanoid(names)]
    (tmp_path / "bones.json").write_text(json.dumps(bones))

    output = run_inside(blender_program, HERE / "drive_follow.py", str(package), str(engine), str(tmp_path))
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))

    before, after, forced, reopened = (np.array(told[when]["hips"]) for when in (
        "before", "after", "forced", "reopened"))  # fmt: skip
    assert told["refined"] == told["updated"] == ["FINISHED"]
    # Legs scale the lift: those of the made-up character are about as long as the person's.
    lifts = after[:, 2] - before[:, 2]
    assert lifts[0] == pytest.approx(_LIFT_M, rel=0.1)
    assert lifts[1] == pytest.approx(lifts[0], abs=1e-5)
    assert lifts[2:] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert told["after"]["behind"] == ["", "", "its keys were edited", ""]
    assert told["after"]["actions"] == told["before"]["actions"]
    assert forced[2] == pytest.approx(after[0], abs=1e-5)
    assert told["forced"]["behind"] == ["", "", "", ""]
    assert "was retargeted from no captured armature" in told["nothing_to_follow"]
    # The file keeps what is needed to follow on.
    assert reopened[:3] == pytest.approx(np.repeat(before[:1], 3, axis=0), abs=1e-5)

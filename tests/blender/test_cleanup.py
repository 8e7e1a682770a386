"""The clean-up inside Blender, without a window, with a stand-in for the engine's worker."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from blender_scripts import load_module, run_inside, stand_in_worker

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.mark.blender
def test_clean_up_without_a_window(blender_program, tmp_path, monkeypatch):
    package = load_module(ROOT / "build_addon.py").build(tmp_path / "dist")
    engine = stand_in_worker(tmp_path, monkeypatch)

    output = run_inside(blender_program, HERE / "drive_cleanup.py", str(package), str(engine), str(tmp_path))
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))
    asked = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]

    before = told["imported"]
    assert [before["markers"][0], before["markers"][1]] == [[41, "Unsure: clip ü"], [61, "Sure: clip ü"]]
    assert before["contacts"][0][0] == [0, 20]
    for name in ("heavy", "in_place", "tall", "back", "edited", "still_edited", "reopened"):
        assert told[name]["outcome"] == ["FINISHED"], name
        # The same action is keyed again; nothing piles up.
        for what in ("action", "actions", "curves", "markers"):
            assert told[name][what] == before[what], (name, what)

    heavy = told["heavy"]
    assert heavy["hips"][2] == pytest.approx(before["hips"][2] + 0.25, abs=1e-5)
    assert heavy["stored"][1] == pytest.approx(before["stored"][1] + 0.25, abs=1e-9)
    assert heavy["smoothing"] == "heavy"
    assert told["in_place"]["root"] == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)
    assert told["in_place"]["hips"][2] == pytest.approx(heavy["hips"][2], abs=1e-5)
    tall = told["tall"]
    assert tall["rest_head"] == pytest.approx(before["rest_head"] * 1.9 / 1.7, abs=1e-5)
    # The boxes of this body keep their thickness.
    assert tall["body_top"] == pytest.approx(before["body_top"] * 1.9 / 1.7, abs=0.01)
    assert "Armature clip ü is hidden" in told["hidden"]["outcome"]
    assert told["hidden"]["rest_head"] == tall["rest_head"]
    assert "outliers of 9 are too many" in told["error"]["outcome"].lower()
    assert told["error"]["hips"] == tall["hips"]
    assert told["back"]["hips"] == pytest.approx(before["hips"], abs=1e-5)
    assert told["back"]["rest_head"] == pytest.approx(before["rest_head"], abs=1e-5)

    # Edited contacts go to the engine, stay as they were edited, and can be forgotten.
    assert told["edited"]["contacts"][0] == told["still_edited"]["contacts"][0] == [[19, 29]]
    heel = told["file"]["people"]["4"]["left_heel"]
    fps = float(Fraction(30000, 1001))
    assert heel == [[pytest.approx(19 / fps), pytest.approx(29 / fps)]]
    assert [line["contacts"] for line in asked[:9]] == ["", "", "", "", "", "", "contacts.json", "contacts.json", ""]
    assert told["detected"]["contacts"] == before["contacts"]

    time_a, time_b = f"{15 / fps:.4f}".rstrip("0"), f"{45 / fps:.4f}".rstrip("0")
    assert told["corrections"] == [f"left@{time_a}#4 right@{time_b}#4", f"{time_b}#4"]
    assert told["pending"] == 2.5
    assert told["after_reset"] == ["", "", 2.5]
    # The moments of one motion are not for new captures.
    assert told["kept_for_new"] == [2.5, False]
    assert told["all_reset"] == ["default", 1.0]

    assert b"Armature" in (tmp_path / "cleaned.fbx").read_bytes()
    assert (tmp_path / "cleaned.glb").stat().st_size > 10_000
    assert told["captures"].startswith("2 captures, 3 MB; 1 more of people in this file, ")
    assert told["captures_left"] == ["mine", "used.mocap"]
    assert told["captures_gone"] == ["mine"]
    assert told["worker_after_load"] in ("gone", "Z")
    assert told["worker_after_disable"] in ("gone", "Z")
    assert f"{tmp_path / 'clip ü.mocap'} is gone; capture the video again" in told["gone"]["outcome"]
    assert told["gone"]["smoothing"] == "heavy"

    # What the add-on asks is what the engine understands.
    from engine.settings import settings_from

    for settings in asked:
        settings_from(settings, "add-on")


def test_the_addon_knows_the_engines_defaults():
    import ast

    from engine.settings import Settings

    tree = ast.parse((ROOT / "blender_addon" / "cleanup_settings.py").read_text(encoding="utf-8"))
    node = next(
        node for node in tree.body if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "DEFAULTS"
    )
    for name, value in ast.literal_eval(node.value).items():
        assert getattr(Settings(), name) == value, name

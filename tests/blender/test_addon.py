"""The built add-on installed into Blender and used without a window, with a stand-in for the engine."""

import ast
import importlib.util
import json
import subprocess
import sys
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from blender_scripts import run_inside
from sample_bodies import box_body
from sample_motions import walking

from engine.cli.arguments import build_parser
from rig.body_mesh import save_body_mesh
from rig.frames import WORLD_TO_ARMATURE, rotate
from rig.motion_file import MotionRecord, save_motion
from rig.retarget import build_rig

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def _build_addon():
    spec = importlib.util.spec_from_file_location("build_addon", ROOT / "build_addon.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The built zip."""
    return _build_addon().build(tmp_path_factory.mktemp("dist"))


def test_zip_has_one_folder_that_serves_old_and_new_blender(package):
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        assert {name.split("/")[0] for name in names} == {"swingtwist"}
        assert {"swingtwist/blender_manifest.toml", "swingtwist/__init__.py", "swingtwist/rig/retarget.py"} <= set(
            names
        )
        source = archive.read("swingtwist/__init__.py").decode()
        manifest = archive.read("swingtwist/blender_manifest.toml").decode()
    version = package.stem.rpartition("-")[2]
    info = next(
        ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "bl_info"
    )
    assert ".".join(map(str, info["version"])) == version
    assert f'version = "{version}"' in manifest
    assert info["blender"] == (3, 4, 0)


def test_zip_is_reproducible(package, tmp_path):
    assert _build_addon().build(tmp_path).read_bytes() == package.read_bytes()


def test_blender_itself_finds_the_zip_valid(package):
    command = _build_addon().validator()
    if command is None:
        pytest.skip("needs Blender 4.2 or later")
    done = subprocess.run([*command, str(package)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.blender
def test_capture_import_export_and_cancel(blender_program, package, tmp_path, monkeypatch):
    for name in ("good clip ü", "fail", "crash", "hang"):
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "result.pkl").touch()
    engine = tmp_path / "mocap"
    engine.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_engine.py"}" "$@"\n')
    engine.chmod(0o755)
    motion = walking(3.0, Fraction(30000, 1001))[0]
    cameras = np.tile(np.eye(4), (len(motion), 1, 1))
    save_motion(tmp_path / "motion_4.npz", MotionRecord(motion, cameras, np.eye(3), (640, 480), 4))
    save_body_mesh(tmp_path / "body_4.npz", box_body(motion.skeleton))
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    monkeypatch.setenv("BLENDER_USER_SCRIPTS", str(tmp_path / "user" / "scripts"))
    monkeypatch.setenv("FAKE_ENGINE_CHILD", str(tmp_path / "child.pid"))
    monkeypatch.setenv("FAKE_ENGINE_ARGUMENTS", str(tmp_path / "arguments.json"))

    output = run_inside(blender_program, HERE / "drive_addon.py", str(package), str(engine), str(tmp_path))
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))

    assert "missing.mp4 does not exist" in told["missing"]["outcome"]
    assert "No person was found in the video" in told["fail"]["outcome"]
    assert "status 70: something went wrong deep inside" in told["crash"]["outcome"]
    assert told["fail"]["objects"] == told["crash"]["objects"] == []
    assert told["good"]["outcome"] == ["FINISHED"]
    assert told["good"]["objects"] == ["good clip ü", "good clip ü_Body"]
    assert told["rate"] == [30, pytest.approx(1.001), 1, len(motion)]
    assert told["range"] == [1.0, float(len(motion))]
    assert told["left_over"] == []
    # The job stays, so that the motion can be cleaned up later.
    assert Path(told["job"], "motion_4.npz").is_file()
    assert Path(told["job"]).parent.name == "jobs"
    assert [path.name for path in Path(told["job"]).parent.iterdir()] == [Path(told["job"]).name]
    rig, truth = build_rig(motion.skeleton), rotate(WORLD_TO_ARMATURE, motion.joints())
    for frame, heads in told["heads"].items():
        for bone, name in enumerate(rig.bone_names[1:]):
            np.testing.assert_allclose(heads[name], truth[int(frame) - 1, bone], atol=1e-5)
    assert told["after_export"] == ["Scene", "good clip ü", [1.0, float(len(motion))], 1, len(motion)]
    assert b"Armature\x00\x01Model" in (tmp_path / "exported.fbx").read_bytes()
    assert told["imported"] == ["root", "mixamorig:Hips"]
    assert "No person was found" in told["bad_import"]
    assert told["foreign"] == ["FINISHED"]
    assert told["foreign_objects"] == ["result", "result_Body"]
    assert told["foreign_arguments"][:6] == ["import", str(tmp_path / "result.pkl"), "--fps", "25", "--up", "z"]
    assert told["foreign_left_over"] == []
    build_parser().parse_args(told["foreign_arguments"])
    # Blender's own, of the file browser.
    blenders = ("filter_", "hide_props_region", "display_type", "sort_method", "filemode", "relative_path")
    assert [name for name in told["without_tip"] if not name.partition(".")[2].startswith(blenders)] == []
    assert told["cancel_s"] < 2.0
    assert told["cancelled"] == "cancelled"
    assert told["child"] in ("gone", "Z")

    # The last capture started was the hanging one, with the settings of the good one.
    arguments = json.loads((tmp_path / "arguments.json").read_text())
    assert arguments[:2] == ["run", str(tmp_path / "hang.mp4")]
    assert arguments[arguments.index("--person") + 1] == "4"
    assert arguments[arguments.index("--foot-lock") + 1] == "grounding"
    assert arguments[arguments.index("--smooth-arms") + 1] == "0.5"
    assert "--smooth-legs" not in arguments
    build_parser().parse_args(arguments)


def test_the_panel_gives_the_engine_only_options_it_has():
    from engine.cli.arguments import build_parser

    given = ["run", "x.mp4", "--out", "y.npz", "--job", "y.mocap", "--progress", "json", "--progress-poses"]
    for people in (["--person", "largest"], ["--person", "2"], ["--all-people"]):
        for smoothing in ("off", "light", "default", "heavy"):
            for lock in ("auto", "always", "off", "grounding"):
                rest = ["--smoothing", smoothing, "--foot-lock", lock, "--root-motion", "planar+yaw"]
                build_parser().parse_args([*given, *people, *rest])

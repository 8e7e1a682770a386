"""An exported FBX in three.js, the loader of the web, in headless Chromium."""

import json
import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sample_bodies import box_body
from sample_motions import walking

from engine.export.blender import ExportOptions, export_with_blender
from rig.bone_maps import BoneNaming, bone_name
from rig.game_engines import PRESETS
from rig.motion_file import MotionRecord
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS

FOLDER = Path(os.environ.get("SWINGTWIST_TEST_THREEJS") or Path(__file__).parents[2] / "scripts" / "check_fbx_threejs")


@pytest.mark.slow
@pytest.mark.blender
@pytest.mark.parametrize("preset", PRESETS)
def test_threejs_sees_the_motion(blender_module, tmp_path, preset):
    wanted = PRESETS[preset]
    node, chromium = shutil.which("node"), shutil.which("chromium")
    if not (node and chromium and (FOLDER / "node_modules" / "three").is_dir()):
        pytest.skip("needs node, chromium, and npm install in scripts/check_fbx_threejs")
    motion = walking(2.0, Fraction(30000, 1001))[0]
    cameras = np.tile(np.eye(4), (len(motion), 1, 1))
    record = MotionRecord(motion, cameras, np.eye(3), (640, 480))
    path, picture = tmp_path / "walk.fbx", tmp_path / "walk.png"
    options = ExportOptions(bone_names=wanted["bones"], fbx_unit=wanted["fbx_unit"])
    export_with_blender([record], [box_body(motion.skeleton)], [path], options)
    command = [node, str(FOLDER / "check.mjs"), str(path), repr(float(motion.fps)), str(len(motion)), str(picture)]
    done = subprocess.run([*command, chromium], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)

    assert read["errors"] == []
    assert read["takes"] == [
        {"name": "walk", "duration": pytest.approx(float((len(motion) - 1) / motion.fps), abs=1e-5)}
    ]
    assert read["centimetres"] == pytest.approx({"m": 100.0, "cm": 1.0}[wanted["fbx_unit"]])
    np.testing.assert_allclose(list(read["scales"].values()), 1.0, atol=1e-5)
    # three.js takes colons out of names, which mean something in its paths.
    found = [bone_name(joint, BoneNaming(wanted["bones"])) for joint in SMPL_JOINT_NAMES]
    names = [name and name.replace(":", "") for name in found]
    assert set(read["bones"]) == {"root", *filter(None, names)}
    assert read["tree"][names[0]] == "root"
    for name, parent in zip(names[1:], SMPL_PARENTS[1:], strict=True):
        assert name is None or read["tree"][name] == names[parent]
    assert read["skinned"] == ["Armature_Body"]
    truth = motion.joints()
    for joint, name in enumerate(names):
        if name is None:
            continue
        np.testing.assert_allclose(read["positions"][name], truth[:, joint], atol=1e-4, err_msg=name)
    assert picture.stat().st_size > 10_000

"""An exported FBX in three.js, the loader of the web, in headless Chromium."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sample_bodies import box_body
from sample_motions import walking

from engine.export.blender import export_with_blender
from rig.bone_maps import BoneNaming, bone_name
from rig.motion_file import MotionRecord
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS

FOLDER = Path(__file__).parents[2] / "scripts" / "check_fbx_threejs"


@pytest.mark.slow
@pytest.mark.blender
def test_threejs_sees_the_motion(blender_module, tmp_path):
    node, chromium = shutil.which("node"), shutil.which("chromium")
    if not (node and chromium and (FOLDER / "node_modules" / "three").is_dir()):
        pytest.skip("needs node, chromium, and npm install in scripts/check_fbx_threejs")
    motion = walking(2.0, Fraction(30000, 1001))[0]
    cameras = np.tile(np.eye(4), (len(motion), 1, 1))
    record = MotionRecord(motion, cameras, np.eye(3), (640, 480))
    path, picture = tmp_path / "walk.fbx", tmp_path / "walk.png"
    export_with_blender([record], [box_body(motion.skeleton)], [path])
    command = [node, str(FOLDER / "check.mjs"), str(path), repr(float(motion.fps)), str(len(motion)), str(picture)]
    done = subprocess.run([*command, chromium], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)

    assert read["errors"] == []
    assert read["takes"] == [
        {"name": "walk", "duration": pytest.approx(float((len(motion) - 1) / motion.fps), abs=1e-5)}
    ]
    names = [bone_name(joint, BoneNaming.SMPL) for joint in SMPL_JOINT_NAMES]
    assert set(read["bones"]) == {"root", *names}
    assert read["tree"]["Pelvis"] == "root"
    for name, parent in zip(names[1:], SMPL_PARENTS[1:], strict=True):
        assert read["tree"][name] == names[parent]
    assert read["skinned"] == ["Armature_Body"]
    truth = motion.joints()
    for joint, name in enumerate(names):
        np.testing.assert_allclose(read["positions"][name], truth[:, joint], atol=1e-4, err_msg=name)
    assert picture.stat().st_size > 10_000

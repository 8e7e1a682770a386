"""Captures from Blender without a window give what the command line gives."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from test_addon import package  # noqa: F401  (a fixture)

from rig.motion_file import load_motion

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "samples" / "walk_and_kick.mp4"


@pytest.mark.blender
def test_a_batch_in_blender_gives_what_the_command_line_gives(package, tmp_path, monkeypatch):  # noqa: F811
    blender = os.environ.get("SWINGTWIST_TEST_BLENDER") or shutil.which("blender")
    if blender is None:
        pytest.skip("needs Blender as a program")
    addons = tmp_path / "user" / "scripts" / "addons"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(addons)
    mocap = tmp_path / "bin" / "mocap"
    mocap.parent.mkdir()
    mocap.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m engine "$@"\n')
    mocap.chmod(0o755)
    monkeypatch.setenv("PATH", f"{mocap.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    monkeypatch.setenv("BLENDER_USER_SCRIPTS", str(tmp_path / "user" / "scripts"))
    video = shutil.copy(SAMPLE, tmp_path / "clip ü.mp4")
    rest = ["--format", "npz", "--end", "0.4", "--preset", "unreal"]

    script = ROOT / "scripts" / "blender_batch.py"
    command = [blender, "-b", "-noaudio", "--factory-startup", "--python-exit-code", "1", "--python", str(script), "--"]
    inside = subprocess.run([*command, video, "--out", tmp_path / "inside", *rest], capture_output=True, check=False)
    assert inside.returncode == 0, inside.stderr.decode()
    outside = subprocess.run([mocap, "batch", video, "--out", tmp_path / "outside", *rest], check=False)
    assert outside.returncode == 0
    one, other = (load_motion(tmp_path / folder / "clip ü.npz") for folder in ("inside", "outside"))
    assert len(one.motion) == len(other.motion) > 5
    np.testing.assert_allclose(one.motion.joints(), other.motion.joints(), atol=1e-6)
    np.testing.assert_allclose(one.motion.body_pose, other.motion.body_pose, atol=1e-6)

    bad = subprocess.run([*command, tmp_path / "none.mp4", "--out", tmp_path], capture_output=True, check=False)
    assert bad.returncode == 2
    assert b"none.mp4 holds no video" in bad.stderr

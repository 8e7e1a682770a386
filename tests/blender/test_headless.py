"""Captures from Blender without a window give what the command line gives."""

import json
import os
import re
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


@pytest.fixture
def blender():
    """The Blender program."""
    found = os.environ.get("SWINGTWIST_TEST_BLENDER") or shutil.which("blender")
    if found is None:
        pytest.skip("needs Blender as a program")
    return found


@pytest.fixture
def mocap(tmp_path, monkeypatch):
    """The engine's program, on PATH, and a Blender without settings of the user's."""
    program = tmp_path / "bin" / "mocap"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m engine "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    monkeypatch.setenv("BLENDER_USER_SCRIPTS", str(tmp_path / "user" / "scripts"))
    return program


def expect_the_same_motion(one: Path, other: Path) -> None:
    first, second = load_motion(one), load_motion(other)
    assert len(first.motion) == len(second.motion) > 5
    np.testing.assert_allclose(first.motion.joints(), second.motion.joints(), atol=1e-6)
    np.testing.assert_allclose(first.motion.body_pose, second.motion.body_pose, atol=1e-6)


@pytest.mark.blender
def test_a_batch_in_blender_gives_what_the_command_line_gives(package, blender, mocap, tmp_path):  # noqa: F811
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path / "user" / "scripts" / "addons")
    video = shutil.copy(SAMPLE, tmp_path / "clip ü.mp4")
    rest = ["--format", "npz", "--end", "0.4", "--preset", "unreal"]

    script = ROOT / "scripts" / "blender_batch.py"
    command = [blender, "-b", "-noaudio", "--factory-startup", "--python-exit-code", "1", "--python", str(script), "--"]
    inside = subprocess.run([*command, video, "--out", tmp_path / "inside", *rest], capture_output=True, check=False)
    assert inside.returncode == 0, inside.stderr.decode()
    outside = subprocess.run([mocap, "batch", video, "--out", tmp_path / "outside", *rest], check=False)
    assert outside.returncode == 0
    expect_the_same_motion(tmp_path / "inside" / "clip ü.npz", tmp_path / "outside" / "clip ü.npz")

    bad = subprocess.run([*command, tmp_path / "none.mp4", "--out", tmp_path], capture_output=True, check=False)
    assert bad.returncode == 2
    assert b"none.mp4 holds no video" in bad.stderr


@pytest.mark.blender
def test_blenders_command_gives_what_the_command_line_gives(package, blender, mocap, tmp_path, monkeypatch):  # noqa: F811
    told = subprocess.run([blender, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"Blender (\d+)\.(\d+)", told)
    if version is None or tuple(map(int, version.groups())) < (4, 2):
        pytest.skip("needs Blender 4.2 or later as a program, named by SWINGTWIST_TEST_BLENDER")
    monkeypatch.setenv("SWINGTWIST_BLENDER", blender)
    install = [blender, "--command", "extension", "install-file", "-r", "user_default", "--enable", package]
    assert subprocess.run(install, check=False).returncode == 0
    run = ["run", SAMPLE, "--end", "0.4", "--preset", "unreal", "--progress", "json"]
    files = [tmp_path / "inside.npz", tmp_path / "inside.fbx"]
    outputs = [f"--out={file}" for file in files]
    inside = subprocess.run([blender, "--command", "mocap", *run, *outputs], capture_output=True, check=False)
    assert inside.returncode == 0, inside.stderr.decode()
    summary = json.loads(inside.stdout.splitlines()[-1])
    assert [summary["event"], summary["files"], summary["people"]] == ["result", list(map(str, files)), [1]]
    assert files[1].read_bytes()[:18] == b"Kaydara FBX Binary"
    assert subprocess.run([mocap, *run, "--out", tmp_path / "outside.npz"], check=False).returncode == 0
    expect_the_same_motion(files[0], tmp_path / "outside.npz")

    for wrong, code in ((["run", tmp_path / "none.mp4", "--out", tmp_path / "x.npz"], 2), (["dance"], 2)):
        bad = subprocess.run([blender, "--command", "mocap", *wrong], capture_output=True, check=False)
        assert bad.returncode == code
        assert b"mocap" in bad.stderr

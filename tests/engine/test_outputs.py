"""Outputs are refused before the work, and named by person when there are several."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from captures import ROOT, Capture

from engine.errors import InputError, MissingTool, OutputError
from engine.outputs import check_outputs, write_outputs
from engine.settings import Settings
from rig.atomic_file import replacing
from rig.body_mesh import load_body_mesh
from rig.motion_file import MotionRecord, load_motion
from tests.sample_bodies import box_body
from tests.sample_motions import wandering


@pytest.mark.parametrize("name", ["x.doc", "x", ".npz.", "x.fbx.bak"])
def test_unknown_endings(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"expected one of .*\.fbx"):
        check_outputs([tmp_path / "fine.npz", tmp_path / name])


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        check_outputs([tmp_path / "nowhere" / "x.npz"])
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_outputs([tmp_path / "folder.npz"])
    # Stands for a read-only disk or missing rights, neither of which every user of this test can make.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="permission denied"):
        check_outputs([tmp_path / "x.npz"])


def test_blender_is_looked_for_only_where_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWINGTWIST_BLENDER", str(tmp_path / "no-blender"))
    check_outputs([tmp_path / "x.npz", tmp_path / "x.BVH"])
    for suffix in ("fbx", "glb", "blend", "usdc", "FBX"):
        with pytest.raises(MissingTool, match="no-blender"):
            check_outputs([tmp_path / f"x.{suffix}"])


def test_one_person_gets_the_very_names_and_several_their_ids(tmp_path: Path, sample_capture: Capture) -> None:
    record = load_motion(sample_capture.output("npz"))
    mesh = load_body_mesh(sample_capture.job / "body_1.npz")
    outputs = [tmp_path / "x.npz", tmp_path / "y.bvh"]
    assert write_outputs(outputs, [record], [mesh], Settings()) == outputs
    people = [record, replace(record, person_id=7)]
    written = write_outputs(outputs, people, [mesh, mesh], Settings())
    assert [path.name for path in written] == ["x_1.npz", "x_7.npz", "y_1.bvh", "y_7.bvh"]
    assert load_motion(tmp_path / "x_7.npz").person_id == 7


def test_blender_writes_everybody_together_or_each_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[int], list[str], str]] = []
    monkeypatch.setattr(
        "engine.export.blender.export_with_blender",
        lambda records, meshes, outputs, options: asked.append(
            ([record.person_id for record in records], [path.name for path in outputs], options.fbx_unit.value)
        ),
    )
    records = [MotionRecord(wandering(3), np.tile(np.eye(4), (3, 1, 1)), np.eye(3), (64, 48), n) for n in (2, 5)]
    outputs = [tmp_path / "duo.fbx", tmp_path / "duo.glb"]
    bodies = [box_body(record.motion.skeleton) for record in records]
    written = write_outputs(outputs, records, bodies, Settings(fbx_unit="cm"))
    assert written == outputs
    written = write_outputs(outputs, records, bodies, Settings(people_files="each"))
    assert [path.name for path in written] == ["duo_2.fbx", "duo_2.glb", "duo_5.fbx", "duo_5.glb"]
    write_outputs(outputs, records[:1], bodies[:1], Settings(people_files="each"))
    assert asked == [
        ([2, 5], ["duo.fbx", "duo.glb"], "cm"),
        ([2], ["duo_2.fbx", "duo_2.glb"], "m"),
        ([5], ["duo_5.fbx", "duo_5.glb"], "m"),
        ([2], ["duo.fbx", "duo.glb"], "m"),
    ]


def test_a_failed_write_leaves_the_old_file_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(b"old")

    def write() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        write()
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_write_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    code = """
import os, sys
from rig.atomic_file import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_bytes(b"half")
    os._exit(9)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.npz")], check=False, cwd=ROOT)
    assert done.returncode == 9
    assert not (tmp_path / "x.npz").exists()

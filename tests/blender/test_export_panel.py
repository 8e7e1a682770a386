"""What the panel's export writes: presets, kinds of file, several people, and folders of captures."""

import json
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from blender_scripts import run_inside
from sample_bodies import box_body
from sample_motions import walking, wandering
from test_addon import package  # noqa: F401  (a fixture)
from test_export import read_fbx, read_glb

from engine.cli.arguments import build_parser
from rig.body_mesh import save_body_mesh
from rig.bone_maps import BoneNaming, bone_name
from rig.game_engines import PRESETS
from rig.motion import Motion
from rig.motion_file import MotionRecord, load_motion, save_motion
from rig.skeleton import JOINT, SMPL_JOINT_NAMES, SMPL_PARENTS

HERE = Path(__file__).parent
pytestmark = pytest.mark.blender


@dataclass(frozen=True)
class Exported:
    """The folder with what was written, what Blender told, the two people, and what the engine was asked."""

    folder: Path
    told: dict
    people: list[Motion]
    asked: list[list[str]]


@pytest.fixture(scope="module", params=["module", "program"])
def exported(request, package, blender_kinds, tmp_path_factory):  # noqa: F811
    """One long session in each Blender."""
    if request.param not in blender_kinds:
        pytest.skip(f"needs Blender as a {request.param}")
    folder = tmp_path_factory.mktemp("export")
    people = [walking(1.0, Fraction(30000, 1001))[0], wandering(20, seed=2)]
    for number, motion in enumerate(people, start=1):
        cameras = np.tile(np.eye(4), (len(motion), 1, 1))
        save_motion(folder / f"motion_{number}.npz", MotionRecord(motion, cameras, np.eye(3), (640, 480), number))
        save_body_mesh(folder / f"body_{number}.npz", box_body(motion.skeleton))
    for name in ("a ü.mocap", "b.mocap", "unfinished.mocap"):
        (folder / "jobs" / name).mkdir(parents=True)
    for name in ("a ü.mocap", "b.mocap"):
        (folder / "jobs" / name / "motion_1.npz").touch()
    engine = folder / "mocap"
    engine.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_engine.py"}" "$@"\n')
    engine.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SWINGTWIST_BLENDER", raising=False)
        patch.setenv("BLENDER_USER_RESOURCES", str(folder / "user"))
        patch.setenv("BLENDER_USER_SCRIPTS", str(folder / "user" / "scripts"))
        patch.setenv("FAKE_ENGINE_LOG", str(folder / "log.jsonl"))
        output = run_inside(
            blender_kinds[request.param], HERE / "drive_export.py", str(package), str(engine), str(folder)
        )
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))
    asked = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return Exported(folder, told, people, asked)


@pytest.mark.parametrize("preset", PRESETS)
def test_an_fbx_has_the_presets_bones_and_unit(exported, preset):
    motion = exported.people[0]
    naming, per_metre = BoneNaming(PRESETS[preset]["bones"]), {"m": 1, "cm": 100}[PRESETS[preset]["fbx_unit"]]
    read = read_fbx(exported.folder / f"{preset}.fbx", motion)
    [take] = read["takes"]
    assert [take["name"], take["begin"]] == [preset, 0.0]
    assert take["end"] == pytest.approx(float((len(motion) - 1) / motion.fps), abs=1e-6)
    assert read["unit_meters"] == pytest.approx(1 / per_metre)
    names = [bone_name(joint, naming) for joint in SMPL_JOINT_NAMES]
    expected = {"Armature": "", "motion_1_Body": "Armature", "root": "Armature", names[0]: "root"}
    expected |= {n: names[p] for n, p in zip(names, SMPL_PARENTS, strict=True) if n is not None and p >= 0}
    parents = {name: node["parent"] for name, node in read["tree"].items()}
    parents["motion_1_Body"] = expected["motion_1_Body"]  # beside or below the armature, as Blender pleases
    assert parents == expected
    np.testing.assert_allclose([node["scale"] for node in read["tree"].values()], 1.0, atol=1e-5)
    assert set(read["clusters"]) - {"root"} == {name for name in names if name is not None}
    height = np.ptp(box_body(motion.skeleton).vertices[:, 1])
    assert read["mesh_heights"] == [pytest.approx(height * per_metre, rel=1e-4)]
    truth = motion.joints()
    for joint, name in enumerate(names):
        if name is not None:
            places = np.array(read["positions"][name]) / per_metre
            np.testing.assert_allclose(places, truth[:, joint], atol=1e-4, err_msg=name)


def test_nothing_in_the_scene_is_changed_by_an_export(exported):
    assert exported.told["unchanged"], exported.told["changes"]
    assert exported.told["hero_unchanged"]


def test_other_kinds_of_file_have_the_presets_names_too(exported):
    document, _ = read_glb(exported.folder / "unity.glb")
    names = {node["name"] for node in document["nodes"]}
    assert {"root", "mixamorig:Hips"} <= names
    assert not names & {"Pelvis", "L_Hand"}
    assert "JOINT thigh_l" in (exported.folder / "unreal.bvh").read_text()
    assert "JOINT L_Hip" in (exported.folder / "generic.bvh").read_text()


def test_a_motion_file_holds_what_the_armature_shows_now(exported):
    first, back = exported.people[0], load_motion(exported.folder / "same.npz").motion
    assert back.fps == first.fps
    np.testing.assert_allclose(back.joints(), first.joints(), atol=1e-5)
    edited = load_motion(exported.folder / "edited.npz").motion
    moved = np.linalg.norm(edited.joints() - first.joints() - [0.0, 0.25, 0.0], axis=-1).max(axis=0)
    changed = {SMPL_JOINT_NAMES[joint] for joint in np.flatnonzero(moved > 1e-3)}
    assert changed == {"left_wrist", "left_hand"}
    still = np.arange(len(first)) != 9
    places, before = edited.joints()[still, JOINT["left_wrist"]], first.joints()[still, JOINT["left_wrist"]]
    np.testing.assert_allclose(places - before, np.tile([0.0, 0.25, 0.0], (len(places), 1)), atol=1e-4)
    poses = np.load(exported.folder / "same.amass.npz")["poses"]
    assert poses.shape == (len(first), 156)


def test_several_people_share_a_file_or_have_one_each(exported):
    read = read_fbx(exported.folder / "duo.fbx", exported.people[0])
    assert len(read["takes"]) == 1
    assert {"motion_1", "motion_2"} <= read["tree"].keys()
    for number in (1, 2):
        read = read_fbx(exported.folder / f"solo_motion_{number}.fbx", exported.people[number - 1])
        assert [take["name"] for take in read["takes"]] == [f"solo_motion_{number}"]
        assert read["meshes"] == 1
        assert {"Armature", "thigh_l"} <= read["tree"].keys()
        assert (exported.folder / f"solo_motion_{number}.bvh").is_file()
    assert not (exported.folder / "solo.fbx").exists()


@pytest.mark.parametrize(("preset", "per_metre"), [("generic", 1), ("unreal", 100)])
def test_a_characters_own_scale_goes_into_its_bones(exported, preset, per_metre):
    read = read_fbx(exported.folder / f"hero_{preset}.fbx", wandering(11))
    np.testing.assert_allclose([node["scale"] for node in read["tree"].values()], 1.0, atol=1e-5)
    assert {"Armature", "low", "high", "Skin"} == read["tree"].keys()
    assert read["mesh_heights"] == [pytest.approx(1.7 * per_metre, rel=1e-5)]
    places = np.array(read["positions"]["high"]) / per_metre
    # Blender's x is the file's x, its z the file's y; the bone moves 0.5 m along x in ten frames.
    np.testing.assert_allclose(places[0], [2.0, 1.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(places[-1], [2.5, 1.0, 0.0], atol=1e-5)


def test_what_cannot_be_written_is_said(exported):
    assert "Hero has other bones than captured people have" in exported.told["hero_bvh"]
    assert "hero.obj ends in '.obj'" in exported.told["obj"]
    assert "holds no finished captures" in exported.told["no_jobs"]


def test_a_folder_of_captures_is_written_by_the_engine(exported):
    for arguments in exported.asked:
        build_parser().parse_args(arguments)
    jobs, out = exported.folder / "jobs", exported.folder / "out"
    assert exported.told["jobs"] == exported.told["more_jobs"] == ["FINISHED"]
    first = ["refine", str(jobs / "a ü.mocap"), "--out", str(out / "a ü.fbx"), "--progress", "json"]
    assert exported.asked[0] == [*first, "--bones", "unreal", "--fbx-unit", "cm", "--people-files", "each"]
    assert exported.asked[3][:4] == ["refine", str(jobs / "b.mocap"), "--out", str(jobs / "b.amass.npz")]
    assert "--bones" not in exported.asked[3]
    assert sorted(path.name for path in out.iterdir()) == ["a ü.fbx", "b.fbx"]

"""Files written through Blender, read back by Blender and by parsers that are not Blender."""

import json
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from blender_scripts import run_inside
from sample_bodies import box_body
from sample_motions import walking, wandering

from engine.errors import InputError, MissingTool, OutputError
from engine.export.blender import ExportOptions, export_with_blender
from rig.bone_maps import BoneNaming, bone_name
from rig.frames import WORLD_TO_ARMATURE, rotate
from rig.game_engines import PRESETS
from rig.motion import Motion
from rig.motion_file import MotionRecord
from rig.retarget import animate_rig, build_rig
from rig.root_motion import RootMode
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS

NTSC = Fraction(30000, 1001)
READ_BLEND = Path(__file__).with_name("read_blend.py")
READ_FBX = Path(__file__).with_name("read_fbx.py")
pytestmark = pytest.mark.blender


def record_of(motion: Motion, person_id: int = 1) -> MotionRecord:
    frames = len(motion)
    cameras = np.tile(np.eye(4), (frames, 1, 1))
    return MotionRecord(
        motion, cameras, np.eye(3), (640, 480), person_id, {"body": {"name": "boxes", "licence": "CC0"}}
    )


def ntsc_walk(seconds: float = 2.0) -> Motion:
    return walking(seconds, NTSC)[0]


def skinned(motion: Motion, frame: int) -> np.ndarray:
    """(V, 3) vertices of the box body by plain linear blend skinning, in the armature frame."""
    mesh = box_body(motion.skeleton)
    rotmats, joints = motion.global_rotmats()[frame], motion.joints()[frame]
    moved = np.einsum("jab,vjb->vja", rotmats, mesh.vertices[:, None] - motion.skeleton.rest_joints[None]) + joints
    weights = np.zeros((len(mesh.vertices), 24))
    np.add.at(weights, (np.arange(len(weights))[:, None], mesh.skin_joints), mesh.skin_weights)
    return rotate(WORLD_TO_ARMATURE, np.einsum("vj,vja->va", weights, moved))


def test_blender_evaluates_to_the_motion_on_every_frame(blender_program, tmp_path):
    motion = ntsc_walk()
    blend, read = tmp_path / "walk.blend", tmp_path / "read.npz"
    export_with_blender(
        [record_of(motion)], [box_body(motion.skeleton)], [blend], ExportOptions(blender=blender_program)
    )
    run_inside(blender_program, READ_BLEND, str(blend), str(read))
    data = np.load(read)
    rig = build_rig(motion.skeleton)
    order = [data["Armature.names"].tolist().index(name) for name in rig.bone_names]
    heads = data["Armature.heads"][:, order]
    assert len(heads) == len(motion)
    expected = rotate(WORLD_TO_ARMATURE, motion.joints())
    assert np.abs(heads[:, 1:] - expected).max() < 1e-5
    np.testing.assert_allclose(data["Armature.rest"][order][:, :3, :3], rig.rest_rotmats, atol=1e-6)
    np.testing.assert_allclose(
        data["Armature.quats"][:, order], animate_rig(rig, motion, RootMode.PLANAR_YAW).rotations_wxyz, atol=1e-6
    )
    np.testing.assert_allclose(data["Armature_Body.vertices5"], skinned(motion, 5), atol=1e-5)
    assert str(data["Armature.licence"]) == "CC0"
    assert data["Armature_Body.materials"].tolist() == ["skin", "shirt"]
    assert (int(data["fps"]), float(data["fps_base"])) == (30, pytest.approx(1.001))
    assert (int(data["frame_start"]), int(data["frame_end"])) == (0, len(motion) - 1)


def test_module_and_program_write_the_same_animation(tmp_path, blender_module):
    program = Path(os.environ.get("SWINGTWIST_TEST_BLENDER") or _which("blender"))
    motion, files = wandering(40), []
    for name, chosen in (("module", None), ("program", program)):
        blend, read = tmp_path / f"{name}.blend", tmp_path / f"{name}.npz"
        options = ExportOptions(blender=chosen, clip_name="clip")
        export_with_blender([record_of(motion)], [box_body(motion.skeleton)], [blend], options)
        run_inside(chosen, READ_BLEND, str(blend), str(read))
        files.append(dict(np.load(read)))
    assert files[0].keys() == files[1].keys()
    for key, value in files[0].items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, files[1][key], atol=2e-6, err_msg=key)
        else:
            np.testing.assert_array_equal(value, files[1][key], err_msg=key)


def _which(name: str) -> str:
    found = shutil.which(name)
    if not found:
        pytest.skip(f"needs {name}")
    return found


def read_fbx(path: Path, motion: Motion) -> dict:
    """What ufbx, which is not Blender, reads from the file."""
    pytest.importorskip("ufbx", reason="needs ufbx, a reader of FBX files")
    command = [sys.executable, "-P", str(READ_FBX), str(path), repr(float(motion.fps)), str(len(motion))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("preset", PRESETS)
def test_fbx_of_every_preset_read_by_another_parser(blender_program, tmp_path, preset):
    motion, path = ntsc_walk(), tmp_path / "dance ü 'x'.fbx"
    wanted = PRESETS[preset]
    naming, per_metre = BoneNaming(wanted["bones"]), {"m": 1, "cm": 100}[wanted["fbx_unit"]]
    options = ExportOptions(
        RootMode(wanted["root_motion"]), wanted["bones"], wanted["fbx_unit"], blender=blender_program
    )
    export_with_blender([record_of(motion)], [box_body(motion.skeleton)], [path], options)
    read = read_fbx(path, motion)

    # One take, named after the clip, from 0, within half a frame of the clip's length.
    [take] = read["takes"]
    assert [take["name"], take["begin"]] == ["dance ü 'x'", 0.0]
    assert take["end"] == pytest.approx((len(motion) - 1) / NTSC, abs=1e-6)
    assert read["unit_meters"] == pytest.approx(1 / per_metre)
    assert read["up_is_y"]

    # No bones but ours, none at the ends, and no scale anywhere.
    names = [bone_name(joint, naming) for joint in SMPL_JOINT_NAMES]
    expected = {"Armature": "", "Armature_Body": "", "root": "Armature", names[0]: "root"}
    expected |= {n: names[p] for n, p in zip(names, SMPL_PARENTS, strict=True) if n is not None and p >= 0}
    assert {name: node["parent"] for name, node in read["tree"].items()} == expected
    np.testing.assert_allclose([node["scale"] for node in read["tree"].values()], 1.0, atol=1e-5)
    np.testing.assert_allclose(np.ptp(read["moving_scales"], axis=0), 0.0, atol=1e-5)
    assert set(read["clusters"]) - {"root"} == {name for name in names if name is not None}

    # A body of 1.7 m is 170 of Unreal's units, and every joint within a millimetre on every frame.
    truth = motion.joints()
    for joint, name in enumerate(names):
        if name is not None:
            places = np.array(read["positions"][name]) / per_metre
            np.testing.assert_allclose(places, truth[:, joint], atol=1e-4, err_msg=name)
    rest = box_body(motion.skeleton).vertices[:, 1]
    assert read["mesh_heights"] == [pytest.approx(np.ptp(rest) * per_metre, rel=1e-4)]


def test_glb_read_by_hand(blender_program, tmp_path):
    motion, path = ntsc_walk(), tmp_path / "walk.glb"
    options = ExportOptions(blender=blender_program, clip_name="clip")
    export_with_blender([record_of(motion)], [box_body(motion.skeleton)], [path], options)
    document, arrays = read_glb(path)
    assert [animation["name"] for animation in document["animations"]] == ["clip"]
    nodes = document["nodes"]
    assert len(document["skins"][0]["joints"]) == 25
    assert "JOINTS_0" in document["meshes"][0]["primitives"][0]["attributes"]
    assert {material["name"] for material in document["materials"]} == {"skin", "shirt"}
    index = {node["name"]: number for number, node in enumerate(nodes)}
    tracks: dict[int, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for channel in document["animations"][0]["channels"]:
        sampler = document["animations"][0]["samplers"][channel["sampler"]]
        times, values = arrays(sampler["input"]), arrays(sampler["output"])
        tracks.setdefault(channel["target"]["node"], {})[channel["target"]["path"]] = (times, values)
        assert times[0] == 0.0
        np.testing.assert_allclose(times * float(NTSC), np.rint(times * float(NTSC)), atol=1e-4)
    last = max(times[-1] for paths in tracks.values() for times, _ in paths.values())
    assert last == pytest.approx((len(motion) - 1) / NTSC, abs=1e-6)

    truth = motion.joints()
    for frame in (0, 1, 17, len(motion) - 1):
        world: dict[int, np.ndarray] = {}
        stack = [(number, np.eye(4)) for number in document["scenes"][0]["nodes"]]
        while stack:
            number, above = stack.pop()
            world[number] = above @ local_matrix(nodes[number], tracks.get(number, {}), frame / float(NTSC))
            stack += [(child, world[number]) for child in nodes[number].get("children", [])]
        for joint, name in enumerate(SMPL_JOINT_NAMES):
            place = world[index[bone_name(name, BoneNaming.SMPL)]][:3, 3]
            np.testing.assert_allclose(place, truth[frame, joint], atol=1e-4)


def test_several_people_share_one_take(blender_program, tmp_path):
    motions = [wandering(30, seed=1), wandering(24, seed=2)]
    people = [record_of(motion, number) for number, motion in zip((2, 5), motions, strict=True)]
    path = tmp_path / "duo.fbx"
    bodies = [box_body(motion.skeleton) for motion in motions]
    export_with_blender(people, bodies, [path], ExportOptions(blender=blender_program))
    read = read_fbx(path, motions[0])
    assert read["takes"] == [{"name": "duo", "begin": 0.0, "end": pytest.approx(29 / 30, abs=1e-6)}]
    assert {"Armature_2", "Armature_5"} <= {name for name, node in read["tree"].items() if not node["parent"]}
    assert read["meshes"] == 2


def test_one_frame_without_a_body(blender_program, tmp_path):
    path, motion = tmp_path / "still.fbx", wandering(1)
    export_with_blender([record_of(motion)], [None], [path], ExportOptions(blender=blender_program))
    read = read_fbx(path, motion)
    np.testing.assert_allclose(read["positions"]["Head"], motion.joints()[:, 15], atol=1e-5)
    assert read["meshes"] == 0


def test_usd_holds_the_skeleton_animation(blender_module, tmp_path):
    path = tmp_path / "walk.usdc"
    motion = ntsc_walk(1.0)
    export_with_blender([record_of(motion)], [box_body(motion.skeleton)], [path])
    assert path.read_bytes()[:8] == b"PXR-USDC"
    run_inside(None, Path(__file__).with_name("read_usd.py"), str(path), str(tmp_path / "read.npz"))
    with np.load(tmp_path / "read.npz") as read:
        names, heads = list(read["names"]), read["heads"]
        assert read["first"] == 0
        assert len(heads) == len(motion)
        np.testing.assert_allclose(read["scales"], 1.0, atol=1e-5)
        assert set(read["groups"]) >= set(names) - {"root"}
    rig, truth = build_rig(motion.skeleton), rotate(WORLD_TO_ARMATURE, motion.joints())
    order = [names.index(name) for name in rig.bone_names[1:]]
    np.testing.assert_allclose(heads[:, order], truth, atol=1e-4)


def test_failure_leaves_the_old_file_and_says_why(blender_module, tmp_path):
    path = tmp_path / "walk.fbx"
    path.write_bytes(b"old")
    broken = tmp_path / "broken-blender"
    broken.write_text("#!/bin/sh\necho 'first line' >&2\necho 'no display driver' >&2\nexit 11\n")
    broken.chmod(0o755)
    options = ExportOptions(blender=broken)
    with pytest.raises(OutputError, match=r"walk\.fbx.*broken-blender.*status 11: no display driver"):
        export_with_blender([record_of(wandering(3))], [None], [path], options)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix == ".fbx"] == ["walk.fbx"]


def test_an_unwritable_place_is_named_without_temporary_names(blender_program, tmp_path):
    path = tmp_path / "no such folder" / "walk.fbx"
    with pytest.raises(OutputError, match=r"walk\.fbx.*No such file") as caught:
        export_with_blender([record_of(wandering(3))], [None], [path], ExportOptions(blender=blender_program))
    assert ".part" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_missing_blender_is_named(tmp_path):
    options = ExportOptions(blender=tmp_path / "no-such-blender")
    with pytest.raises(MissingTool, match="no-such-blender"):
        export_with_blender([record_of(wandering(3))], [None], [tmp_path / "a.fbx"], options)


def test_unfit_requests_are_refused_before_blender_starts(tmp_path):
    one = record_of(wandering(3))
    with pytest.raises(InputError, match=r"\.obj"):
        export_with_blender([one], [None], [tmp_path / "a.obj"])
    other = replace(one, motion=replace(one.motion, fps=Fraction(25)))
    with pytest.raises(InputError, match="different rates"):
        export_with_blender([one, other], [None, None], [tmp_path / "a.fbx"])
    with pytest.raises(InputError, match=r"'maya'.*smpl, mixamo, unreal"):
        ExportOptions(bone_names="maya")


def read_glb(path: Path):
    data = path.read_bytes()
    size = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + size])
    binary = data[20 + size + 8 :]

    def array(number: int) -> np.ndarray:
        accessor = document["accessors"][number]
        view = document["bufferViews"][accessor["bufferView"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        values = np.frombuffer(binary, "<f4", accessor["count"] * width, start)
        return values.astype(float).reshape(-1, width) if width > 1 else values.astype(float)

    return document, array


def local_matrix(node: dict, tracks: dict, time_s: float) -> np.ndarray:
    def value(path: str, default: list[float]) -> np.ndarray:
        if path in tracks:
            times, values = tracks[path]
            return values[np.abs(times - time_s).argmin()]
        return np.array(node.get(path, default))

    x, y, z, w = value("rotation", [0.0, 0.0, 0.0, 1.0])
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, :3] *= value("scale", [1.0, 1.0, 1.0])
    matrix[:3, 3] = value("translation", [0.0, 0.0, 0.0])
    return matrix

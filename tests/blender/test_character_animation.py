"""Motions put on characters inside real Blenders by the installed add-on: poses, keys, presets and bad input."""

import importlib.util
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from blender_scripts import run_inside
from sample_bodies import box_body
from sample_motions import walking

from engine.errors import InputError
from engine.export.blender import ExportOptions, export_with_blender
from rig.bone_mapping import LIMB_PARTS, BoneMapping, RigKind, save_preset
from rig.bone_maps import BoneNaming
from rig.frames import WORLD_TO_ARMATURE, rotate
from rig.motion_file import MotionRecord, save_motion
from rig.skeleton import JOINT

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def _from_file(name: str, path: Path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _from_file("made_characters", ROOT / "tests" / "rig" / "made_characters.py")
_NAMES = {
    "root": ["root"], "pelvis": ["pelvis"], "spine": ["spine_01", "spine_02", "spine_03"], "neck": ["neck_01"],
    "head": ["head"], **{f"{side}_{part}": [f"{bone}_{side[0]}"] for side in ("left", "right") for part, bone in {
        "collar": "clavicle", "shoulder": "upperarm", "elbow": "lowerarm", "wrist": "hand", "hip": "thigh",
        "knee": "calf", "ankle": "foot", "foot": "ball"}.items()},
}  # fmt: skip
_VRM_LIMB = ("Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes")
_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The built zip."""
    return _from_file("build_addon", ROOT / "build_addon.py").build(tmp_path_factory.mktemp("dist"))


def _worst_direction_deg(heads: dict[str, dict[str, list[float]]], motion, first_frame: int = 1) -> float:
    joints, worst = rotate(WORLD_TO_ARMATURE, motion.joints()), 0.0
    for frame, places in heads.items():
        for side in ("left", "right"):
            for upper, lower in _LIMBS:
                ends = [np.array(places[_NAMES[f"{side}_{part}"][0]]) for part in (lower, upper)]
                own = ends[0] - ends[1]
                row = joints[int(frame) - first_frame]
                theirs = row[JOINT[f"{side}_{lower}"]] - row[JOINT[f"{side}_{upper}"]]
                angle = np.arctan2(np.linalg.norm(np.cross(own, theirs)), own @ theirs)
                worst = max(worst, float(np.degrees(angle)))
    return worst


@pytest.mark.blender
def test_retarget_reduce_strip_presets_and_bad_input(blender_program, package, tmp_path, monkeypatch):
    # 24 frames a second is a new scene's rate; another rate is resampled.
    motion = walking(2.5, Fraction(24))[0]
    cameras = np.tile(np.eye(4), (len(motion), 1, 1))
    save_motion(tmp_path / "motion.npz", MotionRecord(motion, cameras, np.eye(3), (640, 480), 1))
    bones = made.humanoid(_NAMES, arms_down_deg=40.0, height=100.0)
    (tmp_path / "bones.json").write_text(
        json.dumps([(name, parent, list(head), list(tail)) for name, parent, head, tail in bones])
    )
    save_preset(tmp_path / "preset.json", BoneMapping(RigKind.UE4, {part: tuple(n) for part, n in _NAMES.items()}))
    human = ("hips", "spine", "chest", "upperChest", "neck", "head")
    names = [*_NAMES["pelvis"], *_NAMES["spine"], *_NAMES["neck"], *_NAMES["head"]]
    for side in ("left", "right"):
        human += tuple(f"{side}{part}" for part in _VRM_LIMB)
        names += [_NAMES[f"{side}_{part}"][0] for part in LIMB_PARTS]
    document = {"nodes": [{"name": name} for name in names]}
    (tmp_path / "plain.gltf").write_text(json.dumps(document))
    told_bones = {bone: {"node": number} for number, bone in enumerate(human)}
    document["extensions"] = {"VRMC_vrm": {"humanoid": {"humanBones": told_bones}}}
    (tmp_path / "hero.gltf").write_text(json.dumps(document))
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    monkeypatch.setenv("BLENDER_USER_SCRIPTS", str(tmp_path / "user" / "scripts"))

    output = run_inside(blender_program, HERE / "drive_retarget.py", str(package), str(tmp_path))
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))

    assert "0 captured armatures are in the scene" in told["nothing_captured"]
    assert "none.npz does not exist" in told["missing_file"]
    assert "no armature 'Nobody'" in told["missing_target"]
    assert "expected a humanoid" in told["no_humanoid"]
    assert "is the captured armature itself" in told["itself"]
    assert "is the pelvis" in told["no_pelvis"]
    assert "expected the same positive scale along all axes" in told["uneven"]
    assert "expected the same positive scale along all axes" in told["mirrored"]
    assert "states no human bones" in told["no_human_bones"]
    assert told["animated_by_mistake"] == []
    assert told["actions_by_mistake"] == 0
    assert told["recognised"] == [["FINISHED"], RigKind.UE4.value]
    assert told["done"] == told["reduced"] == told["strip"] == ["FINISHED"]
    assert told["action"] == "Hero_motion"
    assert _worst_direction_deg(told["heads"], motion) < 0.05
    # Each bone is within half a degree of its dense curve; two bones lie above each of these directions at most.
    assert _worst_direction_deg(told["reduced_heads"], motion) < 5.0
    assert told["keys"][1] < told["keys"][0] / 2
    assert told["kept"] is True
    assert told["strips"] == [11.0]
    assert _worst_direction_deg(told["strip_heads"], motion) < 0.05
    assert told["saved"] == told["loaded"] == ["FINISHED"]
    assert told["kind_after_loading"] == RigKind.PRESET.value
    assert told["vrm"] == told["held"] == told["override"] == ["FINISHED"]
    assert told["kind_of_vrm"] == RigKind.VRM.value
    # With planted feet, which is the default, and with constraints that held bones.
    assert _worst_direction_deg(told["held_heads"], motion) < 2.0
    assert _worst_direction_deg(told["override_heads"], motion) < 2.0
    assert told["driven"] == ["hand_l"]
    assert "two armatures are called 'Cube'" in told["same_name"].replace("Two", "two")
    assert "is linked from" in told["linked"]


@pytest.mark.blender
def test_a_character_plays_the_person_in_exported_files(blender_program, tmp_path):
    """A person's own FBX as the character of a second export moves as the person does."""
    motion = walking(0.5)[0]
    cameras = np.tile(np.eye(4), (len(motion), 1, 1))
    record = MotionRecord(motion, cameras, np.eye(3), (640, 480), 1)
    hero, out = tmp_path / "hero.fbx", tmp_path / "played.glb"
    body = box_body(motion.skeleton)
    export_with_blender([record], [body], [hero], ExportOptions(bone_names=BoneNaming.MIXAMO, blender=blender_program))
    export_with_blender([record], [body], [out], ExportOptions(character=hero, blender=blender_program))
    content = out.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    document = json.loads(content[20 : 20 + length])
    names = {node.get("name", "") for node in document["nodes"]}
    assert "mixamorig:LeftForeArm" in names
    assert [animation["name"] for animation in document["animations"]] == ["played"]
    targets = {document["nodes"][c["target"]["node"]].get("name") for c in document["animations"][0]["channels"]}
    assert {"mixamorig:LeftForeArm", "mixamorig:Hips", "root"} <= targets
    times = [document["accessors"][s["input"]]["max"][0] for s in document["animations"][0]["samplers"]]
    assert max(times) == pytest.approx((len(motion) - 1) / 30, abs=1e-5)


def test_characters_that_cannot_be_read_are_refused_before_any_work(tmp_path):
    with pytest.raises(InputError, match="ends in"):
        ExportOptions(character=tmp_path / "hero.txt")
    with pytest.raises(InputError, match="does not exist"):
        ExportOptions(character=tmp_path / "hero.fbx")

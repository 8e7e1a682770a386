"""Tests of recognising the bones of well-known rigs, and of matching unknown ones by names, tree and shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from full_rigs import named_parts
from made_characters import as_character, humanoid

from rig.bone_mapping import PARTS, BoneMapping, RigKind, load_preset, save_preset
from rig.bone_matching import map_bones, match_bones
from rig.bone_names import read_bone_name
from rig.errors import RigError
from rig.rotations import rotvec_to_rotmat


def _trunk(root: str, pelvis: str, spine: str, neck: str, head: str) -> dict[str, str]:
    return {"root": root, "pelvis": pelvis, "spine": spine, "neck": neck, "head": head}


_UE = "clavicle# upperarm# lowerarm# hand# thigh# calf# foot# ball#"
_UNITY = "#Shoulder #UpperArm #LowerArm #Hand #UpperLeg #LowerLeg #Foot #Toes"
_MIXAMO = "{0}#Shoulder {0}#Arm {0}#ForeArm {0}#Hand {0}#UpLeg {0}#Leg {0}#Foot {0}#ToeBase"
RIGS = {
    "smpl": (RigKind.SMPL, named_parts(
        _trunk("root", "Pelvis", "Spine1 Spine2 Spine3", "Neck", "Head"),
        "#Collar #Shoulder #Elbow #Wrist #Hip #Knee #Ankle #Foot", ("L_", "R_"))),
    "smpl with a prefix": (RigKind.SMPL, named_parts(
        _trunk("", "f_avg_Pelvis", "f_avg_Spine1 f_avg_Spine2 f_avg_Spine3", "f_avg_Neck", "f_avg_Head"),
        "f_avg_#Collar f_avg_#Shoulder f_avg_#Elbow f_avg_#Wrist f_avg_#Hip f_avg_#Knee f_avg_#Ankle f_avg_#Foot",
        ("L_", "R_"))),
    "smplx": (RigKind.SMPLX, named_parts(
        _trunk("root", "pelvis", "spine1 spine2 spine3", "neck", "head"),
        "#collar #shoulder #elbow #wrist #hip #knee #ankle #foot", ("left_", "right_"))),
    "mixamo": (RigKind.MIXAMO, named_parts(
        _trunk("", "mixamorig:Hips", "mixamorig:Spine mixamorig:Spine1 mixamorig:Spine2", "mixamorig:Neck",
               "mixamorig:Head"), _MIXAMO.format("mixamorig:"), ("Left", "Right"))),
    "mixamo without a namespace": (RigKind.MIXAMO, named_parts(
        _trunk("", "Hips", "Spine Spine1 Spine2", "Neck", "Head"), _MIXAMO.format(""), ("Left", "Right"))),
    "mixamo of another namespace": (RigKind.MIXAMO, named_parts(
        _trunk("", "mixamorig7:Hips", "mixamorig7:Spine mixamorig7:Spine1 mixamorig7:Spine2", "mixamorig7:Neck",
               "mixamorig7:Head"), _MIXAMO.format("mixamorig7:"), ("Left", "Right"))),
    "metarig": (RigKind.METARIG, named_parts(
        _trunk("", "spine", "spine.001 spine.002 spine.003", "spine.004 spine.005", "spine.006"),
        "shoulder# upper_arm# forearm# hand# thigh# shin# foot# toe#", (".L", ".R"))),
    "rigify controls": (RigKind.RIGIFY, named_parts(
        _trunk("root", "torso spine_fk", "spine_fk.001 spine_fk.002 spine_fk.003", "neck", "head"),
        "shoulder# upper_arm_fk# forearm_fk# hand_fk# thigh_fk# shin_fk# foot_fk# toe_fk#", (".L", ".R"))),
    "rigify deform": (RigKind.RIGIFY_DEFORM, named_parts(
        _trunk("root", "DEF-spine", "DEF-spine.001 DEF-spine.002 DEF-spine.003", "DEF-spine.004 DEF-spine.005",
               "DEF-spine.006"),
        "DEF-shoulder# DEF-upper_arm#+DEF-upper_arm#.001 DEF-forearm#+DEF-forearm#.001 DEF-hand# "
        "DEF-thigh#+DEF-thigh#.001 DEF-shin#+DEF-shin#.001 DEF-foot# DEF-toe#", (".L", ".R"))),
    "ue4": (RigKind.UE4, named_parts(
        _trunk("root", "pelvis", "spine_01 spine_02 spine_03", "neck_01", "head"), _UE, ("_l", "_r"))),
    "ue5": (RigKind.UE5, named_parts(
        _trunk("root", "pelvis", "spine_01 spine_02 spine_03 spine_04 spine_05", "neck_01 neck_02", "head"), _UE,
        ("_l", "_r"))),
    "vroid": (RigKind.VRM, named_parts(
        _trunk("Root", "J_Bip_C_Hips", "J_Bip_C_Spine J_Bip_C_Chest J_Bip_C_UpperChest", "J_Bip_C_Neck",
               "J_Bip_C_Head"),
        _UNITY.replace("#Toes", "#ToeBase"), ("J_Bip_L_", "J_Bip_R_"))),
    "vrm 1": (RigKind.VRM, named_parts(
        _trunk("root", "hips", "spine chest upperChest", "neck", "head"), _UNITY, ("left", "right"))),
    "unity": (RigKind.UNITY, named_parts(
        _trunk("", "Hips", "Spine Chest UpperChest", "Neck", "Head"), _UNITY, ("Left", "Right"))),
    "godot": (RigKind.GODOT, named_parts(
        _trunk("Root", "Hips", "Spine Chest UpperChest", "Neck", "Head"), _UNITY, ("Left", "Right"))),
    "daz 8": (RigKind.DAZ, named_parts(
        _trunk("", "hip", "abdomenLower abdomenUpper chestLower chestUpper", "neckLower neckUpper", "head"),
        "#Collar #ShldrBend+#ShldrTwist #ForearmBend+#ForearmTwist #Hand #ThighBend+#ThighTwist #Shin #Foot #Toe",
        ("l", "r"))),
    "daz 9": (RigKind.DAZ9, named_parts(
        _trunk("", "hip", "spine1 spine2 spine3 spine4", "neck1 neck2", "head"),
        "#shoulder #upperarm #forearm #hand #thigh #shin #foot #toes", ("l_", "r_"))),
    "character creator": (RigKind.CHARACTER_CREATOR, named_parts(
        _trunk("CC_Base_BoneRoot", "CC_Base_Hip", "CC_Base_Waist CC_Base_Spine01 CC_Base_Spine02",
               "CC_Base_NeckTwist01 CC_Base_NeckTwist02", "CC_Base_Head"),
        "CC_Base_#Clavicle CC_Base_#Upperarm CC_Base_#Forearm CC_Base_#Hand CC_Base_#Thigh CC_Base_#Calf CC_Base_#Foot "
        "CC_Base_#ToeBase", ("L_", "R_"))),
}  # fmt: skip
ODD = {
    "numbers only": named_parts(
        _trunk("", "torso_joint_1", "torso_joint_2 torso_joint_3", "neck_joint_1", "neck_joint_2"),
        "- arm_joint_#_1 arm_joint_#_2 arm_joint_#_3 leg_joint_#_1 leg_joint_#_2 leg_joint_#_3 leg_joint_#_5",
        ("L", "R")),
    "unreal with dots": named_parts(
        _trunk("", "pelvis", "spine_01 spine_02", "neck_01", "head"), _UE, (".l", ".r")),
    "biped": named_parts(
        _trunk("", "Bip01~Pelvis", "Bip01~Spine Bip01~Spine1", "Bip01~Neck", "Bip01~Head"),
        "Bip01~#~Clavicle Bip01~#~UpperArm Bip01~#~Forearm Bip01~#~Hand Bip01~#~Thigh Bip01~#~Calf Bip01~#~Foot "
        "Bip01~#~Toe0", ("L", "R")),
    "side first": named_parts(
        _trunk("", "CenterHip", "Belly Chest", "Neck", "Head"),
        "#Collar #UpArm #LowArm #Wrist #UpLeg #LowLeg #Ankle #Toes", ("Left", "Right")),
    "without sides": named_parts(
        _trunk("", "b0", "b1 b2", "b3", "b4"), "c# d# e# f# g# h# i# j#", ("5", "6")),
}  # fmt: skip


def _expected(parts: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {part: tuple(names) for part, names in parts.items() if names}


def _bones(parts: dict[str, list[str]], tell: str = ""):
    bones = humanoid(parts)
    if tell:
        head = next(bone for bone in bones if bone[0] == parts["head"][0])
        bones.append((tell, head[0], head[2], head[2] + [0.0, -0.05, 0.0]))
    return bones


@pytest.mark.parametrize("name", RIGS)
def test_well_known_rigs_are_recognised_with_every_bone(name: str) -> None:
    kind, parts = RIGS[name]
    mapping = map_bones(as_character(_bones(parts, "jaw" if kind is RigKind.SMPLX else "")))
    assert mapping.kind is kind
    assert dict(mapping.bones) == _expected(parts)
    assert set(mapping.confidence.values()) == {1.0}


@pytest.mark.parametrize("name", [*ODD, *(name for name in RIGS if name not in ("rigify controls",))])
def test_any_rig_is_matched_by_names_tree_and_shape(name: str) -> None:
    parts = ODD.get(name) or RIGS[name][1]
    mapping = match_bones(as_character(_bones(parts)))
    found, wanted = dict(mapping.bones), _expected(parts)
    if name in RIGS:  # a limb's second bone, and where neck ends and spine begins, only the names of a known rig tell
        found = {part: bones[:1] for part, bones in found.items()}
        wanted = {part: bones[:1] for part, bones in wanted.items()}
    assert found == wanted


def test_a_rig_lying_in_its_armature_with_centimetres_is_matched() -> None:
    turn = rotvec_to_rotmat(np.radians([90.0, 0.0, 0.0])) @ rotvec_to_rotmat(np.radians([0.0, 0.0, -90.0]))
    character = as_character(humanoid(ODD["numbers only"], arms_down_deg=50.0), turn, roll_seed=3, scale=100.0)
    assert dict(match_bones(character).bones) == _expected(ODD["numbers only"])


def test_twist_bones_beside_a_limb_are_found() -> None:
    _, parts = RIGS["ue4"]
    bones = humanoid(parts)
    for part, names in (("upperarm", ("upperarm_twist_01",)), ("lowerarm", ("lowerarm_twist_01", "lowerarm_twist_02"))):
        for side in "lr":
            limb = next(bone for bone in bones if bone[0] == f"{part}_{side}")
            for number, name in enumerate(names):
                at = limb[2] + (limb[3] - limb[2]) * 0.3 * (number + 1)
                bones.append((f"{name}_{side}", limb[0], at, at + np.array([0.0, 0.0, 0.05])))
    for mapping in (map_bones(as_character(bones)), match_bones(as_character(bones))):
        assert mapping.twists["left_elbow"] == ("lowerarm_twist_01_l", "lowerarm_twist_02_l")
        assert mapping.twists["right_shoulder"] == ("upperarm_twist_01_r",)


@pytest.mark.parametrize(
    ("name", "side", "part"),
    [
        ("mixamorig:LeftUpLeg", "left", "hip"), ("thigh.l_Armature", "left", "hip"),
        ("Bip01 R Forearm", "right", "elbow"),
        ("rShldrBend", "right", "shoulder"), ("CC_Base_L_Calf", "left", "knee"), ("Hand_Right", "right", "wrist"),
        ("leftfoot", "left", "ankle"), ("J_Bip_L_ToeBase", "left", "foot"), ("UpperArmR", "right", "shoulder"),
        ("l_clavicle_jnt", "left", "collar"), ("Armature_Head", "", "head"),
    ],
)  # fmt: skip
def test_names_are_read_in_many_spellings(name: str, side: str, part: str) -> None:
    reading = read_bone_name(name)
    assert reading.side == side
    assert part in reading.parts
    assert not reading.aside


def test_fingers_and_ends_are_beside_the_body() -> None:
    for name in ("LeftHandIndex1", "RightToe_End", "head_leaf", "eye.L", "hand_ik.L", "HairBall_L"):
        assert read_bone_name(name).aside, name


def test_no_humanoid_is_said_plainly() -> None:
    chain = [
        (f"bone{k}", f"bone{k - 1}" if k else None, np.array([0, 0, k]), np.array([0, 0, k + 1.0])) for k in range(5)
    ]
    with pytest.raises(RigError, match="expected a humanoid"):
        map_bones(as_character(chain))


def test_a_preset_comes_back_and_wrong_ones_are_named(tmp_path: Path) -> None:
    mapping = map_bones(as_character(_bones(RIGS["ue4"][1])))
    path = tmp_path / "hero.json"
    save_preset(path, mapping)
    again = load_preset(path)
    assert dict(again.bones) == dict(mapping.bones)
    assert again.kind is RigKind.PRESET
    for text in ("", "[]", '{"schema": 2}', '{"schema": 1, "bones": {"tail": ["a"]}}', '{"schema": 1, "bones": 3}'):
        path.write_text(text)
        with pytest.raises(RigError):
            load_preset(path)
    with pytest.raises(RigError, match=r"none\.json"):
        load_preset(tmp_path / "none.json")


def test_mappings_that_cannot_drive_a_character_are_refused() -> None:
    character = as_character(_bones(RIGS["ue4"][1]))
    with pytest.raises(RigError, match="no bone of the armature is the pelvis"):
        BoneMapping(RigKind.PRESET, {"head": ("head",)}).checked(character)
    with pytest.raises(RigError, match="does not have"):
        BoneMapping(RigKind.PRESET, {"pelvis": ("hippo",)}).checked(character)
    with pytest.raises(RigError, match="no bone of the armature was recognised"):
        BoneMapping(RigKind.PRESET, {}).checked(character)
    with pytest.raises(RigError, match="plays two parts"):
        BoneMapping(RigKind.PRESET, {"pelvis": ("a",), "head": ("a",)})
    assert set(BoneMapping(RigKind.PRESET, {}).missing()) <= set(PARTS)

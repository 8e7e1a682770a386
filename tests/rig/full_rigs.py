"""Whole rigs as they come out of other programs, with fingers, twists, helpers, faces, clothes and floor controls."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from made_characters import Bones, humanoid

from rig.bone_mapping import RigKind

_LIMB = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")
_SPREAD = {"thumb": -0.035, "index": -0.025, "middle": -0.008, "ring": 0.01, "little": 0.027}

Extra = tuple[str, str, float, tuple[float, float, float], tuple[float, float, float]]
"""Chain of bones: names, parent, share along the parent where it begins, offset of its begin, step from bone to bone.

"#" stands for the mark of a side; what lies sideways is mirrored. Without a parent the chain is one of its own.
"""


@dataclass(frozen=True)
class FullRig:
    """kind as it is to be recognised; parts to be found; twists to be found; extras that are no part of the body."""

    kind: RigKind
    sides: tuple[str, str]
    parts: dict[str, list[str]]
    extras: tuple[Extra, ...] = ()
    twists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    arms_down_deg: float = 0.0
    places: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)

    def bones(self) -> Bones:
        bones = humanoid(self.parts, arms_down_deg=self.arms_down_deg, places=self.places)
        for extra in self.extras:
            if "#" in extra[0] + extra[1]:
                for mark, sign in zip(self.sides, (1.0, -1.0), strict=True):
                    _hang(bones, extra, mark, sign)
            else:
                _hang(bones, extra, "", 1.0)
        for name, parent in self._parents().items():
            at = next(k for k, bone in enumerate(bones) if bone[0] == name)
            bones[at] = (name, parent, bones[at][2], bones[at][3])
        return _parents_first(bones)

    def _parents(self) -> dict[str, str]:
        return {
            name.replace("#", mark): parent.replace("#", mark)
            for name, parent in self.parents.items() for mark in (self.sides if "#" in name else ("",))
        }  # fmt: skip


def _hang(bones: Bones, extra: Extra, mark: str, sign: float) -> None:
    names, parent, share, offset, step = extra
    mirror = np.array([sign, 1.0, 1.0])
    above = next((bone for bone in bones if bone[0] == parent.replace("#", mark)), None)
    place = np.array(offset) * mirror
    if above is not None:
        place = place + above[2] + share * (above[3] - above[2])
    name_above = above[0] if above else None
    for name in names.split():
        after = place + np.array(step) * mirror
        bones.append((name.replace("#", mark).replace("~", " "), name_above, place, after))
        name_above, place = bones[-1][0], after


def _parents_first(bones: Bones) -> Bones:
    ordered: Bones = []
    waiting = list(bones)
    while waiting:
        known = {bone[0] for bone in ordered}
        ready = [bone for bone in waiting if bone[1] is None or bone[1] in known]
        ordered += ready
        waiting = [bone for bone in waiting if bone not in ready]
    return ordered


def named_parts(trunk: dict[str, str], limbs: str, sides: tuple[str, str]) -> dict[str, list[str]]:
    """Names by part: `limbs` are eight templates in order, "+" between bones of one part, "~" for a space."""
    parts = {part: [name.replace("~", " ") for name in names.split()] for part, names in trunk.items()}
    for side, mark in zip(("left", "right"), sides, strict=True):
        for part, names in zip(_LIMB, limbs.split(), strict=True):
            if names != "-":
                parts[f"{side}_{part}"] = [name.replace("#", mark).replace("~", " ") for name in names.split("+")]
    return parts


def _rig(kind: RigKind, sides: tuple[str, str], trunk: str, limbs: str, *extras: Extra, **more) -> FullRig:
    """`trunk`: root, pelvis, spine, neck and head, parted by "/", each with its bones parted by spaces."""
    parts = ("root", "pelvis", "spine", "neck", "head")
    names = dict(zip(parts, (one.strip() for one in trunk.split("/")), strict=True))
    return FullRig(kind, sides, named_parts(names, limbs, sides), tuple(extras), **more)


def _fingers(hand: str, template: str, fingers: dict[str, str], count: int = 3, base: str = "") -> tuple[Extra, ...]:
    """Chains of `count` bones: {f} is the finger's name, {n} the bone's number from 1; `base`: a bone before them."""
    chains = []
    for finger, called in fingers.items():
        names = [template.replace("{f}", called).replace("{n}", str(n + 1)) for n in range(count)]
        if base and finger != "thumb":
            names = [base.replace("{f}", called), *names]
        out = (0.02, -0.02, 0.0) if finger == "thumb" else (0.028, 0.0, 0.0)
        chains.append((" ".join(names), hand, 0.2 if base else 0.9, (0.0, _SPREAD[finger], 0.0), out))
    return tuple(chains)


_ENGLISH = {"thumb": "Thumb", "index": "Index", "middle": "Middle", "ring": "Ring", "little": "Pinky"}
_LOWER = {finger: name.lower() for finger, name in _ENGLISH.items()}
_UP, _FRONT, _NONE = (0.0, 0.0, 0.05), (0.0, -0.06, 0.0), (0.0, 0.0, 0.0)
_DOWN = (0.0, 0.02, -0.12)


def _mixamo(prefix: str) -> FullRig:
    return _rig(
        RigKind.MIXAMO, ("Left", "Right"),
        f"/{prefix}Hips/{prefix}Spine {prefix}Spine1 {prefix}Spine2/{prefix}Neck/{prefix}Head",
        " ".join(f"{prefix}#{name}" for name in
                 ("Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase")),
        *_fingers(f"{prefix}#Hand", prefix + "#Hand{f}{n}", _ENGLISH, 4),
        (f"{prefix}HeadTop_End", f"{prefix}Head", 1.0, _NONE, _UP),
        (f"{prefix}#Toe_End", f"{prefix}#ToeBase", 1.0, _NONE, _FRONT),
        (f"{prefix}#Eye", f"{prefix}Head", 0.4, (0.03, -0.08, 0.0), _FRONT),
    )  # fmt: skip


_UE = "clavicle# upperarm# lowerarm# hand# thigh# calf# foot# ball#"
_UE_CONTROLS: tuple[Extra, ...] = (
    ("ik_foot_root", "root", 0.0, _NONE, _FRONT),
    ("ik_foot#", "ik_foot_root", 0.0, (0.1, 0.03, 0.09), _FRONT),
    ("ik_hand_root ik_hand_gun", "root", 0.0, (-0.3, 0.0, 0.7), (0.0, 0.0, 0.01)),
    ("ik_hand#", "ik_hand_gun", 0.0, (0.69, 0.02, 0.7), _FRONT),
)


def _ue_twists(upper: int, leg: int) -> tuple[Extra, ...]:
    counts = {"upperarm": upper, "lowerarm": upper, "thigh": leg, "calf": leg}
    return tuple(
        (f"{limb}_twist_0{n}#", f"{limb}#", n / (count + 1), _NONE, (0.0, 0.0, 0.04))
        for limb, count in counts.items() for n in range(1, count + 1)
    )  # fmt: skip


def _ue_twist_names(count: int) -> dict[str, tuple[str, ...]]:
    limbs = {"shoulder": "upperarm", "elbow": "lowerarm", "hip": "thigh", "knee": "calf"}
    return {
        f"{side}_{part}": tuple(f"{limb}_twist_0{n}_{side[0]}" for n in range(1, count + 1))
        for side in ("left", "right") for part, limb in limbs.items()
    }  # fmt: skip


_UE5_TRUNK = "root/pelvis/spine_01 spine_02 spine_03 spine_04 spine_05/neck_01 neck_02/head"
_METAHUMAN_EXTRAS: tuple[Extra, ...] = (
    *((name, "upperarm#", 0.1, (0.0, y, 0.02), (0.03, 0.0, 0.0)) for name, y in (
        ("upperarm_correctiveRoot#", 0.0), ("upperarm_bicep#", -0.03), ("upperarm_tricep#", 0.03),
        ("upperarm_twistCor_01#", 0.01))),
    *((name, "lowerarm#", 0.95, (0.0, y, 0.02), (0.03, 0.0, 0.0)) for name, y in (
        ("lowerarm_correctiveRoot#", 0.0), ("lowerarm_in#", -0.03), ("lowerarm_out#", 0.03))),
    *((name, "hand#", 0.0, (0.0, y, 0.02), (0.02, 0.0, 0.0)) for name, y in (
        ("wrist_inner#", -0.03), ("wrist_outer#", 0.03))),
    *((name, "thigh#", 0.1, (x, y, 0.0), (0.0, 0.0, -0.04)) for name, x, y in (
        ("thigh_correctiveRoot#", 0.0, 0.0), ("thigh_fwd#", 0.0, -0.05), ("thigh_bck#", 0.0, 0.05),
        ("thigh_in#", -0.05, 0.0), ("thigh_out#", 0.05, 0.0))),
    *((name, "calf#", 0.05, (0.0, y, 0.0), (0.0, 0.0, -0.03)) for name, y in (
        ("calf_correctiveRoot#", 0.0), ("calf_kneeBack#", 0.04), ("calf_knee#", -0.04))),
    *((name, "foot#", 0.05, (0.0, y, 0.0), (0.0, 0.0, -0.03)) for name, y in (
        ("ankle_bck#", 0.04), ("ankle_fwd#", -0.04))),
    *((f"{toe}_01# {toe}_02#", "ball#", 0.3, (x, 0.0, 0.0), (0.0, -0.02, 0.0)) for toe, x in (
        ("bigtoe", -0.02), ("indextoe", 0.0), ("littletoe", 0.03))),
    ("clavicle_pec#", "clavicle#", 0.4, (0.0, -0.08, -0.05), (0.03, 0.0, 0.0)),
    ("clavicle_scap#", "clavicle#", 0.4, (0.0, 0.08, -0.05), (0.03, 0.0, 0.0)),
    ("spine_04_latissimus#", "spine_04", 0.5, (0.1, 0.05, 0.0), _UP),
    ("FACIAL_C_FacialRoot FACIAL_C_Jaw", "head", 0.0, (0.0, -0.02, 0.02), _FRONT),
    ("FACIAL_C_Neck1Root", "neck_01", 0.0, _NONE, _UP),
)  # fmt: skip


def _vroid() -> FullRig:
    names = ("Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "ToeBase")
    skirt = tuple(
        (f"J_Sec_#_Skirt{where}{n}_01 J_Sec_#_Skirt{where}{n}_02 J_Sec_#_Skirt{where}{n}_03", "J_Bip_C_Hips", 0.0,
         (0.1, y, -0.02), _DOWN)
        for where, y in (("Front", -0.1), ("Side", 0.0), ("Back", 0.1)) for n in (1, 2)
    )  # fmt: skip
    return _rig(
        RigKind.VRM, ("L", "R"),
        "Root/J_Bip_C_Hips/J_Bip_C_Spine J_Bip_C_Chest J_Bip_C_UpperChest/J_Bip_C_Neck/J_Bip_C_Head",
        " ".join(f"J_Bip_#_{name}" for name in names),
        *_fingers("J_Bip_#_Hand", "J_Bip_#_{f}{n}", {**_ENGLISH, "little": "Little"}),
        *skirt,
        ("J_Sec_#_Bust1 J_Sec_#_Bust2", "J_Bip_C_UpperChest", 0.2, (0.07, -0.08, 0.0), _FRONT),
        ("J_Adj_#_FaceEye", "J_Bip_C_Head", 0.3, (0.03, -0.06, 0.0), _FRONT),
        ("J_Sec_Hair1_01 J_Sec_Hair2_01 J_Sec_Hair3_01", "J_Bip_C_Head", 0.5, (0.0, 0.1, 0.0), (0.0, 0.01, -0.15)),
        ("J_Sec_#_TopsUpperArmInside_01", "J_Bip_#_UpperArm", 0.5, (0.0, 0.0, -0.03), (0.05, 0.0, 0.0)),
        arms_down_deg=0.0,
    )  # fmt: skip


_HUMANOID = "#Shoulder #UpperArm #LowerArm #Hand #UpperLeg #LowerLeg #Foot #Toes"
_PHALANX = {"1": "Proximal", "2": "Intermediate", "3": "Distal"}


def _godot() -> FullRig:
    fingers = tuple(
        (" ".join(name.replace(n, word) for name in names.split() for n, word in _PHALANX.items() if name.endswith(n)),
         *rest)
        for names, *rest in _fingers("#Hand", "#{f}{n}", {**_ENGLISH, "little": "Little"})
    )  # fmt: skip
    return _rig(
        RigKind.GODOT, ("Left", "Right"), "Root/Hips/Spine Chest UpperChest/Neck/Head", _HUMANOID, *fingers,
        ("Jaw", "Head", 0.1, (0.0, -0.05, 0.0), _FRONT), ("#Eye", "Head", 0.4, (0.03, -0.08, 0.0), _FRONT),
    )  # fmt: skip


_DAZ8_EXTRAS: tuple[Extra, ...] = (
    *_fingers("#Hand", "#{f}{n}", {**_ENGLISH, "middle": "Mid"}),
    ("#Metatarsals", "#Foot", 0.3, _NONE, (0.0, -0.05, -0.02)),
    ("#BigToe #BigToe_2", "#Toe", 0.5, (-0.02, 0.0, 0.0), (0.0, -0.02, 0.0)),
    ("#SmallToe1 #SmallToe1_2", "#Toe", 0.5, (0.02, 0.0, 0.0), (0.0, -0.02, 0.0)),
    ("#Pectoral", "chestLower", 0.5, (0.08, -0.08, 0.0), _FRONT),
    ("pelvis", "hip", 0.0, (0.0, 0.0, 0.0), (0.0, 0.0, -0.1)),
    ("upperFaceRig", "head", 0.1, (0.0, -0.03, 0.0), _UP),
    ("lowerJaw tongue01", "head", 0.0, (0.0, -0.03, 0.0), _FRONT),
    ("#Eye", "head", 0.4, (0.03, -0.06, 0.0), _FRONT), ("#Ear", "head", 0.4, (0.07, 0.0, 0.0), _UP),
)  # fmt: skip
_DAZ9_EXTRAS: tuple[Extra, ...] = (
    *_fingers("#hand", "#{f}{n}", {**_LOWER, "middle": "mid"}, base="#{f}metacarpal"),
    ("pelvis", "hip", 0.0, (0.0, 0.0, 0.0), (0.0, 0.0, -0.1)),
    ("#metatarsal", "#foot", 0.3, _NONE, (0.0, -0.05, -0.02)),
    *((f"#{toe}toe1 #{toe}toe2", "#toes", 0.4, (x, 0.0, 0.0), (0.0, -0.02, 0.0)) for toe, x in (
        ("big", -0.03), ("index", -0.01), ("mid", 0.0), ("ring", 0.01), ("pinky", 0.03))),
    *((f"#{limb}twist{n}", f"#{limb}", share, _NONE, (0.0, 0.0, 0.04)) for limb in ("upperarm", "forearm", "thigh")
      for n, share in ((1, 0.05), (2, 0.5))),
    ("#pectoral", "spine3", 0.5, (0.08, -0.08, 0.0), _FRONT),
    ("centerbrow", "head", 0.5, (0.0, -0.08, 0.0), _FRONT), ("lowerjaw lowerteeth", "head", 0.0, _NONE, _FRONT),
    ("#eye", "head", 0.4, (0.03, -0.06, 0.0), _FRONT), ("#ear", "head", 0.4, (0.07, 0.0, 0.0), _UP),
)  # fmt: skip


def _character_creator() -> FullRig:
    c = "CC_Base_"
    twists = tuple(
        (f"{c}#_{limb}Twist01 {c}#_{limb}Twist02", f"{c}#_{limb}", 0.1, _NONE, step)
        for limb, step in (("Upperarm", (0.12, 0.0, 0.0)), ("Forearm", (0.12, 0.0, 0.0)),
                           ("Thigh", (0.0, 0.0, -0.18)), ("Calf", (0.0, 0.0, -0.18)))
    )  # fmt: skip
    limbs = {"shoulder": "Upperarm", "elbow": "Forearm", "hip": "Thigh", "knee": "Calf"}
    return _rig(
        RigKind.CHARACTER_CREATOR, ("L", "R"),
        f"RL_BoneRoot/{c}Hip/{c}Waist {c}Spine01 {c}Spine02/{c}NeckTwist01 {c}NeckTwist02/{c}Head",
        " ".join(f"{c}#_{name}" for name in
                 ("Clavicle", "Upperarm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "ToeBase")),
        *_fingers(f"{c}#_Hand", c + "#_{f}{n}", {**_ENGLISH, "middle": "Mid"}), *twists,
        (f"{c}Pelvis", f"{c}Hip", 0.0, _NONE, (0.0, 0.0, -0.1)),
        (f"{c}#_ElbowShareBone", f"{c}#_Forearm", 0.0, _NONE, (0.05, 0.0, 0.0)),
        (f"{c}#_KneeShareBone", f"{c}#_Calf", 0.0, _NONE, (0.0, 0.0, -0.05)),
        (f"{c}#_ToeBaseShareBone", f"{c}#_Foot", 1.0, _NONE, (0.0, -0.02, 0.0)),
        (f"{c}#_RibsTwist {c}#_Breast", f"{c}Spine02", 0.3, (0.06, -0.06, 0.0), _FRONT),
        (f"{c}FacialBone {c}JawRoot {c}Tongue01", f"{c}Head", 0.1, (0.0, -0.02, 0.0), _FRONT),
        (f"{c}#_BigToe1", f"{c}#_ToeBase", 0.2, (-0.02, 0.0, 0.0), (0.0, -0.02, 0.0)),
        parents={f"{c}#_Thigh": f"{c}Pelvis"}, arms_down_deg=45.0,
        twists={f"{side}_{part}": tuple(f"{c}{side[0].upper()}_{limb}Twist0{n}" for n in (1, 2))
                for side in ("left", "right") for part, limb in limbs.items()},
    )  # fmt: skip


KNOWN = {
    "mixamo": _mixamo("mixamorig:"),
    "mixamo, second character": _mixamo("mixamorig1:"),
    "ready player me": _mixamo(""),
    "unreal 4": _rig(
        RigKind.UE4, ("_l", "_r"), "root/pelvis/spine_01 spine_02 spine_03/neck_01/head", _UE,
        *_fingers("hand#", "{f}_0{n}#", _LOWER), *_ue_twists(1, 1), *_UE_CONTROLS, twists=_ue_twist_names(1),
        arms_down_deg=50.0),
    "unreal 5": _rig(
        RigKind.UE5, ("_l", "_r"), _UE5_TRUNK, _UE, *_fingers("hand#", "{f}_0{n}#", _LOWER, base="{f}_metacarpal#"),
        *_ue_twists(2, 2), *_UE_CONTROLS, ("interaction", "root", 0.0, _NONE, _UP),
        ("center_of_mass", "root", 0.0, (0.0, 0.0, 0.9), _UP), twists=_ue_twist_names(2), arms_down_deg=50.0),
    "metahuman": _rig(
        RigKind.METAHUMAN, ("_l", "_r"), _UE5_TRUNK, _UE,
        *_fingers("hand#", "{f}_0{n}#", _LOWER, base="{f}_metacarpal#"),
        *_ue_twists(2, 2), *_METAHUMAN_EXTRAS, twists=_ue_twist_names(2), arms_down_deg=45.0),
    "vroid": _vroid(),
    "godot": _godot(),
    "daz 8": _rig(
        RigKind.DAZ, ("l", "r"), "/hip/abdomenLower abdomenUpper chestLower chestUpper/neckLower neckUpper/head",
        "#Collar #ShldrBend+#ShldrTwist #ForearmBend+#ForearmTwist #Hand #ThighBend+#ThighTwist #Shin #Foot #Toe",
        *_DAZ8_EXTRAS, parents={"#ThighBend": "pelvis", "#Toe": "#Metatarsals"}, arms_down_deg=40.0),
    "daz 9": _rig(
        RigKind.DAZ9, ("l_", "r_"), "/hip/spine1 spine2 spine3 spine4/neck1 neck2/head",
        "#shoulder #upperarm #forearm #hand #thigh #shin #foot #toes", *_DAZ9_EXTRAS,
        parents={"#thigh": "pelvis", "#toes": "#metatarsal"}, arms_down_deg=40.0,
        twists={f"{side}_{part}": tuple(f"{side[0]}_{limb}twist{n}" for n in (1, 2)) for side in ("left", "right")
                for part, limb in (("shoulder", "upperarm"), ("elbow", "forearm"), ("hip", "thigh"))}),
    "character creator 4": _character_creator(),
    "mmd": _rig(
        RigKind.MMD, ("左", "右"), "全ての親/センター/上半身 上半身2/首/頭",
        "#肩 #腕 #ひじ #手首 #足 #ひざ #足首 #つま先",
        ("下半身", "センター", 0.0, _NONE, (0.0, 0.0, -0.1)),
        ("#足ＩＫ #つま先ＩＫ", "全ての親", 0.0, (0.1, 0.03, 0.09), (0.0, -0.12, -0.07)),
        ("#腕捩", "#腕", 0.5, _NONE, (0.05, 0.0, 0.0)), ("#目", "頭", 0.4, (0.03, -0.06, 0.0), _FRONT),
        ("髪1 髪2 髪3", "頭", 0.6, (0.0, 0.1, 0.0), (0.0, 0.02, -0.2)),
        *_fingers("#手首", "#{f}{n}", dict(zip(_ENGLISH, ("親指", "人指", "中指", "薬指", "小指"), strict=True))),
        parents={"#足": "下半身"}, arms_down_deg=35.0),
}  # fmt: skip
"""Rigs that are to be recognised by name."""

_WORDS = dict(zip(_LIMB, ("Collar", "UpperArm", "LowerArm", "Hand", "Thigh", "Shin", "Foot", "Toe"), strict=True))
_FREE_EXTRAS: tuple[Extra, ...] = (
    ("Skirt.#.001 Skirt.#.002 Skirt.#.003", "Hips", 0.0, (0.12, -0.05, -0.02), (0.02, 0.0, -0.2)),
    ("Hair Hair.001 Hair.002 Hair.003", "Head", 0.6, (0.0, 0.1, 0.0), (0.0, 0.02, -0.2)),
    ("Sword.#", "Palm.#", 0.5, _NONE, (0.0, -0.6, 0.0)),
    ("Cape.# Cape.#.001 Cape.#.002 Cape.#.003", "Torso", 1.0, (0.12, 0.1, 0.0), (0.0, 0.03, -0.3)),
)  # fmt: skip
UNKNOWN = {
    "sketchfab's mixamo": _rig(
        RigKind.MIXAMO, ("Left", "Right"),
        "_rootJoint/mixamorig:Hips_01/mixamorig:Spine_02 mixamorig:Spine1_03 mixamorig:Spine2_04/mixamorig:Neck_05/"
        "mixamorig:Head_06",
        "mixamorig:#Shoulder_07 mixamorig:#Arm_08 mixamorig:#ForeArm_09 mixamorig:#Hand_010 mixamorig:#UpLeg_055 "
        "mixamorig:#Leg_056 mixamorig:#Foot_057 mixamorig:#ToeBase_058"),
    "biped of 3ds max": _rig(
        RigKind.MATCHED, ("L", "R"), "Bip001/Bip001~Pelvis/Bip001~Spine Bip001~Spine1 Bip001~Spine2/Bip001~Neck/"
        "Bip001~Head",
        "Bip001~#~Clavicle Bip001~#~UpperArm Bip001~#~Forearm Bip001~#~Hand Bip001~#~Thigh Bip001~#~Calf "
        "Bip001~#~Foot Bip001~#~Toe0",
        *_fingers("Bip001 # Hand", "Bip001~#~Finger{f}{n}",
                  dict(zip(_ENGLISH, "01234", strict=True))),
        ("Bip001~HeadNub", "Bip001 Head", 1.0, _NONE, _UP),
        ("Bip001~Footsteps", "Bip001", 0.0, _NONE, _FRONT),
        parents={"Bip001 # Clavicle": "Bip001 Neck", "Bip001 # Thigh": "Bip001 Spine"}),
    "valve's biped": _rig(
        RigKind.MATCHED, ("L", "R"), "/ValveBiped.Bip01_Pelvis/ValveBiped.Bip01_Spine ValveBiped.Bip01_Spine1 "
        "ValveBiped.Bip01_Spine2 ValveBiped.Bip01_Spine4/ValveBiped.Bip01_Neck1/ValveBiped.Bip01_Head1",
        " ".join(f"ValveBiped.Bip01_#_{name}" for name in (
            "Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "Toe0")),
        *_fingers("ValveBiped.Bip01_#_Hand", "ValveBiped.Bip01_#_Finger{f}{n}",
                  dict(zip(_ENGLISH, "01234", strict=True)))),
    "advanced skeleton": _rig(
        RigKind.MATCHED, ("_L", "_R"), "/Root_M/Spine1_M Chest_M/Neck_M/Head_M",
        "Scapula# Shoulder# Elbow# Wrist# Hip# Knee# Ankle# Toes#",
        *_fingers("Wrist#", "{f}Finger{n}#", _ENGLISH), ("HeadEnd_M", "Head_M", 1.0, _NONE, _UP),
        ("ToesEnd#", "Toes#", 1.0, _NONE, _FRONT)),
    "auto-rig pro": _rig(
        RigKind.MATCHED, (".l", ".r"), "/root.x/spine_01.x spine_02.x/neck.x/head.x",
        "shoulder# arm_stretch# forearm_stretch# hand# thigh_stretch# leg_stretch# foot# toes_01#",
        *_fingers("hand#", "c_{f}{n}#", _LOWER),
        *((f"{limb}_twist#", f"{limb}_stretch#", share, _NONE, (0.0, 0.0, 0.03)) for limb, share in (
            ("arm", 0.05), ("forearm", 0.6), ("thigh", 0.05), ("leg", 0.6))),
        twists={f"{side}_{part}": (f"{limb}_twist.{side[0]}",) for side in ("left", "right") for part, limb in (
            ("shoulder", "arm"), ("elbow", "forearm"), ("hip", "thigh"), ("knee", "leg"))}),
    "second life": _rig(
        RigKind.MATCHED, ("Left", "Right"), "/mPelvis/mTorso mChest/mNeck/mHead",
        "mCollar# mShoulder# mElbow# mWrist# mHip# mKnee# mAnkle# mFoot#",
        *_fingers("mWrist#", "mHand{f}{n}#", _ENGLISH),
        ("mToe#", "mFoot#", 1.0, _NONE, _FRONT), ("mFaceRoot mFaceJaw", "mHead", 0.1, _NONE, _FRONT),
        ("mWingsRoot", "mChest", 0.5, (0.0, 0.1, 0.0), _UP),
        ("mWing1# mWing2# mWing3# mWing4#", "mWingsRoot", 0.0, (0.05, 0.03, 0.0), (0.15, 0.05, 0.02)),
        ("mTail1 mTail2 mTail3", "mPelvis", 0.0, (0.0, 0.1, 0.0), (0.0, 0.1, -0.02)),
        ("mHindLimbsRoot", "mPelvis", 0.0, (0.0, 0.2, 0.0), (0.0, 0.05, 0.0)),
        ("mHindLimb1# mHindLimb2# mHindLimb3# mHindLimb4#", "mHindLimbsRoot", 0.5, (0.1, 0.0, 0.0),
         (0.0, 0.02, -0.25))),
    "makehuman": _rig(
        RigKind.MATCHED, (".L", ".R"), "/ root / spine05 spine04 spine03 spine02 spine01/neck01 neck02 neck03/head",
        "clavicle# upperarm01# lowerarm01# wrist# upperleg01# lowerleg01# foot# toe1-1#",
        ("toe2-1# toe2-2#", "foot#", 0.9, (0.03, 0.0, 0.0), (0.0, -0.025, 0.0)),
        *_fingers("wrist#", "finger{f}-{n}#", dict(zip(_ENGLISH, "12345", strict=True)))),
    "motionbuilder's cmu": _rig(
        RigKind.MIXAMO, ("Left", "Right"), "/Hips/LowerBack Spine Spine1/Neck Neck1/Head",
        "#Shoulder #Arm #ForeArm #Hand #UpLeg #Leg #Foot #ToeBase",
        ("#FingerBase #HandIndex1", "#Hand", 1.0, _NONE, (0.05, 0.0, 0.0)),
        ("#HipJoint", "Hips", 0.0, (0.02, 0.0, -0.01), (0.05, 0.0, -0.04)), parents={"#UpLeg": "#HipJoint"}),
    "motionbuilder": _rig(
        RigKind.MIXAMO, ("Left", "Right"),
        "Char:Reference/Char:Hips/Char:Spine Char:Spine1 Char:Spine2/Char:Neck/Char:Head",
        " ".join(f"Char:#{name}" for name in (
            "Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase")),
        ("Char:#UpLegRoll", "Char:#UpLeg", 0.5, _NONE, (0.0, 0.0, -0.05))),
    "roblox": _rig(
        RigKind.MATCHED, ("Left", "Right"), "HumanoidRootPart/LowerTorso/UpperTorso//Head",
        "- #UpperArm #LowerArm #Hand #UpperLeg #LowerLeg #Foot -"),
    "free names": _rig(
        RigKind.MATCHED, ("L", "R"), "Bone/Hips/Abdomen Torso/Neck/Head",
        "Shoulder.# UpperArm.# LowerArm.# Palm.# UpperLeg.# LowerLeg.# Foot.# -", *_FREE_EXTRAS),
    "feet that hang from the root": _rig(
        RigKind.MATCHED, ("L", "R"), "Bone/Hips/Abdomen Torso/Neck/Head",
        "Shoulder# UpperArm# LowerArm# Palm# UpperLeg# LowerLeg# Foot# -",
        ("PoleTarget#", "Bone", 0.0, (0.1, -0.6, 0.5), _FRONT), parents={"Foot#": "Bone"}),
    "optitrack": _rig(
        RigKind.MATCHED, ("L", "R"), "/Hip/Ab Chest/Neck/Head",
        "#Shoulder #UArm #FArm #Hand #Thigh #Shin #Foot #Toe"),
    "words for limbs": _rig(
        RigKind.MATCHED, ("Left", "Right"), "Armature/Body/Waist Belly Breastbone//Skull",
        "- #Bicep #Forearm #Fist #Leg1 #Leg2 #Leg3 -"),
    "no clavicles, neck or spine": _rig(
        RigKind.MATCHED, (".L", ".R"), "/body///head", "- upperArm# lowerArm# hand# upperLeg# lowerLeg# foot# -"),
    "blender's numbers": _rig(
        RigKind.MATCHED, (".L", ".R"), "/Bone/Bone.001 Bone.002/Bone.003/Bone.004",
        "Bone.005# Bone.006# Bone.007# Bone.008# Bone.009# Bone.010# Bone.011# Bone.012#"),
    "two ways of sides": FullRig(RigKind.MATCHED, ("", ""), {
        "pelvis": ["hips"], "spine": ["spine", "chest"], "neck": ["neck"], "head": ["head"],
        **{f"{side}_{part}": [name.format(_WORDS[part])] for part in _LIMB
           for side, name in (("left", "{0}_l"), ("right", "Right{0}"))}}),
}  # fmt: skip
"""Rigs that are to be matched, or recognised under names that were changed."""

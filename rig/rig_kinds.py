"""The bone names of well-known rigs, recognised by name whatever namespace, prefix or suffix they carry."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .bone_mapping import ESSENTIAL_PARTS, SIDES, BoneMapping, RigKind
from .character import Character

_NUMBERED = re.compile(r"_\d+$")


@dataclass(frozen=True)
class _Scheme:
    """Names of one rig: `sides` replace {s} in `limbs`; words part alternatives with |, a chain's bones with spaces."""

    kind: RigKind
    sides: tuple[str, str]
    trunk: dict[str, str]
    limbs: dict[str, str]
    twists: dict[str, str] | None = None
    tell: str = ""


_ARM_LEG = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")


def _limbs(*names: str) -> dict[str, str]:
    return dict(zip(_ARM_LEG, names, strict=True))


def _trunk(root: str, pelvis: str, spine: str, neck: str, head: str) -> dict[str, str]:
    return {"root": root, "pelvis": pelvis, "spine": spine, "neck": neck, "head": head}


_UNITY_TRUNK = _trunk("Root", "Hips", "Spine Chest UpperChest", "Neck", "Head")
_UNITY_LIMBS = _limbs(
    "{s}Shoulder",
    "{s}UpperArm",
    "{s}LowerArm",
    "{s}Hand",
    "{s}UpperLeg",
    "{s}LowerLeg",
    "{s}Foot",
    "{s}Toes|{s}ToeBase",
)
_UE_TRUNK = _trunk("root", "pelvis", "spine_01 spine_02 spine_03 spine_04 spine_05", "neck_01 neck_02", "head")
_UE_LIMBS = _limbs(
    "clavicle{s}", "upperarm{s}", "lowerarm{s}", "hand{s}", "thigh{s}", "calf{s}", "foot{s}", "ball{s}"
)  # fmt: skip
_UE_TWISTS = {
    "shoulder": "upperarm_twist_01{s} upperarm_twist_02{s}",
    "elbow": "lowerarm_twist_01{s} lowerarm_twist_02{s}",
    "hip": "thigh_twist_01{s} thigh_twist_02{s}",
    "knee": "calf_twist_01{s} calf_twist_02{s}",
}
_METARIG_LIMBS = _limbs(
    "shoulder{s}", "upper_arm{s}", "forearm{s}", "hand{s}", "thigh{s}", "shin{s}", "foot{s}", "toe{s}"
)  # fmt: skip
_SMPL_TRUNK = _trunk("root", "pelvis", "spine1 spine2 spine3", "neck", "head")
_SMPL_LIMBS = _limbs("{s}collar", "{s}shoulder", "{s}elbow", "{s}wrist", "{s}hip", "{s}knee", "{s}ankle", "{s}foot")
_MMD_TRUNK = _trunk("全ての親", "センター", "上半身 上半身2", "首", "頭")
_MMD_LIMBS = ("肩", "腕", "ひじ", "手首", "足", "ひざ", "足首", "つま先")

_SCHEMES = (
    _Scheme(
        RigKind.RIGIFY,
        (".L", ".R"),
        _trunk("root", "torso spine_fk", "spine_fk.001 spine_fk.002 spine_fk.003", "neck", "head"),
        _limbs(
            "shoulder{s}", "upper_arm_fk{s}", "forearm_fk{s}", "hand_fk{s}", "thigh_fk{s}", "shin_fk{s}", "foot_fk{s}",
            "toe_fk{s}|toe{s}",
        ),
    ),
    _Scheme(
        RigKind.METARIG,
        (".L", ".R"),
        _trunk("", "spine", "spine.001 spine.002 spine.003", "spine.004 spine.005", "spine.006"),
        _METARIG_LIMBS,
    ),
    _Scheme(
        RigKind.RIGIFY_DEFORM,
        (".L", ".R"),
        _trunk(
            "root", "DEF-spine", "DEF-spine.001 DEF-spine.002 DEF-spine.003", "DEF-spine.004 DEF-spine.005",
            "DEF-spine.006",
        ),
        _limbs(
            "DEF-shoulder{s}", "DEF-upper_arm{s} DEF-upper_arm{s}.001", "DEF-forearm{s} DEF-forearm{s}.001",
            "DEF-hand{s}",
            "DEF-thigh{s} DEF-thigh{s}.001", "DEF-shin{s} DEF-shin{s}.001", "DEF-foot{s}", "DEF-toe{s}",
        ),
    ),
    _Scheme(
        RigKind.MIXAMO,
        ("Left", "Right"),
        _trunk("Root", "Hips", "LowerBack Spine Spine1 Spine2 Spine3", "Neck Neck1", "Head"),
        _limbs(
            "{s}Shoulder", "{s}Arm", "{s}ForeArm", "{s}Hand", "{s}UpLeg", "{s}Leg", "{s}Foot", "{s}ToeBase",
        ),
    ),
    _Scheme(RigKind.METAHUMAN, ("_l", "_r"), _UE_TRUNK, _UE_LIMBS, _UE_TWISTS, tell="upperarm_correctiveRoot_l"),
    _Scheme(RigKind.METAHUMAN, ("_l", "_r"), _UE_TRUNK, _UE_LIMBS, _UE_TWISTS, tell="FACIAL_C_FacialRoot"),
    _Scheme(RigKind.UE5, ("_l", "_r"), _UE_TRUNK, _UE_LIMBS, _UE_TWISTS, tell="spine_05"),
    _Scheme(RigKind.UE4, ("_l", "_r"), _UE_TRUNK, _UE_LIMBS, _UE_TWISTS),
    _Scheme(RigKind.SMPLX, ("left_", "right_"), _SMPL_TRUNK, _SMPL_LIMBS, tell="jaw"),
    _Scheme(RigKind.SMPL, ("left_", "right_"), _SMPL_TRUNK, _SMPL_LIMBS),
    _Scheme(RigKind.SMPL, ("L_", "R_"), _SMPL_TRUNK, _SMPL_LIMBS),
    _Scheme(RigKind.VRM, ("J_Bip_L_", "J_Bip_R_"), {
        "root": "Root", **{part: " ".join(f"J_Bip_C_{name}" for name in names.split()) for part, names in
        _UNITY_TRUNK.items() if part != "root"}}, _UNITY_LIMBS),
    _Scheme(RigKind.VRM, ("left", "right"), _UNITY_TRUNK, _UNITY_LIMBS, tell="=leftUpperArm"),
    _Scheme(RigKind.GODOT, ("Left", "Right"), _UNITY_TRUNK, _UNITY_LIMBS, tell="Root"),
    _Scheme(RigKind.UNITY, ("Left", "Right"), _UNITY_TRUNK, _UNITY_LIMBS),
    _Scheme(
        RigKind.DAZ,
        ("l", "r"),
        _trunk("", "hip", "abdomenLower abdomenUpper chestLower chestUpper", "neckLower neckUpper", "head"),
        _limbs(
            "{s}Collar", "{s}ShldrBend {s}ShldrTwist", "{s}ForearmBend {s}ForearmTwist", "{s}Hand",
            "{s}ThighBend {s}ThighTwist", "{s}Shin", "{s}Foot", "{s}Toe",
        ),
    ),
    _Scheme(
        RigKind.DAZ9,
        ("l_", "r_"),
        _trunk("", "hip", "spine1 spine2 spine3 spine4", "neck1 neck2", "head"),
        _limbs("{s}shoulder", "{s}upperarm", "{s}forearm", "{s}hand", "{s}thigh", "{s}shin", "{s}foot", "{s}toes"),
        {
            "shoulder": "{s}upperarmtwist1 {s}upperarmtwist2",
            "elbow": "{s}forearmtwist1 {s}forearmtwist2",
            "hip": "{s}thightwist1 {s}thightwist2",
        },
    ),
    _Scheme(
        RigKind.CHARACTER_CREATOR,
        ("L_", "R_"),
        _trunk("BoneRoot", "Hip", "Waist Spine01 Spine02", "NeckTwist01 NeckTwist02", "Head"),
        _limbs("{s}Clavicle", "{s}Upperarm", "{s}Forearm", "{s}Hand", "{s}Thigh", "{s}Calf", "{s}Foot", "{s}ToeBase"),
        {
            "shoulder": "{s}UpperarmTwist01 {s}UpperarmTwist02",
            "elbow": "{s}ForearmTwist01 {s}ForearmTwist02",
            "hip": "{s}ThighTwist01 {s}ThighTwist02",
            "knee": "{s}CalfTwist01 {s}CalfTwist02",
        },
        tell="L_Clavicle",
    ),
    _Scheme(RigKind.MMD, ("左", "右"), _MMD_TRUNK, _limbs(*("{s}" + name for name in _MMD_LIMBS))),
    _Scheme(RigKind.MMD, (".L", ".R"), _MMD_TRUNK, _limbs(*(name + "{s}" for name in _MMD_LIMBS))),
)  # fmt: skip


def recognise(character: Character) -> BoneMapping | None:
    """The mapping of a well-known rig, all of whose essential bones are there under their own names; None for others.

    Namespaces ("mixamorig:"), prefixes and suffixes shared by all bones ("CC_Base_", "_Armature") do not matter, nor
    do numbers that some exporters put behind every name ("Hips_01", "LeftUpLeg_055").
    """
    found = _best_scheme(character)
    if found is not None:
        return found
    bare = [_NUMBERED.sub("", name) for name in character.bone_names]
    if len(set(bare)) < len(bare) or bare == list(character.bone_names):
        return None
    found = _best_scheme(replace(character, bone_names=tuple(bare)))
    if found is None:
        return None
    real = dict(zip(bare, character.bone_names, strict=True))
    bones, twists = (
        {part: tuple(real[name] for name in names) for part, names in table.items()}
        for table in (found.bones, found.twists)
    )
    return BoneMapping(found.kind, bones, twists, {real[name]: sure for name, sure in found.confidence.items()})


def _best_scheme(character: Character) -> BoneMapping | None:
    best: BoneMapping | None = None
    for scheme in _SCHEMES:
        found = _match(character, scheme)
        if found is not None and (best is None or len(found.confidence) > len(best.confidence)):
            best = found
    return best


def _match(character: Character, scheme: _Scheme) -> BoneMapping | None:
    for prefix, suffix in _affixes(character, scheme.trunk["pelvis"].split()[0]):
        names = {
            name[len(prefix) : len(name) - len(suffix)].lower(): name
            for name in character.bone_names
            if name.startswith(prefix) and name.endswith(suffix)
        }
        exact = {name[len(prefix) : len(name) - len(suffix)] for name in names.values()}
        tell = scheme.tell
        if (tell.startswith("=") and tell[1:] not in exact) or (
            tell[:1] not in ("", "=") and tell.lower() not in names
        ):
            continue
        bones = {part: _chain(names, words, "") for part, words in scheme.trunk.items()}
        twists = {}
        for side, mark in zip(SIDES, scheme.sides, strict=True):
            bones |= {f"{side}_{part}": _chain(names, words, mark) for part, words in scheme.limbs.items()}
            for part, words in (scheme.twists or {}).items():
                twists[f"{side}_{part}"] = _chain(names, words, mark)
        if not bones["root"]:
            top = (
                character.bone_names[character.path(character.index(bones["pelvis"][0]))[0]] if bones["pelvis"] else ""
            )
            called = any(word in top.lower() for word in ("root", "reference"))
            bones["root"] = (top,) if called and top not in bones["pelvis"] else ()
        if all(bones[part] for part in ESSENTIAL_PARTS) and _hangs_together(character, bones, scheme.kind):
            used = [bone for chain in (*bones.values(), *twists.values()) for bone in chain]
            return BoneMapping(scheme.kind, bones, twists, dict.fromkeys(used, 1.0))
    return None


def _affixes(character: Character, pelvis: str) -> list[tuple[str, str]]:
    """Prefix and suffix of every bone that could be the pelvis under another name, the barest first."""
    found = []
    for name in character.bone_names:
        at = name.lower().rfind(pelvis.lower())
        if at >= 0:
            found.append((name[:at], name[at + len(pelvis) :]))
    return sorted(set(found), key=lambda affix: (len(affix[0]) + len(affix[1]), affix))


def _chain(names: dict[str, str], words: str, mark: str) -> tuple[str, ...]:
    chain = []
    for word in words.split():
        choices = (names.get(choice.replace("{s}", mark).lower()) for choice in word.split("|"))
        name = next((choice for choice in choices if choice), None)
        if name:
            chain.append(name)
    return tuple(chain)


def _hangs_together(character: Character, bones: dict[str, tuple[str, ...]], kind: RigKind) -> bool:
    """Whether every limb hangs from the pelvis, elbow from shoulder and so on; controls are wired otherwise."""
    if kind is RigKind.RIGIFY:
        return True
    chains = [("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")]
    lines = [["pelvis", *(f"{side}_{part}" for part in chain)] for side in SIDES for chain in chains]
    for line in [*lines, ["pelvis", "spine", "neck", "head"]]:
        order = [bone for part in line for bone in bones.get(part, ())]
        path = [character.bone_names[bone] for bone in character.path(character.index(order[-1]))]
        if [bone for bone in path if bone in order] != order:
            return False
    return True

"""What a bone's name says: its side and the part of the body, in the spellings that rigs use."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SIDES = {
    **dict.fromkeys(("l", "left", "lft", "lt", "lf", "links", "izq", "gauche"), "left"),
    **dict.fromkeys(("r", "right", "rgt", "rt", "rgh", "rechts", "der", "droite"), "right"),
}
_NOISE = {
    "armature", "skeleton", "joint", "jnt", "bone", "bip", "biped", "mixamorig", "def", "org", "c", "cc",
    "base", "character",
    "skin", "rig", "avg", "m", "f", "j", "b", "bn", "sk",
}  # fmt: skip
_SPELLINGS: tuple[tuple[str, dict[str, float]], ...] = (
    ("forearm", {"elbow": 1.0}), ("lowerarm", {"elbow": 1.0}), ("lowarm", {"elbow": 1.0}),
    ("armlower", {"elbow": 1.0}),
    ("elbow", {"elbow": 1.0}), ("unterarm", {"elbow": 1.0}),
    ("upperarm", {"shoulder": 1.0}), ("uparm", {"shoulder": 1.0}), ("armupper", {"shoulder": 1.0}),
    ("shldr", {"shoulder": 1.0}), ("humerus", {"shoulder": 1.0}), ("bicep", {"shoulder": 1.0}), ("oberarm",
    {"shoulder": 1.0}),
    ("upleg", {"hip": 1.0}), ("upperleg", {"hip": 1.0}), ("legupper", {"hip": 1.0}), ("thigh", {"hip": 1.0}),
    ("femur", {"hip": 1.0}),
    ("lowerleg", {"knee": 1.0}), ("lowleg", {"knee": 1.0}), ("leglower", {"knee": 1.0}), ("calf", {"knee": 1.0}),
    ("shin", {"knee": 1.0}), ("knee", {"knee": 1.0}), ("tibia", {"knee": 1.0}),
    ("clav", {"collar": 1.0}), ("collar", {"collar": 1.0}),
    ("toe", {"foot": 1.0}), ("ball", {"foot": 0.8}), ("foot", {"ankle": 1.0, "foot": 0.3}), ("ankle", {"ankle": 1.0}),
    ("wrist", {"wrist": 1.0}), ("palm", {"wrist": 0.8}), ("scapula", {"collar": 1.0}),
    ("hand", {"wrist": 1.0, "hand": 1.0}),
    ("shoulder", {"collar": 0.7, "shoulder": 0.6}), ("forehead", {}), ("head", {"head": 1.0}), ("neck",
    {"neck": 1.0}),
    ("pelvis", {"pelvis": 1.0}), ("hips", {"pelvis": 1.0, "hip": 0.5}), ("hip", {"pelvis": 0.8, "hip": 0.8}),
    ("spine", {"spine": 1.0}), ("chest", {"spine": 1.0}), ("torso", {"spine": 0.8, "pelvis": 0.3}),
    ("abdomen", {"spine": 1.0}), ("waist", {"spine": 1.0}), ("tummy", {"spine": 1.0}), ("belly", {"spine": 0.5}),
    ("leg", {"hip": 0.5, "knee": 0.5}), ("arm", {"shoulder": 0.5, "elbow": 0.4}), ("root", {"root": 1.0}),
)  # fmt: skip
_ASIDE = {
    "ik", "pole", "target", "ctrl", "control", "corrective", "helper", "jiggle", "end", "nub", "leaf", "tip",
    "eye", "eyes",
    "jaw", "hair", "finger", "thumb", "index", "middle", "ring", "pinky", "little", "mch", "vis", "physics",
    "teeth", "tongue",
    "brow", "ear", "breast", "bust", "weapon", "prop", "camera", "attach", "socket", "skirt", "cloth", "tail",
    "wing", "heel",
    "metacarpal", "ribbon", "backpack", "muscle", "sword", "gun", "shield", "staff", "knife", "item", "slot", "grip",
    "dress", "coat", "cape", "sleeve", "belt", "strap", "scarf", "hood", "hat", "bag", "pocket", "string", "share",
}  # fmt: skip
_TWIST = {"twist", "roll", "twst"}


@dataclass(frozen=True)
class NameReading:
    """What a name says.

    side   "left", "right" or empty
    parts  part of the body (a SMPL joint without its side) -> how surely the name means it, 0..1
    aside  the name belongs to something beside the body's chains: fingers, face, controls, ends
    twist  the bone shares a limb's twist
    """

    side: str
    parts: dict[str, float]
    aside: bool
    twist: bool


def read_bone_name(name: str) -> NameReading:
    """Read a bone's name; a namespace before ":" or "|" says nothing."""
    bare = re.split(r"[:|]", name)[-1]
    words = []
    for word in (match.group().lower() for match in _WORD.finditer(bare)):
        long = next((side for side in ("left", "right") if word.startswith(side) and word != side), "")
        words += [long, word[len(long) :]] if long else [word]
    side = next((_SIDES[word] for word in words if word in _SIDES), "")
    said = [word for word in words if word not in _SIDES and word not in _NOISE and not word.isdigit()]
    joined = "".join(said)
    parts: dict[str, float] = next((parts for spelling, parts in _SPELLINGS if spelling in joined), {})
    twist = bool(_TWIST & set(said)) or any(joined.endswith(mark) for mark in _TWIST)
    return NameReading(side, parts, bool(_ASIDE & set(said)) or joined.startswith(("eye", "hair")), twist)

"""Finds SMPL's joints in the joint tree of a BVH file by their names, and trunk joints by where limbs meet."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError
from .bvh_file import BvhFile

_LIMBS = {
    "hip": ("upleg", "upperleg", "thigh"),
    "knee": ("leg", "lowleg", "lowerleg", "calf", "shin"),
    "ankle": ("foot", "ankle"),
    "foot": ("toebase", "toe", "toes", "ball"),
    "collar": ("shoulder", "clavicle", "collar", "collarbone"),
    "shoulder": ("arm", "uparm", "upperarm"),
    "elbow": ("forearm", "lowarm", "lowerarm"),
    "wrist": ("hand", "wrist"),
}
"""Bones named after themselves: Mixamo, CMU, LAFAN1, Unreal, 3ds Max, VRM."""

_JOINTS = {
    "hip": ("hip",),
    "knee": ("knee",),
    "ankle": ("ankle", "foot"),
    "foot": ("foot", "toe", "toes"),
    "collar": ("collar",),
    "shoulder": ("shoulder",),
    "elbow": ("elbow",),
    "wrist": ("wrist", "hand"),
    "hand": ("hand",),
}
"""Bones named after the joint they start at: SMPL and its family, Biovision."""

_NEEDED = tuple(f"{side}_{part}" for part in ("hip", "knee", "shoulder", "elbow") for side in ("left", "right"))


def find_joints(file: BvhFile, path: Path) -> dict[str, int]:
    """Index in the file of each of SMPL's joints that it has. Raises InputError naming limbs that are not found.

    Limbs go by name. The pelvis is where the legs meet, spine3 where the arms meet; spine1 and spine2 lie between.
    """
    names = [_plain(joint.name) for joint in file.joints]
    found = max((_limbs(names, family) for family in (_LIMBS, _JOINTS)), key=len)
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        shown = ", ".join(joint.name for joint in file.joints[:12])
        raise InputError(
            f"{path} has no joint for {', '.join(missing)} among {shown}, ...; expected the names of SMPL, Mixamo, "
            "CMU, LAFAN1, Biovision or Unreal."
        )
    found["pelvis"] = _meeting(file, found["left_hip"], found["right_hip"], path)
    chest = _meeting(file, found["left_shoulder"], found["right_shoulder"], path)
    below = _meeting(file, found["pelvis"], chest, path)
    chain = [joint for joint in file.ancestors(chest) if joint not in file.ancestors(below)][::-1]
    if chain:
        found["spine3"] = chain[-1]
        if len(chain) > 1:
            found["spine1"] = chain[0]
        if len(chain) > 2:
            found["spine2"] = chain[(len(chain) - 1) // 2]
    found.update(_head(file, names, chest))
    return found


def _limbs(names: list[str], family: dict[str, tuple[str, ...]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for side, short in (("left", "l"), ("right", "r")):
        for part, words in family.items():
            forms = [form for word in words for form in (side + word, short + word, word + side, word + short)]
            hits = [names.index(form) for form in forms if form in names]
            free = [hit for hit in hits if hit not in found.values()]
            if free:
                found[f"{side}_{part}"] = free[0]
    return found


def _head(file: BvhFile, names: list[str], chest: int) -> dict[str, int]:
    """Head and neck: the joint named head, and the first on the way to it that is named neck, or the first at all."""
    found: dict[str, int] = {}
    head = next((n for n, name in enumerate(names) if name == "head" and chest in file.ancestors(n)), None)
    if head is None:
        necks = [n for n, name in enumerate(names) if name.startswith("neck") and chest in file.ancestors(n)]
        return {"neck": necks[0]} if necks else {}
    found["head"] = head
    way = [joint for joint in file.ancestors(head)[1:] if joint not in file.ancestors(chest)][::-1]
    if way:
        found["neck"] = next((joint for joint in way if names[joint].startswith("neck")), way[0])
    return found


def _meeting(file: BvhFile, first: int, second: int, path: Path) -> int:
    """The lowest joint above or at both."""
    others = set(file.ancestors(second))
    for joint in file.ancestors(first):
        if joint in others:
            return joint
    raise InputError(f"{path} has several trees of joints, expected one person.")


def _plain(name: str) -> str:
    """A name without its prefix, in small letters and digits."""
    name = re.split(r"[:|]", name)[-1].lower()
    name = re.sub(r"^(mixamorig\d*|bip0*\d*|character\d*|def|jnt|b)[\W_]+", "", name)
    return re.sub(r"[^a-z0-9]", "", name)

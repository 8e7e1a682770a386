"""Finding the body in an unknown armature by the names, tree and shape of its bones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .bone_mapping import SIDES, BoneMapping, RigKind
from .bone_names import NameReading, read_bone_name
from .character import Character, common_ancestor
from .errors import RigError
from .limb_matching import SURE_NAME, LimbMatcher, possible_ups
from .rig_kinds import recognise

_BACKWARDS = -0.6


def map_bones(character: Character) -> BoneMapping:
    """The character's body: as a well-known rig when its names are one's, else matched by names, tree and shape.

    Raises RigError when no two legs and arms on a common trunk can be made out.
    """
    return _anatomical(character, recognise(character) or match_bones(character))


def _anatomical(character: Character, mapping: BoneMapping) -> BoneMapping:
    """The mapping with sides exchanged where names go by what a viewer sees: both feet point backwards by them."""
    heads = {part: character.heads[character.index(names[0])] for part, names in mapping.bones.items()}
    needed = [f"{side}_{part}" for side in SIDES for part in ("hip", "ankle", "foot")]
    if any(part not in heads for part in (*needed, "pelvis")):
        return mapping
    hips, ankles = ((heads[f"left_{part}"] + heads[f"right_{part}"]) / 2 for part in ("hip", "ankle"))
    front = np.cross(heads["left_hip"] - heads["right_hip"], hips - ankles)
    for side in SIDES:
        toes = heads[f"{side}_foot"] - heads[f"{side}_ankle"]
        if toes @ front > _BACKWARDS * np.linalg.norm(toes) * np.linalg.norm(front):
            return mapping

    def exchanged(table: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        other = {"left": "right", "right": "left"}
        return {
            "_".join([other.get(side, side), *part]): names for (side, *part), names in
            ((key.split("_"), names) for key, names in table.items())
        }  # fmt: skip

    return BoneMapping(mapping.kind, exchanged(mapping.bones), exchanged(mapping.twists), mapping.confidence)


def told_bones(character: Character, kind: RigKind, bones: Mapping[str, tuple[str, ...]]) -> BoneMapping:
    """A mapping that somebody else knows, with the root and twist bones found beside it.

    Raises RigError when it names bones that the character does not have, or has no pelvis.
    """
    mapping = BoneMapping(kind, bones).checked(character)
    parts = {part: [character.index(name) for name in names] for part, names in mapping.bones.items()}
    top = character.path(parts["pelvis"][0])[0]
    if "root" not in parts and top != parts["pelvis"][0]:
        parts["root"] = [top]
    twists = _twist_bones(character, [read_bone_name(name) for name in character.bone_names], parts)

    def named(table: Mapping[str, list[int]]) -> dict[str, tuple[str, ...]]:
        return {part: tuple(character.bone_names[bone] for bone in found) for part, found in table.items()}

    sure = {character.bone_names[bone]: 1.0 for table in (parts, twists) for found in table.values() for bone in found}
    return BoneMapping(kind, named(parts), named(twists), sure).checked(character)


def match_bones(character: Character) -> BoneMapping:
    """The character's body by what the names say, how bones hang together and where they lie.

    Raises RigError when no two legs and arms on a common trunk can be made out.
    """
    readings = [read_bone_name(name) for name in character.bone_names]
    best: tuple[float, dict[str, list[int]], dict[int, float]] | None = None
    for up in possible_ups(character):
        found = LimbMatcher(character, readings, up).limbs()
        if found is not None and (best is None or found[0] > best[0] + 1e-9):
            best = found
        if best is not None and best[0] > 4.0:
            break
    if best is None:
        raise RigError("no two arms and legs were made out among the bones, expected a humanoid; set them by hand")
    _, limbs, sure = best
    return _with_trunk(character, readings, limbs, sure)


def _with_trunk(
    character: Character, readings: list[NameReading], limbs: dict[str, list[int]], sure: dict[int, float]
) -> BoneMapping:
    """The limbs with pelvis, spine, neck, head, collars, toes, root and twist bones."""
    shoulders, hips = ([limbs[f"{side}_{part}"][0] for side in SIDES] for part in ("shoulder", "hip"))
    chest, pelvis = common_ancestor(character, shoulders), common_ancestor(character, [*shoulders, *hips])
    if pelvis < 0 or pelvis in {bone for bones in limbs.values() for bone in bones}:
        raise RigError(
            "arms and legs of the armature hang from no common bone, expected a pelvis; set the bones by hand"
        )
    pelvis = _named_pelvis(character, readings, pelvis)
    parts = dict(limbs)
    parts["pelvis"] = [pelvis]
    path = character.path(chest)
    parts["spine"] = [bone for bone in path[path.index(pelvis) + 1 :] if not readings[bone].twist]
    low_neck = _taken_off_end(parts["spine"], lambda bone: "neck" in readings[bone].parts)
    _put(sure, parts["pelvis"], 0.9)
    _put(sure, parts["spine"], 0.85)
    taken = {bone for bones in parts.values() for bone in bones}
    parts["neck"], parts["head"] = _neck_and_head(character, readings, chest, taken)
    parts["neck"] = [*low_neck, *parts["neck"]]
    _put(sure, parts["neck"], 0.85)
    _put(sure, parts["head"], 0.85)
    for side in SIDES:
        start = limbs[f"{side}_shoulder"][0]
        above = character.path(start)
        between = [bone for bone in above[above.index(chest) + 1 : -1] if not readings[bone].twist]
        parts[f"{side}_collar"] = between[:1]
        parts[f"{side}_foot"] = _toes(character, readings, limbs[f"{side}_ankle"][0])
        _put(sure, parts[f"{side}_collar"], 0.85)
        _put(sure, parts[f"{side}_foot"], 0.8)
    top = character.path(pelvis)[0]
    parts["root"] = [top] if top != pelvis else []
    _put(sure, parts["root"], 0.8)
    twists = _twist_bones(character, readings, parts)
    _put(sure, [bone for bones in twists.values() for bone in bones], 0.8)

    def named(table: dict[str, list[int]]) -> dict[str, tuple[str, ...]]:
        return {part: tuple(character.bone_names[bone] for bone in bones) for part, bones in table.items()}

    bones, confidence = named(parts), {character.bone_names[bone]: value for bone, value in sure.items()}
    return BoneMapping(RigKind.MATCHED, bones, named(twists), confidence)


def _named_pelvis(character: Character, readings: list[NameReading], pelvis: int) -> int:
    """The pelvis, or a bone above it that is called so: some rigs hang their thighs from the lowest spine bone."""
    if readings[pelvis].parts.get("pelvis", 0.0) >= SURE_NAME or not readings[pelvis].parts.get("spine"):
        return pelvis
    above = character.path(pelvis)[:-1]
    return next((bone for bone in above[::-1] if readings[bone].parts.get("pelvis", 0.0) >= SURE_NAME), pelvis)


def _taken_off_end(bones: list[int], wanted: Callable[[int], bool]) -> list[int]:
    """Bones at the end that are wanted, removed from the list; collars may hang from a neck."""
    taken: list[int] = []
    while bones and wanted(bones[-1]):
        taken.insert(0, bones.pop())
    return taken


def _put(sure: dict[int, float], bones: list[int], value: float) -> None:
    for bone in bones:
        sure[bone] = value


def _neck_and_head(
    character: Character, readings: list[NameReading], chest: int, taken: set[int]
) -> tuple[list[int], list[int]]:
    """The chain between the chest and the head, and the head: named so, else the last bone of the middle chain."""

    def plain(bone: int) -> bool:
        reading = readings[bone]
        return bone not in taken and not reading.aside and not reading.twist and not reading.side

    named = [
        bone for bone in range(len(character.bone_names))
        if plain(bone) and readings[bone].parts.get("head") and chest in character.path(bone)
    ]  # fmt: skip
    if named:
        head = min(named, key=lambda bone: len(character.path(bone)))
        path = character.path(head)
        return path[path.index(chest) + 1 : -1], [head]
    chain: list[int] = []
    bone = chest
    while True:
        below = [child for child in character.children(bone) if plain(child)]
        wanted = [child for child in below if readings[child].parts.get("neck")] or below
        if not wanted or (chain and len(below) > 1 and not readings[wanted[0]].parts.get("neck")):
            break
        bone = wanted[0]
        chain.append(bone)
    return (chain[:-1], chain[-1:]) if chain else ([], [])


def _toes(character: Character, readings: list[NameReading], ankle: int) -> list[int]:
    below = [bone for bone in character.children(ankle) if not readings[bone].aside and not readings[bone].twist]
    named = [bone for bone in below if readings[bone].parts.get("foot", 0.0) > 0.5]
    if not (named or below):
        return []
    heads = character.heads
    return [max(named or below, key=lambda bone: float(np.linalg.norm(heads[bone] - heads[ankle])))]


def _twist_bones(
    character: Character, readings: list[NameReading], parts: dict[str, list[int]]
) -> dict[str, list[int]]:
    taken = {bone for bones in parts.values() for bone in bones}
    twists = {}
    for side in SIDES:
        for part in ("shoulder", "elbow", "hip", "knee"):
            limbs = parts.get(f"{side}_{part}", [])[:1]
            below = [bone for limb in limbs for bone in character.children(limb)]
            twists[f"{side}_{part}"] = [bone for bone in below if readings[bone].twist and bone not in taken]
    return twists

"""Finding the body in an unknown armature by the names, tree and shape of its bones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .bone_mapping import SIDES, BoneMapping, RigKind
from .bone_names import NameReading, read_bone_name
from .character import Character, common_ancestor
from .errors import RigError
from .rig_kinds import recognise

_LEG = ("hip", "knee", "ankle")
_ARM = ("shoulder", "elbow", "wrist")
# Lengths as shares of the height of the head's joint above the ankles, from adults; children and toys differ, so
# they only weigh against each other.
_LEG_SHARE, _ARM_SHARE, _SHOULDER_SHARE = 0.52, 0.34, 0.11
_HIGHEST_HIP = 0.65
_FARTHEST_ANCESTOR = 6
_LEAST_SCORE = -1.5
_SURE_NAME = 0.8


def map_bones(character: Character) -> BoneMapping:
    """The character's body: as a well-known rig when its names are one's, else matched by names, tree and shape.

    Raises RigError when no two legs and arms on a common trunk can be made out.
    """
    return recognise(character) or match_bones(character)


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
    for up in _possible_ups(character):
        found = _Matcher(character, readings, up).limbs()
        if found is not None and (best is None or found[0] > best[0] + 1e-9):
            best = found
        if best is not None and best[0] > 4.0:
            break
    if best is None:
        raise RigError("no two arms and legs were made out among the bones, expected a humanoid; set them by hand")
    _, limbs, sure = best
    return _with_trunk(character, readings, limbs, sure)


def _possible_ups(character: Character) -> list[np.ndarray]:
    """Axes of the armature, that which points up in the world first."""
    up = np.linalg.inv(character.world[:3, :3])[:, 2]
    axes = [sign * axis for axis in np.eye(3) for sign in (1.0, -1.0)]
    return sorted(axes, key=lambda axis: -float(axis @ up))


class _Matcher:
    """Scores of possible limbs for one choice of up."""

    def __init__(self, character: Character, readings: list[NameReading], up: np.ndarray) -> None:
        self.character, self.readings, self.up = character, readings, up
        heads = character.heads
        self.heights = heads @ up
        self.heights = self.heights - self.heights.min()
        self.size = float(np.ptp(self.heights)) or 1.0
        self.lateral = self._lateral()

    def _lateral(self) -> np.ndarray:
        """(B,) place of each bone towards the left, as a share of the height; 0 is the middle."""
        heads = self.character.heads
        flat = heads - np.outer(heads @ self.up, self.up)
        sides = [np.array([r.side == side for r in self.readings]) for side in SIDES]
        if all(side.sum() >= 3 for side in sides):
            left = flat[sides[0]].mean(0) - flat[sides[1]].mean(0)
            middle = (flat[sides[0]].mean(0) + flat[sides[1]].mean(0)) / 2
        else:
            middle = flat.mean(0)
            # Without sides in the names the body is the wider way and its left is anybody's guess until the feet tell.
            _, _, axes = np.linalg.svd(flat - middle)
            left = axes[0]
            toes = self._toe_direction(flat)
            if np.linalg.norm(toes) > 0 and np.cross(self.up, toes) @ left < 0:
                left = -left
        left = left / max(float(np.linalg.norm(left)), 1e-12)
        return np.asarray((flat - middle) @ left / self.size)

    def _toe_direction(self, flat: np.ndarray) -> np.ndarray:
        low = [
            bone
            for bone in range(len(flat))
            if self.heights[bone] < 0.12 * self.size and self.character.parents[bone] >= 0
        ]
        steps = [flat[bone] - flat[self.character.parents[bone]] for bone in low]
        return np.sum(steps, axis=0) if steps else np.zeros(3)

    def on_side(self, bone: int, side: str) -> bool:
        said = self.readings[bone].side
        towards = 1.0 if side == "left" else -1.0
        return said == side if said else towards * self.lateral[bone] > 0.015

    def limbs(self) -> tuple[float, dict[str, list[int]], dict[int, float]] | None:
        """(score, part -> bones, bone -> confidence) of the best two legs and arms; None when one is missing."""
        total, chosen, sure = 0.0, {}, {}
        for side in SIDES:
            for parts, scorer in ((_LEG, self._leg), (_ARM, self._arm)):
                best = self._best_chain(side, parts, scorer)
                if best is None:
                    return None
                score, chain, named = best
                total += score
                for part, bone, name in zip(parts, chain, named, strict=True):
                    chosen[f"{side}_{part}"] = [bone]
                    sure[bone] = float(np.clip(0.55 + 0.4 * name + 0.1 * min(score, 0.0), 0.1, 0.95))
        return total, chosen, sure

    def _best_chain(self, side, parts, scorer):  # type: ignore[no-untyped-def]
        best = None
        heads = self.character.heads / self.size
        for end in range(len(heads)):
            if self.readings[end].aside or self.readings[end].twist or not self.on_side(end, side):
                continue
            above = [
                bone
                for bone in self.character.path(end)[:-1][-_FARTHEST_ANCESTOR:]
                if self.on_side(bone, side) and not self.readings[bone].aside and not self.readings[bone].twist
            ]
            for j, middle in enumerate(above):
                for start in above[:j]:
                    chain = (start, middle, end)
                    named = [self.readings[bone].parts.get(part, 0.0) for bone, part in zip(chain, parts, strict=True)]
                    wrong = sum(
                        bool(self.readings[bone].parts) and name == 0.0 for bone, name in zip(chain, named, strict=True)
                    )
                    upper = float(np.linalg.norm(heads[middle] - heads[start]))
                    lower = float(np.linalg.norm(heads[end] - heads[middle]))
                    if upper < 1e-3 or lower < 1e-3:
                        continue
                    score = (
                        1.2 * sum(named) - 1.0 * wrong - 1.5 * abs(np.log(upper / lower)) + scorer(chain, upper, lower)
                    )
                    # The wrist of wrist and hand, the ankle of ankle and foot.
                    between = above[above.index(middle) + 1 :]
                    score -= sum(self.readings[bone].parts.get(parts[2], 0.0) >= _SURE_NAME for bone in between)
                    if score > _LEAST_SCORE and (best is None or score > best[0]):
                        best = (score, chain, named)
        return best

    def _leg(self, chain: tuple[int, int, int], upper: float, lower: float) -> float:
        start, _, end = chain
        drop = (self.heights[start] - self.heights[end]) / self.size
        low = max(0.0, self.heights[end] / self.size - 0.2)
        high = max(0.0, self.heights[start] / self.size - _HIGHEST_HIP)
        return 1.0 - 4.0 * abs(upper + lower - _LEG_SHARE) - 5.0 * (max(0.0, 0.2 - drop) + low + high)

    def _arm(self, chain: tuple[int, int, int], upper: float, lower: float) -> float:
        start, _, end = chain
        high = self.heights[start] / self.size
        out = abs(self.lateral[start])
        fingers = sum(1 for bone in self.character.children(end))
        score = 1.0 - 4.0 * abs(upper + lower - _ARM_SHARE) - 4.0 * max(0.0, 0.45 - high)
        score -= 6.0 * abs(out - _SHOULDER_SHARE) + 4.0 * max(0.0, out - abs(self.lateral[end]))
        return score + (0.4 if fingers >= 2 else 0.0)


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
    if readings[pelvis].parts.get("pelvis", 0.0) >= _SURE_NAME or not readings[pelvis].parts.get("spine"):
        return pelvis
    above = character.path(pelvis)[:-1]
    return next((bone for bone in above[::-1] if readings[bone].parts.get("pelvis", 0.0) >= _SURE_NAME), pelvis)


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

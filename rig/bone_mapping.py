"""Which bones of a character play which part of the body, with the file that keeps a user's corrections."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType

import numpy as np

from .atomic_file import replacing
from .character import Character
from .errors import RigError

SIDES = ("left", "right")
LIMB_PARTS = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")
PARTS = ("root", "pelvis", "spine", "neck", "head", *(f"{side}_{part}" for side in SIDES for part in LIMB_PARTS))
"""Parts of the body a bone can play: SMPL's joints by name, the spine and neck as chains, and the root on the floor."""

ESSENTIAL_PARTS = (
    "pelvis", *(f"{side}_{part}" for side in SIDES for part in ("shoulder", "elbow", "hip", "knee", "ankle")),
)  # fmt: skip
TWIST_PARTS = tuple(f"{side}_{part}" for side in SIDES for part in ("shoulder", "elbow", "hip", "knee"))
_SCHEMA = 1


class RigKind(Enum):
    """Where a rig comes from."""

    SMPL = "SMPL"
    SMPLX = "SMPL-X"
    MIXAMO = "Mixamo"
    RIGIFY = "Rigify control rig"
    METARIG = "Rigify metarig"
    RIGIFY_DEFORM = "Rigify deform bones"
    UE4 = "Unreal Engine 4 mannequin"
    UE5 = "Unreal Engine 5 mannequin"
    METAHUMAN = "MetaHuman"
    VRM = "VRM"
    UNITY = "Unity humanoid"
    GODOT = "Godot humanoid"
    DAZ = "Daz Genesis 3 or 8"
    DAZ9 = "Daz Genesis 9"
    CHARACTER_CREATOR = "Character Creator"
    MMD = "MikuMikuDance"
    MATCHED = "matched by names and shape"
    PRESET = "user's mapping"


@dataclass(frozen=True)
class BoneMapping:
    """The bones of one character by part of the body.

    kind        the rig it was recognised as
    bones       part -> bones in order from the body outwards; several share the part's turn. A limb's part with
                several bones (Daz: lShldrBend, lShldrTwist) splits the turn about the limb between them.
    twists      limb part -> bones beside the limb that share its twist (Unreal: upperarm_twist_01_l)
    confidence  bone -> 0..1
    """

    kind: RigKind
    bones: Mapping[str, tuple[str, ...]]
    twists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    confidence: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name, parts in (("bones", PARTS), ("twists", TWIST_PARTS)):
            given = {part: tuple(names) for part, names in getattr(self, name).items() if names}
            for part in given:
                if part not in parts:
                    raise RigError(f"part {part!r} of the mapping is unknown, expected one of {', '.join(parts)}")
            put(self, name, MappingProxyType(given))
        used = [bone for names in (*self.bones.values(), *self.twists.values()) for bone in names]
        twice = sorted({bone for bone in used if used.count(bone) > 1})
        if twice:
            raise RigError(f"bone {twice[0]!r} plays two parts, expected one part a bone; clear one of them")
        put(self, "confidence", MappingProxyType({bone: float(c) for bone, c in self.confidence.items()}))

    def part_of(self, bone: str) -> str:
        """The part a bone plays; empty for none."""
        for table in (self.bones, self.twists):
            for part, names in table.items():
                if bone in names:
                    return part
        return ""

    def first(self, part: str) -> str:
        """The part's bone nearest to the body; empty when nothing plays it."""
        return self.bones.get(part, ("",))[0]

    def missing(self) -> list[str]:
        """Essential parts that no bone plays."""
        return [part for part in ESSENTIAL_PARTS if part not in self.bones]

    def checked(self, character: Character) -> BoneMapping:
        """Itself, when it can drive the character.

        Raises RigError when a bone does not exist, nothing is mapped, there is no pelvis, or the pelvis cannot move.
        """
        known = set(character.bone_names)
        for names in (*self.bones.values(), *self.twists.values()):
            for bone in names:
                if bone not in known:
                    raise RigError(f"the mapping names bone {bone!r}, which the armature does not have")
        if not self.bones:
            raise RigError("no bone of the armature was recognised, expected a humanoid; set the bones by hand")
        if "pelvis" not in self.bones:
            raise RigError("no bone of the armature is the pelvis, expected one; set it by hand")
        if len(self.bones) < 3:
            raise RigError("only the pelvis of the armature was recognised, expected limbs too; set them by hand")
        for part in ("pelvis", "root"):
            name = self.first(part)
            if name and np.asarray(character.connected)[character.index(name)]:
                raise RigError(
                    f"bone {name!r}, the {part}, is connected to its parent and cannot move; disconnect it in edit mode"
                )
        return self


def save_preset(path: str | os.PathLike[str], mapping: BoneMapping) -> None:
    """Write a mapping as JSON. Raises OSError naming the file."""
    content = {
        "schema": _SCHEMA,
        "kind": mapping.kind.value,
        "bones": {part: list(names) for part, names in mapping.bones.items()},
        "twists": {part: list(names) for part, names in mapping.twists.items()},
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_preset(path: str | os.PathLike[str]) -> BoneMapping:
    """Read a mapping written by `save_preset`. Raises RigError naming the file when it is not one."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
            raise RigError(f"{path} is not a bone mapping of schema {_SCHEMA}")
        tables = [
            {str(part): tuple(str(bone) for bone in names) for part, names in dict(content.get(key, {})).items()}
            for key in ("bones", "twists")
        ]
        return BoneMapping(
            RigKind.PRESET, tables[0], tables[1], {b: 1.0 for names in tables[0].values() for b in names}
        )
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, TypeError, ValueError) as error:
        if isinstance(error, RigError):
            raise
        raise RigError(f"{path} is not a bone mapping: {error}") from error

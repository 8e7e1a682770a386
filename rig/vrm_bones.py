"""The bones of a VRM avatar by part of the body, as its file states them (VRM 0.x and VRM 1.0)."""

from __future__ import annotations

import json
import os
import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import RigError

_JSON_CHUNK = 0x4E4F534A
_LARGEST_JSON = 256 * 1024 * 1024
_TRUNK = {
    "hips": "pelvis", "spine": "spine", "chest": "spine", "upperChest": "spine", "neck": "neck", "head": "head",
}  # fmt: skip
_LIMBS = {
    "Shoulder": "collar", "UpperArm": "shoulder", "LowerArm": "elbow", "Hand": "wrist",
    "UpperLeg": "hip", "LowerLeg": "knee", "Foot": "ankle", "Toes": "foot",
}  # fmt: skip
VRM_PARTS: Mapping[str, str] = {
    **_TRUNK, **{f"{side}{name}": f"{side}_{part}" for side in ("left", "right") for name, part in _LIMBS.items()},
}  # fmt: skip
"""VRM's human bones -> parts of the body, along each chain from the hips outwards."""


def vrm_bones(path: str | os.PathLike[str]) -> dict[str, tuple[str, ...]]:
    """Part of the body -> names of its nodes, by the humanoid map of a .vrm, .glb or .gltf; empty when it has none.

    VRM 0.x keeps the map as a list in `extensions.VRM.humanoid.humanBones`, VRM 1.0 as an object in
    `extensions.VRMC_vrm.humanoid.humanBones` (vrm-c/vrm-specification). Nodes whose names are missing or not unique
    cannot be told apart after an import; a map that needs them counts as none.
    Raises RigError naming the file when it is no glTF, OSError when it cannot be read.
    """
    document = _document(Path(path))
    named = _node_indices(document)
    try:
        nodes = [node.get("name") for node in document.get("nodes", [])]
        counts = Counter(nodes)
        names = {bone: nodes[index] for bone, index in named.items() if bone in VRM_PARTS}
    except (AttributeError, IndexError, TypeError) as error:
        raise RigError(f"{path} has a humanoid map that names nodes it does not have") from error
    if any(not name or counts[name] > 1 for name in names.values()):
        return {}
    return bones_by_part({bone: str(name) for bone, name in names.items()})


def bones_by_part(human_bones: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Part of the body -> names of its bones, for VRM's human bones by name; unknown and empty ones are left out."""
    parts: dict[str, tuple[str, ...]] = {}
    for bone, part in VRM_PARTS.items():
        if human_bones.get(bone):
            parts[part] = (*parts.get(part, ()), human_bones[bone])
    return parts


def _node_indices(document: Mapping[str, Any]) -> dict[str, int]:
    """Human bone -> index of its node."""
    extensions = document.get("extensions") or {}
    try:
        if "VRMC_vrm" in extensions:
            bones = extensions["VRMC_vrm"].get("humanoid", {}).get("humanBones", {})
            return {str(bone): int(value["node"]) for bone, value in bones.items()}
        bones = extensions.get("VRM", {}).get("humanoid", {}).get("humanBones", [])
        return {str(one["bone"]): int(one["node"]) for one in bones if int(one["node"]) >= 0}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def _document(path: Path) -> dict[str, Any]:
    """The glTF document of a file."""
    try:
        with path.open("rb") as file:
            head = file.read(20)
            if head[:4] == b"glTF" and len(head) == 20:
                size, kind = struct.unpack("<II", head[12:])
                if kind != _JSON_CHUNK or size > _LARGEST_JSON:
                    raise RigError(f"{path} is not a GLB 2 file")
                text = file.read(size)
            else:
                text = head + file.read(_LARGEST_JSON)
        document = json.loads(text.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RigError(f"{path} is not a glTF file: {error}") from error
    if not isinstance(document, dict):
        raise RigError(f"{path} is not a glTF file, expected an object")
    return document

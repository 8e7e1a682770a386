"""Tests of the humanoid map inside VRM files of both versions, and of mappings that somebody else knows."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from full_rigs import KNOWN
from made_characters import as_character, humanoid

from rig.bone_mapping import RigKind
from rig.bone_matching import told_bones
from rig.errors import RigError
from rig.vrm_bones import VRM_PARTS, vrm_bones

_NAMES = {bone: f"node {number}" for number, bone in enumerate(VRM_PARTS)}


def _document(version: int, names: dict[str, str] = _NAMES) -> dict:
    nodes = [{"name": "mesh"}, {}, *({"name": name} for name in names.values())]
    at = {bone: number for number, bone in enumerate(names, start=2)}
    fingers = {"leftIndexProximal": 0}
    if version == 0:
        bones = [{"bone": bone, "node": node, "useDefaultValues": True} for bone, node in {**at, **fingers}.items()]
        return {
            "nodes": nodes,
            "extensions": {"VRM": {"humanoid": {"humanBones": [*bones, {"bone": "jaw", "node": -1}]}}},
        }
    bones = {bone: {"node": node} for bone, node in {**at, **fingers}.items()}
    return {"nodes": nodes, "extensions": {"VRMC_vrm": {"specVersion": "1.0", "humanoid": {"humanBones": bones}}}}


def _glb(path: Path, document: dict) -> Path:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text)
    return path


@pytest.mark.parametrize("version", [0, 1])
def test_the_map_of_both_versions_is_read_from_either_kind_of_file(version: int, tmp_path: Path) -> None:
    expected = {
        "pelvis": (_NAMES["hips"],), "spine": (_NAMES["spine"], _NAMES["chest"], _NAMES["upperChest"]),
        "neck": (_NAMES["neck"],), "head": (_NAMES["head"],),
        **{part: (_NAMES[bone],) for bone, part in VRM_PARTS.items() if "_" in part},
    }  # fmt: skip
    assert vrm_bones(_glb(tmp_path / "hero.vrm", _document(version))) == expected
    text = tmp_path / "hero.gltf"
    text.write_text(json.dumps(_document(version)))
    assert vrm_bones(text) == expected


def test_files_without_a_usable_map_have_none_and_others_are_named(tmp_path: Path) -> None:
    assert vrm_bones(_glb(tmp_path / "plain.glb", {"nodes": [{"name": "Hips"}]})) == {}
    assert vrm_bones(_glb(tmp_path / "odd.glb", {"extensions": {"VRM": {"humanoid": {"humanBones": 3}}}})) == {}
    assert vrm_bones(_glb(tmp_path / "same.vrm", _document(1, {**_NAMES, "head": _NAMES["neck"]}))) == {}
    broken = {**_document(1), "nodes": []}
    with pytest.raises(RigError, match=r"broken\.vrm"):
        vrm_bones(_glb(tmp_path / "broken.vrm", broken))
    for text in (b"", b"glTF", b"[]", b"\xff\xfe"):
        (tmp_path / "no.vrm").write_bytes(text)
        with pytest.raises(RigError, match=r"no\.vrm"):
            vrm_bones(tmp_path / "no.vrm")


def test_what_somebody_else_knows_is_completed_with_root_and_twists() -> None:
    rig = KNOWN["unreal 4"]
    character = as_character(rig.bones())
    told = {part: tuple(names) for part, names in rig.parts.items() if part != "root"}
    mapping = told_bones(character, RigKind.VRM, told)
    assert dict(mapping.bones) == {**told, "root": ("root",)}
    assert mapping.twists["left_elbow"] == ("lowerarm_twist_01_l",)
    assert set(mapping.confidence.values()) == {1.0}
    few = as_character(humanoid({"pelvis": ["a"], "left_hip": ["b"], "right_hip": ["c"]}))
    assert "root" not in told_bones(few, RigKind.VRM, {"pelvis": ("a",), "left_hip": ("b",), "right_hip": ("c",)}).bones
    with pytest.raises(RigError, match="does not have"):
        told_bones(character, RigKind.VRM, {**told, "head": ("Kopf",)})

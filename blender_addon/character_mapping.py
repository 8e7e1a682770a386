# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones of an armature play which part of the body: as its file or the VRM add-on tells, else as recognised."""

from pathlib import Path

import bpy

from .core import bone_mapping, bone_matching, character, errors, vrm_bones

GLTF_SUFFIXES = (".vrm", ".glb", ".gltf")


def find_mapping(armature: bpy.types.Object, bones: character.Character) -> bone_mapping.BoneMapping:
    """The armature's mapping. Raises RigError when no humanoid is made out.

    Where the VRM add-on knows the avatar's human bones, they are taken from it.
    """
    told = _bones_of_vrm_addon(armature)
    return _told(bones, told) or bone_matching.map_bones(bones)


def mapping_of_file(path: Path, bones: character.Character) -> bone_mapping.BoneMapping | None:
    """The mapping that a character's own file states; None when it states none that fits the imported bones."""
    if path.suffix.lower() not in GLTF_SUFFIXES:
        return None
    try:
        return _told(bones, vrm_bones.vrm_bones(path))
    except errors.RigError:
        return None


def load_mapping(path: Path, bones: character.Character) -> bone_mapping.BoneMapping:
    """A mapping saved as JSON, or the human bones of a .vrm. Raises RigError when it does not fit the character."""
    if path.suffix.lower() not in GLTF_SUFFIXES:
        return bone_mapping.load_preset(path).checked(bones)
    try:
        told = vrm_bones.vrm_bones(path)
    except OSError as error:
        raise errors.RigError(f"{path} cannot be read: {error.strerror or error}") from error
    if not told:
        raise errors.RigError(f"{path} states no human bones, expected a VRM file or a saved bone mapping")
    return bone_matching.told_bones(bones, bone_mapping.RigKind.VRM, told)


def _told(bones: character.Character, told: dict[str, tuple[str, ...]]) -> bone_mapping.BoneMapping | None:
    try:
        mapping = bone_matching.told_bones(bones, bone_mapping.RigKind.VRM, told) if told else None
    except errors.RigError:
        # Bones were renamed since, or an importer named them otherwise.
        return None
    return mapping if mapping and not mapping.missing() else None


def _bones_of_vrm_addon(armature: bpy.types.Object) -> dict[str, tuple[str, ...]]:
    """Part -> bones by the properties that the "VRM format" add-on keeps on armatures; empty without it."""
    extension = getattr(armature.data, "vrm_addon_extension", None)
    if extension is None:
        return {}
    named: dict[str, str] = {}
    try:
        if extension.spec_version == "1.0":
            bones = extension.vrm1.humanoid.human_bones
            for bone in vrm_bones.VRM_PARTS:
                snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in bone)
                named[bone] = getattr(bones, snake).node.bone_name
        else:
            named = {one.bone: one.node.bone_name for one in extension.vrm0.humanoid.human_bones}
    except AttributeError:
        # Another version of that add-on keeps them elsewhere.
        return {}
    return vrm_bones.bones_by_part(named)

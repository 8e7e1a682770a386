# SPDX-License-Identifier: GPL-3.0-or-later
"""Constraints and drivers of a character that would keep its bones from following keys."""

import bpy

from .core import bone_mapping


def without_constrained_twists(
    armature: bpy.types.Object, mapping: bone_mapping.BoneMapping
) -> bone_mapping.BoneMapping:
    """The mapping without twist bones that constraints of the rig turn already."""
    posed = armature.pose.bones
    twists = {part: tuple(name for name in names if not _active(posed[name])) for part, names in mapping.twists.items()}
    return bone_mapping.BoneMapping(mapping.kind, mapping.bones, twists, mapping.confidence)


def release(armature: bpy.types.Object, mapping: bone_mapping.BoneMapping) -> list[str]:
    """Switch off the constraints on mapped bones, and IK whose chain holds one; the bones that had them."""
    posed = armature.pose.bones
    mapped = {name for table in (mapping.bones, mapping.twists) for names in table.values() for name in names}
    released = []
    for bone in posed:
        for constraint in _active(bone):
            held = {bone.name} if constraint.type != "IK" else _chain(bone, constraint)
            if held & mapped:
                constraint.mute = True
                released.append(bone.name)
    return list(dict.fromkeys(released))


def driven(armature: bpy.types.Object, mapping: bone_mapping.BoneMapping) -> list[str]:
    """The mapped bones that drivers turn or move, whatever is keyed; drivers may do more, so they are left alone."""
    mapped = [name for table in (mapping.bones, mapping.twists) for names in table.values() for name in names]
    drivers = armature.animation_data.drivers if armature.animation_data else ()
    paths = [driver.data_path for driver in drivers if not driver.mute]
    starts = {name: f'pose.bones["{bpy.utils.escape_identifier(name)}"].' for name in mapped}
    return [
        name
        for name, start in starts.items()
        if any(path.startswith((start + "rotation", start + "location")) for path in paths)
    ]


def _active(bone: bpy.types.PoseBone) -> list[bpy.types.Constraint]:
    return [one for one in bone.constraints if not one.mute and one.influence > 0.0]


def _chain(bone: bpy.types.PoseBone, constraint: bpy.types.Constraint) -> set[str]:
    """Names of the bones that an IK constraint turns; a chain of 0 reaches up to the root."""
    chain = [bone, *bone.parent_recursive] if constraint.use_tail else list(bone.parent_recursive)
    return {one.name for one in chain[: constraint.chain_count or None]}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of animated characters as a game engine wants them, made for one export: bone names, unit, scale 1."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np
from mathutils import Matrix

from . import keyframes
from .core import bone_maps, skeleton

_MARK = "swingtwist_copy"
_DISTANCES = {
    "STRETCH_TO": ("rest_length",),
    "LIMIT_DISTANCE": ("distance",),
    "LIMIT_LOCATION": ("min_x", "min_y", "min_z", "max_x", "max_y", "max_z"),
}
"""What constraints hold in the unit of the bones."""


@contextmanager
def fitted(
    context: bpy.types.Context,
    objects: Sequence[bpy.types.Object],
    naming: bone_maps.BoneNaming | None,
    metre: float,
) -> Iterator[Sequence[bpy.types.Object]]:
    """The objects as an engine wants them: they themselves where they are so, else selected copies named alike.

    naming: what the bones of captured armatures are called; None leaves them. metre: the length of one metre in the
    file. An armature that is scaled as a whole gets the scale into its bones. The objects must be selected.
    """
    armatures = [thing for thing in objects if thing.type == "ARMATURE"]
    renamed = naming is not None and any(naming_of(one) not in (naming, None) for one in armatures)
    if metre == 1.0 and not renamed and all(_whole_scale(one) == 1.0 for one in armatures):
        yield objects
        return
    copies = _duplicate(objects)
    names = [thing.name for thing in objects]
    try:
        for thing, copy, name in zip(objects, copies, names, strict=True):
            thing.name = f"{name}.original"
            copy.name = name
        context.view_layer.update()
        for copy in copies:
            if copy.parent is not None and copy.parent not in copies:
                world = copy.matrix_world.copy()
                copy.parent = None
                copy.matrix_world = world
        for copy in copies:
            if copy.type == "ARMATURE":
                children = [other for other in copies if other.parent == copy]
                _scale(copy, children, metre)
                if naming is not None:
                    _rename_bones(context, copy, children, naming)
        context.view_layer.update()
        yield copies
    finally:
        for copy in copies:
            _remove(copy)
        for thing, name in zip(objects, names, strict=True):
            thing.name = name


def naming_of(armature: bpy.types.Object) -> bone_maps.BoneNaming | None:
    """Which convention a captured armature's bones are named by; None for other characters."""
    present = set(armature.data.bones.keys())
    if bone_maps.ROOT_BONE not in present:
        return None
    return next((naming for naming in bone_maps.BoneNaming if _names(naming).keys() <= present), None)


def _names(naming: bone_maps.BoneNaming) -> dict[str, str]:
    """SMPL joint by bone name."""
    pairs = ((bone_maps.bone_name(joint, naming), joint) for joint in skeleton.SMPL_JOINT_NAMES)
    return {name: joint for name, joint in pairs if name is not None}


def _duplicate(objects: Sequence[bpy.types.Object]) -> list[bpy.types.Object]:
    """Copies of the selected objects with data and actions of their own, which refer to each other as those do."""
    for number, thing in enumerate(objects):
        thing[_MARK] = number
    try:
        bpy.ops.object.duplicate(linked=False)
        copies = sorted((thing for thing in bpy.context.selected_objects if thing not in objects), key=_mark)
    finally:
        for thing in objects:
            del thing[_MARK]
    for copy, thing in zip(copies, objects, strict=True):
        del copy[_MARK]
        # The user's preferences say what Blender duplicates of an object.
        if copy.data == thing.data:
            copy.data = thing.data.copy()
        has_action = copy.animation_data is not None and copy.animation_data.action is not None
        if has_action and copy.animation_data.action == thing.animation_data.action:
            keyframes.copy_action(copy)
    return copies


def _mark(thing: bpy.types.Object) -> int:
    return thing[_MARK]


def _whole_scale(armature: bpy.types.Object) -> float:
    """The armature's scale where it is the same along all axes and never changes, else 1."""
    x, y, z = armature.matrix_world.to_scale()
    action = armature.animation_data.action if armature.animation_data else None
    animated = action is not None and any(curve.data_path == "scale" for curve in keyframes.curves_of(action))
    if animated or not np.allclose([y, z], x, rtol=1e-4, atol=0.0) or x <= 0.0:
        return 1.0
    return 1.0 if abs(x - 1.0) < 1e-5 else float(x)


def _scale(armature: bpy.types.Object, children: Sequence[bpy.types.Object], metre: float) -> None:
    """Multiply everything by `metre`, and put the armature's own scale into its bones."""
    whole = _whole_scale(armature)
    factor = metre * whole
    armature.data.transform(Matrix.Scale(factor, 4))
    armature.location *= metre
    armature.scale /= whole
    for bone in armature.pose.bones:
        bone.location *= factor
        for constraint in bone.constraints:
            for name in _DISTANCES.get(constraint.type, ()):
                setattr(constraint, name, getattr(constraint, name) * factor)
    if armature.animation_data and armature.animation_data.action:
        keyframes.scale_locations(armature.animation_data.action, factor, metre)
    for child in children:
        # With S the scaling, (S parent 1/S) (S child 1/S) S = S parent child: every part keeps its place.
        child.data.transform(Matrix.Scale(factor, 4), shape_keys=True)
        inverse = child.matrix_parent_inverse.copy()
        inverse.translation *= factor
        child.matrix_parent_inverse = inverse
        child.location *= factor


def _rename_bones(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    children: Sequence[bpy.types.Object],
    naming: bone_maps.BoneNaming,
) -> None:
    """Rename a captured armature's bones; the skin of those that the naming lacks goes to their parents."""
    found = naming_of(armature)
    if found in (naming, None):
        return
    dropped = []
    for name, joint in _names(found).items():
        wanted = bone_maps.bone_name(joint, naming)
        if wanted is None:
            dropped.append(name)
        else:
            armature.data.bones[name].name = wanted  # with its curves and vertex groups
    for name in dropped:
        for child in children:
            _merge_groups(child, name, armature.data.bones[name].parent.name)
        keyframes.remove_bone_curves(armature, name)
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name in dropped:
        armature.data.edit_bones.remove(armature.data.edit_bones[name])
    bpy.ops.object.mode_set(mode="OBJECT")


def _merge_groups(body: bpy.types.Object, name: str, into: str) -> None:
    group = body.vertex_groups.get(name)
    if group is None:
        return
    target = body.vertex_groups.get(into) or body.vertex_groups.new(name=into)
    for vertex in body.data.vertices:
        for weight in vertex.groups:
            if weight.group == group.index:
                target.add((vertex.index,), weight.weight, "ADD")
                break
    body.vertex_groups.remove(group)


def _remove(thing: bpy.types.Object) -> None:
    data, collection = thing.data, bpy.data.armatures if thing.type == "ARMATURE" else bpy.data.meshes
    action = thing.animation_data.action if thing.animation_data else None
    bpy.data.objects.remove(thing)
    if data.users == 0:
        collection.remove(data)
    if action is not None and action.users == 0:
        bpy.data.actions.remove(action)

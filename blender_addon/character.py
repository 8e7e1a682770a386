# SPDX-License-Identifier: GPL-3.0-or-later
"""An armature of the scene as a Character of the pure core."""

import bpy
import numpy as np

from .core import character, errors


def read_character(armature: bpy.types.Object, posed_reference: bool = False) -> character.Character:
    """The armature's bones, parents first. Raises RigError for an object that is no armature or cannot be animated.

    posed_reference: the pose on the screen, not the rest pose, is the T- or A-pose to start from.
    """
    check_editable(armature)
    bpy.context.view_layer.update()
    bones = _parents_first(armature.data)
    index = {bone.name: number for number, bone in enumerate(bones)}
    posed = armature.pose.bones
    points, owners = _skin(armature, index)
    return character.Character(
        bone_names=tuple(index),
        parents=tuple(index[bone.parent.name] if bone.parent else -1 for bone in bones),
        rest=np.array([np.array(bone.matrix_local) for bone in bones]),
        lengths=np.array([bone.length for bone in bones]),
        world=np.array(armature.matrix_world),
        held=np.array([np.array(posed[bone.name].matrix_basis) for bone in bones]),
        reference=np.array([np.array(posed[bone.name].matrix) for bone in bones]) if posed_reference else None,
        deform=np.array([bone.use_deform for bone in bones]),
        inherits_rotation=np.array([bone.use_inherit_rotation for bone in bones]),
        local_location=np.array([bone.use_local_location for bone in bones]),
        connected=np.array([bone.use_connect and bone.parent is not None for bone in bones]),
        skin_points=points,
        skin_bones=owners,
    )


def check_editable(armature: bpy.types.Object | None) -> None:
    """Raises RigError unless the object is an armature of this file that can be given an action."""
    if armature is None:
        raise errors.RigError("no target armature is chosen, expected the character's armature")
    if armature.type != "ARMATURE":
        raise errors.RigError(f"{armature.name} is no armature, expected the character's armature")
    if armature.library is not None:
        raise errors.RigError(
            f"{armature.name} is linked from {armature.library.filepath} and cannot be animated here; "
            "make a library override of it first"
        )
    override = armature.override_library
    if override is not None and getattr(override, "is_system_override", False):
        raise errors.RigError(
            f"{armature.name} is a library override that is not editable; make the override editable first"
        )
    _check_scale(armature)
    if not armature.data.bones:
        raise errors.RigError(f"{armature.name} has no bones, expected a character")


def _check_scale(armature: bpy.types.Object) -> None:
    """Bones keep their directions only under a scale that is the same along all axes."""
    matrix = np.array(armature.matrix_world)[:3, :3]
    lengths = np.linalg.norm(matrix, axis=0)
    shear = matrix / np.maximum(lengths, 1e-12)
    uneven = lengths.min() < 0.99 * lengths.max() or np.abs(shear.T @ shear - np.eye(3)).max() > 0.01
    if uneven or np.linalg.det(matrix) <= 0.0:
        scale = ", ".join(f"{value:g}" for value in armature.matrix_world.to_scale())
        raise errors.RigError(
            f"{armature.name} has a scale of ({scale}) with its parents, expected the same positive scale along all "
            "axes; apply the scale (Ctrl A)"
        )


def _parents_first(data: bpy.types.Armature) -> list[bpy.types.Bone]:
    ordered, waiting = [], [bone for bone in reversed(data.bones) if bone.parent is None]
    while waiting:
        bone = waiting.pop()
        ordered.append(bone)
        waiting.extend(reversed(bone.children))
    return ordered


def _skin(armature: bpy.types.Object, index: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """(P, 3) points at rest in the armature's space and (P,) the bone that moves each most."""
    points, owners = [np.zeros((0, 3))], [np.zeros(0, np.int64)]
    to_armature = np.linalg.inv(np.array(armature.matrix_world))
    for mesh in skins_of(armature):
        bones = [index.get(group.name, -1) for group in mesh.vertex_groups]
        strongest = np.array([_strongest(vertex, bones) for vertex in mesh.data.vertices], dtype=np.int64)
        flat = np.empty(3 * len(strongest), np.float32)
        mesh.data.vertices.foreach_get("co", flat)
        matrix = to_armature @ np.array(mesh.matrix_world)
        moved = strongest >= 0
        points.append((flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])[moved])
        owners.append(strongest[moved])
    return np.concatenate(points), np.concatenate(owners)


def _strongest(vertex: bpy.types.MeshVertex, bones: list[int]) -> int:
    weights = [(one.weight, bones[one.group]) for one in vertex.groups if one.group < len(bones)]
    return max((pair for pair in weights if pair[1] >= 0), default=(0.0, -1))[1]


def skins_of(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """Meshes that an armature modifier ties to the armature."""
    return [
        thing
        for thing in bpy.data.objects
        if thing.type == "MESH" and any(m.type == "ARMATURE" and m.object == armature for m in thing.modifiers)
    ]

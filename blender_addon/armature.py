# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures and skinned bodies as Blender objects."""

import bpy
import numpy as np
from mathutils import Vector

from .core import body_mesh, errors, retarget


def build_armature(context: bpy.types.Context, rig: retarget.RigDefinition, name: str) -> bpy.types.Object:
    """A new armature object at the world's origin with the rig's bones, linked, selected and active."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    context.scene.collection.objects.link(armature)
    _make_only_active(context, armature)
    bpy.ops.object.mode_set(mode="EDIT")
    bones = []
    for index, bone_name in enumerate(rig.bone_names):
        bone = data.edit_bones.new(bone_name)
        bone.head = Vector(rig.heads[index])
        bone.tail = Vector(rig.tails[index])
        bone.align_roll(Vector(rig.rest_rotmats[index][:, 2]))
        if rig.parents[index] >= 0:
            bone.parent = bones[rig.parents[index]]
            bone.use_connect = bool(rig.connected[index])
        bone.use_deform = bool(rig.bone_joints[index] >= 0)
        bones.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
    armature.show_in_front = True
    return armature


def build_body(
    context: bpy.types.Context, mesh: body_mesh.BodyMesh, rig: retarget.RigDefinition, name: str
) -> bpy.types.Object:
    """A new mesh object in the rig's rest pose, with one material for each of the mesh's."""
    vertices = rig.to_armature(mesh.vertices)
    data = bpy.data.meshes.new(name)
    # A triangle among quads repeats a corner, which Blender would keep as a degenerate quad.
    data.from_pydata(vertices.tolist(), [], [list(dict.fromkeys(face)) for face in mesh.faces.tolist()])
    for material_name, color in zip(mesh.material_names, mesh.material_colors, strict=True):
        data.materials.append(_material(material_name, color))
    data.polygons.foreach_set("material_index", np.ascontiguousarray(mesh.face_materials, dtype=np.int32))
    data.polygons.foreach_set("use_smooth", np.ones(len(mesh.faces), dtype=bool))
    data.update()

    body = bpy.data.objects.new(name, data)
    context.scene.collection.objects.link(body)
    return body


def skin_body(
    body: bpy.types.Object, mesh: body_mesh.BodyMesh, rig: retarget.RigDefinition, armature: bpy.types.Object
) -> None:
    """Let an armature that `build_armature` made of the rig move the body."""
    _assign_weights(body, rig, mesh)
    body.parent = armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature


def rest_differs(armature: bpy.types.Object, rig: retarget.RigDefinition) -> bool:
    """Whether the armature's bones lie elsewhere than the rig's: somebody of another size or shape."""
    heads = np.array([armature.data.bones[name].head_local for name in rig.bone_names])
    return not np.allclose(heads, rig.heads, rtol=0.0, atol=1e-5)


def reshape(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    rig: retarget.RigDefinition,
    mesh: body_mesh.BodyMesh | None,
) -> None:
    """Give an armature that `build_armature` made, and its skinned body, the rest shape of another rig.

    Raises RigError for an armature that is hidden, whose bones Blender does not let be edited.
    """
    if not armature.visible_get(view_layer=context.view_layer):
        raise errors.RigError(f"armature {armature.name} is hidden or in another scene; show it to change its size")
    active = context.view_layer.objects.active
    selected = [thing for thing in context.view_layer.objects if thing.select_get()]
    mode = active.mode if active is not None else "OBJECT"
    _make_only_active(context, armature)
    bpy.ops.object.mode_set(mode="EDIT")
    for index, name in enumerate(rig.bone_names):
        bone = armature.data.edit_bones[name]
        bone.head, bone.tail = Vector(rig.heads[index]), Vector(rig.tails[index])
        bone.align_roll(Vector(rig.rest_rotmats[index][:, 2]))
    bpy.ops.object.mode_set(mode="OBJECT")
    for body in armature.children if mesh is not None else ():
        if body.type == "MESH" and len(body.data.vertices) == len(mesh.vertices):
            vertices = np.ascontiguousarray(rig.to_armature(mesh.vertices), np.float32)
            body.data.vertices.foreach_set("co", vertices.ravel())
            body.data.update()
    for thing in context.view_layer.objects:
        thing.select_set(thing in selected)
    context.view_layer.objects.active = active
    if active is not None and mode != "OBJECT":
        bpy.ops.object.mode_set(mode=mode)


def _make_only_active(context: bpy.types.Context, thing: bpy.types.Object) -> None:
    active = context.view_layer.objects.active
    if active is not None and active.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for other in context.view_layer.objects:
        other.select_set(False)
    thing.select_set(True)
    context.view_layer.objects.active = thing


def _assign_weights(body: bpy.types.Object, rig: retarget.RigDefinition, mesh: body_mesh.BodyMesh) -> None:
    bones = rig.joint_bones[mesh.skin_joints]
    table = np.zeros((len(mesh.vertices), len(rig.bone_names)))
    np.add.at(table, (np.arange(len(bones))[:, None], bones), mesh.skin_weights)
    for index, bone_name in enumerate(rig.bone_names):
        if rig.bone_joints[index] < 0:
            continue
        group = body.vertex_groups.new(name=bone_name)
        touched = np.flatnonzero(table[:, index] > 1e-6)
        for vertex, weight in zip(touched.tolist(), table[touched, index].tolist(), strict=True):
            group.add((vertex,), weight, "REPLACE")


def _material(name: str, color: np.ndarray) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    rgba = (*(float(c) for c in color), 1.0)
    material.diffuse_color = rgba
    material.use_nodes = True
    shader = next((node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    if shader is not None:
        shader.inputs["Base Color"].default_value = rgba
        shader.inputs["Roughness"].default_value = 0.8
    return material

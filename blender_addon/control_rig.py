# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs whose controls hang from constraints (Rigify): the pose found by evaluating the rig frame by frame."""

from dataclasses import replace

import bpy
import numpy as np
from mathutils import Matrix

from .core import bone_mapping, character_retarget, rotations

_SWITCH = "IK_FK"
_LIMBS = {side: tuple(f"{side}_{part}" for part in bone_mapping.LIMB_PARTS) for side in bone_mapping.SIDES}


def is_control_rig(armature: bpy.types.Object, mapping: bone_mapping.BoneMapping) -> bool:
    """Whether mapped bones hang from constrained ones, so that their parents' pose is not known without evaluation."""
    posed = armature.pose.bones
    names = [bone for names in mapping.bones.values() for bone in names]
    return any(above.constraints for name in names for above in posed[name].parent_recursive if name in posed)


def on_controls(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    animation: character_retarget.CharacterAnimation,
    mapping: bone_mapping.BoneMapping,
) -> character_retarget.CharacterAnimation:
    """The same poses in armature space as rotations and locations of the controls, FK switched on where IK is.

    Controls are set from the body outwards, one step at a time, with an evaluation between.
    """
    switch_to_fk(armature)
    posed = armature.pose.bones
    names = animation.bone_names
    before = {bone.name: bone.matrix_basis.copy() for bone in posed}
    levels = _levels(mapping, names)
    quats = np.empty_like(animation.rotations_wxyz)
    locations = {name: np.empty_like(place) for name, place in animation.locations.items()}
    for frame in range(len(animation)):
        for level in levels:
            context.view_layer.update()
            wanted = {number: Matrix(animation.matrices[frame, number].tolist()) for number in level}
            for number, matrix in wanted.items():
                bone = posed[names[number]]
                basis = bone.matrix_basis.inverted()
                # pose = parent space @ basis, whatever constraints make of the parent.
                local = (bone.matrix @ basis).inverted() @ matrix
                location, rotation, _ = local.decompose()
                quats[frame, number] = rotation
                if names[number] in locations:
                    locations[names[number]][frame] = location
                else:
                    location = (0.0, 0.0, 0.0)
                bone.matrix_basis = Matrix.LocRotScale(location, rotation, None)
    for name, basis in before.items():
        posed[name].matrix_basis = basis
    context.view_layer.update()
    return replace(animation, rotations_wxyz=rotations.make_sign_continuous(quats), locations=locations)


def switch_to_fk(armature: bpy.types.Object) -> None:
    """Set Rigify's IK/FK switches, where they are, to FK (1)."""
    for bone in armature.pose.bones:
        if bone.get(_SWITCH) is not None:
            bone[_SWITCH] = 1.0
    armature.update_tag()


def _levels(mapping: bone_mapping.BoneMapping, names: tuple[str, ...]) -> list[list[int]]:
    """Numbers of the bones in steps from the body outwards; bones of one step do not move each other."""
    trunk = [bone for part in ("root", "pelvis", "spine", "neck", "head") for bone in mapping.bones.get(part, ())]
    steps = [[bone] for bone in trunk]
    for parts in zip(*(_LIMBS[side] for side in bone_mapping.SIDES), strict=True):
        steps.append([bone for part in parts for bone in mapping.bones.get(part, ())])
    steps.append([bone for bones in mapping.twists.values() for bone in bones])
    number = {name: n for n, name in enumerate(names)}
    return [found for step in steps if (found := [number[bone] for bone in step if bone in number])]

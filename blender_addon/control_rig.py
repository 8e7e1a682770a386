# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs whose controls hang from constraints (Rigify): the pose found by evaluating the rig frame by frame."""

from dataclasses import replace

import bpy
import numpy as np
from mathutils import Matrix

from .core import bone_mapping, character_retarget, rotations

_SWITCH = "IK_FK"
_MOST_ROUNDS = 12
_CLOSE_ENOUGH = 1e-4


def is_control_rig(armature: bpy.types.Object, mapping: bone_mapping.BoneMapping) -> bool:
    """Whether mapped bones hang from constrained ones, so that their parents' pose is not known without evaluation."""
    posed = armature.pose.bones
    names = [bone for names in mapping.bones.values() for bone in names]
    above = {parent for name in names for parent in posed[name].parent_recursive}
    return any(not constraint.mute for bone in above for constraint in bone.constraints)


def on_controls(
    context: bpy.types.Context, armature: bpy.types.Object, animation: character_retarget.CharacterAnimation
) -> character_retarget.CharacterAnimation:
    """The same poses in armature space as rotations and locations of the controls, FK switched on where IK is.

    In each round the rig is evaluated once; then every control is set as if what it hangs from followed the nearest
    mapped bone above rigidly. That is exact for most bones at once; rounds go on for those held by constraints.
    """
    switch_to_fk(armature)
    names = animation.bone_names
    controls = [armature.pose.bones[name] for name in names]
    number = {name: n for n, name in enumerate(names)}
    above = [next((number[bone.name] for bone in c.parent_recursive if bone.name in number), None) for c in controls]
    before = [control.matrix_basis.copy() for control in controls]
    quats = np.empty_like(animation.rotations_wxyz)
    locations = {name: np.empty_like(place) for name, place in animation.locations.items()}
    for frame in range(len(animation)):
        wanted = [Matrix(matrix) for matrix in animation.matrices[frame].tolist()]
        _settle(context, controls, above, wanted, set(locations))
        for n, control in enumerate(controls):
            location, quats[frame, n], _ = control.matrix_basis.decompose()
            if names[n] in locations:
                locations[names[n]][frame] = location
    for control, basis in zip(controls, before, strict=True):
        control.matrix_basis = basis
    context.view_layer.update()
    return replace(animation, rotations_wxyz=rotations.make_sign_continuous(quats), locations=locations)


def _settle(
    context: bpy.types.Context,
    controls: list[bpy.types.PoseBone],
    above: list[int | None],
    wanted: list[Matrix],
    movable: set[str],
) -> None:
    """Set the controls so that the evaluated rig has the wanted axes, and movable ones lie in the wanted places."""
    for _ in range(_MOST_ROUNDS):
        context.view_layer.update()
        now = [control.matrix.copy() for control in controls]
        off = max(
            _off(*pair, control.name in movable)
            for pair, control in zip(zip(now, wanted, strict=True), controls, strict=True)
        )
        if off < _CLOSE_ENOUGH:
            return
        for n, control in enumerate(controls):
            space = now[n] @ control.matrix_basis.inverted()
            parent = above[n]
            if parent is not None:
                space = wanted[parent] @ now[parent].inverted() @ space
            location, rotation, _ = (space.inverted() @ wanted[n]).decompose()
            place = location if control.name in movable else (0.0, 0.0, 0.0)
            control.matrix_basis = Matrix.LocRotScale(place, rotation, None)


def _off(now: Matrix, wanted: Matrix, movable: bool) -> float:
    """Angle between the axes of two poses, rad, or how far apart movable ones are as a share of their distance."""
    angle = now.to_quaternion().rotation_difference(wanted.to_quaternion()).angle
    apart = (now.translation - wanted.translation).length / max(wanted.translation.length, 1e-6)
    return max(angle, apart) if movable else angle


def switch_to_fk(armature: bpy.types.Object) -> None:
    """Set Rigify's IK/FK switches, where they are, to FK (1)."""
    for bone in armature.pose.bones:
        if bone.get(_SWITCH) is not None:
            bone[_SWITCH] = 1.0
    armature.update_tag()

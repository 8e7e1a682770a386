# SPDX-License-Identifier: GPL-3.0-or-later
"""A motion put on a character's armature as an action; also for scripts without a window."""

from dataclasses import dataclass, field

import bpy

from . import control_rig, held_bones, keyframes
from .character import read_character
from .character_mapping import find_mapping
from .core import (
    bone_mapping,
    character_retarget,
    errors,
    key_reduction,
    motion_file,
    resample,
    timing,
)


@dataclass(frozen=True)
class BakeSettings:
    """How the result is written: see RetargetSettings for `retarget`.

    mapping          the bones to use; None: as they are recognised
    posed_reference  start from the pose on the screen, made a T- or A-pose by hand, not from the rest pose
    tolerance        leave out keys within these bounds; None: every frame is keyed
    as_strip         put the action into a new NLA strip
    action           rewrite this action of the armature, wherever it is used; None: make a new one
    """

    retarget: character_retarget.RetargetSettings = field(default_factory=character_retarget.RetargetSettings)
    mapping: bone_mapping.BoneMapping | None = None
    posed_reference: bool = False
    action_name: str = "Retargeted"
    start_frame: int = 1
    tolerance: key_reduction.KeyTolerance | None = None
    as_strip: bool = False
    action: bpy.types.Action | None = None


@dataclass(frozen=True)
class Baked:
    """What came out: the action, the bones it was made with, and those whose constraints were switched off for it."""

    action: bpy.types.Action
    mapping: bone_mapping.BoneMapping
    released: list[str]


def bake_motion(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    record: motion_file.MotionRecord,
    settings: BakeSettings | None = None,
) -> Baked:
    """Key the motion on the armature's bones at the scene's rate; nothing changes before all is known to work.

    >>> bake_motion(bpy.context, bpy.data.objects["Hero"], motion_file.load_motion("dance.npz"))

    Raises RigError for an armature that cannot be animated or in which no humanoid is found.
    """
    settings = settings or BakeSettings()
    character = read_character(armature, settings.posed_reference)
    mapping = settings.mapping or find_mapping(armature, character)
    mapping = held_bones.without_constrained_twists(armature, mapping.checked(character))
    render = context.scene.render
    motion = resample.resample(record.motion, timing.rate_from_blender(render.fps, render.fps_base))
    animation = character_retarget.retarget(character, mapping, motion, settings.retarget)
    released = held_bones.release(armature, mapping)
    armature.data.pose_position = "POSE"
    if control_rig.is_control_rig(armature, mapping):
        animation = control_rig.on_controls(context, armature, animation)
    if settings.action is not None:
        action = settings.action
        keyframes.rewrite_character_keyframes(armature, action, animation, settings.start_frame, settings.tolerance)
    else:
        action = keyframes.write_character_keyframes(
            armature, animation, settings.action_name, settings.start_frame, settings.tolerance
        )
    if settings.as_strip:
        keyframes.push_to_strip(armature, action, settings.start_frame)
    context.scene.frame_end = max(context.scene.frame_end, settings.start_frame + len(animation) - 1)
    return Baked(action, mapping, released)


def armature_named(name: str) -> bpy.types.Object:
    """The armature object of a name. Raises RigError when there is none or, by linked files, more than one."""
    found = [thing for thing in bpy.data.objects if thing.name == name and thing.type == "ARMATURE"]
    if not found:
        raise errors.RigError(f"there is no armature {name!r} in this file")
    if len(found) > 1:
        raise errors.RigError(f"two armatures are called {name!r}, one of them linked; rename the one of this file")
    return found[0]

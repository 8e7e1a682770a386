# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters follow the clean-up of the person they were retargeted from."""

import hashlib
import json
from dataclasses import asdict, replace

import bpy
import numpy as np

from . import character_animation, character_table, control_rig, keyframes, stored_motion
from .core import character_retarget, errors, key_reduction, root_motion

EDITED = "its keys were edited"
SLOW = "its controls take a while to key"


def remember(
    armature: bpy.types.Object,
    source: bpy.types.Object | None,
    action: bpy.types.Action,
    settings: character_animation.BakeSettings,
) -> None:
    """Keep what a character's action was made from and how; without a captured armature it follows nothing."""
    table = armature.swingtwist_character
    table.made_from, table.made_action, table.behind = source, action, ""
    retarget = {**asdict(settings.retarget), "root_mode": settings.retarget.root_mode.value}
    told = {
        "retarget": retarget,
        "posed_reference": settings.posed_reference,
        "start_frame": settings.start_frame,
        "tolerance": asdict(settings.tolerance) if settings.tolerance else None,
        "keys": _digest(action),
    }
    table.made_with = json.dumps(told)


def followers(source: bpy.types.Object) -> list[bpy.types.Object]:
    """Characters whose action was made from a captured armature's motion and is still there."""
    return [
        thing
        for thing in bpy.data.objects
        if thing.type == "ARMATURE"
        and thing.library is None
        and thing.swingtwist_character.made_from == source
        and thing.swingtwist_character.made_action is not None
    ]


def follow(context: bpy.types.Context, source: bpy.types.Object) -> None:
    """Put the changed motion of a captured armature on its characters.

    Those whose keys the user edited since, or whose controls are slow to key, are left as they are and say so.
    """
    for armature in followers(source):
        table = armature.swingtwist_character
        try:
            mapping = character_table.mapping_of(armature)
            if _digest(table.made_action) != json.loads(table.made_with)["keys"]:
                table.behind = EDITED
            elif mapping is not None and control_rig.is_control_rig(armature, mapping):
                table.behind = SLOW
            else:
                update(context, armature)
        except errors.RigError as error:
            table.behind = str(error)


def update(context: bpy.types.Context, armature: bpy.types.Object) -> None:
    """Make a character's action again from the motion as it is now. Raises RigError."""
    table = armature.swingtwist_character
    source, action = table.made_from, table.made_action
    if source is None or action is None:
        raise errors.RigError(f"{armature.name} was retargeted from no captured armature; retarget it first")
    settings = _settings(armature)
    record = stored_motion.stored_motion(source)
    character_animation.bake_motion(context, armature, record, replace(settings, action=action))
    remember(armature, source, action, settings)


def _settings(armature: bpy.types.Object) -> character_animation.BakeSettings:
    told = json.loads(armature.swingtwist_character.made_with)
    retarget = {**told["retarget"], "root_mode": root_motion.RootMode(told["retarget"]["root_mode"])}
    return character_animation.BakeSettings(
        retarget=character_retarget.RetargetSettings(**retarget),
        mapping=character_table.mapping_of(armature),
        posed_reference=told["posed_reference"],
        start_frame=told["start_frame"],
        tolerance=key_reduction.KeyTolerance(**told["tolerance"]) if told["tolerance"] else None,
    )


def _digest(action: bpy.types.Action) -> str:
    """What tells whether keys were edited."""
    digest = hashlib.blake2b(digest_size=16)
    for curve in keyframes.curves_of(action):
        values = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", values)
        digest.update(f"{curve.data_path}[{curve.array_index}]".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()

# SPDX-License-Identifier: GPL-3.0-or-later
"""One captured person in the scene: armature, skinned body and keyframes from a motion file."""

import json
from dataclasses import dataclass

import bpy

from . import armature as armatures
from . import keyframes
from .core import body_mesh, bone_maps, motion_file, retarget, root_motion

SOURCE_PROPERTY = "swingtwist"
"""Custom property of a captured armature that holds where it came from, as JSON."""


@dataclass(frozen=True)
class Placement:
    """How a motion becomes objects: names of object and action, bone names, root motion, first frame."""

    object_name: str
    clip_name: str
    naming: bone_maps.BoneNaming = bone_maps.BoneNaming.SMPL
    root_mode: root_motion.RootMode = root_motion.RootMode.PLANAR_YAW
    start_frame: int = 0


def add_person(
    context: bpy.types.Context,
    record: motion_file.MotionRecord,
    mesh: body_mesh.BodyMesh | None,
    placement: Placement,
) -> list[bpy.types.Object]:
    """Add the person to the scene; [armature, body] or, without a mesh, [armature]. The scene's time is left."""
    rig = retarget.build_rig(record.motion.skeleton, placement.naming)
    animation = retarget.animate_rig(rig, record.motion, placement.root_mode)
    armature = armatures.build_armature(context, rig, placement.object_name)
    armature[SOURCE_PROPERTY] = json.dumps(
        {"person_id": record.person_id, "provenance": record.provenance}, ensure_ascii=False
    )
    objects = [armature]
    if mesh is not None:
        objects.append(armatures.build_body(context, rig, mesh, armature, f"{placement.object_name}_Body"))
    keyframes.write_keyframes(armature, rig, animation, placement.clip_name, placement.start_frame)
    return objects

# SPDX-License-Identifier: GPL-3.0-or-later
"""One captured person in the scene: armature, skinned body and keyframes from a motion file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from . import armature as armatures
from . import cleanup, keyframes, stored_motion
from .core import body_mesh, bone_maps, motion_file, retarget, root_motion

SOURCE_PROPERTY = "swingtwist"
"""Custom property of a captured armature that holds where it came from, as JSON."""

LICENCE_PROPERTY = "swingtwist_licence"
"""Custom property of a captured armature that says under which licence its body is."""


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
    stored_motion.store_motion(armature, record)
    body = record.provenance.get("body")
    if isinstance(body, dict) and body.get("licence"):
        armature[LICENCE_PROPERTY] = str(body["licence"])
    objects = [armature]
    if mesh is not None:
        objects.append(armatures.build_body(context, rig, mesh, armature, f"{placement.object_name}_Body"))
    keyframes.write_keyframes(armature, rig, animation, placement.clip_name, placement.start_frame)
    return objects


def add_motion_files(context: bpy.types.Context, paths: Sequence[Path], placement: Placement) -> list[bpy.types.Object]:
    """Add the people of motion files, each with the body file beside it if there is one, and set the scene's time.

    Several people get their ids behind the names. The armatures are left selected. Raises RigError.
    """
    records = [motion_file.load_motion(path) for path in paths]
    bodies = [path.with_name(path.name.replace("motion", "body", 1)) for path in paths]
    meshes = [
        body_mesh.load_body_mesh(body) if body != path and body.is_file() else None
        for path, body in zip(paths, bodies, strict=True)
    ]
    armatures = []
    for path, record, mesh in zip(paths, records, meshes, strict=True):
        named = placement
        if len(records) > 1:
            named = replace(
                placement,
                object_name=f"{placement.object_name}_{record.person_id}",
                clip_name=f"{placement.clip_name}_{record.person_id}",
            )
        armature = add_person(context, record, mesh, named)[0]
        cleanup.remember_job(armature, path, record, named.start_frame, named.naming, named.root_mode)
        armatures.append(armature)
    for armature in armatures:
        armature.select_set(True)
    cleanup.warm_up(context, armatures[0])
    frame_count = max(len(record.motion) for record in records)
    keyframes.set_scene_time(context.scene, records[0].motion.fps, placement.start_frame, frame_count)
    return armatures

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


@dataclass(frozen=True)
class PreparedPerson:
    """What is keyed: everything about a person that takes no Blender to know. path: the motion file; None without."""

    record: motion_file.MotionRecord
    mesh: body_mesh.BodyMesh | None
    rig: retarget.RigDefinition
    animation: retarget.RigAnimation
    placement: Placement
    path: Path | None = None


def prepare_person(
    record: motion_file.MotionRecord,
    mesh: body_mesh.BodyMesh | None,
    placement: Placement,
    path: Path | None = None,
) -> PreparedPerson:
    """Bones and their animation; uses nothing of Blender, so that a thread may do it."""
    rig = retarget.build_rig(record.motion.skeleton, placement.naming)
    animation = retarget.animate_rig(rig, record.motion, placement.root_mode)
    return PreparedPerson(record, mesh, rig, animation, placement, path)


def prepare_motion_files(paths: Sequence[Path], placement: Placement) -> list[PreparedPerson]:
    """The people of motion files, each with the body file beside it if there is one; a thread may do it too.

    Several people get their ids behind the names. Raises RigError.
    """
    people = []
    for path in paths:
        record = motion_file.load_motion(path)
        body = path.with_name(path.name.replace("motion", "body", 1))
        mesh = body_mesh.load_body_mesh(body) if body != path and body.is_file() else None
        named = placement
        if len(paths) > 1:
            named = replace(
                placement,
                object_name=f"{placement.object_name}_{record.person_id}",
                clip_name=f"{placement.clip_name}_{record.person_id}",
            )
        people.append(prepare_person(record, mesh, named, path))
    return people


def add_person(context: bpy.types.Context, person: PreparedPerson) -> list[bpy.types.Object]:
    """Add the person to the scene; [armature, body] or, without a mesh, [armature]. The scene's time is left."""
    record, placement = person.record, person.placement
    armature = armatures.build_armature(context, person.rig, placement.object_name)
    armature[SOURCE_PROPERTY] = json.dumps(
        {"person_id": record.person_id, "provenance": record.provenance}, ensure_ascii=False
    )
    stored_motion.store_motion(armature, record, person.path)
    body = record.provenance.get("body")
    if isinstance(body, dict) and body.get("licence"):
        armature[LICENCE_PROPERTY] = str(body["licence"])
    objects = [armature]
    if person.mesh is not None:
        name = f"{placement.object_name}_Body"
        objects.append(armatures.build_body(context, person.rig, person.mesh, armature, name))
    keyframes.write_keyframes(armature, person.rig, person.animation, placement.clip_name, placement.start_frame)
    return objects


def add_motion_files(context: bpy.types.Context, paths: Sequence[Path], placement: Placement) -> list[bpy.types.Object]:
    """Add the people of motion files; their armatures. Raises RigError."""
    return add_people(context, prepare_motion_files(paths, placement))


def add_people(context: bpy.types.Context, people: Sequence[PreparedPerson]) -> list[bpy.types.Object]:
    """Add the people of motion files and set the scene's time; their armatures, which are left selected."""
    added = []
    for person in people:
        armature, named = add_person(context, person)[0], person.placement
        cleanup.remember_job(armature, person.path, person.record, named.start_frame, named.naming, named.root_mode)
        added.append(armature)
    for armature in added:
        armature.select_set(True)
    cleanup.warm_up(context, added[0])
    frame_count = max(len(person.record.motion) for person in people)
    first = people[0]
    keyframes.set_scene_time(context.scene, first.record.motion.fps, first.placement.start_frame, frame_count)
    return added

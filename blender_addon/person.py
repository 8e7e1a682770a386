# SPDX-License-Identifier: GPL-3.0-or-later
"""One captured person in the scene: armature, skinned body and keyframes from a motion file."""

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import bpy

from . import armature as armatures
from . import cleanup, intake, keyframes, scene_rate, stored_motion
from .core import body_mesh, bone_maps, motion, motion_file, retarget, root_motion

SOURCE_PROPERTY = "swingtwist"
"""Custom property of a captured armature that holds where it came from, as JSON."""

LICENCE_PROPERTY = "swingtwist_licence"
"""Custom property of a captured armature that says under which licence its body is."""


@dataclass(frozen=True)
class Placement:
    """How a motion becomes objects: names of object and action, bone names, root motion, first frame.

    fps: the rate at which the motion is keyed; None: its own, which then becomes the scene's.
    """

    object_name: str
    clip_name: str
    naming: bone_maps.BoneNaming = bone_maps.BoneNaming.SMPL
    root_mode: root_motion.RootMode = root_motion.RootMode.PLANAR_YAW
    start_frame: int = 0
    fps: Fraction | None = None


@dataclass(frozen=True)
class PreparedPerson:
    """What is keyed: everything about a person that takes no Blender to know.

    motion: the record's at the rate of its keys. path: the motion file; None without.
    """

    record: motion_file.MotionRecord
    motion: motion.Motion
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
    keyed = scene_rate.at_rate(record.motion, placement.fps)
    rig = retarget.build_rig(keyed.skeleton, placement.naming)
    animation = retarget.animate_rig(rig, keyed, placement.root_mode)
    return PreparedPerson(record, keyed, mesh, rig, animation, placement, path)


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
    return intake.run(_person_in_steps(context, person, []))


def add_motion_files(
    context: bpy.types.Context, paths: Sequence[Path], placement: Placement
) -> tuple[list[bpy.types.Object], str]:
    """Add the people of motion files, at the scene's rate where that must stay; their armatures and `rate_note`.

    Raises RigError and OSError.
    """
    people = prepare_motion_files(paths, replace(placement, fps=scene_rate.rate_to_keep(context.scene)))
    return intake.run(people_in_steps(people)), rate_note(people)


def people_in_steps(people: Sequence[PreparedPerson]) -> Generator[None, None, list[bpy.types.Object]]:
    """Add people and set the scene's time, in pieces; their armatures, which are left selected.

    Ended in a pause or by an error it leaves nobody behind.
    """
    made: list[bpy.types.Object] = []
    complete = False
    try:
        added = []
        for person in people:
            objects = yield from _person_in_steps(bpy.context, person, made)
            added.append(objects[0])
            yield
        for armature, person in zip(added, people, strict=True):
            named = person.placement
            cleanup.remember_job(
                armature, person.path, person.record, person.motion, named.start_frame, named.naming, named.root_mode
            )
            armature.select_set(True)
            yield
        cleanup.warm_up(bpy.context, added[0])
        frame_count = max(len(person.motion) for person in people)
        first = people[0]
        if first.placement.fps is None:
            start = first.placement.start_frame
            keyframes.set_scene_time(bpy.context.scene, first.motion.fps, start, frame_count)
        else:
            scene_rate.extend_scene(bpy.context.scene, first.placement.start_frame, frame_count)
        complete = True
        return added
    finally:
        if not complete:
            remove_people(made)


def rate_note(people: Sequence[PreparedPerson]) -> str:
    """A clause that says so when a motion was keyed at another rate than its own; empty else."""
    for person in people:
        if person.motion is not person.record.motion:
            own, keyed = (f"{float(fps):.6g}" for fps in (person.record.motion.fps, person.motion.fps))
            return f"; {own} frames a second became the scene's {keyed}, since other things in it are animated"
    return ""


def remove_people(made: Sequence[bpy.types.Object]) -> None:
    """Take objects that this file added out of the .blend file again, with what only they use.

    Those that are gone already, by an undo or because another file was opened, are left out.
    """
    found = [thing for thing in made if _is_there(thing)]
    parts: list[bpy.types.ID] = []
    for thing in found:
        kept = [thing.data, thing.get(stored_motion.MOTION_PROPERTY)]
        kept += thing.data.materials if thing.type == "MESH" else []
        kept.append(thing.animation_data.action if thing.animation_data else None)
        parts += [part for part in kept if isinstance(part, bpy.types.ID) and part not in parts]
    bpy.data.batch_remove(found)
    # One after another: a mesh lets go of its materials when it goes.
    for part in parts:
        if part.users == 0 or isinstance(part, bpy.types.Text):  # texts have a user from the start
            bpy.data.batch_remove([part])


def _is_there(thing: bpy.types.Object) -> bool:
    try:
        return bool(thing.name)
    except ReferenceError:
        return False


def _person_in_steps(
    context: bpy.types.Context, person: PreparedPerson, made: list[bpy.types.Object]
) -> Generator[None, None, list[bpy.types.Object]]:
    """Add a person in pieces, none much longer than 50 ms; `made` gets the objects as they come."""
    record, placement = person.record, person.placement
    armature = armatures.build_armature(context, person.rig, placement.object_name)
    made.append(armature)
    armature[SOURCE_PROPERTY] = json.dumps(
        {"person_id": record.person_id, "provenance": record.provenance}, ensure_ascii=False
    )
    stored_motion.store_motion(armature, record, person.path)
    body = record.provenance.get("body")
    if isinstance(body, dict) and body.get("licence"):
        armature[LICENCE_PROPERTY] = str(body["licence"])
    objects = [armature]
    if person.mesh is not None:
        yield
        objects.append(armatures.build_body(context, person.mesh, person.rig, f"{placement.object_name}_Body"))
        made.append(objects[1])
        yield
        armatures.skin_body(objects[1], person.mesh, person.rig, armature)
    yield
    clip_name, start = placement.clip_name, placement.start_frame
    yield from keyframes.key_in_steps(armature, person.rig, person.animation, clip_name, start)
    return objects

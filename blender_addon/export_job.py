# SPDX-License-Identifier: GPL-3.0-or-later
"""One export without a window: motion files in, scene files out, in an otherwise empty Blender."""

from pathlib import Path
from typing import Any

import bpy

from . import character_animation, keyframes, scene_files
from .character import read_character
from .character_import import import_character
from .character_mapping import mapping_of_file
from .core import body_mesh, bone_maps, character_retarget, game_engines, motion_file, root_motion
from .person import Placement, add_person, prepare_person


def run_export(request: dict[str, Any]) -> None:
    """Carry out a request; replaces everything in this Blender.

    request: `people`, a list of {"motion": path, "mesh": path or null}; `outputs`, paths whose ending is the
    format; `clip_name`; `root_mode`, `bone_names` and `fbx_unit`, values of RootMode, BoneNaming and FileUnit;
    `character`, path of a rigged character that plays the people, or null.
    Raises ExportFailed, RigError or OSError.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    context = bpy.context
    records = [motion_file.load_motion(person["motion"]) for person in request["people"]]
    meshes = [body_mesh.load_body_mesh(person["mesh"]) if person["mesh"] else None for person in request["people"]]
    clip_name = request["clip_name"]
    keyframes.set_scene_rate(context.scene, records[0].motion.fps)
    objects: list[bpy.types.Object] = []
    for record, mesh in zip(records, meshes, strict=True):
        alone = len(records) == 1
        placement = Placement(
            object_name=scene_files.ENGINE_NAME if alone else f"{scene_files.ENGINE_NAME}_{record.person_id}",
            clip_name=clip_name if alone else f"{clip_name}_{record.person_id}",
            naming=bone_maps.BoneNaming(request["bone_names"]),
            root_mode=root_motion.RootMode(request["root_mode"]),
        )
        if request.get("character"):
            objects += _add_character(context, Path(request["character"]), record, placement)
        else:
            objects += add_person(context, prepare_person(record, mesh, placement))
    frame_count = max(len(record.motion) for record in records)
    keyframes.set_scene_time(context.scene, records[0].motion.fps, 0, frame_count)
    wishes = scene_files.Wishes(fbx_unit=game_engines.FileUnit(request["fbx_unit"]))
    for output in request["outputs"]:
        scene_files.export_file(context, Path(output), objects, clip_name, frame_count, wishes)


def _add_character(
    context: bpy.types.Context, path: Path, record: motion_file.MotionRecord, placement: Placement
) -> list[bpy.types.Object]:
    """A copy of the character that moves as the person does; its objects, the armature first."""
    objects = import_character(context, path)
    settings = character_animation.BakeSettings(
        mapping=mapping_of_file(path, read_character(objects[0])),
        retarget=character_retarget.RetargetSettings(root_mode=placement.root_mode),
        action_name=placement.clip_name,
        start_frame=placement.start_frame,
    )
    character_animation.bake_motion(context, objects[0], record, settings)
    objects[0].name = placement.object_name
    return objects

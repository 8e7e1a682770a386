# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a captured armature, as it moves now, to the files that hold a person: BVH, AMASS and motion.npz."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from . import engine_copies, stored_motion
from .cleanup_state import read_state
from .core import (
    amass_writer,
    bone_maps,
    bvh_writer,
    errors,
    motion_file,
    posed_motion,
    retarget,
    root_motion,
    timing,
)

ENDINGS = (".bvh", ".amass.npz", ".npz")
"""How the names of such files end."""


def is_person_file(path: Path) -> bool:
    """Whether a name stands for a file that holds one person."""
    return path.name.lower().endswith(ENDINGS)


def write_person(
    context: bpy.types.Context, path: Path, armature: bpy.types.Object, naming: bone_maps.BoneNaming | None
) -> None:
    """Write the person whose motion the armature was keyed with, as its bones move in the scene now, at its rate.

    naming: names for BVH's joints, None as the bones are called. Raises RigError and OSError.
    """
    record = _present_motion(context, armature)
    name = path.name.lower()
    if name.endswith(".amass.npz"):
        amass_writer.write_amass(path, record)
    elif name.endswith(".npz"):
        motion_file.save_motion(path, record)
    else:
        state = read_state(armature)
        mode = root_motion.RootMode(state.settings["root_motion"] if state else "planar+yaw")
        names = naming or engine_copies.naming_of(armature) or bone_maps.BoneNaming.SMPL
        bvh_writer.write_bvh(path, record.motion, mode, names)


def _present_motion(context: bpy.types.Context, armature: bpy.types.Object) -> motion_file.MotionRecord:
    naming = engine_copies.naming_of(armature)
    if naming is None:
        raise errors.RigError(f"{armature.name} has other bones than captured people have; write it as FBX, GLB or USD")
    record = stored_motion.stored_motion(armature)
    rig = retarget.build_rig(record.motion.skeleton, naming)
    first, last = (round(frame) for frame in armature.animation_data.action.frame_range)
    rotmats = np.empty((last - first + 1, len(rig.bone_names), 3, 3))
    pelvis = np.empty((len(rotmats), 3))
    scene, shown = context.scene, context.scene.frame_current
    for number in range(len(rotmats)):
        scene.frame_set(first + number)
        posed = armature.evaluated_get(context.evaluated_depsgraph_get())
        world = np.array(posed.matrix_world)
        bones = np.array([posed.pose.bones[name].matrix for name in rig.bone_names])
        rotmats[number] = (world @ bones)[:, :3, :3]
        pelvis[number] = (world @ bones[1])[:3, 3]
    scene.frame_set(shown)
    rotmats /= np.linalg.norm(rotmats, axis=-2, keepdims=True)  # without scale
    fps = timing.rate_from_blender(scene.render.fps, scene.render.fps_base)
    motion = posed_motion.read_posed_motion(rig, record.motion, fps, rotmats, pelvis)
    cameras = record.world_to_camera
    if len(cameras) != len(motion):
        cameras = cameras[np.minimum(np.arange(len(motion)), len(cameras) - 1)]
    return replace(record, motion=motion, world_to_camera=cameras)

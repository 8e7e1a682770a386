# SPDX-License-Identifier: GPL-3.0-or-later
"""Animation of armatures: bulk keyframes, single poses and the scene's rate, on every Blender from 3.4 on."""

from collections.abc import Generator, Iterator
from fractions import Fraction

import bpy
import numpy as np

from .core import character_retarget, euler_angles, key_reduction, retarget, rotations, timing

_CONSTANT, _LINEAR = 0, 1


def key_in_steps(
    armature: bpy.types.Object,
    rig: retarget.RigDefinition,
    animation: retarget.RigAnimation,
    action_name: str,
    start_frame: int = 0,
) -> Generator[None, None, bpy.types.Action]:
    """Key every bone on every frame in a new action that becomes the armature's, bone by bone with pauses between.

    About 20 ms for a minute of motion.
    """
    action, curves, groups = _new_action(armature, action_name)
    frames = np.arange(start_frame, start_frame + len(animation), dtype=np.float32)
    for bone, name in enumerate(rig.bone_names):
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"]'
        for axis in range(4):
            values = animation.rotations_wxyz[:, bone, axis]
            _write_curve(curves, groups, f"{path}.rotation_quaternion", axis, frames, values, name)
        location = (animation.root_location, animation.pelvis_location)[bone] if bone < 2 else None
        for axis in range(3 if location is not None else 0):
            _write_curve(curves, groups, f"{path}.location", axis, frames, location[:, axis], name)
        yield
    return action


def rewrite_keyframes(
    armature: bpy.types.Object, rig: retarget.RigDefinition, animation: retarget.RigAnimation, start_frame: int
) -> None:
    """Put an animation in place of the armature's present one, in the same action; other curves of it stay."""
    curves, groups = _own_curves(armature)
    frames = np.arange(start_frame, start_frame + len(animation), dtype=np.float32)
    for bone, name in enumerate(rig.bone_names):
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"]'
        for axis in range(4):
            values = animation.rotations_wxyz[:, bone, axis]
            _replace_curve(curves, groups, f"{path}.rotation_quaternion", axis, frames, values, name)
        location = (animation.root_location, animation.pelvis_location)[bone] if bone < 2 else None
        for axis in range(3 if location is not None else 0):
            _replace_curve(curves, groups, f"{path}.location", axis, frames, location[:, axis], name)


def write_steps(armature: bpy.types.Object, path: str, frames: np.ndarray, values: np.ndarray, group: str) -> None:
    """Key a property of the armature with values that hold until the next key, in its action."""
    curves, groups = _own_curves(armature)
    _replace_curve(curves, groups, path, 0, frames, values, group)
    points = curves.find(path, index=0).keyframe_points
    points.foreach_set("interpolation", np.full(len(points), _CONSTANT, np.int32))


def find_curve(armature: bpy.types.Object, path: str) -> bpy.types.FCurve | None:
    """The curve that animates a property of the armature, if there is one."""
    animation_data = armature.animation_data
    if animation_data is None or animation_data.action is None:
        return None
    return _own_curves(armature)[0].find(path, index=0)


def write_character_keyframes(
    armature: bpy.types.Object,
    animation: character_retarget.CharacterAnimation,
    action_name: str,
    start_frame: int = 0,
    tolerance: key_reduction.KeyTolerance | None = None,
) -> bpy.types.Action:
    """Key the animation's bones, in their own rotation modes, in a new action that becomes the armature's.

    With a tolerance only the frames are keyed that it needs. An action that nothing else uses is kept with a fake user.
    """
    keep_action(armature)
    action, curves, groups = _new_action(armature, action_name)
    for path, axis, frames, values, bone in _character_curves(armature, animation, start_frame, tolerance):
        _write_curve(curves, groups, path, axis, frames, values, bone)
    return action


def rewrite_character_keyframes(
    armature: bpy.types.Object,
    action: bpy.types.Action,
    animation: character_retarget.CharacterAnimation,
    start_frame: int = 0,
    tolerance: key_reduction.KeyTolerance | None = None,
) -> None:
    """Put an animation in place of that which an action of the armature holds, whether active or in an NLA strip."""
    animation_data = armature.animation_data or armature.animation_data_create()
    active, slot = animation_data.action, getattr(animation_data, "action_slot", None)
    if active != action:
        animation_data.action = action
        if _has_slots(action) and animation_data.action_slot is None:
            animation_data.action_slot = action.slots[0]
    curves, groups = _own_curves(armature)
    for path, axis, frames, values, bone in _character_curves(armature, animation, start_frame, tolerance):
        _replace_curve(curves, groups, path, axis, frames, values, bone)
    if active != action:
        animation_data.action = active
        if slot is not None:
            animation_data.action_slot = slot


def _character_curves(
    armature: bpy.types.Object,
    animation: character_retarget.CharacterAnimation,
    start_frame: int,
    tolerance: key_reduction.KeyTolerance | None,
) -> Iterator[tuple[str, int, np.ndarray, np.ndarray, str]]:
    """(path, axis, frames, values, bone) of every curve; unkeyed locations and scales of the bones are reset."""
    metres = float(np.cbrt(abs(np.linalg.det(np.array(armature.matrix_world)[:3, :3]))))
    for number, name in enumerate(animation.bone_names):
        bone = armature.pose.bones[name]
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"]'
        bone.scale = (1.0, 1.0, 1.0)
        channel, values, kept = _rotation_keys(bone.rotation_mode, animation.rotations_wxyz[:, number], tolerance)
        frames = (start_frame + kept).astype(np.float32)
        for axis in range(values.shape[1]):
            yield f"{path}.{channel}", axis, frames, values[kept, axis], name
        location = animation.locations.get(name)
        if location is None:
            bone.location = (0.0, 0.0, 0.0)
            continue
        kept = np.arange(len(location))
        if tolerance is not None:
            kept = key_reduction.location_keys(location, tolerance.location_mm / 1000.0 / metres)
        frames = (start_frame + kept).astype(np.float32)
        for axis in range(3):
            yield f"{path}.location", axis, frames, location[kept, axis], name


def keep_action(armature: bpy.types.Object) -> None:
    """Give the armature's action a fake user when nothing else uses it, so that a new one does not lose it."""
    action = armature.animation_data.action if armature.animation_data else None
    if action is None or action.library is not None:
        return
    table = getattr(armature, "swingtwist_character", None)
    remembered = table is not None and table.made_action == action
    if action.users <= (2 if remembered else 1):
        action.use_fake_user = True


def push_to_strip(armature: bpy.types.Object, action: bpy.types.Action, start_frame: int) -> None:
    """Move the armature's action into a strip on a new NLA track above the others."""
    animation_data = armature.animation_data
    animation_data.action = None
    track = animation_data.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, start_frame, action)
    if _has_slots(action) and strip.action_slot is None:
        strip.action_slot = action.slots[0]


def _rotation_keys(
    mode: str, quats: np.ndarray, tolerance: key_reduction.KeyTolerance | None
) -> tuple[str, np.ndarray, np.ndarray]:
    """(channel, values on every frame, frames to key) of a bone's rotation in its own mode."""
    every = np.arange(len(quats))
    if mode == "QUATERNION":
        kept = every if tolerance is None else key_reduction.quaternion_keys(quats, tolerance.rotation_deg)
        return "rotation_quaternion", quats, kept
    if mode == "AXIS_ANGLE":
        values = euler_angles.axis_angles(quats)
        kept = every if tolerance is None else key_reduction.axis_angle_keys(values, tolerance.rotation_deg)
        return "rotation_axis_angle", values, kept
    values = euler_angles.euler_angles(rotations.quat_wxyz_to_rotmat(quats), mode)
    kept = every if tolerance is None else key_reduction.euler_keys(values, mode, tolerance.rotation_deg)
    return "rotation_euler", values, kept


def show_pose(armature: bpy.types.Object, rig: retarget.RigDefinition, animation: retarget.RigAnimation) -> None:
    """Put the first frame of `animation` on the armature's bones without keying it."""
    bones = armature.pose.bones
    for bone, name in enumerate(rig.bone_names):
        bones[name].rotation_quaternion = animation.rotations_wxyz[0, bone]
    bones[rig.bone_names[0]].location = animation.root_location[0]
    bones[rig.bone_names[1]].location = animation.pelvis_location[0]


def set_scene_time(scene: bpy.types.Scene, fps: Fraction, start_frame: int, frame_count: int) -> None:
    """Set the scene's exact rate (30000/1001 is 30 / 1.001) and its first and last frame."""
    set_scene_rate(scene, fps)
    scene.frame_start = start_frame
    scene.frame_end = start_frame + frame_count - 1
    scene.frame_set(start_frame)


def set_scene_rate(scene: bpy.types.Scene, fps: Fraction) -> None:
    """Set the scene's exact rate."""
    scene.render.fps, scene.render.fps_base = timing.blender_rate(fps)


def curves_of(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    """Every F-curve of an action, in layers and slots or not."""
    if _has_slots(action):
        strips = [strip for layer in action.layers for strip in layer.strips]
        return [curve for strip in strips for bag in strip.channelbags for curve in bag.fcurves]
    return list(action.fcurves)


def shift_keys(action: bpy.types.Action, frames: float) -> None:
    """Move every key of an action, with its handles, by a number of frames."""
    for curve in curves_of(action):
        for attribute in ("co", "handle_left", "handle_right"):
            values = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get(attribute, values)
            values[0::2] += np.float32(frames)
            curve.keyframe_points.foreach_set(attribute, values)
        curve.update()


def scale_locations(action: bpy.types.Action, of_bones: float, of_object: float) -> None:
    """Multiply the keys, with their handles, of the locations of bones and of the object itself."""
    for curve in curves_of(action):
        if not curve.data_path.endswith("location"):
            continue
        factor = np.float32(of_object if curve.data_path == "location" else of_bones)
        for attribute in ("co", "handle_left", "handle_right"):
            values = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get(attribute, values)
            values[1::2] *= factor
            curve.keyframe_points.foreach_set(attribute, values)
        curve.update()


def remove_bone_curves(armature: bpy.types.Object, bone: str) -> None:
    """Take everything that moves a bone out of the armature's action."""
    curves = _own_curves(armature)[0]
    start = f'pose.bones["{bpy.utils.escape_identifier(bone)}"]'
    for curve in [curve for curve in curves if curve.data_path.startswith(start)]:
        curves.remove(curve)


def copy_action(armature: bpy.types.Object) -> None:
    """Give the armature an action of its own, like the one it has."""
    animation_data = armature.animation_data
    slot = animation_data.action_slot.identifier if _has_slots(animation_data.action) else ""
    animation_data.action = animation_data.action.copy()
    if slot:
        animation_data.action_slot = animation_data.action.slots[slot]


def _has_slots(action: bpy.types.Action) -> bool:
    return "slots" in action.bl_rna.properties


def _new_action(armature: bpy.types.Object, name: str):
    """(action, its collection of F-curves, its collection of groups) of a new action assigned to the armature."""
    action = bpy.data.actions.new(name)
    animation_data = armature.animation_data or armature.animation_data_create()
    animation_data.action = action
    if not _has_slots(action):
        return action, action.fcurves, action.groups
    slot = action.slots.new(id_type="OBJECT", name=armature.name)
    animation_data.action_slot = slot
    bag = action.layers.new("Layer").strips.new(type="KEYFRAME").channelbag(slot, ensure=True)
    return action, bag.fcurves, bag.groups


def _own_curves(armature: bpy.types.Object):
    """(its collection of F-curves, its collection of groups) of the armature's action; a new one where it has none."""
    animation_data = armature.animation_data
    action = animation_data.action if animation_data else None
    if action is None:
        return _new_action(armature, armature.name)[1:]
    if not _has_slots(action):
        return action.fcurves, action.groups
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    if animation_data.action_slot is None:
        animation_data.action_slot = action.slots.new(id_type="OBJECT", name=armature.name)
    bag = strip.channelbag(animation_data.action_slot, ensure=True)
    return bag.fcurves, bag.groups


def _replace_curve(curves, groups, path: str, axis: int, frames: np.ndarray, values: np.ndarray, group: str) -> None:
    curve = curves.find(path, index=axis)
    if curve is not None:
        if len(curve.keyframe_points) == len(frames):
            points = np.stack([frames, np.asarray(values, np.float32)], axis=1).ravel()
            curve.keyframe_points.foreach_set("co", points)
            curve.keyframe_points.foreach_set("interpolation", np.full(len(frames), _LINEAR, np.int32))
            curve.update()
            return
        curves.remove(curve)
    _write_curve(curves, groups, path, axis, frames, values, group)


def _write_curve(curves, groups, path: str, axis: int, frames: np.ndarray, values: np.ndarray, group: str) -> None:
    accepted = curves.bl_rna.functions["new"].parameters.keys()
    if "group_name" in accepted:  # 5.0
        curve = curves.new(path, index=axis, group_name=group)
    elif "action_group" in accepted:  # to 4.3
        curve = curves.new(path, index=axis, action_group=group)
    else:  # 4.4, 4.5
        curve = curves.new(path, index=axis)
        curve.group = groups.get(group) or groups.new(group)
    count = len(frames)
    curve.keyframe_points.add(count)
    points = np.empty(2 * count, np.float32)
    points[0::2] = frames
    points[1::2] = values
    curve.keyframe_points.foreach_set("co", points)
    curve.keyframe_points.foreach_set("interpolation", np.full(count, _LINEAR, np.int32))
    curve.update()

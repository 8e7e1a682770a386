"""Inside Blender: retarget with the installed add-on without a window: `-- ZIP WORK_FOLDER`; prints what happened."""

import json
import os
import sys
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

package, folder = sys.argv[sys.argv.index("--") + 1 :]
folder = Path(folder)
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_install(filepath=package, overwrite=True)
bpy.ops.preferences.addon_enable(module="swingtwist")
told = {}
scene = bpy.context.scene


def attempt(operator, **settings):
    try:
        return sorted(operator(**settings))
    except RuntimeError as error:  # how a script sees an operator's error report
        return str(error)


def build(name, bones, world=None, modes=None):
    """An armature of (name, parent, head, tail) bones."""
    data = bpy.data.armatures.new(name)
    thing = bpy.data.objects.new(name, data)
    scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    for bone_name, parent, head, tail in bones:
        bone = data.edit_bones.new(bone_name)
        bone.head, bone.tail = Vector(head), Vector(tail)
        bone.parent = data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    for number, bone in enumerate(thing.pose.bones):
        bone.rotation_mode = modes[number % len(modes)] if modes else "QUATERNION"
    if world is not None:
        thing.matrix_world = world
    return thing


def evaluated(thing, frame):
    """Heads of the posed bones in armature space."""
    scene.frame_set(frame)
    posed = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    return {bone.name: list(bone.head) for bone in posed}


def clean():
    return [thing.name for thing in bpy.data.objects if thing.animation_data and thing.animation_data.action]


bones = json.loads((folder / "bones.json").read_text())
modes = ["QUATERNION", "XYZ", "AXIS_ANGLE", "ZYX", "YXZ"]
hero = build("Hero", bones, Matrix.Scale(0.01, 4) @ Matrix.Rotation(1.0, 4, "X"), modes)
motion = str(folder / "motion.npz")
retarget = bpy.ops.mocap.retarget

told["nothing_captured"] = attempt(retarget, target="Hero")
told["missing_file"] = attempt(retarget, target="Hero", motion=str(folder / "none.npz"))
told["missing_target"] = attempt(retarget, target="Nobody", motion=motion)
cube = build("Cube", [("a", None, (0, 0, 0), (0, 0, 1)), ("b", "a", (0, 0, 1), (0, 0, 2))])
told["no_humanoid"] = attempt(retarget, target="Cube", motion=motion)
bpy.ops.mocap.import_motion(filepath=motion)
told["itself"] = attempt(retarget, target="motion", source="motion")
bad = json.loads((folder / "preset.json").read_text())
bad["bones"]["pelvis"] = []
(folder / "bad.json").write_text(json.dumps(bad))
told["no_pelvis"] = attempt(retarget, target="Hero", motion=motion, preset=str(folder / "bad.json"))
hero.scale[0] *= 1.5
told["uneven"] = attempt(retarget, target="Hero", motion=motion)
hero.scale[0] /= -1.5
told["mirrored"] = attempt(retarget, target="Hero", motion=motion)
hero.scale[0] *= -1.0
bpy.context.view_layer.update()
told["no_human_bones"] = attempt(retarget, target="Hero", motion=motion, preset=str(folder / "plain.gltf"))
told["animated_by_mistake"] = [name for name in clean() if name != "motion"]
told["actions_by_mistake"] = len(bpy.data.actions) - 1

told["recognised"] = [attempt(bpy.ops.mocap.recognise_character, target="Hero"), hero.swingtwist_character.kind]
told["done"] = attempt(retarget, target="Hero", source="motion", plant_feet=False)
told["action"] = hero.animation_data.action.name
told["heads"] = {frame: evaluated(hero, frame) for frame in (1, 20, 45)}
module = sys.modules["swingtwist.keyframes"]
dense = sum(len(curve.keyframe_points) for curve in module.curves_of(hero.animation_data.action))
first = hero.animation_data.action
told["reduced"] = attempt(retarget, target="Hero", source="motion", plant_feet=False, reduce_keys=True)
told["keys"] = [dense, sum(len(curve.keyframe_points) for curve in module.curves_of(hero.animation_data.action))]
told["kept"] = first.use_fake_user
told["reduced_heads"] = {frame: evaluated(hero, frame) for frame in (1, 20, 45)}
told["strip"] = attempt(retarget, target="Hero", motion=motion, plant_feet=False, as_strip=True, start_frame=11)
told["strips"] = [strip.frame_start for track in hero.animation_data.nla_tracks for strip in track.strips]
told["strip_heads"] = {20: evaluated(hero, 30)}
saved = folder / "saved.json"
told["saved"] = attempt(bpy.ops.mocap.save_bone_mapping, target="Hero", filepath=str(saved))
told["loaded"] = attempt(bpy.ops.mocap.load_bone_mapping, target="Hero", filepath=str(saved))
told["kind_after_loading"] = hero.swingtwist_character.kind
told["vrm"] = attempt(bpy.ops.mocap.load_bone_mapping, target="Hero", filepath=str(folder / "hero.gltf"))
told["kind_of_vrm"] = hero.swingtwist_character.kind
held = build("Held", [(name, parent, Vector(head) / 100, Vector(tail) / 100) for name, parent, head, tail in bones])
for side in "lr":
    held.pose.bones[f"calf_{side}"].constraints.new("IK").chain_count = 2
    held.pose.bones[f"hand_{side}"].constraints.new("COPY_ROTATION").target = hero
    held.pose.bones[f"hand_{side}"].constraints[0].subtarget = "head"
held.data.pose_position = "REST"
for side in "lr":
    held.pose.bones[f"calf_{side}"].constraints[0].target = hero
told["held"] = attempt(retarget, target="Held", motion=motion)
told["held_heads"] = {frame: evaluated(held, frame) for frame in (1, 20, 45)}
told["text"] = [text.name for text in bpy.data.texts]
bpy.data.libraries.write(str(folder / "library.blend"), {cube})
with bpy.data.libraries.load(str(folder / "library.blend"), link=True) as (found, wanted):
    wanted.objects = ["Cube"]
scene.collection.objects.link(wanted.objects[0])
told["same_name"] = attempt(retarget, target="Cube", motion=motion)
cube.name = "Block"
told["linked"] = attempt(retarget, target="Cube", motion=motion)
bpy.data.libraries.write(str(folder / "held.blend"), {held})
with bpy.data.libraries.load(str(folder / "held.blend"), link=True) as (found, wanted):
    wanted.objects = ["Held"]
linked = wanted.objects[0]
scene.collection.objects.link(linked)
override = linked.override_create(remap_local_usages=True)
override.name = "Overridden"
told["override"] = attempt(retarget, target=override.name, motion=motion)
told["override_heads"] = {frame: evaluated(override, frame) for frame in (1, 20, 45)}
hero.pose.bones["hand_l"].driver_add("rotation_quaternion", 1)
hero.pose.bones["hand_r"].driver_add("scale", 0)
mapping = sys.modules["swingtwist.character_table"].mapping_of(hero)
told["driven"] = sys.modules["swingtwist.held_bones"].driven(hero, mapping)
bpy.ops.preferences.addon_disable(module="swingtwist")
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)

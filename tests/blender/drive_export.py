"""Inside Blender: write captured people and a scaled character by the panel's export: `-- ZIP ENGINE FOLDER`.

Prints one JSON object with what happened.
"""

import json
import os
import sys
from pathlib import Path

import bpy

package, engine, folder = sys.argv[sys.argv.index("--") + 1 :]
folder = Path(folder)
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_install(filepath=package, overwrite=True)
bpy.ops.preferences.addon_enable(module="swingtwist")
bpy.context.preferences.addons["swingtwist"].preferences.engine = engine
scene = bpy.context.scene
export = bpy.ops.mocap.export
told = {}


def attempt(operator, **settings):
    try:
        return sorted(operator(**settings))
    except RuntimeError as error:  # how a script sees an operator's error report
        return str(error)


def select(*names):
    for thing in bpy.data.objects:
        thing.select_set(thing.name in names)
    bpy.context.view_layer.objects.active = bpy.data.objects[names[0]]


def everything():
    """All that an export must leave as it was."""
    armatures = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    return [
        [sorted(thing.name for thing in group) for group in (bpy.data.objects, bpy.data.armatures, bpy.data.actions)],
        [[bone.name for bone in thing.data.bones] for thing in armatures],
        [[round(x, 6) for bone in thing.data.bones for x in bone.head_local] for thing in armatures],
        [list(thing.animation_data.action.frame_range) for thing in armatures],
        [sorted(group.name for group in thing.vertex_groups) for thing in bpy.data.objects],
        [scene.name, scene.frame_start, scene.frame_end, scene.frame_current, scene.unit_settings.scale_length],
        sorted(thing.name for thing in bpy.context.selected_objects),
    ]


bpy.ops.mocap.import_motion(filepath=str(folder / "motion_1.npz"))
before = everything()
for preset in ("generic", "unreal", "unity", "godot"):
    for ending in (".fbx", ".bvh"):
        export(filepath=str(folder / f"{preset}{ending}"), preset=preset)
export(filepath=str(folder / "unity.glb"), preset="unity")
export(filepath=str(folder / "same.npz"))
export(filepath=str(folder / "same.amass.npz"))
told["unchanged"] = everything() == before
if everything() != before:
    told["changes"] = [pair for pair in zip(before, everything(), strict=True) if pair[0] != pair[1]]

# What is keyed by hand is in the file, and so is where the armature was put.
armature = bpy.data.objects["motion_1"]
scene.frame_set(10)
armature.location = (0.0, 0.0, 0.25)
armature.pose.bones["L_Elbow"].rotation_quaternion = (0.5, 0.5, 0.5, 0.5)
armature.pose.bones["L_Elbow"].keyframe_insert("rotation_quaternion", frame=10)
export(filepath=str(folder / "edited.npz"))

bpy.ops.mocap.import_motion(filepath=str(folder / "motion_2.npz"))
select("motion_1", "motion_2")
export(filepath=str(folder / "duo.fbx"), people="together")
export(filepath=str(folder / "solo.fbx"), people="each", preset="unreal")
export(filepath=str(folder / "solo.bvh"))

# A character as FBX files of Mixamo come in: centimetres, scaled to a hundredth, its body a child.
data = bpy.data.armatures.new("Hero")
hero = bpy.data.objects.new("Hero", data)
scene.collection.objects.link(hero)
select("Hero")
bpy.ops.object.mode_set(mode="EDIT")
low, high = data.edit_bones.new("low"), data.edit_bones.new("high")
low.tail, high.head, high.tail = (0, 0, 100), (0, 0, 100), (0, 0, 170)
high.parent = low
bpy.ops.object.mode_set(mode="OBJECT")
mesh = bpy.data.meshes.new("Skin")
mesh.from_pydata([(0, 0, 0), (30, 0, 100), (0, 0, 170)], [], [(0, 1, 2)])
skin = bpy.data.objects.new("Skin", mesh)
scene.collection.objects.link(skin)
skin.vertex_groups.new(name="low").add((0, 1, 2), 1.0, "REPLACE")
skin.parent = hero
skin.modifiers.new("Armature", "ARMATURE").object = hero
hero.scale, hero.location = (0.01, 0.01, 0.01), (2.0, 0.0, 0.0)
scene.render.fps, scene.render.fps_base = 30, 1.0  # the scene kept the rate of the first captured person
for frame, place in ((1, 0.0), (11, 50.0)):
    hero.pose.bones["low"].location = (place, 0.0, 0.0)
    hero.pose.bones["low"].keyframe_insert("location", frame=frame)
select("Hero")
before = everything()
export(filepath=str(folder / "hero_generic.fbx"))
export(filepath=str(folder / "hero_unreal.fbx"), preset="unreal")
told["hero_unchanged"] = everything() == before
told["hero_bvh"] = attempt(export, filepath=str(folder / "hero.bvh"))
told["obj"] = attempt(export, filepath=str(folder / "hero.obj"))

jobs = bpy.ops.mocap.export_jobs
told["no_jobs"] = attempt(jobs, directory=str(folder / "none"))
told["jobs"] = attempt(
    jobs, directory=str(folder / "jobs"), out=str(folder / "out"), preset="unreal", kind=".fbx", people="each"
)
told["more_jobs"] = attempt(jobs, directory=str(folder / "jobs"), kind=".amass.npz")
bpy.ops.preferences.addon_disable(module="swingtwist")
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)

"""Inside Blender: characters follow the clean-up of their person: `-- ZIP ENGINE WORK_FOLDER`; prints what happened."""

import json
import os
import sys
from pathlib import Path

import bpy
from mathutils import Vector

package, engine, folder = sys.argv[sys.argv.index("--") + 1 :]
folder = Path(folder)
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_install(filepath=package, overwrite=True)
bpy.ops.preferences.addon_enable(module="swingtwist")
bpy.context.preferences.addons["swingtwist"].preferences.engine = engine
import swingtwist.keyframes as keyframes  # noqa: E402

told = {}
scene = bpy.context.scene


def build(name):
    data = bpy.data.armatures.new(name)
    thing = bpy.data.objects.new(name, data)
    scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    for bone_name, parent, head, tail in json.loads((folder / "bones.json").read_text()):
        bone = data.edit_bones.new(bone_name)
        bone.head, bone.tail = Vector(head), Vector(tail)
        bone.parent = data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    return thing


def look(frame=20):
    scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    return {
        "actions": len(bpy.data.actions),
        "behind": [thing.swingtwist_character.behind for thing in heroes],
        "hips": [list(thing.evaluated_get(graph).pose.bones["pelvis"].head) for thing in heroes],
    }


heroes = [build("Plain"), build("Strip"), build("Edited"), build("Other")]
bpy.ops.mocap.import_motion(filepath=str(folder / "clip ü.mocap" / "motion_4.npz"), start_frame=11)
person = bpy.context.object
for hero in heroes[:3]:
    bpy.ops.mocap.retarget(
        target=hero.name, source=person.name, start_frame=11, plant_feet=False, as_strip=hero.name == "Strip"
    )
file = str(folder / "clip ü.mocap" / "motion_4.npz")
bpy.ops.mocap.retarget(target="Other", motion=file, start_frame=11, plant_feet=False)
curve = keyframes.curves_of(heroes[2].animation_data.action)[0]
curve.keyframe_points[3].co[1] += 0.25
told["before"] = look()
bpy.context.view_layer.objects.active = person
told["refined"] = sorted(bpy.ops.mocap.refine(smoothing="heavy"))
told["after"] = look()
told["updated"] = sorted(bpy.ops.mocap.update_characters(target="Edited"))
told["forced"] = look()
try:
    bpy.ops.mocap.update_characters(target="Other")
except RuntimeError as error:
    told["nothing_to_follow"] = str(error)
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "saved.blend"))
bpy.ops.wm.open_mainfile(filepath=str(folder / "saved.blend"))
scene = bpy.context.scene
heroes = [bpy.data.objects[name] for name in ("Plain", "Strip", "Edited", "Other")]
bpy.context.view_layer.objects.active = next(thing for thing in scene.objects if thing.get("swingtwist_cleanup"))
bpy.ops.mocap.refine(smoothing="default")
told["reopened"] = look()
bpy.ops.preferences.addon_disable(module="swingtwist")
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)

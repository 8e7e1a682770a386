"""Inside Blender: go the user's whole way, from the zip to a character's FBX and away.

`-- ZIP ENGINE VIDEO CHARACTER OUT`. Prints "STEP name seconds" after each step, and ends by itself: what stays
registered crashes or hangs some Blenders then.
"""

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

import bpy

package, engine, video, character, out = sys.argv[sys.argv.index("--") + 1 :]
out = Path(out)
window_manager = bpy.types.WindowManager
kept = {}


def expect(what, is_so):
    if not is_so:
        raise RuntimeError(f"expected {what}")


def step_install():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if bpy.app.version >= (4, 2):
        bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True)
        kept["module"] = "bl_ext.user_default.swingtwist"
    else:
        bpy.ops.preferences.addon_install(filepath=package, overwrite=True)
        kept["module"] = "swingtwist"
        bpy.ops.preferences.addon_enable(module=kept["module"])
    bpy.context.preferences.addons[kept["module"]].preferences.engine = engine


def step_capture():
    bpy.context.window_manager.swingtwist.video = video
    bpy.ops.mocap.capture()
    captured = [thing for thing in bpy.context.scene.objects if "swingtwist_cleanup" in thing]
    expect("one captured person or more", captured)
    kept["person"] = captured[0].name
    expect("a person that moves", travel(captured[0]) > 0.05)


def step_refine():
    armature = select(kept["person"])
    before, actions = highest_bend(armature), len(bpy.data.actions)
    bpy.ops.mocap.refine(smoothing="heavy")
    expect("another motion", highest_bend(armature) != before)
    expect("the same action", len(bpy.data.actions) == actions)


def step_save():
    armature = select(kept["person"])
    before = heads(armature)
    path = str(out / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    expect("the motion that was saved", apart(heads(bpy.data.objects[kept["person"]]), before) < 1e-5)


def step_retarget():
    hero = build_character(json.loads(Path(character).read_text(encoding="utf-8")))
    bpy.ops.mocap.retarget(target=hero.name, source=kept["person"])
    keyframes = importlib.import_module(kept["module"] + ".keyframes")
    expect("a keyed character", len(keyframes.curves_of(hero.animation_data.action)) > 60)
    expect("a character that moves", travel(hero) > 0.05)
    kept["hero"] = hero.name


def step_export():
    for name, suffix in ((kept["hero"], "fbx"), (kept["person"], "fbx"), (kept["person"], "glb")):
        select(name)
        bpy.ops.mocap.export(filepath=str(out / f"{name}.{suffix}"))


def step_import():
    """The character's FBX, read again, stands where the character stood."""
    scene, there = bpy.context.scene, heads(bpy.data.objects[kept["hero"]])
    first, last, base = scene.frame_start, scene.frame_end, scene.render.fps_base
    before = set(bpy.data.objects)
    bpy.ops.import_scene.fbx(filepath=str(out / f"{kept['hero']}.fbx"), anim_offset=first)
    back = next(thing for thing in bpy.data.objects if thing not in before and thing.type == "ARMATURE")
    length = back.animation_data.action.frame_range[1] - first
    # Blender's importer takes the rate without fps_base: 29.97 as 30.
    stretch = min((1.0, base), key=lambda factor: abs(length - factor * (last - first)))
    expect("a take of the scene's length", abs(length - stretch * (last - first)) < 1e-2)
    off = apart(heads(back, stretch), there)
    expect(f"the character of the file where it stood, not {off:.5f} m from there", off < 1e-3)


def step_disable():
    for _ in range(2):
        bpy.ops.preferences.addon_disable(module=kept["module"])
        left = [name for name in dir(window_manager) + dir(bpy.types.Object) if "swingtwist" in name.lower()]
        left += [name for name in dir(bpy.types) if name.startswith("SWINGTWIST_")]
        expect(f"nothing left registered, not {left}", not left)
        bpy.ops.preferences.addon_enable(module=kept["module"])
        expect("the add-on back", hasattr(window_manager, "swingtwist"))
    bpy.ops.preferences.addon_disable(module=kept["module"])


STEPS = (step_install, step_capture, step_refine, step_save, step_retarget, step_export, step_import, step_disable)


def select(name):
    if bpy.context.object is not None and bpy.context.object.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for thing in bpy.context.scene.objects:
        thing.select_set(thing.name == name)
    bpy.context.view_layer.objects.active = bpy.data.objects[name]
    return bpy.data.objects[name]


def heads(armature, stretch=1.0):
    """Where the bones' heads are in the world on four frames of the scene: {(frame, bone): place}.

    stretch: how many frames of the armature's action one frame of the scene lasts.
    """
    scene, places = bpy.context.scene, {}
    for number in range(4):
        frame = scene.frame_start + round(number * (scene.frame_end - scene.frame_start) / 3)
        whole, part = divmod(scene.frame_start + (frame - scene.frame_start) * stretch, 1.0)
        scene.frame_set(int(whole), subframe=part)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        for bone in posed.pose.bones:
            places[frame, bone.name] = posed.matrix_world @ bone.head
    return places


def apart(one, other):
    """The longest way in metres between places of the same name."""
    shared = set(one) & set(other)
    expect("the same bones", len(shared) == len(one))
    return max((one[key] - other[key]).length for key in shared)


def travel(armature):
    """How far its bones come from where they were first."""
    places = heads(armature)
    first = min(frame for frame, _ in places)
    return max((place - places[first, name]).length for (_, name), place in places.items())


def highest_bend(armature):
    """A number that changes with the motion."""
    return sum(sum(place) for place in heads(armature).values())


def build_character(bones):
    data = bpy.data.armatures.new("Hero")
    hero = bpy.data.objects.new("Hero", data)
    bpy.context.scene.collection.objects.link(hero)
    select(hero.name)
    bpy.ops.object.mode_set(mode="EDIT")
    for name, parent, head, tail in bones:
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = head, tail
        bone.parent = data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    return hero


def give_up(*error):
    """End at once: a step that failed has left things registered."""
    traceback.print_exception(*error)
    sys.stderr.flush()
    os._exit(1)


sys.excepthook = give_up
print("BLENDER " + bpy.app.version_string, flush=True)
for step in STEPS:
    began = time.perf_counter()
    step()
    print(f"STEP {step.__name__.removeprefix('step_')} {time.perf_counter() - began:.2f}", flush=True)
if bpy.app.version[:2] == (4, 2) and not bpy.app.binary_path:
    # Python ends with a crash in the 4.2 module once any add-on had a property with a callback, unregistered or not.
    os._exit(0)

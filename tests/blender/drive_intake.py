"""Inside Blender: results that reach the scene in pieces, or are taken back half-way: `-- ZIP ENGINE FOLDER VIDEO`.

Prints one JSON object with what happened.
"""

import json
import os
import shutil
import sys
import time
import types
from pathlib import Path

import bpy

package, engine, folder, sample = sys.argv[sys.argv.index("--") + 1 :]
folder = Path(folder)
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_install(filepath=package, overwrite=True)
bpy.ops.preferences.addon_enable(module="swingtwist")
bpy.context.preferences.addons["swingtwist"].preferences.engine = engine
settings = bpy.context.window_manager.swingtwist
told = {}

from swingtwist import capture, cleanup, cleanup_state, engine_jobs, intake, keyframes  # noqa: E402


def everything():
    kinds = ("objects", "armatures", "meshes", "materials", "actions", "texts")
    return {kind: sorted(thing.name for thing in getattr(bpy.data, kind)) for kind in kinds}


def until_half_way(job):
    """Step as the window's timer does, until somebody is partly keyed; the calls it took to bring that in."""
    calls = 0
    while not bpy.data.actions:
        engine_jobs.advance(bpy.context)
        calls += "two_4" in bpy.data.objects
        assert job.state.value != "failed", job.error
        time.sleep(0.002)
    return calls


def end(job):
    engine_jobs.wait(bpy.context, job)
    return [job.state.value, job.message]


# In a window it is the operator that watches for Esc which reports how jobs end.
reports = []
settings.video = str(folder / "fail.mp4")
job = capture.start_capture(bpy.context)
watcher = types.SimpleNamespace(_number=engine_jobs.session.watcher, report=lambda *told: reports.append(told))
event = types.SimpleNamespace(type="MOUSEMOVE", value="NOTHING")
modal = capture.MOCAP_OT_watch_escape.modal
outcomes = [sorted(modal(watcher, bpy.context, event))]
while engine_jobs.is_busy():
    engine_jobs.advance(bpy.context)
    time.sleep(0.01)
outcomes += [sorted(modal(watcher, bpy.context, event))]
told["watched"] = [outcomes, [[sorted(level), words] for level, words in reports]]

intake._PIECE_S = 0.0  # every pause is made use of
settings.video, settings.people = str(folder / "two.mp4"), "ALL"
before = everything()
job = capture.start_capture(bpy.context)
told["calls"] = until_half_way(job)
told["half"] = everything()
engine_jobs.session.intake.set_aside()  # what undo does
told["undone"] = [*end(job), everything() == before, job.purpose.is_of_this_file]
told["added"] = [sorted(bpy.ops.mocap.add_result(number=job.number)), everything()["objects"]]

# Another file is opened half-way, in which somebody has the same name.
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "namesake.blend"))
bpy.ops.wm.read_homefile(use_empty=True)
settings = bpy.context.window_manager.swingtwist
settings.video, settings.people = str(folder / "two.mp4"), "ALL"
job = capture.start_capture(bpy.context)
until_half_way(job)
bpy.ops.wm.open_mainfile(filepath=str(folder / "namesake.blend"))
told["opened"] = [*end(job), everything()["objects"]]

bpy.ops.wm.read_homefile(use_empty=True)
settings = bpy.context.window_manager.swingtwist
settings.video, settings.people = str(folder / "two.mp4"), "ALL"
before = everything()
job = capture.start_capture(bpy.context)
until_half_way(job)
whole = keyframes.key_in_steps


def failing(*arguments):
    yield
    raise OSError("the disk is full")


keyframes.key_in_steps = failing
told["failed"] = [*end(job), everything() == before]
keyframes.key_in_steps = whole
job = capture.start_capture(bpy.context)
until_half_way(job)
bpy.data.objects.remove(next(thing for thing in bpy.data.objects if thing.type == "ARMATURE"))
told["deleted"] = [*end(job), everything()["objects"]]

job = capture.start_capture(bpy.context)
told["whole"] = end(job)
armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
bpy.context.view_layer.objects.active = armature
place = Path(json.loads(armature["swingtwist_cleanup"])["job"])
settings_told = {"slow_motion": 1.0, "start": 0.0}
place.joinpath("job.json").write_text(json.dumps({"video": sample, "clip": {"fps": "30"}, "settings": settings_told}))
os.environ["FAKE_ENGINE_OVERLAY"] = sample
told["overlay"] = [sorted(bpy.ops.mocap.add_camera(overlay=True)), engine_jobs.queue.jobs[-1].message]
backgrounds = bpy.context.scene.camera.data.background_images
told["shown"] = [Path(one.clip.filepath).name for one in backgrounds if one.clip]
shutil.rmtree(place)

# What else is animated keeps its pace: the motion comes to the scene's rate, and stays there when it is cleaned up.
bpy.ops.wm.read_homefile(use_empty=True)
scene = bpy.context.scene
scene.render.fps, scene.frame_start, scene.frame_end = 24, 5, 20
door = bpy.data.objects.new("door", None)
scene.collection.objects.link(door)
door.keyframe_insert("location", frame=1)
settings = bpy.context.window_manager.swingtwist
settings.video, settings.people = str(folder / "one.mp4"), "ALL"
job = capture.start_capture(bpy.context)
told["other_rate"] = end(job)
told["kept"] = [scene.render.fps, scene.render.fps_base, scene.frame_start, scene.frame_end]
armature = bpy.data.objects["one"]
state = cleanup_state.read_state(armature)


def elbow(frame):
    scene.frame_set(frame)
    posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return list(posed.pose.bones["L_Elbow"].head)


told["elbow"] = elbow(49)
for bone in armature.pose.bones:
    bone.keyframe_insert("rotation_quaternion", frame=49)
armature.pose.bones["L_Shoulder"].rotation_quaternion = (0, 1, 0, 0)
armature.pose.bones["L_Shoulder"].keyframe_insert("rotation_quaternion", frame=49)
told["bent"] = elbow(49)
cleanup._apply(bpy.context, armature, Path(state.job), state.settings, frozenset())
told["cleaned"] = [elbow(49), list(armature.animation_data.action.frame_range)]
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)

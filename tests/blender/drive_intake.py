"""Inside Blender: results that reach the scene in pieces, or are taken back half-way: `-- ZIP ENGINE FOLDER VIDEO`.

Prints one JSON object with what happened.
"""

import json
import os
import shutil
import sys
import time
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

from swingtwist import capture, engine_jobs, intake, keyframes  # noqa: E402


def everything():
    kinds = ("objects", "armatures", "meshes", "materials", "actions", "texts")
    return {kind: sorted(thing.name for thing in getattr(bpy.data, kind)) for kind in kinds}


def until_half_way(job):
    """Step as the window's timer does, until somebody is partly keyed; the calls it took to bring that in."""
    calls = 0
    while not bpy.data.actions:
        engine_jobs.advance(bpy.context)
        calls += len(bpy.data.objects) > 0
        assert job.state.value != "failed", job.error
        time.sleep(0.002)
    return calls


def end(job):
    engine_jobs.wait(bpy.context, job)
    return [job.state.value, job.message]


intake._PIECE_S = 0.0  # every pause is made use of
settings.video, settings.people = str(folder / "two.mp4"), "ALL"
before = everything()
job = capture.start_capture(bpy.context)
told["calls"] = until_half_way(job)
told["half"] = everything()
engine_jobs.session.intake.set_aside()  # what undo does
told["undone"] = [*end(job), everything() == before, job.purpose.is_of_this_file]
told["added"] = [sorted(bpy.ops.swingtwist.add_result(number=job.number)), everything()["objects"]]

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
told["overlay"] = [sorted(bpy.ops.swingtwist.add_camera(overlay=True)), engine_jobs.queue.jobs[-1].message]
backgrounds = bpy.context.scene.camera.data.background_images
told["shown"] = [Path(one.clip.filepath).name for one in backgrounds if one.clip]
shutil.rmtree(place)
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)

"""Inside Blender: install the zip and use the add-on without a window: `-- ZIP ENGINE WORK_FOLDER`.

Prints one JSON object with what happened.
"""

import json
import os
import sys
import time
from pathlib import Path

import bpy

package, engine, folder = sys.argv[sys.argv.index("--") + 1 :]
folder = Path(folder)
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_install(filepath=package, overwrite=True)
bpy.ops.preferences.addon_enable(module="swingtwist")
bpy.context.preferences.addons["swingtwist"].preferences.engine = engine
settings = bpy.context.window_manager.swingtwist
told = {}


def capture(video):
    settings.video = str(folder / video)
    start = time.monotonic()
    try:
        outcome = sorted(bpy.ops.mocap.capture())
    except RuntimeError as error:  # how a script sees an operator's error report
        outcome = str(error)
    return {
        "outcome": outcome,
        "objects": sorted(thing.name for thing in bpy.data.objects),
        "s": time.monotonic() - start,
    }


told["missing"] = capture("missing.mp4")
told["fail"] = capture("fail.mp4")
told["crash"] = capture("crash.mp4")
settings.foot_lock, settings.people, settings.person_id, settings.start_frame = "grounding", "ID", 4, 1
settings.smooth_arms = 0.5
told["good"] = capture("good clip ü.mp4")
scene = bpy.context.scene
told["rate"] = [scene.render.fps, scene.render.fps_base, scene.frame_start, scene.frame_end]
armature = bpy.data.objects["good clip ü"]
action = armature.animation_data.action
told["range"] = list(action.frame_range)
heads = {}
for frame in (1, 30, 90):
    scene.frame_set(frame)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    heads[frame] = {bone.name: list(bone.head) for bone in evaluated.pose.bones}
told["heads"] = heads
told["job"] = json.loads(armature["swingtwist_cleanup"])["job"]
told["left_over"] = [entry.name for entry in Path(bpy.app.tempdir).iterdir()]

bpy.ops.mocap.export(filepath=str(folder / "exported.fbx"))
told["after_export"] = [
    scene.name,
    armature.name,
    list(action.frame_range),
    scene.frame_start,
    scene.frame_end,
]
bpy.ops.mocap.import_motion(filepath=str(folder / "motion_4.npz"), bone_names="mixamo", root_motion="off")
told["imported"] = [bone.name for bone in bpy.data.objects["motion_4"].data.bones][:2]
try:
    bpy.ops.mocap.import_motion(filepath=str(folder / "fail.mp4"))
except RuntimeError as error:
    told["bad_import"] = str(error)
told["foreign"] = sorted(bpy.ops.mocap.import_motion(filepath=str(folder / "result.pkl"), fps="25", up="z"))
told["foreign_objects"] = sorted(thing.name for thing in bpy.data.objects if thing.name.startswith("result"))
told["foreign_arguments"] = json.loads(Path(os.environ["FAKE_ENGINE_ARGUMENTS"]).read_text())
told["foreign_left_over"] = [entry.name for entry in Path(bpy.app.tempdir).iterdir()]

# Whatever a user or a script can set says what it does.
told["without_tip"] = []
for name in dir(bpy.ops.mocap):
    operator = getattr(bpy.ops.mocap, name).get_rna_type()
    told["without_tip"] += [name] if not operator.description else []
    told["without_tip"] += [
        f"{name}.{one.identifier}"
        for one in operator.properties
        if not one.description and not one.is_hidden and one.identifier != "rna_type"
    ]

# An engine that still runs must not outlive the add-on.
from swingtwist import capture as captures  # noqa: E402
from swingtwist import engine_jobs  # noqa: E402

settings.video = str(folder / "hang.mp4")
job = captures.start_capture(bpy.context)
child = Path(os.environ["FAKE_ENGINE_CHILD"])
while not child.exists() or not child.read_text():
    engine_jobs.advance(bpy.context)
    time.sleep(0.05)
while job.message in ("Waiting", "Starting"):
    engine_jobs.advance(bpy.context)
    time.sleep(0.05)
engine_jobs.cancel(job.number)
start = time.monotonic()
while job.is_open:
    engine_jobs.advance(bpy.context)
    time.sleep(0.05)
told["cancel_s"] = time.monotonic() - start
told["cancelled"] = job.state.value
child.unlink()
captures.start_capture(bpy.context)
while not child.exists() or not child.read_text():
    engine_jobs.advance(bpy.context)
    time.sleep(0.05)
bpy.ops.preferences.addon_disable(module="swingtwist")
time.sleep(0.3)
stat = Path("/proc") / child.read_text() / "stat"
told["child"] = stat.read_text().rsplit(")", 1)[1].split()[0] if stat.exists() else "gone"
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)

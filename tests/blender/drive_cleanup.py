"""Inside Blender: clean the motion of a job up without a window: `-- ZIP ENGINE WORK_FOLDER`.

Prints one JSON object with what happened.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

import bpy

package, engine, folder = sys.argv[sys.argv.index("--") + 1 :]
folder = Path(folder)
job = folder / "clip ü.mocap"
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_install(filepath=package, overwrite=True)
bpy.ops.preferences.addon_enable(module="swingtwist")
bpy.context.preferences.addons["swingtwist"].preferences.engine = engine
import swingtwist.contact_markers as markers  # noqa: E402
import swingtwist.keyframes as keyframes  # noqa: E402
import swingtwist.stored_motion as stored_motion  # noqa: E402

told = {}
scene = bpy.context.scene
bpy.ops.mocap.import_motion(filepath=str(job / "motion_4.npz"), start_frame=11)
armature = bpy.context.object
panel = bpy.context.window_manager.swingtwist_cleanup


def look():
    """The armature as it is now."""
    action = armature.animation_data.action
    scene.frame_set(20)
    pose = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    return {
        "action": action.name,
        "actions": len(bpy.data.actions),
        "curves": len(keyframes.curves_of(action)),
        "hips": list(pose["Pelvis"].head),
        "root": list(pose["root"].head),
        "rest_head": armature.data.bones["Head"].head_local[2],
        "body_top": max(v.co[2] for v in armature.children[0].data.vertices),
        "contacts": markers.read_contacts(armature, 90, 11),
        "markers": sorted([marker.frame, marker.name] for marker in scene.timeline_markers),
        "stored": stored_motion.stored_motion(armature).motion.transl[9].tolist(),
        "smoothing": panel.smoothing,
    }


def refine(**settings):
    try:
        outcome = sorted(bpy.ops.mocap.refine(**settings))
    except RuntimeError as error:  # how a script sees an operator's error report
        outcome = str(error)
    return {"outcome": outcome, **look()}


told["imported"] = look()
told["heavy"] = refine(smoothing="heavy")
told["in_place"] = refine(root_motion="off")
told["tall"] = refine(height=1.9)
armature.hide_set(True)
told["hidden"] = refine(height=1.6)
armature.hide_set(False)
armature.select_set(True)
told["error"] = refine(outliers=9.0)
told["back"] = refine(smoothing="default", root_motion="planar+yaw", height=0.0)

# The left heel, as the user would edit it: down between the frames 30 and 40 of the scene.
curve = keyframes.find_curve(armature, '["Left Heel Stands"]')
keyframes.write_steps(armature, curve.data_path, [11.0, 30.0, 40.0], [0.0, 1.0, 0.0], markers.GROUP)
told["edited"] = refine()
told["still_edited"] = refine(smoothing="light")
told["file"] = json.loads((job / "contacts.json").read_text())
bpy.ops.mocap.reset_contacts()
told["detected"] = look()

scene.frame_set(26)
bpy.ops.mocap.floor_here(side="left")
scene.frame_set(56)
bpy.ops.mocap.floor_here(side="right")
bpy.ops.mocap.level_here()
told["corrections"] = [panel.floor_at, panel.level_at]
panel.smooth_arms = 2.5
told["pending"] = panel.smooth_arms
bpy.ops.mocap.refine()
bpy.ops.mocap.keep_cleanup()
new = bpy.context.window_manager.swingtwist
told["kept_for_new"] = [new.smooth_arms, hasattr(new, "floor_at")]
bpy.ops.mocap.reset_floor()
told["after_reset"] = [panel.floor_at, panel.level_at, panel.smooth_arms]
bpy.ops.mocap.reset_cleanup()
told["all_reset"] = [panel.smoothing, panel.smooth_arms]

bpy.ops.mocap.export(filepath=str(folder / "cleaned.fbx"))
bpy.ops.mocap.export(filepath=str(folder / "cleaned.glb"))
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "saved.blend"))
pid = int((folder / "worker.pid").read_text())
bpy.ops.wm.open_mainfile(filepath=str(folder / "saved.blend"))
stat = Path("/proc") / str(pid) / "stat"
told["worker_after_load"] = stat.read_text().rsplit(")", 1)[1].split()[0] if stat.exists() else "gone"
scene, armature = bpy.context.scene, bpy.context.object
panel = bpy.context.window_manager.swingtwist_cleanup
told["reopened"] = refine(smoothing="heavy")
pid = int((folder / "worker.pid").read_text())
from swingtwist import job_folders, old_captures  # noqa: E402

kept = job_folders.jobs_folder()
for name in ("one.mocap", "two.mocap"):
    (kept / name).mkdir(parents=True)
    (kept / name / "frames.npz").write_bytes(bytes(1_500_000))
(kept / "mine").mkdir()
used = kept / "used.mocap"
shutil.copytree(job, used)
state = json.loads(armature["swingtwist_cleanup"])
armature["swingtwist_cleanup"] = json.dumps({**state, "job": str(used)})
told["captures"] = old_captures.captures_of_this_blender().text
bpy.ops.mocap.remove_captures()
told["captures_left"] = sorted(path.name for path in kept.iterdir())
bpy.ops.mocap.remove_captures(also_used=True)
told["captures_gone"] = sorted(path.name for path in kept.iterdir())
armature["swingtwist_cleanup"] = json.dumps(state)
shutil.rmtree(job)
told["gone"] = refine(smoothing="off")
bpy.ops.preferences.addon_disable(module="swingtwist")
time.sleep(0.3)
stat = Path("/proc") / str(pid) / "stat"
told["worker_after_disable"] = stat.read_text().rsplit(")", 1)[1].split()[0] if stat.exists() else "gone"
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)

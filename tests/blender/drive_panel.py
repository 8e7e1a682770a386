"""Inside Blender: find people, edit tracks, capture, look through the video's camera: `-- ZIP ENGINE FOLDER VIDEO`.

Prints one JSON object with what happened.
"""

import json
import os
import sys
import time
from pathlib import Path

import bpy
from bpy_extras.object_utils import world_to_camera_view

package, engine, folder, sample = sys.argv[sys.argv.index("--") + 1 :]
folder = Path(folder)
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.preferences.addon_install(filepath=package, overwrite=True)
bpy.ops.preferences.addon_enable(module="swingtwist")
bpy.context.preferences.addons["swingtwist"].preferences.engine = engine
settings = bpy.context.window_manager.swingtwist
told = {}

from swingtwist import capture, engine_jobs, people_operators, stored_motion, video_source  # noqa: E402
from swingtwist.core import retarget  # noqa: E402


def attempt(operator, **properties):
    try:
        return sorted(operator(**properties))
    except RuntimeError as error:  # how a script sees an operator's error report
        return str(error)


def names():
    return sorted(thing.name for thing in bpy.data.objects)


def numbers():
    return [track.person_id for track in settings.tracks]


settings.video = str(folder / "clip ü.mp4")
facts = engine_jobs.video_facts(bpy.context, wait_for_them=True)
told["facts"] = [facts.width, facts.height, str(facts.fps), facts.frames]
settings.range_unit, settings.first_video_frame, settings.last_video_frame = "FRAMES", 31, 90
settings.slow_motion = 2.0
bpy.ops.mocap.find_people()
told["tracks"] = [[track.person_id, track.chosen] for track in settings.tracks]
bpy.context.scene.frame_set(13)
settings.track = 1
bpy.ops.mocap.split_track()
told["after_split"] = numbers()
settings.tracks[2].chosen = True
bpy.ops.mocap.merge_tracks()
told["after_merge"] = numbers()
bpy.ops.mocap.undo_track_edit()
told["after_undo"] = numbers()

chosen = [track.chosen for track in settings.tracks]
for track in settings.tracks:
    track.chosen = False
told["nobody"] = attempt(bpy.ops.mocap.capture)
for track, value in zip(settings.tracks, chosen, strict=True):
    track.chosen = value
settings.lens, settings.focal_mm = "FOCAL", 50.0
told["captured"] = attempt(bpy.ops.mocap.capture)
settings.video = str(folder / "vfr.mp4")
told["vfr"] = attempt(bpy.ops.mocap.capture)
settings.range_unit, settings.people = "ALL", "LARGEST"
settings.video = str(folder / "garbage.mp4")
told["before_garbage"] = names()
told["garbage"] = {"outcome": attempt(bpy.ops.mocap.capture), "objects": names()}
settings.body = "SMPL"
told["no_smpl"] = attempt(bpy.ops.mocap.capture)
settings.body = "OPEN"

# What a script gives holds for once.
told["given"] = attempt(
    bpy.ops.mocap.capture,
    video=str(folder / "clip ü.mp4"),
    people="ALL",
    lens="FOV",
    fov=70.0,
    smoothing="light",
    smooth_arms=0.25,
    slow_motion=4.0,
    range_unit="SECONDS",
    end_s=1.5,
    bone_names="mixamo",
)
told["panel_after"] = [settings.video[-11:], settings.people, settings.smoothing, settings.lens, settings.range_unit]
told["given_bones"] = "mixamorig:Hips" in bpy.context.object.data.bones

settings.smoothing = "heavy"
bpy.ops.mocap.save_defaults()
kept = [settings.smoothing]
settings.smoothing = "default"
kept.append(settings.smoothing)
from swingtwist import user_defaults  # noqa: E402

user_defaults.apply_defaults(bpy.context)
kept.append(settings.smoothing)
bpy.ops.mocap.restore_defaults()
told["defaults"] = [*kept, settings.smoothing]

# A clip of this file, and the lens of its camera.
settings.source, settings.lens = "CLIP", "CAMERA"
clip = bpy.data.movieclips.load(sample)
settings.clip = clip.name
lens = bpy.data.cameras.new("Lens")
lens.lens, lens.sensor_width = 50.0, 36.0
bpy.context.scene.camera = bpy.data.objects.new("Lens", lens)
rates = []
for rate in (24, 60):
    bpy.context.scene.render.fps = rate
    rates.append(people_operators.current_job(bpy.context))
told["clip"] = [video_source.video_path(bpy.context), rates[0] == rates[1] != ""]
told["lens"] = video_source.fov_deg(bpy.context, facts)
bpy.context.scene.camera = None
told["no_camera"] = attempt(bpy.ops.mocap.capture)
settings.source, settings.lens = "FILE", "FOV"
bpy.data.cameras.remove(lens)

# The result of a job that another file was opened under is not forced upon that file.
settings.video = str(folder / "clip ü.mp4")
job = capture.start_capture(bpy.context)
bpy.ops.wm.read_homefile(use_empty=True)
engine_jobs.wait(bpy.context, job)
told["after_new"] = [job.state.value, job.message, names()]
told["added"] = [attempt(bpy.ops.mocap.add_result, number=job.number), names()]

bpy.ops.wm.read_homefile(use_empty=True)
bpy.ops.mocap.import_motion(filepath=str(folder / "motion_1.npz"), root_motion="full", start_frame=1)
armature = bpy.data.objects["motion_1"]
armature.location = (1.0, 2.0, 0.5)
armature.rotation_euler = (0.1, 0.0, 1.0)
bpy.context.view_layer.update()
bpy.ops.mocap.add_camera()
scene = bpy.context.scene
told["size"] = [scene.render.resolution_x, scene.render.resolution_y]
record = stored_motion.stored_motion(armature)
joints = retarget.build_rig(record.motion.skeleton).bone_names[1:]
seen = {}
for frame in (1, 7, 24):
    scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    posed, camera = armature.evaluated_get(graph), scene.camera
    places = [world_to_camera_view(scene, camera, posed.matrix_world @ posed.pose.bones[name].head) for name in joints]
    seen[frame] = [[place.x * 720, (1 - place.y) * 480] for place in places]
told["seen"] = seen

settings = bpy.context.window_manager.swingtwist  # without a window a new file brings a new window manager
settings.video = str(folder / "hang.mp4")
hanging = [capture.start_capture(bpy.context) for _ in range(2)]
child = Path(os.environ["FAKE_ENGINE_CHILD"])
while not child.exists() or not child.read_text():
    engine_jobs.advance(bpy.context)
    time.sleep(0.05)
bpy.ops.preferences.addon_disable(module="swingtwist")
told["closed"] = [job.state.value for job in hanging]
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)

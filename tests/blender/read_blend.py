"""Inside Blender: open a .blend and store what it evaluates to: `-- FILE.blend OUT.npz`."""

import os
import sys

import bpy
import numpy as np

blend, out = sys.argv[sys.argv.index("--") + 1 :]
bpy.ops.wm.open_mainfile(filepath=blend)
scene = bpy.context.scene
result = {
    "fps": scene.render.fps,
    "fps_base": scene.render.fps_base,
    "frame_start": scene.frame_start,
    "frame_end": scene.frame_end,
}
for thing in scene.objects:
    if thing.type == "ARMATURE":
        names = [bone.name for bone in thing.data.bones]
        heads, quats, locations = [], [], []
        for frame in range(scene.frame_start, scene.frame_end + 1):
            scene.frame_set(frame)
            evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
            heads.append([evaluated.matrix_world @ evaluated.pose.bones[name].head for name in names])
            quats.append([thing.pose.bones[name].rotation_quaternion[:] for name in names])
            locations.append([thing.pose.bones[name].location[:] for name in names])
        key = thing.name
        result[f"{key}.names"] = np.array(names)
        result[f"{key}.heads"] = np.array(heads)
        result[f"{key}.quats"] = np.array(quats)
        result[f"{key}.locations"] = np.array(locations)
        result[f"{key}.rest"] = np.array([thing.data.bones[name].matrix_local for name in names])
        result[f"{key}.parents"] = np.array([bone.parent.name if bone.parent else "" for bone in thing.data.bones])
        result[f"{key}.licence"] = thing["swingtwist_licence"]
        result[f"{key}.action"] = thing.animation_data.action.name
    elif thing.type == "MESH":
        scene.frame_set(scene.frame_start + 5)
        evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        result[f"{thing.name}.vertices5"] = np.array([vertex.co[:] for vertex in evaluated.vertices])
        result[f"{thing.name}.materials"] = np.array([slot.name for slot in thing.data.materials])
np.savez(out, **result)
sys.stdout.flush()
os._exit(0)

"""Inside Blender: import a USD file and store what it holds: `-- FILE.usdc OUT.npz`."""

import os
import sys

import bpy
import numpy as np

usd, out = sys.argv[sys.argv.index("--") + 1 :]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.wm.usd_import(filepath=usd)
scene = bpy.context.scene
armature = next(thing for thing in scene.objects if thing.type == "ARMATURE")
names = [bone.name for bone in armature.data.bones]
first, last = (round(frame) for frame in armature.animation_data.action.frame_range)
heads = []
for frame in range(first, last + 1):
    scene.frame_set(frame)
    posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    heads.append([posed.matrix_world @ posed.pose.bones[name].head for name in names])
bodies = [thing for thing in scene.objects if thing.type == "MESH"]
np.savez(
    out,
    first=first,
    names=names,
    heads=heads,
    scales=[thing.matrix_world.to_scale()[:] for thing in scene.objects],
    groups=[group.name for body in bodies for group in body.vertex_groups],
)
sys.stdout.flush()
os._exit(0)

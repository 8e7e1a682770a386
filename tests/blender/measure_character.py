"""Inside Blender: import a character, retarget a motion to it, measure the posed result: `-- ROOT CHARACTER MOTION`."""

import json
import os
import sys
from pathlib import Path

import bpy
import numpy as np

root, path, motion_path = sys.argv[sys.argv.index("--") + 1 :]
sys.path.insert(0, root)
bpy.ops.wm.read_factory_settings(use_empty=True)
from blender_addon import character_animation, keyframes  # noqa: E402
from blender_addon.character import read_character, skins_of  # noqa: E402
from blender_addon.character_import import import_character  # noqa: E402
from blender_addon.character_mapping import mapping_of_file  # noqa: E402
from blender_addon.core import character_retarget, motion_file  # noqa: E402
from rig.body_frame import body_frame  # noqa: E402

armature = import_character(bpy.context, Path(path))[0]
chosen = mapping_of_file(Path(path), read_character(armature))
record = motion_file.load_motion(motion_path)
keyframes.set_scene_rate(bpy.context.scene, record.motion.fps)
to_armature = np.linalg.inv(np.array(armature.matrix_world))
told = {}
for planted in (False, True):
    settings = character_animation.BakeSettings(character_retarget.RetargetSettings(plant_feet=planted), chosen)
    mapping = character_animation.bake_motion(bpy.context, armature, record, settings).mapping
    frame = body_frame(read_character(armature), mapping)
    heads, lowest = [], []
    for number in range(1, len(record.motion) + 1):
        bpy.context.scene.frame_set(number)
        graph = bpy.context.evaluated_depsgraph_get()
        posed = armature.evaluated_get(graph).pose.bones
        heads.append(
            {part: (frame.axes.T @ np.array(posed[names[0]].head)).tolist() for part, names in mapping.bones.items()}
        )
        for skin in skins_of(armature):
            mesh = skin.evaluated_get(graph).to_mesh()
            points = np.empty(3 * len(mesh.vertices), np.float32)
            mesh.vertices.foreach_get("co", points)
            matrix = to_armature @ np.array(skin.matrix_world)
            placed = points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
            lowest.append(float(frame.to_body(placed)[:, 2].min()) / frame.leg)
    told["planted" if planted else "free"] = {"heads": heads, "lowest": lowest}
told["kind"] = mapping.kind.value
told["bones"] = {part: list(names) for part, names in mapping.bones.items()}
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)

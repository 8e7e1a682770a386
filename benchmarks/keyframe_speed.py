"""Time of writing keyframes: the add-on's bulk way against `keyframe_insert`, 24 joints x 1800 frames.

python benchmarks/keyframe_speed.py                    in the bpy module of this Python
blender -b --python benchmarks/keyframe_speed.py       in a Blender program
"""

import argparse
import os
import sys
import time
from fractions import Fraction
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from sample_motions import motion_from, sample_skeleton  # noqa: E402

from blender_addon import armature as armatures  # noqa: E402
from blender_addon import keyframes  # noqa: E402
from rig.retarget import RootMode, animate_rig, build_rig  # noqa: E402

FRAMES = 1800


def insert_keyframes(armature, rig, animation, action_name):
    """The obvious way: one call per bone, channel and frame."""
    data = armature.animation_data or armature.animation_data_create()
    data.action = bpy.data.actions.new(action_name)
    bones = [armature.pose.bones[name] for name in rig.bone_names]
    for frame in range(len(animation)):
        for bone, quat in zip(bones, animation.rotations_wxyz[frame], strict=True):
            bone.rotation_quaternion = quat
            bone.keyframe_insert("rotation_quaternion", frame=frame)
        for bone, location in zip(bones, (animation.root_location, animation.pelvis_location), strict=False):
            bone.location = location[frame]
            bone.keyframe_insert("location", frame=frame)


def main():
    import numpy as np

    behind = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    parser = argparse.ArgumentParser(prog="keyframe_speed")
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args([] if bpy.app.binary_path and "--" not in sys.argv else behind).repeats

    bpy.ops.wm.read_factory_settings(use_empty=True)
    times = np.arange(FRAMES) / 30
    waves = 0.4 * np.sin(times[:, None, None] * 4 + np.arange(72).reshape(24, 3))
    path = np.stack([times, 0 * times, 0 * times], -1)
    motion = motion_from(waves, path, times_s=times, fps=Fraction(30))
    rig = build_rig(sample_skeleton())
    animation = animate_rig(rig, motion, RootMode.PLANAR_YAW)
    armature = armatures.build_armature(bpy.context, rig, "Armature")

    def quickest(write, count):
        spent = []
        for _ in range(count):
            start = time.perf_counter()
            write(armature, rig, animation, "clip")
            spent.append(time.perf_counter() - start)
        return min(spent)

    bulk = quickest(keyframes.write_keyframes, max(repeats, 3))
    slow = quickest(insert_keyframes, 1)
    keys = FRAMES * (4 * len(rig.bone_names) + 6)
    print(f"Blender {bpy.app.version_string}: {keys} keys")
    print(f"bulk            {bulk:8.4f} s")
    print(f"keyframe_insert {slow:8.4f} s")
    print(f"ratio           {slow / bulk:8.0f}")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)

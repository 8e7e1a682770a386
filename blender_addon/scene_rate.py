# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate at which a motion is keyed: the scene's where something else in it is animated, else the motion's own."""

from fractions import Fraction

import bpy

from .core import motion, resample, timing


def rate_to_keep(scene: bpy.types.Scene) -> Fraction | None:
    """The scene's rate where something in it is animated, which another rate would make faster or slower; else None."""
    things: list[bpy.types.ID | None] = [scene, scene.world, *scene.objects]
    for thing in scene.objects:
        things += [thing.data, getattr(thing.data, "shape_keys", None)]
    animated = (getattr(thing, "animation_data", None) for thing in things)
    if not any(data is not None and (data.action or len(data.nla_tracks)) for data in animated):
        return None
    return timing.rate_from_blender(scene.render.fps, scene.render.fps_base)


def at_rate(captured: motion.Motion, fps: Fraction | None) -> motion.Motion:
    """The motion on frames of a rate; itself for None, or where Blender takes its own rate for the same."""
    if fps is None or timing.blender_rate(fps) == timing.blender_rate(captured.fps):
        return captured
    return resample.resample(captured, fps)


def extend_scene(scene: bpy.types.Scene, start_frame: int, frame_count: int) -> None:
    """Let the scene's range hold these frames too."""
    scene.frame_start = min(scene.frame_start, start_frame)
    scene.frame_end = max(scene.frame_end, start_frame + frame_count - 1)

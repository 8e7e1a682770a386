# SPDX-License-Identifier: GPL-3.0-or-later
"""The video that the panel's settings mean: its path, range and lens, and the folders its jobs are kept in."""

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from .job_folders import JobFolders
from .video_facts import VideoFacts, field_of_camera, field_of_view, frames_to_seconds


class NoVideo(Exception):
    """The settings name no video that can be used; the message says why."""


def shown_clip(context: bpy.types.Context) -> bpy.types.MovieClip | None:
    """The clip that a Movie Clip Editor shows."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "CLIP_EDITOR" and area.spaces.active.clip is not None:
                return area.spaces.active.clip
    return None


def video_path(context: bpy.types.Context) -> str:
    """The path of the video or images, as the engine takes it. Raises NoVideo."""
    settings = context.window_manager.swingtwist
    if settings.source == "CLIP":
        clip = bpy.data.movieclips.get(settings.clip) if settings.clip else shown_clip(context)
        if clip is None:
            raise NoVideo("no movie clip is chosen" if not settings.clip else f"there is no movie clip {settings.clip}")
        named, library = clip.filepath, clip.library
        is_images = clip.source == "SEQUENCE"
    else:
        named, library = (settings.video if settings.source == "FILE" else settings.sequence), None
        is_images = settings.source == "SEQUENCE"
    if not named:
        raise NoVideo("no images are chosen" if is_images else "no video is chosen")
    path = Path(os.path.normpath(bpy.path.abspath(named, library=library)))
    if not path.exists():
        raise NoVideo(f"the {'image' if is_images else 'video'} {path} does not exist")
    return str(path.parent if is_images and path.is_file() else path)


def source_rate(context: bpy.types.Context) -> str:
    """The rate of an image sequence, for the engine's --sequence-rate; that of a movie clip's images is the scene's."""
    settings = context.window_manager.swingtwist
    if settings.source == "CLIP":
        # Of a video it says nothing, and must not change with the scene: jobs are found again by it.
        images = os.path.isdir(video_path(context))
        render = context.scene.render
        return f"{render.fps / render.fps_base:.6g}" if images else "30"
    return f"{settings.sequence_rate:.6g}"


def info_command(path: str) -> list[str]:
    """The engine's arguments that ask what a video is."""
    return ["info", path, "--json"]


def info_key(path: str) -> tuple[Any, ...]:
    """What a video's facts are remembered by: a file that changed is asked about again."""
    try:
        status = os.stat(path)
    except OSError:
        return ("info", path)
    return ("info", path, status.st_size, status.st_mtime_ns)


def range_s(context: bpy.types.Context, facts: VideoFacts | None) -> tuple[float, float]:
    """Start and end, s of the video; 0 as the end is the video's. Raises NoVideo and UnfitRange."""
    settings = context.window_manager.swingtwist
    if settings.range_unit == "SECONDS":
        return round(settings.start_s, 6), round(settings.end_s, 6)
    if settings.range_unit == "FRAMES":
        if facts is None:
            raise NoVideo("the video's frame rate is not known yet; give the range in seconds or wait a moment")
        if facts.frames and settings.source != "FILE":
            facts = _at_rate(facts, context)
        return frames_to_seconds(settings.first_video_frame, settings.last_video_frame, facts)
    return 0.0, 0.0


def _at_rate(facts: VideoFacts, context: bpy.types.Context) -> VideoFacts:
    path = video_path(context)
    return replace(facts, fps=Fraction(source_rate(context))) if os.path.isdir(path) else facts


def fov_deg(context: bpy.types.Context, facts: VideoFacts | None) -> float:
    """The field of view along the picture's longer side, degrees. Raises NoVideo without a scene camera."""
    settings = context.window_manager.swingtwist
    if settings.lens == "FOV":
        return round(settings.fov, 4)
    if settings.lens == "FOCAL":
        angle = field_of_view(settings.focal_mm, settings.sensor_mm)
    else:
        camera = context.scene.camera
        if camera is None or camera.type != "CAMERA" or camera.data.type != "PERSP":
            raise NoVideo("the scene has no perspective camera whose lens could be taken")
        lens = camera.data
        render = context.scene.render
        picture = (facts.width, facts.height) if facts else (render.resolution_x, render.resolution_y)
        angle = field_of_camera(lens.lens, (lens.sensor_width, lens.sensor_height), lens.sensor_fit, picture)
    if not 5.0 <= angle <= 150.0:
        raise NoVideo(f"the lens sees {angle:.1f} degrees, expected 5 to 150")
    return round(angle, 4)


def source_arguments(context: bpy.types.Context, facts: VideoFacts | None) -> list[str]:
    """The engine's arguments that decide what is detected. Raises NoVideo and UnfitRange."""
    settings = context.window_manager.swingtwist
    start, end = range_s(context, facts)
    if end and end <= start:
        raise NoVideo(f"the range ends at {end:g} s, expected later than its start, {start:g} s")
    return [
        *("--start", f"{start:g}", "--end", f"{end:g}"),
        *("--slow-motion", f"{settings.slow_motion:g}"),
        *("--sequence-rate", source_rate(context)),
        *("--max-people", str(settings.max_people)),
        *("--device", settings.device),
    ]


def job_folders(context: bpy.types.Context, path: str, arguments: list[str]) -> JobFolders:
    """Where the jobs of this video, detected with these arguments, are kept: the same again for the same again."""
    settings = context.window_manager.swingtwist
    return JobFolders.of(
        path, arguments, Path(bpy.path.abspath(settings.jobs_folder)) if settings.jobs_folder else None
    )

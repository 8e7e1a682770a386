# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's arguments that the panel's settings mean, but for those that say what is detected."""

import bpy

from .cleanup_settings import cleanup_arguments
from .properties import settings_of
from .video_facts import VideoFacts
from .video_source import NoVideo, fov_deg


def capture_arguments(context: bpy.types.Context, facts: VideoFacts | None) -> list[str]:
    """Who is captured, how the camera saw, which model and body, and the first clean-up. Raises NoVideo."""
    settings = settings_of(context)
    return [
        *("--progress", "json", "--progress-poses"),
        *people_arguments(context),
        *("--fov", f"{fov_deg(context, facts):g}"),
        *("--model", settings.model or "landmarks"),
        *body_arguments(context),
        *cleanup_arguments(settings),
    ]


def people_arguments(context: bpy.types.Context) -> list[str]:
    """Whom to capture. Raises NoVideo when nobody is chosen."""
    settings = settings_of(context)
    if settings.people == "ALL":
        return ["--all-people"]
    if settings.people == "CHOSEN":
        chosen = [str(track.person_id) for track in settings.tracks if track.chosen]
        if not chosen:
            raise NoVideo("nobody is chosen; find people and tick some, or capture the largest person")
        return ["--person", ",".join(chosen)]
    return ["--person", "largest" if settings.people == "LARGEST" else str(settings.person_id)]


def body_arguments(context: bpy.types.Context) -> list[str]:
    """The body model. Raises NoVideo when the user's file is not named."""
    settings = settings_of(context)
    if settings.body == "OPEN":
        return ["--body", "open"]
    if not settings.body_file:
        raise NoVideo("no SMPL file is chosen; choose one, or the open body")
    return ["--body", bpy.path.abspath(settings.body_file), "--gender", settings.gender]

# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's own defaults for the panel, kept in a file of Blender's settings folder."""

import json
from pathlib import Path
from typing import Any

import bpy

from . import engine_jobs
from .cleanup_settings import OF_A_CAPTURE
from .panel_text import sentence
from .properties import settings_of
from .video_source import NoVideo, video_path

KEPT = (
    "range_unit", "slow_motion", "lens", "fov", "focal_mm", "sensor_mm", "sequence_rate", "max_people", "model", "body",
    "body_file", "gender", "device", "bone_names", "start_frame", "jobs_folder",
    *(name for name in OF_A_CAPTURE if name != "height"),
)  # fmt: skip
"""The settings that are no matter of one video."""


def defaults_file() -> Path:
    """Where the user's defaults are kept."""
    return Path(bpy.utils.user_resource("CONFIG")) / "swingtwist_defaults.json"


def apply_defaults(context: bpy.types.Context) -> None:
    """Give the settings the user's defaults; what the file holds and cannot be used is left out."""
    try:
        values: Any = json.loads(defaults_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    settings = settings_of(context)
    for name in KEPT:
        if isinstance(values, dict) and name in values:
            try:
                setattr(settings, name, values[name])
            except (TypeError, ValueError):
                continue


class MOCAP_OT_save_defaults(bpy.types.Operator):
    """Keep these settings as your defaults, for every file and after a restart"""

    bl_idname = "mocap.save_defaults"
    bl_label = "Save as Defaults"

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings, path = settings_of(context), defaults_file()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_text(json.dumps({name: getattr(settings, name) for name in KEPT}, indent=1), encoding="utf-8")
            part.replace(path)
        except OSError as error:
            self.report({"ERROR"}, f"{path} cannot be written: {error.strerror or error}")
            return {"CANCELLED"}
        self.report({"INFO"}, "Saved as your defaults")
        return {"FINISHED"}


class MOCAP_OT_restore_defaults(bpy.types.Operator):
    """Forget your defaults and go back to those of the add-on"""

    bl_idname = "mocap.restore_defaults"
    bl_label = "Reset"

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = settings_of(context)
        try:
            defaults_file().unlink(missing_ok=True)
        except OSError as error:
            self.report({"ERROR"}, f"{defaults_file()} cannot be removed: {error.strerror or error}")
            return {"CANCELLED"}
        for name in KEPT:
            settings.property_unset(name)
        return {"FINISHED"}


class MOCAP_OT_look_at_video(bpy.types.Operator):
    """Ask the engine for the video's size, rate and length"""

    bl_idname = "mocap.look_at_video"
    bl_label = "Look at Video"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            video_path(context)
        except NoVideo as problem:
            self.report({"ERROR"}, sentence(problem))
            return {"CANCELLED"}
        answer = engine_jobs.ask_about_video(context)
        if answer is None:
            self.report({"ERROR"}, "There is no engine to ask; set it up in the add-on's preferences")
            return {"CANCELLED"}
        if bpy.app.background:
            engine_jobs.video_facts(context, wait_for_them=True)
        return {"FINISHED"}


class MOCAP_OT_refresh_models(bpy.types.Operator):
    """Ask the engine which networks were added with `mocap models add`"""

    bl_idname = "mocap.refresh_models"
    bl_label = "Refresh Models"

    def execute(self, context: bpy.types.Context) -> set[str]:
        engine_jobs.ask_about_models(context)
        return {"FINISHED"}


def _begin() -> None:
    # The user's defaults are for the panel; a script without a window gets the add-on's own, always the same.
    apply_defaults(bpy.context)
    engine_jobs.ask_about_models(bpy.context)


_CLASSES = (
    MOCAP_OT_save_defaults, MOCAP_OT_restore_defaults, MOCAP_OT_look_at_video,
    MOCAP_OT_refresh_models,
)  # fmt: skip


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    if not bpy.app.background:
        bpy.app.timers.register(_begin, first_interval=0.5)


def unregister() -> None:
    if bpy.app.timers.is_registered(_begin):
        bpy.app.timers.unregister(_begin)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

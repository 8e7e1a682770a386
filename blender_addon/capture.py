# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture operator: runs the engine on a video, shows its poses live and keys its result."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import bpy

from . import engine_process, person
from .core import bone_maps, errors, root_motion
from .live_preview import LivePreview
from .preferences import engine_path
from .properties import SwingtwistSettings, settings_of

_TICK_S = 0.1


class CaptureFailed(Exception):
    """The engine ended without a result; the message says why."""


class Capture:
    """One capture from start to keyframes, advanced by calling `step`."""

    def __init__(self, context: bpy.types.Context) -> None:
        settings = settings_of(context)
        video = bpy.path.abspath(settings.video)
        if not settings.video:
            raise CaptureFailed("no video is chosen")
        if not Path(video).exists():
            raise CaptureFailed(f"the video {video} does not exist")
        self.clip_name = Path(video).stem
        self.warnings: list[str] = []
        self._folder = Path(tempfile.mkdtemp(prefix="swingtwist-", dir=bpy.app.tempdir or None))
        self._preview = LivePreview()
        self._result: dict[str, Any] | None = None
        self._error = ""
        self._kill_at = 0.0
        try:
            command = engine_process.engine_command(engine_path(context), _arguments(settings, video, self._folder))
            self._process = engine_process.EngineProcess(command)
        except engine_process.EngineMissing:
            self._clear()
            raise
        settings.running, settings.stopping, settings.progress, settings.message = True, False, 0.0, "Starting"

    def step(self, context: bpy.types.Context) -> bool:
        """Take in what the engine said; False once it has ended."""
        settings = settings_of(context)
        if settings.stopping and not self._kill_at:
            settings.message = "Stopping"
            self._process.ask_to_stop()
            self._kill_at = time.monotonic() + engine_process.STOP_AFTER_S
        if self._kill_at and time.monotonic() > self._kill_at:
            self._process.kill()
        ended = self._process.ended
        events = self._process.events()
        for event in events:
            self._take_in(settings, event)
        if not settings.stopping:
            self._preview.show(context, [event for event in events if event["event"] == "pose"])
        return not ended

    def finish(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        """Replace the preview by the keyed result; the armatures. Raises CaptureFailed or RigError."""
        self._preview.remove()
        if self._result is None:
            if self._error:
                raise CaptureFailed(self._error)
            status, told = self._process.exit_code, self._process.last_error or "it said nothing"
            raise CaptureFailed(f"the engine ended with status {status}: {told}")
        settings = settings_of(context)
        placement = person.Placement(
            object_name=self.clip_name,
            clip_name=self.clip_name,
            naming=bone_maps.BoneNaming(settings.bone_names),
            root_mode=root_motion.RootMode(settings.root_motion),
            start_frame=settings.start_frame,
        )
        job = Path(self._result["job"])
        motions = [job / f"motion_{number}.npz" for number in self._result["people"]]
        return person.add_motion_files(context, motions, placement)

    def close(self, context: bpy.types.Context, message: str) -> None:
        """End what still runs and clear up; safe to call twice."""
        self._process.stop()
        self._preview.remove()
        self._clear()
        settings = settings_of(context)
        settings.running, settings.stopping, settings.message = False, False, message

    def _take_in(self, settings: SwingtwistSettings, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "progress":
            done, total = event.get("done", 0), event.get("total", 0)
            settings.progress = done / total if total else 0.0
            settings.message = _progress_text(event)
        elif kind == "warning":
            self.warnings.append(str(event["message"]))
        elif kind == "result":
            self._result = event
        elif kind == "error":
            self._error = str(event["message"])

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class SWINGTWIST_OT_capture(bpy.types.Operator):
    """Capture the people of the video as keyed armatures"""

    bl_idname = "swingtwist.capture"
    bl_label = "Capture Motion"
    bl_options = {"UNDO"}  # noqa: RUF012

    _capture: Capture
    _timer = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not settings_of(context).running

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        if not self._start(context):
            return {"CANCELLED"}
        self._timer = context.window_manager.event_timer_add(_TICK_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        # From a script: neither timers nor modal handlers may run, so wait here.
        if not self._start(context):
            return {"CANCELLED"}
        while self._capture.step(context):
            time.sleep(_TICK_S)
        return self._end(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        working = self._capture.step(context)
        _redraw(context)
        if working:
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self._timer)
        return self._end(context)

    def cancel(self, context: bpy.types.Context) -> None:
        # Blender closes or another file is loaded.
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
        self._capture.close(context, "")

    def _start(self, context: bpy.types.Context) -> bool:
        try:
            self._capture = Capture(context)
        except (CaptureFailed, engine_process.EngineMissing) as error:
            self.report({"ERROR"}, _sentence(error))
            return False
        return True

    def _end(self, context: bpy.types.Context) -> set[str]:
        if settings_of(context).stopping:
            self._capture.close(context, "Cancelled")
            self.report({"INFO"}, "Capture cancelled")
            return {"CANCELLED"}
        for warning in self._capture.warnings:
            self.report({"WARNING"}, _sentence(warning))
        try:
            armatures = self._capture.finish(context)
        except (CaptureFailed, errors.RigError, OSError) as error:
            self._capture.close(context, _sentence(error))
            self.report({"ERROR"}, _sentence(error))
            return {"CANCELLED"}
        noun = "person" if len(armatures) == 1 else "people"
        message = f"Captured {len(armatures)} {noun}"
        self._capture.close(context, message)
        self.report({"INFO"}, message)
        return {"FINISHED"}


class SWINGTWIST_OT_cancel(bpy.types.Operator):
    """Stop the running capture"""

    bl_idname = "swingtwist.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return settings_of(context).running

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings_of(context).stopping = True
        return {"FINISHED"}


def _arguments(settings: SwingtwistSettings, video: str, folder: Path) -> list[str]:
    people = {
        "LARGEST": ["--person", "largest"],
        "ID": ["--person", str(settings.person_id)],
        "ALL": ["--all-people"],
    }[settings.people]
    return [
        "run",
        video,
        *("--out", str(folder / "motion.npz")),
        *("--progress", "json", "--progress-poses"),
        *people,
        *("--smoothing", settings.smoothing),
        *("--foot-lock", settings.foot_lock),
        *("--root-motion", settings.root_motion),
    ]


def _progress_text(event: dict[str, Any]) -> str:
    stage = str(event.get("stage", "working")).capitalize()
    parts = [f"{stage} {event.get('done', 0)}/{event['total']}" if event.get("total") else stage]
    if event.get("fps"):
        parts.append(f"{event['fps']:.0f}/s")
    if event.get("eta_s"):
        parts.append(f"{event['eta_s']:.0f} s left")
    return ", ".join(parts)


def _sentence(error: object) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


_CLASSES = (SWINGTWIST_OT_capture, SWINGTWIST_OT_cancel)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    # Blender does not call `cancel` of a modal operator whose add-on is switched off.
    engine_process.kill_all()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

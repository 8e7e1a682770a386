# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the engine inside Blender, from its start to keyed armatures, and the operator around it."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from . import engine_process, person
from .core import errors
from .job_queue import progress_text
from .live_preview import LivePreview
from .panel_text import sentence
from .preferences import engine_path
from .properties import SwingtwistSettings, settings_of

_TICK_S = 0.1
_NONSENSE = (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError)


class RunFailed(Exception):
    """The engine ended without a result; the message says why."""


class EngineRun:
    """One run of the engine from start to keyframes, advanced by calling `step`.

    `arguments` makes the engine's command line from a new folder for its files; `placement` says how people are added.
    Raises EngineMissing.
    """

    def __init__(
        self, context: bpy.types.Context, arguments: Callable[[Path], list[str]], placement: person.Placement
    ) -> None:
        settings = settings_of(context)
        self.placement = placement
        self.warnings: list[str] = []
        self._folder = Path(tempfile.mkdtemp(prefix="swingtwist-", dir=bpy.app.tempdir or None))
        self._preview = LivePreview()
        self._result: dict[str, Any] | None = None
        self._error = ""
        self._kill_at = 0.0
        try:
            command = engine_process.engine_command(engine_path(context), arguments(self._folder))
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
        # An engine that talks nonsense is judged by how it ends.
        for event in events:
            with contextlib.suppress(*_NONSENSE):
                self._take_in(settings, event)
        if not settings.stopping:
            with contextlib.suppress(*_NONSENSE):
                self._preview.show(context, [event for event in events if event["event"] == "pose"])
        return not ended

    def finish(self, context: bpy.types.Context) -> tuple[list[bpy.types.Object], str]:
        """Replace the preview by the keyed result; the armatures, and a note on them. Raises RunFailed or RigError."""
        self._preview.remove()
        if self._result is None:
            if self._error:
                raise RunFailed(self._error)
            status, told = self._process.exit_code, self._process.last_error or "it said nothing"
            raise RunFailed(f"the engine ended with status {status}: {told}")
        try:
            job = Path(self._result["job"])
            motions = [job / f"motion_{int(number)}.npz" for number in self._result["people"]]
        except _NONSENSE as error:
            raise RunFailed(f"the engine's answer cannot be understood ({error!r})") from error
        return person.add_motion_files(context, motions, self.placement)

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
            settings.message = progress_text(event)
        elif kind == "warning":
            self.warnings.append(str(event["message"]))
        elif kind == "result":
            self._result = event
        elif kind == "error":
            self._error = str(event["message"])

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class EngineOperator:
    """What operators that run the engine share: a timer in a window, waiting without one, one report at the end."""

    _run: EngineRun
    _timer = None
    _done = "Added"
    """What is said to have been done with people, in front of their number."""

    def _begin(self, context: bpy.types.Context) -> EngineRun:
        """Start the engine. Raises RunFailed or EngineMissing."""
        raise NotImplementedError

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
        while self._run.step(context):
            time.sleep(_TICK_S)
        return self._end(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        working = self._run.step(context)
        _redraw(context)
        if working:
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self._timer)
        return self._end(context)

    def cancel(self, context: bpy.types.Context) -> None:
        # Blender closes or another file is loaded.
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
        self._run.close(context, "")

    def _start(self, context: bpy.types.Context) -> bool:
        try:
            self._run = self._begin(context)
        except (RunFailed, engine_process.EngineMissing) as error:
            self.report({"ERROR"}, sentence(error))
            return False
        return True

    def _end(self, context: bpy.types.Context) -> set[str]:
        if settings_of(context).stopping:
            self._run.close(context, "Cancelled")
            self.report({"INFO"}, f"{self.bl_label} cancelled")
            return {"CANCELLED"}
        for warning in self._run.warnings:
            self.report({"WARNING"}, sentence(warning))
        try:
            armatures, note = self._run.finish(context)
        except (RunFailed, errors.RigError, OSError) as error:
            self._run.close(context, sentence(error))
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        noun = "person" if len(armatures) == 1 else "people"
        message = f"{self._done} {len(armatures)} {noun}{note}"
        self._run.close(context, message)
        self.report({"INFO"}, message)
        return {"FINISHED"}


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()

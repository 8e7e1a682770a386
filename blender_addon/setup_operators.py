# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that set the engine up, check it and remove it; Blender's timers drive them, whatever window is open."""

import time
from functools import cache
from pathlib import Path

import bpy

from .doctor_report import NoReport, Report
from .engine_check import EngineCheck
from .engine_home import ForeignFolder
from .engine_location import engine_home, engine_path, preferences_of, python_of_blender
from .engine_process import EngineMissing
from .engine_setup import Setup, SetupFailed, SetupOptions
from .engine_wheel import DamagedWheel, EngineWheel, carried_wheel
from .folder_lock import FolderInUse, FolderLock
from .panel_text import sentence

_TICK_S = 0.1
_FAILURES = (SetupFailed, NoReport, EngineMissing, DamagedWheel, ForeignFolder)


class SwingtwistSetupState(bpy.types.PropertyGroup):
    """How far a set-up is; kept on the window manager, away from undo and files."""

    running: bpy.props.BoolProperty()
    failed: bpy.props.BoolProperty()
    progress: bpy.props.FloatProperty(name="Progress", subtype="FACTOR", min=0.0, max=1.0)
    message: bpy.props.StringProperty()


class SetupRun:
    """The set-up or check that runs, and the last report; one for the whole of Blender."""

    def __init__(self) -> None:
        self.job: Setup | EngineCheck | None = None
        self.report: Report | None = None
        self.report_of = ""

    def start(self, job: "Setup | EngineCheck") -> None:
        """Take on a job and say so."""
        self.job, self.report = job, None
        state = setup_state()
        state.running, state.failed, state.progress, state.message = True, False, 0.0, job.text

    def step(self) -> bool:
        """Advance the job; False once it has ended. Raises what made it fail."""
        try:
            working = self.job.step()
        except _FAILURES as error:
            self._end(sentence(error), failed=True)
            raise
        state = setup_state()
        state.progress, state.message = self.job.fraction, self.job.text
        if not working:
            self._end(self.job.report.summary, failed=not self.job.report.works)
        return working

    def stop(self, message: str) -> None:
        """End the job, if there is one."""
        if self.job is not None:
            self.job.cancel()
            self._end(message, failed=False)

    def tick(self) -> "float | None":
        """The timer's function: the seconds until it is wanted again."""
        if self.job is None:
            return None
        try:
            working = self.step()
        except _FAILURES:
            working = False  # the message is on show
        _redraw()
        return _TICK_S if working else None

    def _end(self, message: str, failed: bool) -> None:
        self.report, self.job = self.job.report, None
        self.report_of = engine_path(bpy.context)
        state = setup_state()
        state.running, state.failed, state.message = False, failed, message


run = SetupRun()


class _Begins:
    """What the operators share that begin a set-up or a check: a timer in a window, waiting without one."""

    @staticmethod
    def _new() -> "Setup | EngineCheck":
        """What is begun. Raises one of _FAILURES."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return run.job is None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        try:
            run.start(self._new())
        except _FAILURES as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        # A timer outlives the window that the button is in, and a loaded file.
        bpy.app.timers.register(run.tick, first_interval=_TICK_S, persistent=True)
        return {"FINISHED"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        told = ""
        try:
            run.start(self._new())
            while run.step():
                if isinstance(run.job, Setup) and run.job.step_now.title != told:
                    told = run.job.step_now.title
                    self.report({"INFO"}, told)
                time.sleep(_TICK_S)
        except _FAILURES as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        finally:
            run.stop("Stopped; nothing that was done is lost")  # an interruption from the keyboard
        self.report({"INFO"}, setup_state().message)
        return {"FINISHED"}


class MOCAP_OT_setup_engine(_Begins, bpy.types.Operator):
    """Make an environment for the capture engine and install it there; nothing goes into Blender's own Python"""

    bl_idname = "mocap.setup_engine"
    bl_label = "Set Up the Engine"

    @staticmethod
    def _new() -> Setup:
        wheel = wheel_of_this_addon()
        if isinstance(wheel, str):
            raise DamagedWheel(wheel)
        preferences = preferences_of(bpy.context)
        options = SetupOptions(
            python=bpy.path.abspath(preferences.setup_python) if preferences.setup_python else "",
            wheels_folder=bpy.path.abspath(preferences.wheels_folder) if preferences.wheels_folder else "",
            online=getattr(bpy.app, "online_access", True),  # Blender asks for it from 4.2 on
            last_pythons=python_of_blender(),
        )
        return Setup(engine_home(), wheel, options)


class MOCAP_OT_check_engine(_Begins, bpy.types.Operator):
    """Ask the engine what it lacks"""

    bl_idname = "mocap.check_engine"
    bl_label = "Check"

    @staticmethod
    def _new() -> EngineCheck:
        return EngineCheck(engine_path(bpy.context))


class MOCAP_OT_cancel_setup(bpy.types.Operator):
    """Stop the set-up; a later one goes on where it stopped"""

    bl_idname = "mocap.cancel_setup"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return run.job is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        run.stop("Stopped; nothing that was done is lost")
        return {"FINISHED"}


class MOCAP_OT_remove_engine(bpy.types.Operator):
    """Delete the engine's environment that this add-on made"""

    bl_idname = "mocap.remove_engine"
    bl_label = "Remove the Engine"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return run.job is None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        state, home = setup_state(), engine_home()
        lock = FolderLock(home.folder)
        try:
            lock.take()
            home.remove()
        except (ForeignFolder, FolderInUse) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        except OSError as error:
            self.report({"ERROR"}, f"Cannot delete {error.filename} ({error.strerror}); close what uses it")
            return {"CANCELLED"}
        finally:
            lock.release()
        run.report = None
        state.failed, state.message = False, "Removed"
        return {"FINISHED"}


class MOCAP_OT_copy_text(bpy.types.Operator):
    """Copy this command to the clipboard"""

    bl_idname = "mocap.copy_text"
    bl_label = "Copy"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    text: bpy.props.StringProperty(name="Text", description="What is copied", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = self.text
        return {"FINISHED"}


def setup_state() -> SwingtwistSetupState:
    """How far a set-up is."""
    return bpy.context.window_manager.swingtwist_setup


@cache
def wheel_of_this_addon() -> "EngineWheel | str":
    """The engine in the add-on's folder, or the sentence that tells why there is none; read once."""
    try:
        wheel = carried_wheel(Path(__file__).parent)
    except DamagedWheel as error:
        return sentence(error)
    return wheel or "This add-on was built without the engine; name an engine below"


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("PREFERENCES", "VIEW_3D"):
                area.tag_redraw()


_CLASSES = (
    SwingtwistSetupState,
    MOCAP_OT_setup_engine,
    MOCAP_OT_check_engine,
    MOCAP_OT_cancel_setup,
    MOCAP_OT_remove_engine,
    MOCAP_OT_copy_text,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.WindowManager.swingtwist_setup = bpy.props.PointerProperty(type=SwingtwistSetupState)


def unregister() -> None:
    run.stop("")
    if bpy.app.timers.is_registered(run.tick):
        bpy.app.timers.unregister(run.tick)
    del bpy.types.WindowManager.swingtwist_setup
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

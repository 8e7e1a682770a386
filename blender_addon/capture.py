# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators that queue captures, cancel them, and bring their results into the scene."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from . import engine_jobs, person, scene_rate
from .capture_arguments import capture_arguments
from .core import bone_maps, errors, root_motion
from .engine_process import EngineMissing
from .intake import Steps, take_in_now
from .job_folders import remove_if_empty
from .job_queue import Job, State
from .panel_text import sentence
from .properties import choices, given_choices, settings_of
from .video_facts import UnfitRange
from .video_source import NoVideo, job_folders, source_arguments, video_path


class CapturePurpose(engine_jobs.Purpose):
    """A capture: its motions become keyed armatures."""

    failures = (errors.RigError, OSError, RuntimeError, KeyError, TypeError, ValueError)
    undo_message = "Capture Motion"

    def __init__(self, placement: person.Placement, folder: Path) -> None:
        super().__init__()
        self.placement, self.folder = placement, folder

    def look_around(self, context: bpy.types.Context) -> None:
        self.placement = replace(self.placement, fps=scene_rate.rate_to_keep(context.scene))

    def prepare(self, job: Job) -> list[person.PreparedPerson]:
        folder = Path(job.answer["job"])
        motions = [folder / f"motion_{int(number)}.npz" for number in job.answer["people"]]
        return person.prepare_motion_files(motions, self.placement)

    def steps(self, job: Job, prepared: list[person.PreparedPerson]) -> Steps:
        if bpy.context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        armatures = yield from person.people_in_steps(prepared)
        who = f"{len(armatures)} {'person' if len(armatures) == 1 else 'people'}"
        return f"Captured {who}{person.rate_note(prepared)}"

    def give_up(self, job: Job) -> None:
        remove_if_empty(self.folder)


def start_capture(context: bpy.types.Context) -> Job:
    """Queue a capture of what the settings say. Raises NoVideo, UnfitRange and EngineMissing."""
    settings = settings_of(context)
    path = video_path(context)
    facts = engine_jobs.video_facts(context, wait_for_them=settings.range_unit == "FRAMES")
    source = source_arguments(context, facts)
    in_use = [
        job.purpose.folder for job in engine_jobs.queue.jobs if job.is_open and isinstance(job.purpose, CapturePurpose)
    ]
    folder = job_folders(context, path, source).for_capture(in_use)
    placement = person.Placement(
        object_name=Path(path).stem,
        clip_name=Path(path).stem,
        naming=bone_maps.BoneNaming(settings.bone_names),
        root_mode=root_motion.RootMode(settings.root_motion),
        start_frame=settings.start_frame,
    )
    arguments = ["run", path, "--job", str(folder), "--out", str(folder / "capture.npz")]
    arguments += [*source, *capture_arguments(context, facts)]
    return engine_jobs.start(context, Path(path).stem, arguments, CapturePurpose(placement, folder))


FAILURES = (NoVideo, UnfitRange, EngineMissing, OSError)
"""What keeps a job from being queued; the message says why."""


class QueueOperator:
    """What operators share that put one job into the queue: at once in a window, waiting for its end without one.

    choices: what of the panel they can be given as properties, for once.
    """

    choices: Collection[str] = ()

    def _queue(self, context: bpy.types.Context) -> Job:
        """Queue the job. Raises what FAILURES names."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        if self._start(context) is None:
            return {"CANCELLED"}
        watch_escape()
        return {"FINISHED"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        # From a script: neither timers nor modal handlers may run, so wait here.
        job = self._start(context)
        if job is None:
            return {"CANCELLED"}
        engine_jobs.wait(context, job)
        return report_end(self, job)

    def _start(self, context: bpy.types.Context) -> Job | None:
        try:
            with given_choices(self, context):
                return self._queue(context)
        except FAILURES as error:
            self.report({"ERROR"}, sentence(error))
            return None


class MOCAP_OT_capture(QueueOperator, bpy.types.Operator):
    """Capture the people of the video as keyed armatures; while something runs, it waits in the queue"""

    bl_idname = "mocap.capture"
    bl_label = "Capture Motion"

    __annotations__ = choices()
    choices = tuple(__annotations__)

    def _queue(self, context: bpy.types.Context) -> Job:
        return start_capture(context)


def report_end(operator: bpy.types.Operator, job: Job) -> set[str]:
    """Say how a job that was waited for ended; what the operator returns."""
    for warning in job.warnings:
        operator.report({"WARNING"}, sentence(warning))
    if job.state is State.DONE:
        operator.report({"INFO"}, job.message)
        return {"FINISHED"}
    operator.report({"INFO" if job.state is State.CANCELLED else "ERROR"}, sentence(job.error or job.message))
    return {"CANCELLED"}


class MOCAP_OT_cancel(bpy.types.Operator):
    """Stop what the engine works on now; what it found is kept, and the same capture goes on from there"""

    bl_idname = "mocap.cancel"
    bl_label = "Cancel"

    number: bpy.props.IntProperty(name="Job", description="Number of the job; 0 is the running one", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return settings_of(context).running or engine_jobs.queue.is_busy

    def execute(self, context: bpy.types.Context) -> set[str]:
        if settings_of(context).running:
            settings_of(context).stopping = True
        job = engine_jobs.queue.find(self.number) if self.number else engine_jobs.queue.running
        if job is not None:
            engine_jobs.cancel(job.number)
        return {"FINISHED"}


class MOCAP_OT_remove_job(bpy.types.Operator):
    """Take this job off the list; one that runs is stopped"""

    bl_idname = "mocap.remove_job"
    bl_label = "Remove Job"

    number: bpy.props.IntProperty(name="Job", description="Number of the job")

    def execute(self, context: bpy.types.Context) -> set[str]:
        engine_jobs.remove(self.number)
        return {"FINISHED"}


class MOCAP_OT_add_result(bpy.types.Operator):
    """Add the result of this finished job to the file that is open now"""

    bl_idname = "mocap.add_result"
    bl_label = "Add Result"
    bl_options = {"UNDO"}  # noqa: RUF012

    number: bpy.props.IntProperty(name="Job", description="Number of the job")

    def execute(self, context: bpy.types.Context) -> set[str]:
        job = engine_jobs.queue.find(self.number)
        if job is None or job.state is not State.DONE:
            self.report({"ERROR"}, f"There is no finished job {self.number}")
            return {"CANCELLED"}
        if not take_in_now(context, job):
            self.report({"ERROR"}, sentence(job.error))
            return {"CANCELLED"}
        self.report({"INFO"}, job.message)
        return {"FINISHED"}


class MOCAP_OT_watch_escape(bpy.types.Operator):
    """Ask whether to stop when Esc is pressed while the engine works, and report how its jobs end"""

    bl_idname = "mocap.watch_escape"
    bl_label = "Watch Esc"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    _number = 0

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        # The newest one watches; others, of which it takes the place, end at the next event.
        engine_jobs.session.watcher += 1
        self._number = engine_jobs.session.watcher
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self._number != engine_jobs.session.watcher:
            return {"FINISHED", "PASS_THROUGH"}
        # Only an operator can report, not the timer that saw a job end.
        for level, told in engine_jobs.take_news():
            self.report({level}, told)
        if not engine_jobs.is_busy():
            return {"FINISHED", "PASS_THROUGH"}
        playing = context.screen is not None and context.screen.is_animation_playing
        if event.type == "ESC" and event.value == "PRESS" and not playing and engine_jobs.queue.is_busy:
            bpy.ops.mocap.ask_to_cancel("INVOKE_DEFAULT")
        return {"PASS_THROUGH"}


class MOCAP_OT_ask_to_cancel(bpy.types.Operator):
    """Stop the engine's work?"""

    bl_idname = "mocap.ask_to_cancel"
    bl_label = "Stop the Capture?"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return bpy.ops.mocap.cancel() if engine_jobs.queue.is_busy else {"CANCELLED"}


def watch_escape() -> None:
    """Let Esc ask from now on, in the present window."""
    bpy.ops.mocap.watch_escape("INVOKE_DEFAULT")


@bpy.app.handlers.persistent
def _watch_again(*_: Any) -> None:
    # Opening a file ends modal operators.
    if engine_jobs.is_busy() and not bpy.app.background:
        bpy.app.timers.register(_watch_in_a_window, first_interval=0.5)


def _watch_in_a_window() -> None:
    for window in bpy.context.window_manager.windows[:1]:
        with bpy.context.temp_override(window=window):
            watch_escape()


_CLASSES = (
    MOCAP_OT_capture, MOCAP_OT_cancel, MOCAP_OT_remove_job, MOCAP_OT_add_result,
    MOCAP_OT_watch_escape, MOCAP_OT_ask_to_cancel,
)  # fmt: skip


def register() -> None:
    engine_jobs.register()
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.app.handlers.load_post.append(_watch_again)


def unregister() -> None:
    # Blender does not call `cancel` of a modal operator whose add-on is switched off.
    bpy.app.handlers.load_post.remove(_watch_again)
    engine_jobs.unregister()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

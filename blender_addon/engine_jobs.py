# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything of the engine that goes on in the background: the queue of jobs and short questions, driven by one timer.

All of it is plain Python in this module, out of reach of undo, and holds names, never Blender's objects.
"""

import time
from collections.abc import Callable
from typing import Any

import bpy

from .engine_location import this_blender
from .engine_process import EngineMissing, engine_command
from .engine_questions import Answer, EngineQuestions
from .intake import Intake, Steps
from .job_queue import Job, JobQueue, State
from .live_preview import LivePreview, remove_left_previews
from .panel_text import sentence
from .preferences import engine_path
from .video_facts import VideoFacts
from .video_source import NoVideo, info_command, info_key, video_path

_TICK_S = 0.1
_INTAKE_TICK_S = 0.01
_NO_FILE = -1
_MODELS = "models"

queue = JobQueue()
questions = EngineQuestions()


class _Session:
    """What belongs to this run of Blender: the preview that moves now, which file is open, and who watches for Esc."""

    def __init__(self) -> None:
        self.preview = LivePreview()
        self.file = 0
        self.watcher = 0
        self.intake = Intake()
        self.news: list[tuple[str, str]] = []

    def next_file(self) -> None:
        """Another file was opened: the preview is gone with the old one."""
        self.file += 1
        self.preview = LivePreview()


session = _Session()


class Purpose:
    """What a job is for; the classes made from this say what happens when it ends."""

    def __init__(self) -> None:
        self.file = session.file

    @property
    def is_of_this_file(self) -> bool:
        """The file it was started in is still open."""
        return self.file == session.file

    def look_around(self, context: bpy.types.Context) -> None:
        """Note what `prepare` must know of the open file."""

    def prepare(self, job: Job) -> Any:
        """What a thread can do with the answer of a job that is done, without Blender. Raises what `failures` names."""

    def steps(self, job: Job, prepared: Any) -> Steps:
        """Take in the answer with what `prepare` gave, pausing where a window may be drawn; what to tell the user.

        Whoever ends it in a pause finds nothing of it in the scene. Raises what `failures` names.
        """
        yield from ()
        return self.finish(bpy.context, job, prepared)

    def finish(self, context: bpy.types.Context, job: Job, prepared: Any) -> str:
        """What `steps` does, for those that need no pause."""
        raise NotImplementedError

    def taken_in(self) -> None:
        """The result is in the open file."""
        self.file = session.file

    def set_aside(self) -> None:
        """The result is in no file, until somebody asks for it."""
        self.file = _NO_FILE

    def give_up(self, job: Job) -> None:
        """Clear up after a job that failed or was cancelled."""

    undo_message = ""
    """Name of the undo step that taking in the answer makes; none where the scene stays as it is."""

    keeps_its_line = True
    """A job that is done stays in the list; otherwise its result shows elsewhere."""

    failures: tuple[type[Exception], ...] = ()


def start(context: bpy.types.Context, title: str, arguments: list[str], purpose: Purpose) -> Job:
    """Queue a run of the engine. Raises EngineMissing."""
    job = queue.add(title, engine_command(engine_path(context), arguments), purpose, this_blender())
    wake()
    return job


def is_busy() -> bool:
    """A job runs, waits, or is on its way into the scene."""
    return queue.is_busy or session.intake.is_busy


def take_news() -> list[tuple[str, str]]:
    """(kind of report, sentence) of what ended since the last call."""
    news, session.news = session.news, []
    return news


def wait(context: bpy.types.Context, job: Job) -> None:
    """Work until the job has ended: for scripts, where neither timers nor modal operators run."""
    while job.is_open or session.intake.holds(job):
        advance(context)
        time.sleep(_pause_s())
    take_news()  # whoever waits says it


def cancel(number: int) -> None:
    """End a job."""
    job = queue.find(number)
    queue.cancel(number)
    if job is not None and job.state is State.CANCELLED:  # it only waited
        job.purpose.give_up(job)
    wake()


def remove(number: int) -> None:
    """Take a job off the list; one that runs is cancelled first."""
    cancel(number)
    queue.remove(number)


def wake() -> None:
    """Let the timer run while there is something to do."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK_S, persistent=True)


def close() -> None:
    """End everything."""
    session.preview.remove()
    session.intake.close()
    left = [job for job in queue.jobs if job.is_open]
    queue.close()
    for job in left:
        job.purpose.give_up(job)
    questions.close()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def ask_about_video(context: bpy.types.Context) -> Answer | None:
    """Ask the engine about the chosen video, in the background; None where none is chosen or there is no engine."""
    try:
        path = video_path(context)
        answer = questions.ask(info_key(path), engine_command(engine_path(context), info_command(path)))
    except (NoVideo, EngineMissing):
        return None
    wake()
    return answer


def video_facts(context: bpy.types.Context, *, wait_for_them: bool = False) -> VideoFacts | None:
    """What is known of the chosen video; None where nothing is. Raises NoVideo."""
    key = info_key(video_path(context))
    if wait_for_them and ask_about_video(context) is not None:
        questions.wait(key)
    answer = questions.known(key)
    return VideoFacts.parse(answer.value) if answer is not None and answer.value is not None else None


def ask_about_models(context: bpy.types.Context) -> None:
    """Ask the engine which models were added, again."""
    questions.forget(_MODELS)
    try:
        questions.ask(_MODELS, engine_command(engine_path(context), ["models", "list", "--json"]))
    except EngineMissing:
        return
    wake()


def known_models() -> list[dict[str, Any]]:
    """The models that were added to the engine, as far as they are known: name and licence."""
    answer = questions.known(_MODELS)
    rows = answer.value if answer is not None and isinstance(answer.value, list) else []
    return [row for row in rows if isinstance(row, dict) and row.get("state") == "added" and "licence" in row]


def _tick() -> float | None:
    advance(bpy.context)
    _redraw(bpy.context)
    return _pause_s() if is_busy() or questions.is_busy else None


def _pause_s() -> float:
    return _INTAKE_TICK_S if session.intake.is_busy else _TICK_S


def advance(context: bpy.types.Context) -> None:
    """Take in what the engine said meanwhile, and start what comes next."""
    questions.step()
    ended = queue.step()
    running = queue.running
    if running is not None:
        poses, running.poses = running.poses, []
        if not running.stopping and running.purpose.is_of_this_file and context.mode == "OBJECT":
            _guarded(lambda: session.preview.show(context, poses))
    if ended is not None:
        session.preview.remove()
        if ended.state is State.DONE:
            session.intake.add(ended)
        else:
            ended.purpose.give_up(ended)
            _tell(ended)
    through = session.intake.advance(context)
    if through is not None:
        _tell(through)
        if through.state is State.DONE and not through.purpose.keeps_its_line:
            queue.remove(through.number)


def _tell(job: Job) -> None:
    session.news += [("WARNING", sentence(warning)) for warning in job.warnings]
    level = "ERROR" if job.state is State.FAILED else "INFO"
    session.news.append((level, f"{job.title}: {job.error or job.message}"))  # a title is a file's name


def _guarded(show: Callable[[], None]) -> None:
    # A preview that cannot be shown, or of which the engine told nonsense, must not stop the capture.
    try:
        show()
    except (RuntimeError, ReferenceError, ValueError, KeyError, TypeError, IndexError):
        session.preview.remove()


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":  # a pose that changes redraws the view by itself
                        region.tag_redraw()


@bpy.app.handlers.persistent
def _file_opened(*_: Any) -> None:
    session.next_file()
    remove_left_previews()


@bpy.app.handlers.persistent
def _undone(*_: Any) -> None:
    session.intake.set_aside()
    # Undo brings back a preview that was there when its step was made.
    if queue.running is None:
        remove_left_previews()


_HANDLERS = (("load_post", _file_opened), ("undo_post", _undone), ("redo_post", _undone))


def register() -> None:
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
    close()

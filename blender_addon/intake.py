# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of finished jobs on their way into the open file, in pieces so short that the window stays usable."""

import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import bpy

from .job_queue import Job, State

_PIECE_S = 0.02
"""After so long the window gets its turn."""

Steps = Generator[None, None, Any]
"""Work that may pause wherever it yields; what it gives back is its result."""


class Intake:
    """Takes in what jobs found, one after another, whenever `advance` is called."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._prepared: Future[Any] | None = None
        self._steps: Steps | None = None

    @property
    def is_busy(self) -> bool:
        """Something is on its way."""
        return bool(self._jobs)

    def holds(self, job: Job) -> bool:
        """The job's result is on its way."""
        return job in self._jobs

    def add(self, job: Job) -> None:
        """Take the result of a finished job in, after those that came before."""
        self._jobs.append(job)

    def advance(self, context: bpy.types.Context) -> Job | None:
        """Go on for a moment; the job that is through, successfully or not, or None."""
        if not self._jobs:
            return None
        job = self._jobs[0]
        if not job.purpose.is_of_this_file:
            job.message = "Finished; another file was opened meanwhile"
            return self._through()
        if self._prepared is None:
            job.purpose.look_around(context)
            # Reading and calculating would hold the window up.
            thread = ThreadPoolExecutor(max_workers=1)
            self._prepared = thread.submit(job.purpose.prepare, job)
            thread.shutdown(wait=False)
        if not self._prepared.done():
            return None
        try:
            with _in_a_window(context):
                if self._steps is None:
                    self._steps = job.purpose.steps(job, self._prepared.result())
                ends = time.perf_counter() + _PIECE_S
                next(self._steps)
                while time.perf_counter() < ends:
                    next(self._steps)
                return None
        except StopIteration as end:
            _taken(job, end.value)
            _push_undo(context, job.purpose.undo_message)
        except ReferenceError:  # what was just added is gone again
            self.set_aside()
            return job
        except job.purpose.failures as error:
            _refused(job, error)
        return self._through()

    def set_aside(self) -> None:
        """What was half in the scene is gone (undone, deleted): the result waits until it is asked for."""
        if self._steps is not None:
            job = self._jobs[0]
            self._through()
            job.purpose.set_aside()
            job.message = "Finished; taken back before all of it was in the scene"

    def close(self) -> None:
        """Forget everything; what is half in the scene goes."""
        self._jobs.clear()
        self._drop()

    def _through(self) -> Job:
        self._drop()
        return self._jobs.popleft()

    def _drop(self) -> None:
        if self._steps is not None:
            self._steps.close()
        self._prepared = self._steps = None


def take_in_now(context: bpy.types.Context, job: Job) -> bool:
    """Put a finished job's result into the open file without a pause; whether that worked."""
    job.purpose.look_around(context)
    try:
        with _in_a_window(context):
            _taken(job, run(job.purpose.steps(job, job.purpose.prepare(job))))
    except job.purpose.failures as error:
        _refused(job, error)
        return False
    return True


def run(steps: Steps) -> Any:
    """Work without pausing; its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _taken(job: Job, message: str) -> None:
    job.message = message
    job.purpose.taken_in()


def _refused(job: Job, error: Exception) -> None:
    nonsense = type(error) in (KeyError, TypeError, ValueError)
    job.state = State.FAILED
    job.error = f"the engine's answer cannot be understood ({error!r})" if nonsense else str(error)
    job.message = job.error


def _push_undo(context: bpy.types.Context, message: str) -> None:
    if message and not bpy.app.background:
        with _in_a_window(context):
            bpy.ops.ed.undo_push(message=message)


def _in_a_window(context: bpy.types.Context) -> Any:
    """Timers run without a window, which operators want."""
    window = context.window or next(iter(context.window_manager.windows), None)
    return context.temp_override(window=window) if window is not None else context.temp_override()

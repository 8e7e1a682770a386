# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of the engine, one after another, without anything of Blender: what waits, what runs and how each ended."""

import enum
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .engine_process import STOP_AFTER_S, EngineMissing, EngineProcess


class State(enum.Enum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass
class Job:
    """One run of the engine.

    title names it to the user; command is its command line, environment adds to Blender's own; purpose is whatever
    its owner must know when it ends.
    answer is the event that the engine ended with, error why it has none; poses are those that came last.
    """

    number: int
    title: str
    command: list[str]
    purpose: Any
    environment: Mapping[str, str] = field(default_factory=dict)
    state: State = State.WAITING
    stopping: bool = False
    fraction: float = 0.0
    message: str = "Waiting"
    warnings: list[str] = field(default_factory=list)
    answer: dict[str, Any] | None = None
    error: str = ""
    poses: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Not ended yet."""
        return self.state in (State.WAITING, State.RUNNING)


class JobQueue:
    """Jobs in the order they were added; advanced by calling `step` now and then."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._process: EngineProcess | None = None
        self._count = 0

    @property
    def running(self) -> Job | None:
        """The job that runs."""
        return next((job for job in self.jobs if job.state is State.RUNNING), None)

    @property
    def fraction(self) -> float:
        """How far the stage of the running job is, 0 to 1."""
        job = self.running
        return job.fraction if job is not None else 0.0

    @property
    def is_busy(self) -> bool:
        """Something runs or waits."""
        return any(job.is_open for job in self.jobs)

    def find(self, number: int) -> Job | None:
        """The job with this number."""
        return next((job for job in self.jobs if job.number == number), None)

    def add(
        self, title: str, command: Sequence[str], purpose: Any, environment: Mapping[str, str] | None = None
    ) -> Job:
        """Put a job at the end of the queue."""
        self._count += 1
        job = Job(self._count, title, list(command), purpose, environment or {})
        self.jobs.append(job)
        return job

    def remove(self, number: int) -> None:
        """Take a job off the list; one that runs is cancelled and stays until it has ended."""
        job = self.find(number)
        if job is None:
            return
        if job.state is State.RUNNING:
            self.cancel(number)
        else:
            self.jobs.remove(job)

    def cancel(self, number: int) -> None:
        """Ask a job to end; `step` sees to it that it does within a second or so."""
        job = self.find(number)
        if job is None or not job.is_open or job.stopping:
            return
        job.stopping = True
        if job.state is State.WAITING:
            job.state, job.message = State.CANCELLED, "Cancelled"
            return
        job.message = "Stopping"
        self._process.ask_to_stop()
        # A window that is slow to draw must not let it live on.
        killer = threading.Timer(STOP_AFTER_S, self._process.kill)
        killer.daemon = True
        killer.start()

    def step(self) -> Job | None:
        """Take in what the running engine said; the job that ended now, or None. Starts the next one."""
        job = self.running
        if job is None:
            return self._start_next()
        ended = self._process.ended
        for event in self._process.events():
            try:
                _take_in(job, event)
            except (KeyError, TypeError, ValueError, ZeroDivisionError):
                continue  # an engine that talks nonsense is judged by how it ends
        if not ended:
            return None
        self._end(job)
        return job

    def close(self) -> None:
        """End everything at once; nothing is left running or waiting."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        for job in self.jobs:
            if job.is_open:
                job.state, job.message = State.CANCELLED, "Cancelled"

    def _start_next(self) -> Job | None:
        job = next((job for job in self.jobs if job.state is State.WAITING), None)
        if job is None:
            return None
        try:
            self._process = EngineProcess(job.command, job.environment)
        except EngineMissing as error:
            job.state, job.error, job.message = State.FAILED, str(error), str(error)
            return job
        job.state, job.message = State.RUNNING, "Starting"
        return None

    def _end(self, job: Job) -> None:
        process, self._process = self._process, None
        if job.stopping:
            job.state, job.message = State.CANCELLED, "Cancelled"
        elif job.answer is not None and process.exit_code == 0:
            job.state, job.fraction, job.message = State.DONE, 1.0, "Done"
        else:
            if not job.error:
                job.error = (
                    f"the engine ended with status {process.exit_code}: {process.last_error or 'it said nothing'}"
                )
            job.state, job.message = State.FAILED, job.error


def _take_in(job: Job, event: dict[str, Any]) -> None:
    kind = event["event"]
    if kind == "progress" and not job.stopping:
        done, total = float(event.get("done", 0)), float(event.get("total", 0))
        job.fraction = min(1.0, max(0.0, done / total)) if total else 0.0
        job.message = progress_text(event)
    elif kind == "warning":
        job.warnings.append(str(event["message"]))
    elif kind == "pose":
        job.poses.append(event)
    elif kind in ("result", "people"):
        job.answer = event
    elif kind == "error":
        job.error = str(event["message"])


def progress_text(event: dict[str, Any]) -> str:
    """A progress event in words: stage, frames done, frames a second and time left."""
    stage = str(event.get("stage", "working")).capitalize()
    parts = [f"{stage} {event.get('done', 0)}/{event['total']}" if event.get("total") else stage]
    if event.get("fps"):
        parts.append(f"{event['fps']:.1f}/s" if event["fps"] < 10 else f"{event['fps']:.0f}/s")
    if event.get("eta_s"):
        left = round(event["eta_s"])
        parts.append(f"{left // 60}:{left % 60:02d} left")
    return ", ".join(parts)

"""Refines one job again and again, as settings change, without starting up or computing the same things again."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .body.source import load_body
from .errors import EngineError, InputError, RigError
from .job import Job, open_job
from .pipeline import check_refinement, keep_motions, refine_people
from .progress import SilentReporter
from .settings import Settings, settings_from
from .stage_memory import StageMemory


class _Superseded(Exception):
    """A newer request has come in."""


@dataclass(frozen=True)
class _Request:
    """The settings of one line, or why it has none; number counts the lines from 1."""

    number: int
    values: dict[str, Any]
    error: str = ""


class _Requests:
    """Reads requests on a thread of its own, so that a newer one is seen while an older one is worked on."""

    def __init__(self, lines: Iterable[bytes], say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._newer: _Request | None = None
        self._ended = False
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def newest(self) -> _Request | None:
        """Wait for a request; the newest there is, or None once the lines have ended."""
        while self._newer is None and not self._ended:
            self._take(self._queue.get())
        self.is_superseded()
        request, self._newer = self._newer, None
        return request

    def is_superseded(self) -> bool:
        """Whether a request waits that is newer than the last one handed out."""
        while not self._queue.empty():
            self._take(self._queue.get())
        return self._newer is not None

    def _take(self, request: _Request | None) -> None:
        if request is None:
            self._ended = True
        elif request.error:
            self._say(_failed(request, InputError(request.error)))
        else:
            if self._newer is not None:
                self._say({"event": "superseded", "request": self._newer.number})
            self._newer = request

    def _read(self, lines: Iterable[bytes]) -> None:
        for number, line in enumerate(lines, 1):
            try:
                values = json.loads(line)
            except ValueError as error:
                self._queue.put(_Request(number, {}, f"line {number} is not valid JSON: {error}"))
                continue
            if isinstance(values, dict):
                self._queue.put(_Request(number, values))
            else:
                wrong = f"line {number} is {type(values).__name__}, expected an object with settings"
                self._queue.put(_Request(number, {}, wrong))
        self._queue.put(None)


def serve_refinements(folder: Path, lines: Iterable[bytes], say: Callable[[dict[str, Any]], None]) -> None:
    """Answer each line with what the job's motion is with its settings, until the lines end.

    A line is a JSON object with any of the settings that a refinement may change; the others are as they were in the
    job at the start, so that a line means the same whatever came before. The job's motion files and settings are
    replaced, as `mocap refine` does, but no other files are written. `say` gets one of these for each line:

        {"event": "result", "request": 1, "job": "...", "files": ["...motion_1.npz"], "people": [1], "warnings": []}
        {"event": "superseded", "request": 1}     a newer line came before this one was finished
        {"event": "error", "request": 1, "message": "...", "exit_code": 2}

    Raises InputError when `folder` is not a job.
    """
    job = open_job(folder)
    requests = _Requests(lines, say)

    def stop_if_superseded() -> None:
        if requests.is_superseded():
            raise _Superseded

    memory = StageMemory(stop_if_superseded)
    while (request := requests.newest()) is not None:
        try:
            settings = settings_from({**asdict(job.settings), **request.values}, f"line {request.number}")
            say({"event": "result", "request": request.number, **_refine(job, settings, memory)})
        except _Superseded:
            say({"event": "superseded", "request": request.number})
        except (EngineError, RigError, OSError) as error:
            say(_failed(request, error))


def _refine(job: Job, settings: Settings, memory: StageMemory) -> dict[str, Any]:
    check_refinement(job, settings)
    # A folder that was removed must not come back as one without detections.
    open_job(job.folder)
    body = memory("body", load_body, replace(Settings(), body=settings.body, gender=settings.gender))
    job = replace(job, settings=settings)
    reporter = SilentReporter()
    records, meshes = refine_people(job, body, reporter, memory)
    keep_motions(job, records, meshes, memory)
    job.save()
    return {
        "job": str(job.folder),
        "files": [str(job.motion_path(record.person_id)) for record in records],
        "people": [record.person_id for record in records],
        "warnings": reporter.warnings,
    }


def _failed(request: _Request, error: Exception) -> dict[str, Any]:
    code = getattr(error, "exit_code", EngineError.exit_code)
    return {"event": "error", "request": request.number, "message": str(error), "exit_code": code}

"""Writes what a capture says, and how long its stages take, into the job folder as well."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import __version__
from .errors import EngineError, RigError
from .progress import Reporter
from .settings import Settings


class LoggedReporter:
    """Passes everything on to another reporter and notes warnings and the time of each stage in a file."""

    def __init__(self, path: Path, inner: Reporter) -> None:
        self._path, self._inner = path, inner
        self._stage, self._started_s, self._done = "", 0.0, 0

    @property
    def wants_poses(self) -> bool:
        return self._inner.wants_poses

    def progress(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self.end_stage()
            self._stage, self._started_s = stage, time.monotonic()
        self._done = done
        self._inner.progress(stage, done, total)

    def warning(self, message: str) -> None:
        self.note(f"warning: {message}")
        self._inner.warning(message)

    def pose(self, pose: dict[str, Any]) -> None:
        self._inner.pose(pose)

    def note(self, text: str) -> None:
        """Add a line. A log that cannot be written stops nothing: results have their own errors."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with contextlib.suppress(OSError), open(self._path, "a", encoding="utf-8") as stream:
            stream.write(f"{now} {text}\n")

    def end_stage(self) -> None:
        """Note how long the stage took that was under way, if any."""
        if self._stage:
            self.note(f"{self._stage}: {self._done} done after {time.monotonic() - self._started_s:.2f} s")
        self._stage = ""


@contextmanager
def logged(path: Path, title: str, settings: Settings, reporter: Reporter) -> Iterator[LoggedReporter]:
    """A reporter that also writes to the log at `path`: version, settings and, at the end, how it went."""
    log = LoggedReporter(path, reporter)
    log.note(f"swingtwist {__version__}: {title}")
    log.note("settings: " + ", ".join(settings.to_toml().split("\n")).rstrip(", "))
    try:
        yield log
    except (EngineError, RigError, OSError, MemoryError) as error:
        log.end_stage()
        log.note(f"failed: {error}")
        raise
    except KeyboardInterrupt:
        log.end_stage()
        log.note("interrupted")
        raise
    log.end_stage()
    log.note("done")

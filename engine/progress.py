"""How long work reports what it is doing: a Protocol that terminal, JSON and silent reporters fill."""

from __future__ import annotations

import time
from typing import Any, Protocol


class Reporter(Protocol):
    """Receives what a capture has to say while it works."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` units of `stage` are finished; total 0 means unknown."""

    def warning(self, message: str) -> None:
        """Something the user should know that does not stop the work."""

    def pose(self, pose: dict[str, Any]) -> None:
        """A preliminary pose of one frame, for live display."""

    @property
    def wants_poses(self) -> bool:
        """Whether `pose` is listened to; computing poses costs time."""


class SilentReporter:
    """Keeps the warnings, drops the rest."""

    wants_poses = False

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def progress(self, stage: str, done: int, total: int) -> None:
        pass

    def warning(self, message: str) -> None:
        self.warnings.append(message)

    def pose(self, pose: dict[str, Any]) -> None:
        pass


class RateMeter:
    """Units a second and seconds left of one stage, over a sliding window of recent updates."""

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._stage = ""
        self._marks: list[tuple[float, int]] = []

    def update(self, stage: str, done: int, total: int) -> tuple[float, float | None]:
        """(rate per second, seconds left or None where unknown) after this update."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._marks = stage, []
        self._marks.append((now, done))
        recent = [mark for mark in self._marks if now - mark[0] <= self._window_s]
        # Of slow work the last two updates may be further apart than the window.
        self._marks = recent if len(recent) > 1 else self._marks[-2:]
        first_time, first_done = self._marks[0]
        elapsed = now - first_time
        rate = (done - first_done) / elapsed if elapsed > 0 else 0.0
        left = (total - done) / rate if rate > 0 and total >= done > 0 else None
        return rate, left

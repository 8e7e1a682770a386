"""Progress on a terminal, progress for programs, and no progress."""

from __future__ import annotations

import json
import sys
from typing import Any, Protocol, TextIO

from ..progress import RateMeter, Reporter


class CommandReporter(Reporter, Protocol):
    """A Reporter that also tells how the command ended."""

    def result(self, job: str, files: list[str], people: list[int]) -> None:
        """The command finished and wrote `files`."""

    def failed(self, message: str, exit_code: int) -> None:
        """The command ends with an error."""


class JsonReporter:
    """One JSON object a line on standard output."""

    def __init__(self, stream: TextIO, *, poses: bool) -> None:
        self._stream = stream
        self._meter = RateMeter()
        self.wants_poses = poses

    def _emit(self, event: str, **values: Any) -> None:
        self._stream.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")
        self._stream.flush()

    def progress(self, stage: str, done: int, total: int) -> None:
        rate, left = self._meter.update(stage, done, total)
        eta = None if left is None else round(left, 1)
        self._emit("progress", stage=stage, done=done, total=total, fps=round(rate, 2), eta_s=eta)

    def warning(self, message: str) -> None:
        self._emit("warning", message=message)

    def pose(self, pose: dict[str, Any]) -> None:
        self._emit("pose", **pose)

    def result(self, job: str, files: list[str], people: list[int]) -> None:
        self._emit("result", job=job, files=files, people=people)

    def failed(self, message: str, exit_code: int) -> None:
        self._emit("error", message=message, exit_code=exit_code)


class TextReporter:
    """Words on standard error, with a bar where that is a terminal; results on standard output."""

    wants_poses = False

    def __init__(self, out: TextIO, err: TextIO, *, bar: bool) -> None:
        self._out, self._err, self._bar = out, err, bar
        self._meter = RateMeter()
        self._open_line = False

    def progress(self, stage: str, done: int, total: int) -> None:
        if not self._bar:
            return
        rate, left = self._meter.update(stage, done, total)
        width = 28
        full = min(width, width * done // total) if total else 0
        count = f"{done}/{total}" if total else f"{done}"
        eta = f"  {int(left) // 60}:{int(left) % 60:02d} left" if left is not None else ""
        speed = f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
        line = f"\r{stage:<8} [{'#' * full}{'.' * (width - full)}] {count}  {speed}/s{eta}"
        self._err.write(f"{line:<79}")
        self._open_line = True
        if total and done >= total:
            self._end_line()
        self._err.flush()

    def _end_line(self) -> None:
        if self._open_line:
            self._err.write("\n")
            self._open_line = False

    def warning(self, message: str) -> None:
        self._end_line()
        self._err.write(f"warning: {message}\n")

    def pose(self, pose: dict[str, Any]) -> None:
        pass

    def result(self, job: str, files: list[str], people: list[int]) -> None:
        self._end_line()
        for file in files:
            self._out.write(f"wrote {file}\n")
        if job:
            self._out.write(f"job   {job}\n")
        self._out.flush()

    def failed(self, message: str, exit_code: int) -> None:
        self._end_line()
        self._err.write(f"mocap: {message}\n")


def make_reporter(kind: str, poses: bool) -> CommandReporter:
    """The reporter for --progress KIND."""
    if kind == "json":
        return JsonReporter(sys.stdout, poses=poses)
    bar = kind == "bar" or (kind == "auto" and sys.stderr.isatty())
    return TextReporter(sys.stdout, sys.stderr, bar=bar)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the engine that a user names, and asks an engine what it lacks, without anything of Blender."""

import os
import shutil
import time
from pathlib import Path

from .doctor_report import NoReport, Report, doctor_arguments, read_report
from .engine_process import ChildProcess, engine_command

_ANSWER_WITHIN_S = 180.0
_INSIDE = (
    ("Scripts/python.exe", "python.exe", "Scripts/mocap.exe", ".venv/Scripts/python.exe", "venv/Scripts/python.exe")
    if os.name == "nt"
    else ("bin/python", "bin/python3", "bin/mocap", "mocap", ".venv/bin/python", "venv/bin/python")
)


def named_engine(text: str) -> str:
    """The program that a user's text means: a file, the environment in a folder, or a command on PATH; else the
    text as it is, so that whoever starts it can say that it does not exist."""
    path = Path(text).expanduser()
    if path.is_dir():
        return str(next((path / name for name in _INSIDE if (path / name).is_file()), path))
    if not path.is_file() and path.name == text:
        return shutil.which(text) or text
    return str(path)


class EngineCheck:
    """One run of an engine's doctor, advanced by calling `step`."""

    fraction = 0.0
    text = "Checking the engine"

    def __init__(self, engine: str) -> None:
        """Raises EngineMissing."""
        self.report: Report | None = None
        self._child = ChildProcess(engine_command(engine, doctor_arguments()), errors_as_output=True)
        self._lines: list[str] = []
        self._started = time.monotonic()

    def step(self) -> bool:
        """Go on without waiting; False once there is a report. Raises NoReport."""
        self._lines += self._child.lines()
        if not self._child.ended:
            if time.monotonic() - self._started > _ANSWER_WITHIN_S:
                self._child.kill()
                raise NoReport(f"the engine does not answer within {_ANSWER_WITHIN_S:.0f} s")
            return True
        self.report = read_report(self._lines)
        return False

    def cancel(self) -> None:
        """End the doctor; safe to call twice."""
        self._child.kill()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes such as the capture engine: started, listened to and stopped, without anything of Blender."""

import atexit
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STOP_AFTER_S = 1.0
"""How long the engine may take to stop by itself before it is killed."""

_NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__")
"""What would lead the child's Python to another Python's packages."""

_running: "set[ChildProcess]" = set()


class EngineMissing(Exception):
    """The engine cannot be started; the message says what to set."""


def engine_command(engine: str, arguments: Sequence[str]) -> list[str]:
    """The command line of the engine; `engine` is its Python or its `mocap` program. Raises EngineMissing."""
    if not engine:
        raise EngineMissing("no engine is set; name its Python or its mocap program in the add-on's preferences")
    if not Path(engine).is_file():
        raise EngineMissing(f"the engine {engine} does not exist; correct it in the add-on's preferences")
    if Path(engine).stem.lower().startswith("mocap"):
        return [engine, *arguments]
    return [engine, "-I", "-m", "engine", *arguments]


def child_environment() -> dict[str, str]:
    """Blender's environment without what would lead another Python astray."""
    return {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}


class ChildProcess:
    """A running program whose lines are read by a thread; made and used on the main thread only.

    `environment` adds to Blender's own; with `errors_as_output` the lines of both streams come in their true order.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        errors_as_output: bool = False,
        takes_input: bool = False,
    ) -> None:
        own_group: dict[str, Any] = {"start_new_session": True}
        if os.name == "nt":
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if errors_as_output else subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                env={**child_environment(), "PYTHONUNBUFFERED": "1", **(environment or {})},
                **own_group,
            )
        except OSError as error:
            raise EngineMissing(f"the program {command[0]} cannot be started: {error.strerror}") from error
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._last_errors: deque[str] = deque(maxlen=50)
        self._threads = [threading.Thread(target=self._read_output, daemon=True)]
        if not errors_as_output:
            self._threads.append(threading.Thread(target=self._read_errors, daemon=True))
        for thread in self._threads:
            thread.start()
        _running.add(self)

    def send(self, line: str) -> None:
        """Write a line to its standard input; one that a program can no longer read is dropped."""
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def lines(self) -> list[str]:
        """The lines printed since the last call, oldest first, without their ends."""
        found = []
        while not self._lines.empty():
            found.append(self._lines.get().rstrip("\r\n"))
        return found

    @property
    def ended(self) -> bool:
        """The program is gone and everything it printed has been handed out."""
        alive = self._process.poll() is None or any(thread.is_alive() for thread in self._threads)
        if not alive and self._lines.empty():
            _running.discard(self)
            return True
        return False

    @property
    def exit_code(self) -> int:
        """Its exit status once ended; negative for a signal."""
        return self._process.returncode

    @property
    def last_error(self) -> str:
        """The last line with text of its standard error."""
        return next((line for line in reversed(self._last_errors) if line.strip()), "").strip()

    def ask_to_stop(self) -> None:
        """Ask the program to end as Ctrl-C does; returns at once."""
        if self._process.poll() is None:
            if os.name == "nt":
                self._process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                self._signal_group(signal.SIGINT)

    def kill(self) -> None:
        """End the program and everything it started, now."""
        if self._process.poll() is None:
            if os.name == "nt":
                command = ["taskkill", "/F", "/T", "/PID", str(self._process.pid)]
                subprocess.run(command, capture_output=True, check=False)
            else:
                self._signal_group(signal.SIGKILL)
            self._process.wait()
        _running.discard(self)

    def stop(self) -> None:
        """Ask the program to end, wait at most STOP_AFTER_S, then kill it."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_AFTER_S)
        self.kill()

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _read_output(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)

    def _read_errors(self) -> None:
        for line in self._process.stderr:
            self._last_errors.append(line)


class EngineProcess(ChildProcess):
    """A running engine, which says what it does as JSON lines."""

    def events(self) -> list[dict[str, Any]]:
        """The JSON objects printed since the last call, oldest first; lines that are none are dropped."""
        found = []
        for line in self.lines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and "event" in event:
                found.append(event)
        return found


def kill_all() -> None:
    """End every program that still runs."""
    for process in list(_running):
        process.kill()


atexit.register(kill_all)

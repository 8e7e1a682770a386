# SPDX-License-Identifier: GPL-3.0-or-later
"""Short questions to the engine, such as how long a video is, answered in the background and remembered."""

import json
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from .engine_process import ChildProcess, EngineMissing

_TICK_S = 0.05


@dataclass
class Answer:
    """What came back: a JSON value, or an error that says why not; neither yet while it is looked for."""

    value: Any = None
    error: str = ""

    @property
    def is_open(self) -> bool:
        """Still looked for."""
        return self.value is None and not self.error


class EngineQuestions:
    """Questions by key, each asked once."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, Answer] = {}
        self._running: dict[Hashable, tuple[ChildProcess, list[str]]] = {}

    @property
    def is_busy(self) -> bool:
        """An answer is still to come."""
        return bool(self._running)

    def ask(self, key: Hashable, command: Sequence[str]) -> Answer:
        """The answer to a command that prints one JSON value; started where it was not asked before."""
        if key not in self._answers:
            self._answers[key] = Answer()
            try:
                self._running[key] = ChildProcess(command), []
            except EngineMissing as error:
                self._answers[key].error = str(error)
        return self._answers[key]

    def known(self, key: Hashable) -> Answer | None:
        """The answer to what was asked; None where it was not."""
        return self._answers.get(key)

    def forget(self, key: Hashable) -> None:
        """Let the next asking ask anew."""
        if key not in self._running:
            self._answers.pop(key, None)

    def step(self) -> bool:
        """Take in what came; whether an answer became known."""
        news = False
        for key, (process, lines) in list(self._running.items()):
            ended = process.ended
            lines += process.lines()
            if ended:
                del self._running[key]
                self._take_in(self._answers[key], process, lines)
                news = True
        return news

    def wait(self, key: Hashable, seconds: float = 60.0) -> Answer:
        """Wait for one answer, for scripts."""
        end = time.monotonic() + seconds
        while self._answers[key].is_open and time.monotonic() < end:
            self.step()
            time.sleep(_TICK_S)
        return self._answers[key]

    def close(self) -> None:
        """End what runs and forget everything."""
        for process, _ in self._running.values():
            process.kill()
        self._running.clear()
        self._answers.clear()

    def _take_in(self, answer: Answer, process: ChildProcess, lines: list[str]) -> None:
        told = process.last_error.removeprefix("mocap: ")
        if process.exit_code != 0:
            answer.error = told or f"the engine ended with status {process.exit_code}"
            return
        try:
            answer.value = json.loads(lines[-1])
        except (IndexError, ValueError):
            answer.error = "the engine answered nothing that can be read"
        if answer.value is None and not answer.error:
            answer.error = "the engine knows nothing about it"

# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's worker that refines one job again and again, without anything of Blender."""

import json
from pathlib import Path
from typing import Any

from .engine_process import EngineProcess, engine_command


class RefineProcess(EngineProcess):
    """A running `mocap worker`: settings go in, changed motion files come out."""

    def __init__(self, engine: str, job: Path) -> None:
        super().__init__(engine_command(engine, ["worker", str(job), "--progress", "json"]), takes_input=True)
        self._asked = 0

    @property
    def asked(self) -> int:
        """The number of the newest request; 0 before the first."""
        return self._asked

    def ask(self, settings: dict[str, Any]) -> None:
        """Ask for the motion with these settings; whatever was asked before and is not finished is given up."""
        self._asked += 1
        self.send(json.dumps(settings, ensure_ascii=False))

    def answer(self) -> dict[str, Any] | None:
        """The answer to the newest request, if it came: an event "result" or "error"."""
        for event in self.events():
            # A worker that cannot start says so without a number.
            if event["event"] in ("result", "error") and event.get("request", self._asked) == self._asked:
                return event
        return None

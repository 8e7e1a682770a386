"""Somebody at a Blender: asks it where things are, and reaches them with mouse and keyboard."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from screen import Screen

_HAND_S = 0.1
_STEP_PX = 16.0
"""Less than the height of a button."""
ACROSS = (0.62,)
"""Where across a region buttons are looked for: right of the labels."""


class Failed(Exception):
    """A step did not come to what it should."""


class Seat:
    """One Blender in a window that fills a screen."""

    def __init__(self, screen: Screen, blender: subprocess.Popen[bytes], line: socket.socket) -> None:
        self.screen, self.blender = screen, blender
        self._line, self._words = line, line.makefile("rb")

    def ask(self, question: str, **details: Any) -> Any:
        """What Blender answers to one of the questions of answers.py."""
        try:
            self._line.sendall(json.dumps({"ask": question, **details}).encode() + b"\n")
            told = self._words.readline()
        except OSError as error:
            raise Failed(f"Blender does not answer {question!r} ({error})") from error
        if not told:
            raise Failed(f"Blender ended when it was asked for {question}")
        answer = json.loads(told)
        if "error" in answer:
            raise Failed(f"{question} {details}: {answer['error']}")
        return answer["is"]

    def wait(self, what: str, until: Callable[[], Any], limit_s: float, every_s: float = 0.1) -> Any:
        """What `until` gives once it is something. Raises Failed, which names `what`, after the limit."""
        end = time.monotonic() + limit_s
        while not (found := until()):
            if time.monotonic() > end:
                raise Failed(f"no {what} within {limit_s:g} s")
            time.sleep(every_s)
        return found

    def settle(self) -> None:
        """Wait until Blender has handled what the hands did, however slow it is."""
        time.sleep(_HAND_S)
        self.ask("version")

    def click(self, x: float, y: float, times: int = 1) -> None:
        """Click with the left button."""
        self.screen.move(x, y)
        self.settle()  # the button below has to notice the mouse first
        self.screen.click(times)
        self.settle()

    def key(self, *names: str) -> None:
        """Press keys one after the other, such as "ctrl+z"."""
        self.screen.key(*names)
        self.settle()

    def type(self, text: str) -> None:
        self.screen.type(text)
        self.settle()

    def box(self, area: str, region: str = "WINDOW") -> list[float]:
        """Left, top, width and height of a region on the screen; of the window opened last where there are several."""
        for one in reversed(self.ask("areas", screen_height=self.screen.height)):
            if one["type"] == area and region in one["regions"]:
                return one["regions"][region]
        raise Failed(f"no {region} of {area} is on the screen")

    def hover(self, area: str, region: str = "WINDOW", x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
        """Put the mouse on a share of a region."""
        left, top, width, height = self.box(area, region)
        place = left + width * x, top + height * y
        self.screen.move(*place)
        return place

    def find(
        self,
        wanted: str,
        area: str = "VIEW_3D",
        region: str = "UI",
        across: Sequence[float] = ACROSS,
        below: float = 0.0,
    ) -> tuple[float, float]:
        """Move the mouse down a region, scrolling, until the button under it is of `wanted`; a place on it.

        wanted: part of the path of its property or of its operator's call, both as Blender copies them; across: where
        in the region's width it is looked for, as shares of the width, or as pixels from 1 on; below: where on the
        screen to begin, for those in a hurry.
        """
        seen: set[str] = set()
        while True:
            found = self._find_in_view(wanted, area, region, across, seen, below)
            if found is not None:
                return found
            if not self._scroll(area, region, 20):
                break
            below = 0.0
        while self._scroll(area, region, -60):
            pass
        while True:
            found = self._find_in_view(wanted, area, region, across, seen)
            if found is not None:
                return found
            if not self._scroll(area, region, 20):
                raise Failed(f"no button {wanted!r} in {region} of {area}, but {sorted(seen)}")

    def find_above(self, place: tuple[float, float], number: int, area: str, region: str) -> tuple[float, float]:
        """The middle of the property's field that is the `number`-th above a place."""
        left, top, width, _ = self.box(area, region)
        x, y, start = left + width * ACROSS[0], place[1], 0.0
        while y > top:
            self.screen.move(x, y)
            self.settle()
            told = self.ask("hovered", area=area, region=region)
            if told == "a property":
                start = start or y
            elif start:
                number, middle, start = number - 1, (start + y) / 2, 0.0
                if number == 0:
                    return x, middle
            y -= 6
        raise Failed(f"no field above {place} in {area}")

    def press(
        self, wanted: str, area: str = "VIEW_3D", region: str = "UI", across: Sequence[float] = ACROSS
    ) -> tuple[float, float]:
        """Click the button of a property or an operator; where it was. The arguments are those of `find`."""
        place = self.find(wanted, area, region, across)
        self.click(*place)
        return place

    def fill(self, place: tuple[float, float], text: str) -> None:
        """Double-click a field, and type its text or number anew."""
        self.click(*place, times=2)
        time.sleep(0.3)
        self.key("ctrl+a")
        self.type(text)
        self.key("Return")
        time.sleep(0.3)

    def choose(self, path: str, wanted: str, shoot: Callable[[str], None] | None = None, most: int = 8) -> None:
        """Open the list of a choice by mouse and go through it with the arrow keys until it is `wanted`."""
        place = self.find(".".join(path.split(".")[-2:]))
        for number in range(most):
            self.click(*place)
            time.sleep(0.4)
            if shoot is not None and number == 0:
                shoot("list")
            # The list opens with the present choice under the mouse, where the second arrow key goes on from.
            self.key(*["Down"] * (number + 1), "Return")
            time.sleep(0.4)
            if self.ask("value", path=path) == wanted:
                return
        raise Failed(f"{path} stayed {self.ask('value', path=path)!r}, not {wanted!r}")

    def name_file(self, path: Path) -> None:
        """Type a path into the open file browser and press its button."""
        self.wait("file browser", lambda: self.ask("browser"), 20.0)
        time.sleep(0.5)
        left, top, width, height = self.box("FILE_BROWSER", "UI")
        for share in (0.3, 0.7, 0.5):
            self.fill((left + width * 0.42, top + height * share), str(path.parent))
            if Path(self.ask("browser")["folder"]) == path.parent:
                break
        else:
            raise Failed(f"the file browser is in {self.ask('browser')['folder']}, not in {path.parent}")
        left, top, width, height = self.box("FILE_BROWSER", "EXECUTE")
        self.fill((left + width * 0.3, top + height * 0.5), path.name)
        told = self.ask("browser")
        if told is None or told["name"] != path.name:
            raise Failed(f"the file browser has {told} where {path.name} was typed")

    def confirm_file(self) -> None:
        """Press the file browser's button."""
        self.press("file.execute", "FILE_BROWSER", "EXECUTE", (0.9, 0.62))
        self.wait("end of the file browser", lambda: self.ask("browser") is None, 10.0)

    def draws(self, panel: str) -> bool:
        """Whether the 3D view's sidebar draws a panel when the mouse moves over it."""
        before = self.ask("drawn", panel=panel)
        for share in (0.3, 0.5, 0.4, 0.6):
            self.hover("VIEW_3D", "UI", 0.6, share)
            self.settle()
        return bool(self.ask("drawn", panel=panel) > before)

    def _find_in_view(
        self, wanted: str, area: str, region: str, across: Sequence[float], seen: set[str], below: float = 0.0
    ) -> tuple[float, float] | None:
        left, top, width, height = self.box(area, region)
        for share in across:
            x, y = left + (share if share >= 1 else width * share), max(top + 4.0, below)
            while y < top + height:
                self.screen.move(x, y)
                told = self.ask("hovered", area=area, region=region)
                seen.add(told)
                # A slow Blender answers for where the mouse was before.
                for place in [y - back * _STEP_PX for back in range(6)] if wanted in told else ():
                    self.screen.move(x, place)
                    self.settle()
                    if wanted in self.ask("hovered", area=area, region=region):
                        return x, place
                y += _STEP_PX
        return None

    def _scroll(self, area: str, region: str, notches: int) -> bool:
        """Turn the wheel over a region; whether it scrolled."""
        before = self.ask("scroll", area=area, region=region)
        self.hover(area, region, 0.3)
        self.screen.wheel(notches)
        time.sleep(0.4)
        return bool(abs(self.ask("scroll", area=area, region=region) - before) > 1)


@contextmanager
def sit_down(screen: Screen, blender: str, settings: Path, log: Path) -> Iterator[Seat]:
    """Start a Blender as new, with its settings in a folder of their own; end it afterwards.

    blender: the program, or a command of several words.
    """
    meeting = settings / "asking"
    settings.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening, log.open("wb") as told:
        listening.bind(str(meeting))
        listening.listen(1)
        listening.settimeout(60)
        command: Sequence[str] = [
            *shlex.split(blender), "--factory-startup", "-noaudio", "--window-geometry", "0", "0", str(screen.width),
            str(screen.height), "--python-exit-code", "1", "-P", str(Path(__file__).with_name("answers.py")), "--",
            str(meeting),
        ]  # fmt: skip
        environment = {key: value for key, value in screen.environment.items() if not key.startswith("PYTHON")}
        environment["BLENDER_USER_RESOURCES"] = str(settings)
        # Blenders that draw a thumbnail of one video at once crash in the folder they share.
        environment["XDG_CACHE_HOME"] = str(settings / "cache")
        running = subprocess.Popen(command, env=environment, stdout=told, stderr=subprocess.STDOUT)
        try:
            try:
                line, _ = listening.accept()
            except TimeoutError:
                raise Failed(f"{blender} did not start; see {log}") from None
            with line:
                line.settimeout(120)
                yield Seat(screen, running, line)
                line.shutdown(socket.SHUT_RDWR)  # upon which it quits
            running.wait(20)
        finally:
            running.terminate()
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()

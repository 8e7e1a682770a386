"""A screen of its own with a mouse and a keyboard: Xvfb, xdotool for what a hand does, scrot for what an eye sees."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

PROGRAMS = ("Xvfb", "xdotool", "scrot")
_KEY_DELAY_MS = "12"


class Screen:
    """An X server without a window manager, of whose tasks it does two itself. Use it with `with`."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            raise SystemExit(f"needs {', '.join(missing)}; on Debian: apt-get install xvfb xdotool scrot")

    def __enter__(self) -> Screen:
        # The server picks a number that is free and tells it.
        number, told = os.pipe()
        command = ["Xvfb", "-displayfd", str(told), "-screen", "0", f"{self.width}x{self.height}x24"]
        self._server = subprocess.Popen(
            [*command, "-nolisten", "tcp", "-noreset"], pass_fds=[told], stderr=subprocess.DEVNULL
        )
        os.close(told)
        with os.fdopen(number) as answer:
            self.display = f":{answer.readline().strip()}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.terminate()
        self._server.wait()

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to open its window here, drawn by the processor."""
        return {**os.environ, "DISPLAY": self.display, "LIBGL_ALWAYS_SOFTWARE": "1", "GALLIUM_DRIVER": "llvmpipe"}

    def move(self, x: float, y: float) -> None:
        """Put the mouse at a pixel of the screen, counted from its upper left corner."""
        self._do("mousemove", str(round(x)), str(round(y)))

    def click(self, times: int = 1) -> None:
        """Click with the left button where the mouse is."""
        self._do("click", "--repeat", str(times), "--delay", "60", "1")

    def wheel(self, notches: int) -> None:
        """Turn the wheel where the mouse is; down is positive."""
        self._do("click", "--repeat", str(abs(notches)), "--delay", "8", "5" if notches > 0 else "4")

    def key(self, *names: str) -> None:
        """Press keys one after the other, such as "ctrl+z"."""
        self._do("key", "--delay", _KEY_DELAY_MS, *names)

    def type(self, text: str) -> None:
        self._do("type", "--delay", _KEY_DELAY_MS, text)

    def place_window(self, name: str, x: int, y: int) -> None:
        """Do what a window manager would have done: put the window with a name where it can be seen."""
        self._do("search", "--onlyvisible", "--name", name, "windowmove", str(x), str(y))

    def focus(self, x: float, y: float) -> None:
        """Do what a window manager would have done: let the keyboard go to the window at a pixel."""
        self.move(x, y)
        told = self._do("getmouselocation", "--shell")
        self._do("windowfocus", dict(line.split("=") for line in told.split())["WINDOW"])

    def shoot(self, path: Path, *, at_once: bool = True) -> None:
        """Save what is on the screen as a PNG; with `at_once` it is there afterwards."""
        saving = subprocess.Popen(["scrot", "--overwrite", str(path)], env=self.environment)
        if at_once:
            saving.wait()

    def _do(self, *words: str) -> str:
        command = ["xdotool", *words]
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout

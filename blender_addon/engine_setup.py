# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets the engine up in an environment of its own, step by step, resumable, without anything of Blender."""

import contextlib
import enum
import os
import platform
import shutil
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from . import doctor_report, python_search
from .doctor_report import Report
from .engine_home import EngineHome, ForeignFolder, HomeState, Stage
from .engine_process import ChildProcess, EngineMissing
from .engine_wheel import EngineWheel, is_older
from .folder_lock import FolderInUse, FolderLock
from .pip_output import PipProgress
from .python_search import FoundPython, UnsuitablePython

ROOM_BYTES = 2_000_000_000
"""Free space a set-up asks for: the packages, once as downloads and once installed."""

_DOCTOR_WITHIN_S = 180.0
_LOG_TAIL = 6
_ISOLATED = ("-I", "-u", "-X", "utf8")
_WHEELS_ONLY = ("--only-binary", ":all:")
_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--no-color")
_Work = Generator[None, None, None]


class SetupFailed(Exception):
    """The set-up ended without an engine; the message is one sentence that says what to do."""


class Step(enum.Enum):
    """The steps, with what the user reads and the share of the whole at which each begins."""

    FIND = ("Find Python", 0.0)
    MAKE = ("Make the environment", 0.03)
    DOWNLOAD = ("Download packages", 0.1)
    INSTALL = ("Install", 0.7)
    VERIFY = ("Verify", 0.93)

    @property
    def title(self) -> str:
        """The step's name."""
        return self.value[0]

    @property
    def begin(self) -> float:
        """The whole's fraction when the step begins."""
        return self.value[1]


@dataclass(frozen=True)
class SetupOptions:
    """What the user chose: a Python ("" searches), a folder of wheels ("" takes the index), and whether the network
    may be used; `last_pythons` are tried when no other does."""

    python: str = ""
    wheels_folder: str = ""
    online: bool = True
    last_pythons: tuple[str, ...] = ()
    room_bytes: int = ROOM_BYTES


def needs_update(state: HomeState | None, wheel: EngineWheel | None) -> bool:
    """Whether the add-on carries a newer engine, or another build of the same version, than the one set up."""
    if state is None or wheel is None or state.stage is not Stage.VERIFIED:
        return False
    return state.content != wheel.content and not is_older(wheel.version, state.version)


class Setup:
    """One set-up from start to verified engine, advanced by calling `step`; run again, it goes on where it stopped."""

    def __init__(self, home: EngineHome, wheel: EngineWheel, options: SetupOptions) -> None:
        self.step_now = Step.FIND
        self.fraction = 0.0
        self.text = Step.FIND.title
        self.log_tail: deque[str] = deque(maxlen=_LOG_TAIL)
        self.report: Report | None = None
        self._home, self._wheel, self._options = home, wheel, options
        self._lock = FolderLock(home.folder)
        self._state = HomeState()
        self._child: ChildProcess | None = None
        self._log: TextIO | None = None
        self._work = self._whole()

    def step(self) -> bool:
        """Go on without waiting; False once the engine stands. Raises SetupFailed."""
        try:
            next(self._work)
            return True
        except StopIteration:
            self._close()
            return False
        except OSError as error:
            self._close()
            where = error.filename or self._home.folder
            reason = error.strerror or str(error)
            raise SetupFailed(f"cannot write {where} ({reason}); make the folder writable or free space") from error
        except (ForeignFolder, FolderInUse, UnsuitablePython, EngineMissing, doctor_report.NoReport) as error:
            self._close()
            raise SetupFailed(str(error)) from error
        except SetupFailed:
            self._close()
            raise

    def cancel(self) -> None:
        """End the running program with all it started, at once; a later set-up resumes. Safe to call twice."""
        self._work.close()
        self._close()

    def _whole(self) -> _Work:
        self._check_options()
        self._lock.take()
        self._state = self._home.open()
        self._log = open(self._home.log, "w", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._say(f"Engine {self._wheel.version} into {self._home.folder}")
        yield from self._make_environment()
        yield from self._install()
        yield from self._verify()
        self.fraction, self.text = 1.0, "Done"

    def _check_options(self) -> None:
        folder = self._options.wheels_folder
        if folder and not any(Path(folder).glob("*.whl")):
            raise SetupFailed(f"the folder {folder} holds no wheels (.whl); choose another or leave it empty")
        if not folder and not self._options.online:
            raise SetupFailed(
                "Blender may not use the network: allow Preferences > System > Network > Allow Online Access, "
                "or choose a folder of wheels"
            )

    def _make_environment(self) -> _Work:
        self._begin(Step.FIND)
        half_done = self._state.stage in (Stage.NOTHING, Stage.MAKING, Stage.INSTALLING)
        if not half_done and self._home.python.is_file():
            lines, code = yield from self._run([str(self._home.python), *_ISOLATED, *_PIP, "--version"])
            half_done = code != 0 or not any(line.startswith("pip ") for line in lines)
        else:
            half_done = True
        if not half_done and not self._options.python:
            self._say("The environment is there")
            return
        python = yield from self._find_python()
        if not half_done and str(python.path) == self._state.python:
            return
        self._begin(Step.MAKE)
        self._remember(stage=Stage.MAKING, python=str(python.path), version="", content="")
        self._home.delete_environment()
        command = [str(python.path), *_ISOLATED, "-m", "venv", str(self._home.environment)]
        lines, code = yield from self._run(command)
        if code != 0 or not self._home.python.is_file():
            last = next((line for line in reversed(lines) if line.strip()), f"status {code}")
            raise SetupFailed(f"{python} cannot make an environment: {last.strip()[:300]}")
        self._remember(stage=Stage.MADE)

    def _find_python(self) -> Generator[None, None, FoundPython]:
        pythons = self._wheel.pythons
        if self._options.python:
            return (yield from self._ask(python_search.given_python(self._options.python)))
        windows = os.name == "nt"
        last = list(self._options.last_pythons)
        if windows and shutil.which("py"):
            lines, _code = yield from self._run(["py", "--list-paths"], timeout_s=python_search.ANSWER_WITHIN_S)
            last[:0] = map(str, python_search.launcher_paths(lines))
        refused: list[str] = []
        for path in python_search.candidates(pythons, os.environ, Path.home(), windows, last):
            try:
                return (yield from self._ask(path))
            except (UnsuitablePython, EngineMissing) as error:
                self._say(str(error))
                refused.append(str(error))
        # A Python that lacks only a part is nearer to a solution than one of another version.
        near = next((text for text in refused if "without" in text), "")
        advice = near or f"install Python {pythons} from python.org, or name one in the add-on's preferences"
        raise SetupFailed(f"no suitable Python was found; {advice}")

    def _ask(self, path: Path) -> Generator[None, None, FoundPython]:
        within_s = python_search.ANSWER_WITHIN_S
        lines, _code = yield from self._run(python_search.question(path), timeout_s=within_s, quiet=True)
        found = python_search.judge(path, lines, self._wheel.pythons)
        self._say(f"Found {found}")
        return found

    def _install(self) -> _Work:
        if self._state.stage is not Stage.MADE and self._state.content == self._wheel.content:
            self._say("The packages are there")
            return
        update = self._state.stage is not Stage.MADE
        python = [str(self._home.python), *_ISOLATED, *_PIP]
        folder = self._options.wheels_folder
        if not folder:
            # Files that arrived stay in a folder of our own, so that an interrupted set-up finds them again.
            folder = str(self._home.downloads)
            self._check_room()
            command = [*python, "download", *_WHEELS_ONLY, "--dest", folder, str(self._wheel.path)]
            yield from self._run_pip(command, Step.DOWNLOAD, Step.INSTALL.begin)
        self._check_room()
        self._remember(stage=Stage.INSTALLING)  # from here on a kill leaves half a package behind
        if update:
            yield from self._run([*python, "uninstall", "--yes", "swingtwist"])
        # Compiling all takes longer than copying it, and its long names are more than Windows' paths can hold.
        source = ["--no-index", "--find-links", folder, "--no-cache-dir", "--no-compile", "--no-warn-script-location"]
        command = [*python, "install", *_WHEELS_ONLY, *source, str(self._wheel.path)]
        yield from self._run_pip(command, Step.INSTALL, Step.VERIFY.begin)
        self._remember(stage=Stage.INSTALLED, version=self._wheel.version, content=self._wheel.content)

    def _run_pip(self, command: Sequence[str], step: Step, end: float) -> _Work:
        self._begin(step)
        progress = PipProgress(self._home.temporary, lambda: self._home.installed_packages)

        def tick() -> None:
            part = progress.fetched_fraction if step is Step.DOWNLOAD else progress.installed_fraction
            self.fraction = max(self.fraction, step.begin + (end - step.begin) * part)
            self.text = progress.text

        _lines, code = yield from self._run(command, progress.feed, tick)
        if code != 0:
            raise SetupFailed(progress.failure(self._options.wheels_folder, self._computer()))

    def _verify(self) -> _Work:
        self._begin(Step.VERIFY)
        command = [str(self._home.python), "-I", "-X", "utf8", "-m", "engine", *doctor_report.doctor_arguments()]
        lines, _code = yield from self._run(command, timeout_s=_DOCTOR_WITHIN_S, quiet=True)
        try:
            self.report = doctor_report.read_report(lines)
        except doctor_report.NoReport:
            self._remember(stage=Stage.INSTALLING)  # something is broken: the next try makes the environment anew
            raise
        self._say(self.report.summary)
        if not self.report.works:
            problem = self.report.problems[0]
            raise SetupFailed(f"{problem.text}; {problem.fix or 'set the engine up again'}")
        self._remember(stage=Stage.VERIFIED)
        self._home.delete_downloads()

    def _run(
        self,
        command: Sequence[str],
        heard: Callable[[str], None] = lambda line: None,
        tick: Callable[[], None] = lambda: None,
        timeout_s: float = 0.0,
        quiet: bool = False,
    ) -> Generator[None, None, tuple[list[str], int]]:
        """Run a program to its end; its lines and exit status."""
        temporary = str(self._home.temporary)
        # PIP_USER: a user's own setting would put the packages outside of the environment.
        environment = {"TMPDIR": temporary, "TEMP": temporary, "TMP": temporary, "PIP_USER": "0"}
        if not quiet:
            self._say("> " + " ".join(command))
        lines: list[str] = []
        started = time.monotonic()
        self._child = ChildProcess(command, environment, errors_as_output=True)
        while not self._child.ended:
            for line in self._child.lines():
                lines.append(line)
                heard(line)
                if not quiet:
                    self._say(line)
            tick()
            if timeout_s and time.monotonic() - started > timeout_s:
                self._child.kill()
                lines.append(f"no answer within {timeout_s:.0f} s")
            yield
        return lines, self._child.exit_code

    def _begin(self, step: Step) -> None:
        self.step_now, self.fraction, self.text = step, step.begin, step.title
        self._say(step.title)

    def _say(self, line: str) -> None:
        if line.strip():
            self.log_tail.append(line)
            if self._log is not None:
                self._log.write(line + "\n")
                self._log.flush()

    def _remember(self, **changes: object) -> None:
        self._state = replace(self._state, **changes)
        self._home.remember(self._state)

    def _check_room(self) -> None:
        free = shutil.disk_usage(self._home.folder).free
        if free < self._options.room_bytes:
            needed = self._options.room_bytes / 1e9
            raise SetupFailed(f"{self._home.folder} has {free / 1e9:.1f} GB free and needs {needed:.1f}; free some")

    def _computer(self) -> str:
        return f"this Python on {platform.system()} {platform.machine()}"

    def _close(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None
        if self._log is not None:
            self._log.close()
            self._log = None
            with contextlib.suppress(OSError):
                self._home.tidy()
        self._lock.release()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that holds the engine's own environment: what is in it, how far it got, and its removal."""

import enum
import json
import os
import shutil
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

_MADE_BY = "Mocap from Video (Swingtwist)"
_MARKER = "setup.json"
_LOG = "setup.log"
_FOLDERS = ("env", "downloads", "tmp")


class ForeignFolder(Exception):
    """The folder holds what this add-on did not make; the message names it."""


class Stage(enum.Enum):
    """How far a set-up got; what was left in the middle (the names in -ing) is made anew."""

    NOTHING = "nothing"
    MAKING = "making"
    MADE = "made"
    INSTALLING = "installing"
    INSTALLED = "installed"
    VERIFIED = "verified"


@dataclass(frozen=True)
class HomeState:
    """What is remembered between runs: the stage, the Python it was made from, the engine's version and content."""

    stage: Stage = Stage.NOTHING
    python: str = ""
    version: str = ""
    content: str = ""


class EngineHome:
    """One folder on disk, which the add-on makes, marks as its own, and may delete again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Short names: Windows refuses paths of more than 260 letters, and packages nest deeply.
        self.environment, self.downloads, self.temporary = (folder / name for name in _FOLDERS)
        self.log = folder / _LOG

    @property
    def python(self) -> Path:
        """The environment's Python, whether it is there or not."""
        return self.environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def installed_packages(self) -> int:
        """The number of packages in the environment."""
        patterns = ("lib/python*/site-packages/*.dist-info", "Lib/site-packages/*.dist-info")
        return sum(1 for path in self.environment.glob(patterns[os.name == "nt"]) if (path / "RECORD").is_file())

    def open(self) -> HomeState:
        """Make the folder and mark it; what was remembered. Raises ForeignFolder and OSError."""
        state = self.read()
        if state is None:
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise ForeignFolder(f"the folder {self.folder} holds files that this add-on did not make; empty it")
            self.folder.mkdir(parents=True, exist_ok=True)
            state = HomeState()
            self.remember(state)
        self.tidy()
        for folder in (self.downloads, self.temporary):
            folder.mkdir(exist_ok=True)
        return state

    def read(self) -> HomeState | None:
        """What was remembered; None where the folder is none of ours."""
        try:
            values = json.loads((self.folder / _MARKER).read_text(encoding="utf-8"))
            if values.pop("made_by") != _MADE_BY:
                return None
            return HomeState(**{**values, "stage": Stage(values["stage"])})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def remember(self, state: HomeState) -> None:
        """Keep the state; whole or not at all."""
        values = {"made_by": _MADE_BY, **asdict(state), "stage": state.stage.value}
        part = self.folder / f"{_MARKER}.part"
        part.write_text(json.dumps(values, indent=1), encoding="utf-8")
        part.replace(self.folder / _MARKER)

    def delete_environment(self) -> None:
        """Remove the environment, keeping what was downloaded."""
        _delete(self.environment)

    def tidy(self) -> None:
        """Empty the folder of temporary files, keeping the packages that pip had fetched whole when it was ended."""
        for wheel in sorted(self.temporary.rglob("*.whl")):
            # The list at the end of the file tells that all of it arrived; pip checks its hash when it is used.
            if zipfile.is_zipfile(wheel) and self.downloads.is_dir():
                wheel.replace(self.downloads / wheel.name)
        _delete(self.temporary)

    def delete_downloads(self) -> None:
        """Remove what was downloaded, once nobody resumes any more."""
        _delete(self.temporary)
        _delete(self.downloads)

    def remove(self) -> None:
        """Delete everything that a set-up made, and nothing else. Raises ForeignFolder and OSError."""
        if not self.folder.exists():
            return
        if self.read() is None:
            raise ForeignFolder(f"nothing was removed: the folder {self.folder} was not made by this add-on")
        for name in _FOLDERS:
            _delete(self.folder / name)
        for name in (_LOG, f"{_MARKER}.part", _MARKER):  # the marker last: a half removed folder is still ours
            (self.folder / name).unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def _delete(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()  # never what it points to
    elif folder.exists():
        shutil.rmtree(folder)

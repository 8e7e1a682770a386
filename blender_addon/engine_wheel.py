# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's wheel that rides in the add-on, read without installing it."""

import email.parser
import hashlib
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = "wheel"
"""Where the build puts the wheel, below the add-on's folder."""

_BOUND = re.compile(r"\s*(>=|<)\s*(\d+)\.(\d+)(?:\.\d+)?\s*")


class DamagedWheel(Exception):
    """The wheel cannot be read; the message names it and says what to do."""


@dataclass(frozen=True)
class PythonRange:
    """The Python versions (major, minor) that the engine runs on: from `lowest` to under `below`."""

    lowest: tuple[int, int]
    below: tuple[int, int]

    def holds(self, version: tuple[int, ...]) -> bool:
        """Whether a version is one of them."""
        return self.lowest <= tuple(version[:2]) < self.below

    def __str__(self) -> str:
        minors = range(self.lowest[1], self.below[1])
        return " or ".join(f"{self.lowest[0]}.{minor}" for minor in minors)


@dataclass(frozen=True)
class EngineWheel:
    """A wheel of the engine: its file, version, the Pythons it takes and its content's hash (blake2b)."""

    path: Path
    version: str
    pythons: PythonRange
    content: str


def carried_wheel(addon_folder: Path) -> EngineWheel | None:
    """The wheel inside the add-on; None where it was built without. Raises DamagedWheel."""
    wheels = sorted((addon_folder / FOLDER).glob("*.whl"))
    return read_wheel(wheels[-1]) if wheels else None


def read_wheel(path: Path) -> EngineWheel:
    """Check a wheel from end to end. Raises DamagedWheel."""
    advice = "install the add-on's zip again"
    try:
        content = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            text = archive.read(names[0]).decode("utf-8") if names else ""
    except (OSError, zipfile.BadZipFile, zlib.error, UnicodeDecodeError) as error:
        raise DamagedWheel(f"the engine's package {path.name} is damaged ({error}); {advice}") from error
    if broken or not text:
        raise DamagedWheel(f"the engine's package {path.name} is damaged ({broken or 'no METADATA'}); {advice}")
    fields = email.parser.Parser().parsestr(text)
    return EngineWheel(path, fields["Version"] or "0", _python_range(fields["Requires-Python"] or ""), content)


def is_older(version: str, than: str) -> bool:
    """Whether one version of the engine came before another; by their numbers."""
    return _numbers(version) < _numbers(than)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _python_range(text: str) -> PythonRange:
    lowest, below = (3, 11), (3, 13)
    for part in filter(None, text.split(",")):
        bound = _BOUND.fullmatch(part)
        if bound is None:
            continue  # a single excluded version says nothing of the range
        version = (int(bound[2]), int(bound[3]))
        lowest, below = (version, below) if bound[1] == ">=" else (lowest, version)
    return PythonRange(lowest, below)

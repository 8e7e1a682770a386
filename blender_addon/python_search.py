# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for a Python that the engine's environment can be made from, and judges what one says of itself."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .engine_wheel import PythonRange

QUESTION = """\
import json, platform, struct, sys
def has(name):
    try:
        __import__(name)
    except Exception:
        return False
    return True
print(json.dumps({
    "executable": getattr(sys, "_base_executable", None) or sys.executable,
    "version": list(sys.version_info[:3]),
    "implementation": platform.python_implementation(),
    "bits": struct.calcsize("P") * 8,
    "lacks": [name for name in ("venv", "ensurepip") if not has(name)],
}))
"""
"""What every candidate is asked."""

ANSWER_WITHIN_S = 20.0
"""A program that is no Python may wait for ever."""


class UnsuitablePython(Exception):
    """This Python will not do; the message says why and, where something helps, what."""


@dataclass(frozen=True)
class FoundPython:
    """A Python that will do: its program and version."""

    path: Path
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


def question(python: Path | str) -> list[str]:
    """The command that makes a Python tell what it is."""
    return [str(python), "-I", "-c", QUESTION]


def judge(python: Path | str, answer: Sequence[str], pythons: PythonRange) -> FoundPython:
    """A Python from its answer's lines. Raises UnsuitablePython."""
    try:
        told = json.loads(next(line for line in reversed(answer) if line.startswith("{")))
        version, lacks = tuple(map(int, told["version"])), list(told["lacks"])
        executable, implementation, bits = Path(told["executable"]), told["implementation"], told["bits"]
    except (StopIteration, ValueError, KeyError, TypeError) as error:
        last = next((line.strip() for line in reversed(answer) if line.strip()), "it said nothing")
        raise UnsuitablePython(f"{python} is no working Python ({last[:200]})") from error
    name = f"{python} is Python {'.'.join(map(str, version))}"
    if not pythons.holds(version):
        raise UnsuitablePython(f"{name}; the engine needs {pythons}")
    if implementation != "CPython" or bits != 64:
        raise UnsuitablePython(f"{name} ({implementation}, {bits} bit); the engine needs a 64 bit CPython")
    if lacks:
        advice = f"sudo apt install python{version[0]}.{version[1]}-venv" if os.name == "posix" else "install it anew"
        raise UnsuitablePython(f"{name} without {' and '.join(lacks)}; mend it with: {advice}")
    return FoundPython(executable if executable.is_file() else Path(python), version)


def given_python(text: str) -> Path:
    """The program that the user named: a file, or a folder with a Python in it. Raises UnsuitablePython."""
    path = Path(text).expanduser()
    if path.is_dir():
        names = ("bin/python3", "bin/python", "python.exe", "Scripts/python.exe")
        inside = next((path / name for name in names if (path / name).is_file()), None)
        if inside is None:
            raise UnsuitablePython(f"there is no Python in the folder {path}; name its program")
        return inside
    if not path.is_file():
        raise UnsuitablePython(f"the Python {path} does not exist; correct it or leave it empty")
    return path


def candidates(
    pythons: PythonRange, environment: Mapping[str, str], home: Path, windows: bool, last: Iterable[str] = ()
) -> list[Path]:
    """Programs that may be a suitable Python, the likeliest first and each once; nothing is run."""
    versions = [(pythons.lowest[0], minor) for minor in range(pythons.lowest[1], pythons.below[1])]
    folders = [Path(part) for part in environment.get("PATH", "").split(os.pathsep) if part]
    places = _windows_places if windows else _posix_places
    exact, loose = places(versions, environment, home)
    suffix = ".exe" if windows else ""
    named = [folder / f"python{a}.{b}{suffix}" for a, b in versions for folder in folders]
    plain = [folder / f"{name}{suffix}" for name in ("python3", "python") for folder in folders]
    found: dict[Path, Path] = {}
    for path in [*named, *exact, *plain, *loose, *map(Path, last)]:
        if path.is_file():
            found.setdefault(path.resolve(), path)
    return list(found.values())


def launcher_paths(lines: Iterable[str]) -> list[Path]:
    """The programs that Windows' `py --list-paths` names: one a line, behind its version."""
    found = []
    for line in lines:
        start = line.find(":\\")
        if start > 0 and line.rstrip().lower().endswith(".exe"):
            found.append(Path(line[start - 1 :].strip()))
    return found


def _posix_places(
    versions: Sequence[tuple[int, int]], environment: Mapping[str, str], home: Path
) -> tuple[list[Path], list[Path]]:
    # Programs started from a desktop often see a shorter PATH than a terminal does.
    pyenv = Path(environment.get("PYENV_ROOT") or home / ".pyenv")
    folders = [Path(name) for name in ("/usr/local/bin", "/opt/homebrew/bin", "/usr/bin", "/opt/local/bin")]
    exact, loose = [], []
    for a, b in versions:
        name = f"python{a}.{b}"
        exact += [folder / name for folder in (*folders, home / ".local/bin")]
        exact.append(Path(f"/Library/Frameworks/Python.framework/Versions/{a}.{b}/bin/{name}"))
        exact += sorted(pyenv.glob(f"versions/{a}.{b}.*/bin/{name}"), reverse=True)
        exact += sorted((home / ".local/share/uv/python").glob(f"cpython-{a}.{b}.*/bin/{name}"), reverse=True)
        for manager in (".asdf/installs", ".local/share/mise/installs"):
            exact += sorted((home / manager / "python").glob(f"{a}.{b}.*/bin/{name}"), reverse=True)
    for conda in ("miniconda3", "anaconda3", "miniforge3", "mambaforge"):
        loose.append(home / conda / "bin" / "python")
        loose += sorted((home / conda / "envs").glob("*/bin/python"))
    return exact, loose


def _windows_places(
    versions: Sequence[tuple[int, int]], environment: Mapping[str, str], home: Path
) -> tuple[list[Path], list[Path]]:
    programs = [Path(environment[name]) for name in ("ProgramFiles", "ProgramW6432") if environment.get(name)]
    local = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    roaming = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
    pyenv = Path(environment.get("PYENV_ROOT") or home / ".pyenv" / "pyenv-win")
    exact, loose = [], []
    for a, b in versions:
        exact += [folder / f"Python{a}{b}" / "python.exe" for folder in (local / "Programs" / "Python", *programs)]
        exact.append(Path(environment.get("SystemDrive", "C:") + "\\") / f"Python{a}{b}" / "python.exe")
        exact += sorted(pyenv.glob(f"versions/{a}.{b}.*/python.exe"), reverse=True)
        exact += sorted((roaming / "uv" / "python").glob(f"cpython-{a}.{b}.*/python.exe"), reverse=True)
    loose += [home / conda / "python.exe" for conda in ("miniconda3", "anaconda3", "miniforge3")]
    return exact, loose

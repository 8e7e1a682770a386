"""Try the add-on in many versions of Blender: the user's whole way and its tests, as a table of version and step.

python scripts/blender_versions.py                         the bpy modules of 4.2, 4.4, 4.5, 5.0, 5.1 and 5.2
python scripts/blender_versions.py 4.2 5.2 --tests         the tests of the add-on too
python scripts/blender_versions.py /usr/bin/blender        a program, or a Python that has bpy
    --engine .venv/bin/mocap --video samples/walk_and_kick.mp4      with the real engine in place of a stand-in

Each module gets an environment of its own outside of the repository, some 1 GB, that is removed unless --keep is given.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "blender")]

import journey  # noqa: E402

import build_addon  # noqa: E402

PROGRAM_FLAGS = ("-b", "-noaudio", "--factory-startup", "--python-exit-code", "1", "--python")
MODULE_FLAGS = ("-P",)
TESTS = ("test_addon.py", "test_cleanup.py", "test_character_animation.py", "test_panel.py", "test_export.py",
         "test_export_panel.py", "test_engine_setup.py")  # fmt: skip


@dataclass(frozen=True)
class Wheel:
    """A version of the bpy module: what pip installs, and the Python it is made for."""

    python: str
    requirements: tuple[str, ...]


WHEELS = {
    "4.2": Wheel("3.11", ("bpy==4.2.23", "numpy<2")),
    "4.4": Wheel("3.11", ("bpy==4.4.0", "numpy<2")),
    "4.5": Wheel("3.11", ("bpy==4.5.15",)),
    "5.0": Wheel("3.11", ("bpy==5.0.1",)),
    "5.1": Wheel("3.13", ("bpy==5.1.2",)),
    "5.2": Wheel("3.13", ("bpy==5.2.3",)),
}


def find_python(version: str) -> str:
    """A Python of a version ("3.13"), on PATH or where pyenv puts them. Exits when there is none."""
    found = [shutil.which(f"python{version}")]
    found += map(str, sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}")))
    for program in filter(None, found):
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        if told.returncode == 0 and told.stdout.startswith(f"Python {version}."):
            return program
    raise SystemExit(f"Python {version} is needed for this version of bpy and was not found")


@contextmanager
def environment_of(name: str, folder: Path, keep: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The program and flags that run a script in a Blender: a version's module, or what a path names."""
    if name not in WHEELS:
        program = shutil.which(name)
        if program is None:
            raise SystemExit(f"{name} is no known version ({', '.join(WHEELS)}) and no program")
        yield program, MODULE_FLAGS if "python" in Path(program).name else PROGRAM_FLAGS
        return
    wheel, place = WHEELS[name], folder / f"bpy-{name}"
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    installed = place / "installed.txt"
    if not installed.is_file():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([find_python(wheel.python), "-m", "venv", str(place)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
        subprocess.run([*pip, *wheel.requirements], check=True)
        installed.write_text("\n".join(wheel.requirements) + "\n", encoding="utf-8")
    try:
        yield str(python), MODULE_FLAGS
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)


def run_tests(program: str, flags: Sequence[str], log: Path) -> str:
    """Run the add-on's tests in a Blender; pytest's counts. A module stands in for the program by a launcher."""
    with tempfile.TemporaryDirectory() as folder:
        if flags == MODULE_FLAGS:
            launcher = Path(folder) / "blender"
            launcher.write_text(_LAUNCHER.format(python=program), encoding="utf-8")
            launcher.chmod(0o755)
            program = str(launcher)
        command = [sys.executable, "-m", "pytest", "-m", "blender", "-k", "program"]
        command += [str(ROOT / "tests" / "blender" / name) for name in TESTS]
        environment = {**os.environ, "SWINGTWIST_TEST_BLENDER": program}
        with log.open("wb") as told:
            subprocess.run(command, cwd=ROOT, env=environment, stdout=told, stderr=subprocess.STDOUT, check=False)
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
    counts = re.findall(r"(\d+ (?:passed|failed|errors?))", last)
    return " ".join(counts) or last


# Everything in front of the script is for the program only.
_LAUNCHER = """#!/bin/sh
while [ "$1" != --python ]; do shift; done
shift
exec "{python}" -P "$@"
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Try the add-on in many versions of Blender.")
    parser.add_argument("blenders", nargs="*", default=list(WHEELS), help=f"of {', '.join(WHEELS)}, or programs")
    parser.add_argument("--folder", type=Path, help="where environments are made (default: the user's cache)")
    parser.add_argument("--keep", action="store_true", help="keep the environments for the next time")
    parser.add_argument("--tests", action="store_true", help="run the add-on's tests in each, too")
    parser.add_argument("--engine", type=Path, help="the real engine (mocap), in place of a stand-in")
    parser.add_argument("--video", type=Path, help="what the real engine captures")
    arguments = parser.parse_args()
    if (arguments.engine is None) != (arguments.video is None):
        parser.error("--engine and --video go together")
    cache = Path(os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    folder = arguments.folder or cache / "swingtwist" / "blender-versions"
    folder.mkdir(parents=True, exist_ok=True)
    columns = [*journey.STEPS, *(["tests"] if arguments.tests else [])]
    say(row("Blender", {name: name for name in columns}))
    healthy = True
    with tempfile.TemporaryDirectory() as scratch:
        package = build_addon.build(Path(scratch), with_engine=False)
        for number, name in enumerate(arguments.blenders):
            with environment_of(name, folder, arguments.keep) as (program, flags):
                work = Path(scratch) / str(number)
                work.mkdir()
                limit_s = 1200.0 if arguments.engine else 120.0
                told = journey.travel(
                    [program, *flags], package, work, arguments.engine, arguments.video, limit_s=limit_s
                )
                cells = {step: f"{seconds:.2f}" for step, seconds in told.seconds.items()}
                log = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{Path(name).name}.log"
                if told.failed:
                    cells[told.failed] = "FAILED"
                    log.write_text(told.output, encoding="utf-8")
                    say(f"{name}: see {log}")
                if arguments.tests:
                    cells["tests"] = run_tests(program, flags, log.with_suffix(".tests.log"))
                healthy = healthy and not told.failed and "failed" not in cells.get("tests", "")
                say(row(told.version, cells))
    return 0 if healthy else 1


def row(first: str, cells: dict[str, str]) -> str:
    """A line of the table; seconds, or what became of a step."""
    seconds = "".join(f"{cells.get(name, '-'):>10}" for name in journey.STEPS)
    return f"{first:10}{seconds}  {cells.get('tests', '')}".rstrip()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

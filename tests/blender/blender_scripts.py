"""Running a script inside a Blender, and what stands in for the engine's worker there."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
_MAKE = "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import fake_worker; "
_MAKE += "fake_worker.make(Path(sys.argv[2]), {})"


def run_inside(program: Path | None, script: Path, *arguments: str) -> str:
    """Run a script inside Blender with arguments behind `--`; its standard output. Fails with its standard error."""
    if program is None:
        command = [sys.executable, "-P", str(script), "--", *arguments]
    else:
        flags = ["-b", "-noaudio", "--factory-startup", "--python-exit-code", "1", "--python"]
        command = [str(program), *flags, str(script), "--", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def load_module(path: Path) -> ModuleType:
    """The module in a file that is on no path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stand_in_worker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in as a program, beside a captured job and Blender's settings, all in `folder`."""
    job = folder / "clip ü.mocap"
    job.mkdir()
    (job / "job.json").write_text("{}")
    subprocess.run([sys.executable, "-c", _MAKE, str(HERE), str(job)], check=True)
    engine = folder / "mocap"
    engine.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_worker.py"}" "$@"\n')
    engine.chmod(0o755)
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(folder / "user"))
    monkeypatch.setenv("BLENDER_USER_SCRIPTS", str(folder / "user" / "scripts"))
    return engine

"""Running a script inside a Blender."""

import subprocess
import sys
from pathlib import Path


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

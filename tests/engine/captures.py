"""Runs of the `mocap` command and what they left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sample_pieces import sample_video

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a `mocap` command ended: its exit code, the JSON lines it printed, and its standard error."""

    code: int
    events: list[dict[str, Any]]
    stderr: str

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    @property
    def message(self) -> str:
        """The one sentence that the command failed with."""
        assert self.stderr == ""
        (error,) = self.of("error")
        assert error == self.events[-1]
        assert error["exit_code"] == self.code
        assert "\n" not in error["message"]
        return error["message"]


def mocap_command(*arguments: object) -> list[str]:
    """A command line for `mocap` with progress as JSON."""
    command, *rest = map(str, arguments)
    return [sys.executable, "-m", "engine", command, "--progress", "json", *rest]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **changes}


def run_mocap(*arguments: object, **options: Any) -> Ended:
    """Run `mocap` in a process of its own; options go to subprocess.run."""
    options.setdefault("env", environment())
    done = subprocess.run(mocap_command(*arguments), capture_output=True, text=True, check=False, **options)
    return Ended(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr)


# Debian builds its Blender without USD; the module has it.
FORMATS = ("npz", "bvh", "fbx", "glb", "blend", *(("usdc",) if find_spec("bpy") else ()))


@dataclass(frozen=True)
class Capture:
    """A finished capture of the first 1.2 s of the sample: its folder, and how the command ended."""

    folder: Path
    ended: Ended

    @property
    def job(self) -> Path:
        return self.folder / "dänce 'n\" go.mocap"

    def output(self, suffix: str) -> Path:
        return self.job.with_suffix(f".{suffix}")

    def copy(self, folder: Path) -> Capture:
        """A copy to break."""
        shutil.copytree(self.folder, folder)
        manifest = folder / self.job.name / "job.json"
        told = json.loads(manifest.read_text(encoding="utf-8"))
        for key in ("outputs", "files"):
            told[key] = [str(folder / Path(path).name) for path in told[key]]
        manifest.write_text(json.dumps(told), encoding="utf-8")
        return Capture(folder, self.ended)


def capture_sample(folder: Path, formats: Sequence[str]) -> Capture:
    """Capture the first 1.2 s of the sample into `folder`."""
    capture = Capture(folder, Ended(0, [], ""))
    outputs = [f"--out={capture.output(suffix)}" for suffix in formats]
    ended = run_mocap("run", sample_video(), "--end", "1.2", "--progress-poses", *outputs)
    assert ended.code == 0, ended
    return Capture(folder, ended)

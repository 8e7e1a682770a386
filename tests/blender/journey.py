"""The user's whole way inside one Blender: what it needs, how it is started, and how far it came."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(path) for path in (ROOT, ROOT / "tests" / "rig") if str(path) not in sys.path]

from made_characters import humanoid  # noqa: E402

STEPS = ("install", "capture", "refine", "save", "retarget", "export", "import", "disable", "exit")
"""What is told of, in order; `exit` is the end of the process by itself."""
_BONES = {
    "root": ["root"], "pelvis": ["pelvis"], "spine": ["spine_01", "spine_02", "spine_03"], "neck": ["neck_01"],
    "head": ["head"], **{f"{side}_{part}": [f"{bone}_{side[0]}"] for side in ("left", "right") for part, bone in {
        "collar": "clavicle", "shoulder": "upperarm", "elbow": "lowerarm", "wrist": "hand", "hip": "thigh",
        "knee": "calf", "ankle": "foot", "foot": "ball"}.items()},
}  # fmt: skip


@dataclass(frozen=True)
class Journey:
    """How far a Blender came: its version, the seconds of each finished step, and all it said."""

    version: str
    seconds: dict[str, float]
    output: str

    @property
    def failed(self) -> str:
        """The first step that was not finished; empty when all were."""
        return next((step for step in STEPS if step not in self.seconds), "")


def stand_in(folder: Path) -> Path:
    """A program that plays the engine: made-up captures, and made-up answers of the worker."""
    engine = folder / "mocap"
    lines = [
        "#!/bin/sh",
        'case "$1" in worker) part=fake_worker ;; *) part=fake_engine ;; esac',
        f'exec "{sys.executable}" "{HERE}/$part.py" "$@"',
    ]
    engine.write_text("\n".join(lines) + "\n", encoding="utf-8")
    engine.chmod(0o755)
    return engine


def travel(
    blender: Sequence[str],
    package: Path,
    folder: Path,
    engine: Path | None = None,
    video: Path | None = None,
    limit_s: float = 120.0,
) -> Journey:
    """Go the whole way with a Blender and see how far it comes.

    blender: the command that is followed by a script's path, `--` and its arguments; package: the add-on's zip;
    folder: an empty one to work in; engine and video: None for stand-ins.
    """
    if video is None:
        video = folder / "clip ü.mp4"
        video.touch()
    character = folder / "character.json"
    bones = [(name, parent, list(head), list(tail)) for name, parent, head, tail in humanoid(_BONES, 40.0)]
    character.write_text(json.dumps(bones), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "BLENDER_"))}
    environment["BLENDER_USER_RESOURCES"] = str(folder / "user")
    environment["BLENDER_USER_SCRIPTS"] = str(folder / "user" / "scripts")
    given = [package, engine or stand_in(folder), video, character, folder]
    command = [*blender, str(HERE / "drive_journey.py"), "--", *map(str, given)]
    log = folder / "journey.log"
    start = time.monotonic()
    with log.open("wb") as told:
        try:
            ended = subprocess.run(
                command, stdout=told, stderr=subprocess.STDOUT, env=environment, timeout=limit_s, check=False
            )
            code, end = ended.returncode, f"ended with status {ended.returncode}"
        except subprocess.TimeoutExpired:
            code, end = -1, f"did not end within {limit_s:g} s"
    output = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.split() for line in output.splitlines()]
    seconds = {line[1]: float(line[2]) for line in lines if line[:1] == ["STEP"]}
    if code == 0:
        seconds["exit"] = time.monotonic() - start - sum(seconds.values())
    version = next((line[1] for line in lines if line[:1] == ["BLENDER"]), "?")
    return Journey(version, seconds, f"{output}{command[0]} {end}\n")

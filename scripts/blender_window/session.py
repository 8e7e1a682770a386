"""Try the add-on as an animator does, by mouse and keyboard in a real window of Blender, from its zip to an FBX.

python scripts/blender_window/session.py SHOTS                          blender on PATH, the engine from PyPI
python scripts/blender_window/session.py SHOTS --blender "/opt/blender-5.2/blender"
    --wheels FOLDER                      the engine from a folder of wheels
    --engine .venv/bin/mocap             an engine that is there, named in the preferences

Needs a screen for nobody: Xvfb, xdotool and scrot. Each step says what it saw, what was not done by hand, and leaves
pictures in SHOTS. The exit code is 0 only when every step passed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

import animating  # noqa: E402
import capturing  # noqa: E402
import installing  # noqa: E402
from screen import Screen  # noqa: E402
from seat import Failed, Seat, sit_down  # noqa: E402

import build_addon  # noqa: E402


@dataclass
class Visit:
    """What the steps share: the Blender, what they were given, and what one leaves to the next."""

    seat: Seat
    shots: Path
    package: Path
    video: Path
    engine: Path | None
    wheels: Path | None
    module: str = ""
    person: str = ""
    said: list[str] = field(default_factory=list)
    not_by_hand: list[str] = field(default_factory=list)
    step: str = ""
    taken: int = 0

    def say(self, text: str) -> None:
        """Remember what the step that runs saw."""
        self.said.append(text)

    def shoot(self, what: str, *, at_once: bool = True) -> Path:
        """A picture of the screen, named after the step and what is to be seen; it may come a moment later."""
        self.taken += 1
        path = self.shots / f"{self.taken:02}-{self.step}-{what.replace(' ', '-')}.png"
        self.seat.screen.shoot(path, at_once=at_once)
        return path


STEPS: tuple[tuple[str, Callable[[Visit], None]], ...] = (
    ("install", installing.install),
    ("engine", installing.set_up_engine),
    ("video", capturing.choose_video),
    ("people", capturing.find_people),
    ("capture", capturing.capture),
    ("cancel", capturing.cancel),
    ("clean-up", animating.clean_up),
    ("retarget", animating.retarget),
    ("export", animating.export),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Try the add-on by mouse and keyboard in a window of Blender.")
    parser.add_argument("shots", type=Path, help="the folder for pictures, emptied of those of an earlier session")
    parser.add_argument("--blender", default="blender", help="the program, or a command of several words")
    parser.add_argument("--video", type=Path, default=ROOT / "samples" / "walk_and_kick.mp4")
    engine = parser.add_mutually_exclusive_group()
    engine.add_argument("--engine", type=Path, help="an engine that is there, instead of setting one up")
    engine.add_argument("--wheels", type=Path, help="a folder of wheels to set the engine up from")
    parser.add_argument("--size", default="1600x1000", help="of the screen")
    parser.add_argument("--go-on", action="store_true", help="with the next step after one that failed")
    parser.add_argument("--until", choices=[name for name, _ in STEPS], help="the last step to go")
    arguments = parser.parse_args()
    shots = arguments.shots.resolve()
    shots.mkdir(parents=True, exist_ok=True)
    for old in shots.glob("[0-9][0-9]-*.png"):
        old.unlink()
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as scratch, Screen(width, height) as screen:
        package = build_addon.build(Path(scratch) / "zip", with_engine=arguments.engine is None)
        try:
            with sit_down(screen, arguments.blender, Path(scratch) / "user", shots / "blender.log") as seat:
                say(f"Blender {seat.ask('version')}")
                # Not resolved: the Python of an environment is a link to one that lacks the engine.
                whole = [path and path.absolute() for path in (arguments.video, arguments.engine, arguments.wheels)]
                visit = Visit(seat, shots, package, *whole)
                healthy = True
                for name, step in _chosen(arguments.until):
                    healthy = go(visit, name, step) and healthy
                    if not healthy and not arguments.go_on:
                        break
                return 0 if healthy else 1
        except Failed as problem:
            say(f"FAILED {problem}")
            return 1


def _chosen(last: str | None) -> list[tuple[str, Callable[[Visit], None]]]:
    names = [name for name, _ in STEPS]
    return list(STEPS[: names.index(last) + 1] if last else STEPS)


def go(visit: Visit, name: str, step: Callable[[Visit], None]) -> bool:
    """Go one step and tell how it went; whether it passed."""
    visit.step, visit.said, visit.not_by_hand, start = name, [], [], time.monotonic()
    problem = ""
    try:
        step(visit)
    except Failed as failure:
        problem = str(failure)
        visit.shoot("failed")
    say(f"{'FAILED' if problem else 'passed'} {name:9} {time.monotonic() - start:6.1f} s")
    for line in [*visit.said, *([problem] if problem else [])]:
        say(f"    {line}")
    for line in visit.not_by_hand:
        say(f"    not by hand: {line}")
    return not problem


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

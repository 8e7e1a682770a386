"""The arguments and the work of `mocap people`: who is in a video, and edits of their tracks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .reporters import CommandReporter


def add_people_arguments(people: argparse.ArgumentParser) -> None:
    """Add the arguments of `mocap people` that are its own."""
    people.add_argument("video", help="video file, folder or pattern of images (shot_%%04d.png)")
    people.add_argument(
        "--job", type=Path, required=True, metavar="DIR", help="job folder; `mocap run` with it does not detect again"
    )
    people.add_argument(
        "--split", action="append", default=[], metavar="ID@S",
        help="from this second of the video on, it is somebody else: 2@3.5; the new id is told",
    )  # fmt: skip
    people.add_argument(
        "--merge", action="append", default=[], metavar="A,B", help="B is the same person as A, and called A: 1,3"
    )
    taking_back = people.add_mutually_exclusive_group()
    taking_back.add_argument("--undo-edit", action="store_true", help="take the last edit back")
    taking_back.add_argument("--reset-edits", action="store_true", help="take all edits back")
    people.add_argument("--json", action="store_true", help="print one JSON object")


def run_people(arguments: argparse.Namespace, settings: dict[str, Any], reporter: CommandReporter) -> int:
    """Detect, edit where asked for, and list."""
    from ..detection.track_edits import Edit, parse_merge, parse_split
    from ..people import edit_people, find_people, list_people

    added: list[Edit] = [*map(parse_split, arguments.split), *map(parse_merge, arguments.merge)]
    job = find_people(arguments.video, settings, arguments.job, reporter)
    edits = edit_people(job, added, reset=arguments.reset_edits, undo=arguments.undo_edit)
    found = list_people(job, edits, reporter)
    if arguments.json or arguments.progress == "json":
        event = {"event": "people"} if arguments.progress == "json" else {}
        print(json.dumps({**event, **found.as_dict()}, ensure_ascii=False), flush=True)
        return 0
    for person in found.people:
        span = f"{person.start_s:8.2f} - {person.end_s:.2f} s"
        print(f"person {person.id:<3} {person.frames:6} frames  {span:<22} score {person.mean_score:.2f}")
    for number, edit in enumerate(found.edits, 1):
        print(f"edit {number}: {edit}")
    if not found.people:
        print("nobody was found")
    return 0

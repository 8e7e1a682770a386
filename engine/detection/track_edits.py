"""Edits of tracks that a user makes, such as splitting one where two people were mixed up, kept in the job folder."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rig.atomic_file import replacing

from ..errors import InputError, OutputError
from .track import Track

FILE_NAME = "track_edits.json"
_SCHEMA = 2  # tracks, and so their ids, were built otherwise under 1


@dataclass(frozen=True)
class Split:
    """What `person_id` did from `time_s` on, s on the tracks' clock, becomes a new person's with the next free id."""

    person_id: int
    time_s: float

    def __post_init__(self) -> None:
        if self.person_id < 1 or not math.isfinite(self.time_s):
            raise InputError(f"split {self.person_id}@{self.time_s} is none, expected an id and seconds such as 2@3.5")


@dataclass(frozen=True)
class Merge:
    """`other` is the same person as `person_id`, and is called so from then on."""

    person_id: int
    other: int

    def __post_init__(self) -> None:
        if self.person_id < 1 or self.other < 1 or self.person_id == self.other:
            raise InputError(f"merge {self.person_id},{self.other} is none, expected two different ids such as 1,3")


Edit = Split | Merge


def parse_split(text: str) -> Split:
    """From "ID@SECONDS", such as "2@3.5". Raises InputError."""
    who, _, moment = text.partition("@")
    try:
        return Split(int(who), float(moment))
    except ValueError:
        raise InputError(f"split is {text!r}, expected an id and seconds such as 2@3.5") from None


def parse_merge(text: str) -> Merge:
    """From "A,B", such as "1,3". Raises InputError."""
    try:
        first, second = (int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"merge is {text!r}, expected two ids such as 1,3") from None
    return Merge(first, second)


def edit_tracks(tracks: Sequence[Track], edits: Sequence[Edit]) -> list[Track]:
    """The tracks after all edits in order; those that no edit names stay as they are, with their ids.

    Raises InputError for an edit of somebody who is not there, a split that leaves one side empty, and a merge of two
    who are seen together for more than half of the shorter one's time.
    """
    people = {track.person_id: track for track in tracks}
    free_id = max(people, default=0) + 1
    for edit in edits:
        if isinstance(edit, Split):
            before, after = _split(_known(people, edit.person_id), edit, free_id)
            people[before.person_id], people[after.person_id] = before, after
        else:
            merged = _merge(_known(people, edit.person_id), _known(people, edit.other))
            del people[edit.other]
            people[merged.person_id] = merged
        free_id += 1  # also after a merge: an id that was once seen never means somebody else
    return [people[person_id] for person_id in sorted(people)]


def _known(people: dict[int, Track], person_id: int) -> Track:
    if person_id not in people:
        raise InputError(f"person {person_id} does not exist, expected one of {', '.join(map(str, sorted(people)))}")
    return people[person_id]


def _split(track: Track, edit: Split, new_id: int) -> tuple[Track, Track]:
    after = track.times_s >= edit.time_s - 1e-6
    if after.all() or not after.any():
        first, last = track.times_s[[0, -1]]
        raise InputError(
            f"person {edit.person_id} cannot be split at {edit.time_s:g} s, expected a time between {first:.3f} and "
            f"{last:.3f} s, where the person is seen on both sides"
        )
    return track.take(~after), replace(track.take(after), person_id=new_id)


def _merge(track: Track, other: Track) -> Track:
    """Both as one; in frames with both, where one of the two is a double, the better seen one stays."""
    both, rows, other_rows = np.intersect1d(track.frame_indices, other.frame_indices, return_indices=True)
    if len(both) > 0.5 * min(len(track), len(other)):
        raise InputError(
            f"persons {track.person_id} and {other.person_id} are seen together in {len(both)} frames, so they are two "
            "people and cannot be merged"
        )
    better = track.people.scores[rows] >= other.people.scores[other_rows]
    keep, keep_other = np.ones(len(track), bool), np.ones(len(other), bool)
    keep[rows[~better]] = False
    keep_other[other_rows[better]] = False
    return Track.joined([track.take(keep), other.take(keep_other)])


def load_edits(folder: Path, key: dict[str, Any]) -> tuple[Edit, ...]:
    """The edits kept in a job folder for what the key says was detected; none where they are of other detections.

    Raises InputError for a damaged file.
    """
    path = folder / FILE_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != _SCHEMA or values["detections"] != key:
            return ()
        return tuple(_edit(value) for value in values["edits"])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, InputError) as error:
        raise InputError(f"{path} is damaged ({error}); remove it, or run `mocap people` with --reset-edits") from error


def save_edits(folder: Path, key: dict[str, Any], edits: Sequence[Edit]) -> None:
    """Keep the edits of what the key says was detected; none take the file away. Raises OutputError."""
    path = folder / FILE_NAME
    try:
        if not edits:
            path.unlink(missing_ok=True)
            return
        values = {"schema": _SCHEMA, "detections": key, "edits": [edit_as_json(edit) for edit in edits]}
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(values, indent=1), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def edit_as_json(edit: Edit) -> dict[str, Any]:
    """The edit as plain JSON values."""
    if isinstance(edit, Split):
        return {"split": edit.person_id, "time_s": edit.time_s}
    return {"merge": [edit.person_id, edit.other]}


def _edit(value: dict[str, Any]) -> Edit:
    if "split" in value:
        return Split(int(value["split"]), float(value["time_s"]))
    first, second = value["merge"]
    return Merge(int(first), int(second))

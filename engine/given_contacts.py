"""Foot contacts that somebody gave, in place of detected ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rig.motion import Motion
from rig.skeleton import CONTACT_NAMES

from .errors import InputError

_TOLERANCE_S = 1e-4

Intervals = tuple[tuple[float, float], ...]
"""Times [start, end), s."""


@dataclass(frozen=True)
class PersonContacts:
    """When each of CONTACT_NAMES of one person stands, s of the motion."""

    points: tuple[Intervals, ...]

    def apply(self, motion: Motion) -> Motion:
        """The motion with contacts 1 within the intervals and 0 outside."""
        contacts = np.zeros_like(motion.contacts)
        for column, intervals in enumerate(self.points):
            for start_s, end_s in intervals:
                inside = (motion.times_s >= start_s - _TOLERANCE_S) & (motion.times_s < end_s - _TOLERANCE_S)
                contacts[inside, column] = 1.0
        return replace(motion, contacts=contacts)


@dataclass(frozen=True)
class GivenContacts:
    """Contacts of some of a clip's people; the others' are detected."""

    people: tuple[tuple[int, PersonContacts], ...] = ()

    def of(self, person_id: int) -> PersonContacts | None:
        """The contacts of one person, or None where none were given."""
        return dict(self.people).get(person_id)


def find_contacts(name: str, folder: Path | None) -> GivenContacts:
    """The contacts of the setting `contacts`: none for an empty name; a relative one is sought in `folder` first.

    Raises InputError for a file that cannot be used.
    """
    if not name:
        return GivenContacts()
    if folder is not None and (folder / name).is_file():
        return load_contacts(folder / name)
    return load_contacts(Path(name))


def load_contacts(path: Path) -> GivenContacts:
    """Read {"schema": 1, "people": {"1": {"left_heel": [[0.0, 1.2], ...], "left_big_toe": ..., ...}}}, times in s.

    Raises InputError naming what is wrong.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"contacts file {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"contacts file {path} is not valid JSON: {error}") from error
    if not isinstance(told, dict) or told.get("schema") != 1 or not isinstance(told.get("people"), dict):
        raise InputError(f'contacts file {path} has another form, expected {{"schema": 1, "people": {{"1": ...}}}}')
    try:
        return GivenContacts(tuple((int(key), _person(value)) for key, value in told["people"].items()))
    except (TypeError, ValueError) as error:
        raise InputError(f"contacts file {path}: {error}") from error


def _person(told: Mapping[str, Any]) -> PersonContacts:
    if not isinstance(told, dict):
        raise TypeError(f"a person's contacts are {told!r}, expected lists of times by {', '.join(CONTACT_NAMES)}")
    unknown = set(told) - set(CONTACT_NAMES)
    if unknown:
        raise ValueError(f"unknown point {min(unknown)!r}, expected {', '.join(CONTACT_NAMES)}")
    points = []
    for name in CONTACT_NAMES:
        intervals = tuple((float(start), float(end)) for start, end in told.get(name, ()))
        wrong = [pair for pair in intervals if not pair[0] <= pair[1] < np.inf]
        if wrong:
            raise ValueError(f"{name} stands from {wrong[0][0]} to {wrong[0][1]} s, expected the end after the start")
        points.append(intervals)
    return PersonContacts(tuple(points))

"""The kinds of files of other programs that can be imported; a new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rig.motion import Motion

from ..body.model import BodyModel
from ..camera import Camera
from ..errors import InputError
from ..settings import Settings


@dataclass(frozen=True)
class ImportedMotion:
    """One person out of a file, as the file has it: not smoothed, gaps marked by confidence 0, seen by `camera`.

    source and licence say what made it; notes are sentences the user should know.
    """

    motion: Motion
    camera: Camera
    person_id: int
    source: str
    licence: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Importer:
    """A kind of file: its name, the endings of its names, and what reads it at a rate, with settings, for a body."""

    name: str
    endings: tuple[str, ...]
    read: Callable[[Path, Fraction, Settings, BodyModel], list[ImportedMotion]]


def _hybrik(path: Path, fps: Fraction, settings: Settings, body: BodyModel) -> list[ImportedMotion]:
    from .hybrik_motion import import_hybrik

    return import_hybrik(path, fps, settings, body)


IMPORTERS = (Importer("results of HybrIK's video demo", (".pk", ".pkl"), _hybrik),)
"""Every importer; the ending of a file's name decides."""


def find_importer(path: Path) -> Importer:
    """The importer for a file. Raises InputError that lists what can be imported."""
    for importer in IMPORTERS:
        if path.suffix.lower() in importer.endings:
            return importer
    known = "; ".join(f"{' or '.join(importer.endings)} ({importer.name})" for importer in IMPORTERS)
    raise InputError(f"{path} ends in {path.suffix or 'nothing'!r}, expected {known}.")

"""What goes into the training of the landmark transformer and can be left out, to see what it is worth."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from engine.errors import InputError


class Ingredient(Enum):
    """Parts of the training that can be left out.

    LENS            landmarks are bearings; without, every picture counts as taken by the usual lens
    LEARNED_ERRORS  of the detector; without, plain noise in their place
    ROLL            cameras that are tilted sideways; without, they are upright within ten degrees
    """

    LENS = "lens"
    LEARNED_ERRORS = "learned-errors"
    ROLL = "roll"


def network_without(text: str) -> tuple[Ingredient | None, Path]:
    """PART=FILE: the part that the network of a file was trained without, None where PART is "nothing".

    Raises InputError for other texts.
    """
    part, _, file = text.partition("=")
    parts = {"nothing": None} | {one.value: one for one in Ingredient}
    if part not in parts or not file:
        raise InputError(f"--trained-without {text}: expected PART=FILE.onnx with PART one of {', '.join(parts)}")
    return parts[part], Path(file)

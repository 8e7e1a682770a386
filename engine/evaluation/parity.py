"""Compares the product's numbers with those of the reference programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import InputError

from .parity_arrays import CALCULATORS, ParityFolder

EDGE_COINCIDENT, EDGE_COINCIDENT_TOLERANCE = 1, 1e-3
"""Edge case with all joints in one point, where reference rounding is large."""

EDGE_REVERSED, EDGE_REVERSED_JOINTS = 2, [4, 7, 10]
"""Edge case with a shin exactly reversed: rounding decides the rotation of these joints, they need only be finite."""


class ParityStatus(Enum):
    """Outcome of one array."""

    OK = "ok"
    FAIL = "FAIL"
    MISSING = "missing"
    """No code of ours calculates it yet, or the folder lacks the numbers."""


@dataclass(frozen=True)
class ParityRow:
    """One compared array: FILE.ARRAY, its largest error and the tolerance, in the unit its comparison defines.

    Where a comparison has several limits, error and tolerance are those of the one nearest to failing.
    """

    name: str
    error: float
    tolerance: float
    status: ParityStatus


def evaluate_parity(folder: Path) -> list[ParityRow]:
    """Compare every array that FOLDER/tolerances.json lists, in its order.

    Raises InputError when the folder has no tolerances.json or seed.txt, or a file in it cannot be read.
    """
    file = folder / "tolerances.json"
    try:
        tolerances: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); expected a folder of parity numbers") from error
    except ValueError as error:
        raise InputError(f"{file} is not valid JSON: {error}") from error
    entries = {name: entry for name, entry in tolerances.items() if not name.startswith("_")}
    opened = ParityFolder.open(folder)
    expected = {stem: opened.arrays(stem) for stem in dict.fromkeys(name.split(".", 1)[0] for name in entries)}
    actual = {}
    for stem, arrays in expected.items():
        if arrays and stem in CALCULATORS:
            try:
                actual[stem] = CALCULATORS[stem](opened)
            except KeyError as error:
                raise InputError(f"{folder / stem}.npz has no array {error}, expected it as an input") from error
    rows = []
    for name, entry in entries.items():
        stem, array = name.split(".", 1)
        rows.append(compare_arrays(name, entry, actual.get(stem, {}).get(array), expected[stem].get(array)))
    return rows


def compare_arrays(
    name: str, entry: dict[str, Any], actual: np.ndarray | None, expected: np.ndarray | None
) -> ParityRow:
    """One row of the report; `entry` holds "kind" and "tol" as tolerances.json explains them.

    A value of ours that is not finite fails, and so does a shape that differs. Raises InputError for an unknown kind.
    """
    limits = np.atleast_1d(np.asarray(entry["tol"], dtype=np.float64))
    if actual is None or expected is None:
        return ParityRow(name, np.nan, float(limits[0]), ParityStatus.MISSING)
    ours, theirs = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        return ParityRow(name, np.inf, float(limits[0]), ParityStatus.FAIL)
    if ours.size == 0:
        return ParityRow(name, 0.0, float(limits[0]), ParityStatus.OK)
    errors, limits = _errors(name, entry["kind"], ours, theirs, limits)
    worst = int(np.argmax(errors / limits))
    passed = bool((errors <= limits).all())
    return ParityRow(name, float(errors[worst]), float(limits[worst]), ParityStatus.OK if passed else ParityStatus.FAIL)


def _errors(
    name: str, kind: str, ours: np.ndarray, theirs: np.ndarray, limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Errors and their limits, one or more of each."""
    difference = np.abs(ours - theirs)
    match kind:
        case "max_abs":
            return difference.max(keepdims=True).ravel(), limits
        case "max_rel":
            return (difference / np.maximum(1.0, np.abs(theirs))).max(keepdims=True).ravel(), limits
        case "relative_to_std":
            return np.atleast_1d(difference.max() / theirs.std()), limits
        case "max_abs_and_mean":
            return np.array([difference.max(), difference.mean()]), limits
        case "quat_up_to_sign":
            a, b = ours.reshape(-1, 4), theirs.reshape(-1, 4)
            error = np.minimum(np.abs(a - b).max(axis=1), np.abs(a + b).max(axis=1))
            return error.max(keepdims=True), limits
        case "edge":
            difference[EDGE_REVERSED, EDGE_REVERSED_JOINTS] = 0.0
            per_case = difference.reshape(len(difference), -1).max(axis=1)
            per_limit = np.full(len(per_case), limits[0])
            per_limit[EDGE_COINCIDENT] = EDGE_COINCIDENT_TOLERANCE
            return per_case, per_limit
    raise InputError(f"{name} is compared by {kind!r}, which this version does not know")


def format_parity(rows: list[ParityRow]) -> str:
    """One line an array, `FILE.ARRAY  error  tolerance  status`, and a last line that counts them."""
    width = max((len(row.name) for row in rows), default=0)
    lines = [
        f"{row.name:<{width}}  {'-' if np.isnan(row.error) else f'{row.error:.0e}':>5}"
        f"  {row.tolerance:.0e}  {row.status.value}"
        for row in rows
    ]
    counts = {status: sum(row.status is status for row in rows) for status in ParityStatus}
    lines.append(", ".join(f"{count} {status.value}" for status, count in counts.items()))
    return "\n".join(lines)

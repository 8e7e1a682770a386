# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine's doctor found, read from its JSON and told in plain words."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NEEDED = (
    "Python",
    "numpy",
    "scipy",
    "av",
    "mediapipe",
    "array-api-compat",
    "OpenCV",
    "video codecs",
    "person detector",
    "detector models",
    "open body",
)
"""What a capture cannot do without; all else is an extra. Exports are made by this Blender, so its own is no matter."""

_HIDDEN = ("Blender",)
_OPTIONAL_MARKS = ("optional: ", "not installed; ")


class NoReport(Exception):
    """The doctor gave no report; the message says what it said."""


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be: what, and the step that mends it; `stops` where nothing works without."""

    text: str
    fix: str
    stops: bool


@dataclass(frozen=True)
class Report:
    """The doctor's report: what stops or hampers a capture, and extras that could be added (one text each)."""

    problems: tuple[Problem, ...]
    extras: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Whether a capture can be made."""
        return not any(problem.stops for problem in self.problems)

    @property
    def summary(self) -> str:
        """The report in one sentence."""
        stopping = [problem.text for problem in self.problems if problem.stops]
        if stopping:
            return f"The engine cannot capture yet: {stopping[0]}"
        if self.problems:
            return f"The engine is ready, with {len(self.problems)} remark{'s' * (len(self.problems) > 1)}"
        return "The engine is ready"


def doctor_arguments() -> list[str]:
    """The engine's arguments that make it report."""
    return ["doctor", "--json"]


def read_report(lines: Sequence[str]) -> Report:
    """The report from the doctor's output. Raises NoReport."""
    try:
        findings = json.loads(next(line for line in reversed(lines) if line.lstrip().startswith("[{")))
        return _report(findings)
    except (StopIteration, ValueError, KeyError, TypeError) as error:
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        raise NoReport(f"the engine does not answer: {last[:300]}") from error


def _report(findings: Iterable[dict[str, str]]) -> Report:
    problems, extras = [], []
    for finding in findings:
        name, status, detail, fix = (str(finding.get(key, "")) for key in ("name", "status", "detail", "fix"))
        if status == "ok" or name in _HIDDEN:
            continue
        if status == "missing" and name not in NEEDED:
            for mark in _OPTIONAL_MARKS:
                detail = detail.removeprefix(mark)
            extras.append(f"{name}: {detail}")
        else:
            problems.append(Problem(f"{name}: {detail}", fix, stops=status == "missing"))
    return Report(tuple(sorted(problems, key=lambda problem: not problem.stops)), tuple(extras))

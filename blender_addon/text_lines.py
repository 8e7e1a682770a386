# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks texts into lines that are no wider than what they stand in."""

from collections.abc import Callable


def lines_within(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """The lines of a text broken between words, and inside of those that alone are too wide; none for an empty text.

    width: of the widest line, in the unit of `measure`, which tells how wide a text is. A letter wider than that
    has a line of its own.
    """
    lines: list[str] = []
    for word in text.split():
        if lines and measure(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        while measure(word) > width and len(word) > 1:
            fits = _letters_within(word, width, measure)
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def first_line_within(text: str, width: float, measure: Callable[[str], float]) -> str:
    """A text on one line, with dots at its end where it is cut."""
    line, dots = " ".join(text.split()), " ..."
    if measure(line) <= width:
        return line
    return line[: _letters_within(line, width - measure(dots), measure)].rstrip() + dots


def _letters_within(text: str, width: float, measure: Callable[[str], float]) -> int:
    """How many letters from the beginning are within a width, at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= width else (low, middle - 1)
    return low

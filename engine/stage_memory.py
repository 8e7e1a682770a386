"""Remembers what each stage last made, so that a refinement computes only what its changed settings change."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Stages(Protocol):
    """Runs a stage of the pipeline; `slot` tells apart the places that run the same stage."""

    def __call__(self, slot: Hashable, stage: Callable[..., T], *inputs: Any) -> T:
        """What `stage(*inputs)` makes."""


def compute_anew(slot: Hashable, stage: Callable[..., T], *inputs: Any) -> T:
    """Run the stage and keep nothing."""
    return stage(*inputs)


class StageMemory:
    """Runs a stage only when one of its inputs is another than last time in its slot.

    Settings (whatever can be hashed) are compared by value, motions and other arrays by identity: what came out of a
    remembered stage is the very same object, so that the stages behind it are remembered too.
    before_stage is called before each stage that runs; it may raise to end the work.
    """

    def __init__(self, before_stage: Callable[[], None] = lambda: None) -> None:
        self._before_stage = before_stage
        self._made: dict[Hashable, tuple[tuple[Any, ...], Any]] = {}

    def __call__(self, slot: Hashable, stage: Callable[..., T], *inputs: Any) -> T:
        """What `stage(*inputs)` makes, or made last time in this slot from the same inputs."""
        kept, asked = self._made.get(slot), (stage, *inputs)
        if kept is not None and len(kept[0]) == len(asked) and all(map(_same, kept[0], asked)):
            made: T = kept[1]
            return made
        self._before_stage()
        made = stage(*inputs)
        self._made[slot] = (asked, made)
        return made


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    try:
        return hash(one) == hash(other) and bool(one == other)
    except TypeError:
        # Lists of remembered objects are made anew each time.
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(_same, one, other))
        return False

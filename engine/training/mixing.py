"""Draws what each place of an epoch holds out of several data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import InputError

from .datasets.kinds import DatasetKind
from .datasets.sample import Sample, SampleTable

PUBLISHED_SHARES = {DatasetKind.HUMAN36M: 0.4, DatasetKind.COCO: 0.5, DatasetKind.MPI_INF_3DHP: 0.1}
PUBLISHED_SHARES_WITH_PW3D = {
    DatasetKind.HUMAN36M: 0.3, DatasetKind.COCO: 0.4, DatasetKind.MPI_INF_3DHP: 0.1, DatasetKind.PW3D: 0.2,
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One data set and the share of all draws that fall on it, None for the published one."""

    kind: DatasetKind
    table: SampleTable
    share: float | None = None


class Mixture:
    """Data sets mixed by shares; an epoch is twice as long as the largest of them.

    What a place holds depends on (seed, epoch, place) only, not on the process that reads it: the reference programs
    gave every loading process the same random numbers, so that they varied their pictures in step; these do not.
    """

    def __init__(self, parts: Sequence[Part], seed: int) -> None:
        self.parts = tuple(parts)
        self.seed = seed
        self.shares = _shares(self.parts)

    def __len__(self) -> int:
        return 2 * max(len(part.table) for part in self.parts)

    def draw(self, epoch: int, place: int) -> tuple[DatasetKind, Sample, np.random.Generator]:
        """The sample at a place of an epoch, and the random numbers to vary it with."""
        rng = np.random.default_rng([self.seed, epoch, place])
        chosen = int(np.searchsorted(np.cumsum(self.shares), rng.random(), side="right"))
        part = self.parts[min(chosen, len(self.parts) - 1)]
        count = len(part.table)
        # Whole rounds through a small set in order; what is left of the epoch at random.
        in_whole_rounds = place < count * (len(self) // count)
        index = place % count if in_whole_rounds else int(rng.integers(count))
        return part.kind, part.table[index], rng


def _shares(parts: tuple[Part, ...]) -> np.ndarray:
    """(P,) shares that sum to 1. Raises InputError where they cannot be known."""
    if not parts:
        raise InputError("there is no data set to train on; name at least one under [[training]]")
    given = [part.share for part in parts if part.share is not None]
    if len(given) not in (0, len(parts)):
        raise InputError("some data sets have a share and some do not; state it for all of them or for none")
    if given:
        shares = np.array(given, np.float64)
        if not ((shares >= 0).all() and np.isfinite(shares).all() and shares.sum() > 0):
            raise InputError(f"the shares of the data sets are {given}, expected 0 or more each and not all 0")
        return shares / shares.sum()
    kinds = [part.kind for part in parts]
    if len(set(kinds)) < len(kinds):
        raise InputError("a kind of data set is named twice; then state the share of each data set")
    published = PUBLISHED_SHARES_WITH_PW3D if DatasetKind.PW3D in kinds else PUBLISHED_SHARES
    shares = np.array([published[kind] for kind in kinds])
    return shares / shares.sum()

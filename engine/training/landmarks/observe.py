"""Makes true landmarks look like a detector's: the plain noise model behind a replaceable hook."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Observe(Protocol):
    """Turns a batch of `WindowSampler` into what a detector would report."""

    def __call__(self, batch: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks (n, T, 33, 2) px and scores (n, T, 33) 0..1, float32; a missing person is all-zero scores."""
        ...

"""Banded equations against the same ones written out."""

from __future__ import annotations

import numpy as np

from engine.lifting.banded_equations import BandedEquations


def test_the_solution_is_that_of_the_whole_matrix() -> None:
    rng = np.random.default_rng(0)
    frames, size = 6, 4
    whole = np.zeros((frames, size, frames, size))
    equations = BandedEquations(frames, size)
    blocks = rng.standard_normal((frames, size, size))
    blocks = blocks @ np.swapaxes(blocks, 1, 2) + 20.0 * np.eye(size)
    equations.add_frames(blocks)
    for frame in range(frames):
        whole[frame, :, frame] += blocks[frame]

    series = rng.standard_normal((3, size))
    equations.add_series(series, frame=1, later=2)
    for i, values in enumerate(series):
        for unknown in range(size):
            whole[3 + i, unknown, 1 + i, unknown] += values[unknown]
            whole[1 + i, unknown, 3 + i, unknown] += values[unknown]

    for row, column, later in ((3, 1, 0), (1, 3, 1), (2, 0, 1)):
        values = rng.standard_normal(frames - later)
        equations.add(values, row, column, later=later)
        for frame, value in enumerate(values):
            whole[frame + later, row, frame, column] += value
            whole[frame, column, frame + later, row] += value

    equations.right = rng.standard_normal((frames, size))
    right = equations.right.copy()
    expected = np.linalg.solve(whole.reshape(frames * size, -1), right.ravel()).reshape(frames, size)
    np.testing.assert_allclose(equations.solve(), expected, atol=1e-10)

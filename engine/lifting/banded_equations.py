"""Normal equations of frames whose unknowns meet only those of the next two frames."""

from __future__ import annotations

import numpy as np

_REACH = 2  # frames


class BandedEquations:
    """A symmetric positive matrix A and a right side b of T frames of D unknowns each, built up and solved.

    A is held as its lower band, `2 D + 1` diagonals of the time-ordered unknowns, and solved by a banded Cholesky
    factorisation: work and memory grow with T, not with its square. Source: Golub & Van Loan, Matrix Computations,
    4th ed., section 4.3.5; LAPACK pbsv.
    """

    def __init__(self, frames: int, size: int) -> None:
        self._size = size
        self._band = np.zeros((_REACH * size + 1, frames, size))
        self.right = np.zeros((frames, size))

    def add_frames(self, blocks: np.ndarray) -> None:
        """Add symmetric (T, D, D) to what joins unknowns of the same frame."""
        for below in range(self._size):
            self._band[below, :, : self._size - below] += np.diagonal(blocks, -below, 1, 2)

    def add(self, values: np.ndarray, row: int, column: int, frame: int = 0, later: int = 0) -> None:
        """Add (N,) values to A at (row of frame + later + i, column of frame + i), i from 0; row >= column if later 0.

        Symmetry does the other half.
        """
        below = later * self._size + row - column
        self._band[below, frame : frame + len(values), column] += values

    def add_series(self, values: np.ndarray, frame: int = 0, later: int = 0) -> None:
        """Add (N, D) values that join each unknown with itself, `later` frames on; see `add`."""
        self._band[later * self._size, frame : frame + len(values)] += values

    def solve(self) -> np.ndarray:
        """(T, D) x of A x = b. Uses the equations up."""
        from scipy.linalg import solveh_banded

        band = self._band.reshape(len(self._band), -1)
        solved = solveh_banded(band, self.right.ravel(), lower=True, overwrite_ab=True, check_finite=False)
        return np.asarray(solved).reshape(self.right.shape)

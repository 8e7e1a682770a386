"""How a stored picture is turned to stand upright: a transpose and two flips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class Orientation:
    """Swap the picture's axes, then mirror it left-right and top-bottom, each where True."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def rotation_deg(self) -> int:
        """Degrees clockwise that the stored picture is turned: 0, 90, 180 or 270."""
        if self.transpose:
            return 90 if (self.flip_x and not self.flip_y) or not (self.flip_x or self.flip_y) else 270
        return 180 if self.flip_y else 0

    def size(self, stored: tuple[int, int]) -> tuple[int, int]:
        """(width, height) px of the upright picture."""
        return (stored[1], stored[0]) if self.transpose else stored

    def apply(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) stored picture to (H', W', 3) upright picture, contiguous."""
        if self.transpose:
            image = image.transpose(1, 0, 2)
        if self.flip_x:
            image = image[:, ::-1]
        if self.flip_y:
            image = image[::-1]
        return np.ascontiguousarray(image)


def orientation_from_clockwise(degrees: int) -> Orientation:
    """Turn a picture clockwise by 0, 90, 180 or 270 degrees; InputError for anything else."""
    known = {
        0: Orientation(),
        90: Orientation(transpose=True, flip_x=True),
        180: Orientation(flip_x=True, flip_y=True),
        270: Orientation(transpose=True, flip_y=True),
    }
    if degrees not in known:
        raise InputError(f"rotation is {degrees!r} degrees, expected 0, 90, 180 or 270")
    return known[degrees]


def orientation_from_matrix(matrix: np.ndarray) -> Orientation:
    """The nearest upright orientation of a display matrix as MP4 and FFmpeg store it.

    matrix  (9,) int32, rows (a, b, u), (c, d, v), (x, y, w): x' = a x + c y, y' = b x + d y, y down
            (ISO/IEC 14496-12, 6.2.2)
    """
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(flip_x=a < 0, flip_y=d < 0)
    return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0)

"""What every source of pictures has to give, whether it is a video file, a folder of images or a webcam."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .frame_times import RateReport

Warn = Callable[[str], None]

EPSILON_S = 1e-6
"""Times nearer than this are the same, s."""


@dataclass(frozen=True)
class Picture:
    """One decoded, upright picture: its time where the source gives one, s, and (H, W, 3) uint8 RGB."""

    time_s: float | None
    image_rgb: np.ndarray


@dataclass(frozen=True)
class SourceFacts:
    """What a source is known to hold before it is decoded.

    size        (width, height) px of the upright picture, full size
    times_s     (N,) presentation times in the source, increasing, s, from the start of the source; empty for a camera
    duration_s  from the start of the first picture to the end of the last, s; 0 for a camera
    """

    size: tuple[int, int]
    rate: RateReport
    times_s: np.ndarray
    duration_s: float
    rotation_deg: int
    codec: str
    warnings: tuple[str, ...] = ()


class PictureSource(Protocol):
    """Something that yields pictures in order."""

    facts: SourceFacts

    def pictures(self, start_s: float, warn: Warn) -> Generator[Picture, None, None]:
        """Decode from the picture at or before `start_s`; troubles that do not stop the decoding go to `warn`."""


def fitted(size: tuple[int, int], max_side_px: int | None) -> tuple[int, int]:
    """The size shrunk to `max_side_px` along its longer side; never enlarged."""
    if not max_side_px or max(size) <= max_side_px:
        return size
    scale = max_side_px / max(size)
    return max(2, round(size[0] * scale)), max(2, round(size[1] * scale))

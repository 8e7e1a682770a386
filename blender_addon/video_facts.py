# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine says about a video, and ranges and lenses in the units that users think in, without Blender."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_EARLY = 0.25
"""Part of a frame that a range of frames begins and ends early, so that rounding never moves it by one."""


class UnfitRange(Exception):
    """The range cannot be used; the message says why."""


@dataclass(frozen=True)
class VideoFacts:
    """Upright size, px; rate, the usual one where it varies; length, s; frames, 0 where unknown."""

    width: int
    height: int
    fps: Fraction
    is_variable_rate: bool
    duration_s: float
    frames: int

    @classmethod
    def parse(cls, told: Any) -> "VideoFacts | None":
        """From what `mocap info --json` prints; None where that makes no sense."""
        try:
            width, height = told["size"]
            facts = cls(
                int(width),
                int(height),
                Fraction(told["fps"]),
                bool(told["variable_rate"]),
                float(told["duration_s"]),
                int(told["frames"] or 0),
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None
        return facts if facts.fps > 0 and facts.width > 0 and facts.height > 0 else None

    @property
    def rate_text(self) -> str:
        """The rate in words."""
        rate = f"{float(self.fps):.3f}".rstrip("0").rstrip(".")
        return f"{rate} fps, varying" if self.is_variable_rate else f"{rate} fps"

    @property
    def length_text(self) -> str:
        """The length in words."""
        minutes, seconds = divmod(self.duration_s, 60)
        frames = f", {self.frames} frames" if self.frames else ""
        return f"{int(minutes)}:{seconds:05.2f}{frames}"


def frames_to_seconds(first: int, last: int, facts: VideoFacts) -> tuple[float, float]:
    """The range of frames, from 1 on and with the last one (0: to the end), in s of the video; its end may be 0 too.

    Raises UnfitRange.
    """
    if facts.is_variable_rate and (first > 1 or last):
        raise UnfitRange("the video's frame rate varies; give the range in seconds")
    if last and last < first:
        raise UnfitRange(f"the range ends at frame {last}, expected at least {first}, or 0 for the video's end")
    if facts.frames and first > facts.frames:
        raise UnfitRange(f"the range starts at frame {first}, but the video has {facts.frames}")
    start_s = max(0.0, (first - 1 - _EARLY) / float(facts.fps)) if first > 1 else 0.0
    return round(start_s, 6), round((last - _EARLY) / float(facts.fps), 6) if last else 0.0


def field_of_view(focal_mm: float, sensor_mm: float) -> float:
    """Degrees along the longer side of the picture, which `sensor_mm` of the film show."""
    return math.degrees(2 * math.atan(0.5 * sensor_mm / focal_mm))


def field_of_camera(focal_mm: float, sensor_mm: tuple[float, float], fit: str, picture: tuple[int, int]) -> float:
    """Degrees along the longer side of a picture (width, height), px, taken with Blender's camera.

    sensor_mm is its sensor's (width, height) and fit one of AUTO, HORIZONTAL, VERTICAL, as Blender understands them.
    """
    width, height = picture
    longer = max(picture)
    if fit == "VERTICAL":
        shown, side = sensor_mm[1], height
    elif fit == "HORIZONTAL":
        shown, side = sensor_mm[0], width
    else:
        shown, side = sensor_mm[0], longer
    return field_of_view(focal_mm, shown * longer / side)

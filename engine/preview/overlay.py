"""Writes the video again with everything that was found drawn over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from rig.atomic_file import replacing
from rig.motion_file import MotionRecord

from ..errors import InputError
from ..poses import LandmarkSequence
from ..video import Frame
from .drawing import Canvas, draw_person, write_text
from .person_view import PersonTrace, person_traces
from .video_writer import VideoWriter

MAX_SIDE_PX = 1280
"""Longer side of the overlay video."""


def write_overlay(
    frames: Iterable[Frame],
    landmarks: Sequence[LandmarkSequence],
    records: Sequence[MotionRecord],
    path: str | os.PathLike[str],
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write an MP4 of the frames at their own times with landmarks, boxes, ids, reprojected skeletons and contacts.

    One frame is in memory at a time. `progress` is told the number of frames done. Returns the number of frames.
    Raises InputError when there is no frame, OutputError when the file cannot be written.
    """
    traces = person_traces(landmarks, records)
    done = 0
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise InputError("the video has no frames to draw on")
    size = overlay_size(first.image_rgb.shape[1], first.image_rgb.shape[0])
    with replacing(path) as temporary, VideoWriter(temporary, size) as video:
        frame: Frame | None = first
        while frame is not None:
            video.write(draw_overlay(frame, traces, size), frame.time_s)
            done += 1
            if progress is not None:
                progress(done)
            frame = next(stream, None)
    return done


def overlay_size(width: int, height: int, max_side_px: int = MAX_SIDE_PX) -> tuple[int, int]:
    """Even (width, height) px of the same shape that fits `max_side_px`; never larger than the picture plus one."""
    scale = min(1.0, max_side_px / max(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def draw_overlay(frame: Frame, traces: Sequence[PersonTrace], size: tuple[int, int]) -> np.ndarray:
    """One frame, scaled to `size` (width, height) px, with everybody drawn over it: (H, W, 3) uint8 RGB."""
    import cv2

    image: np.ndarray = cv2.resize(frame.image_rgb, size, interpolation=cv2.INTER_AREA)
    canvas = Canvas(image, scale=size[0] / frame.size[0])
    for trace in traces:
        draw_person(canvas, trace, trace.at(frame.time_s))
    write_text(image, f"frame {frame.index}   {frame.time_s:.3f} s", (8, size[1] - 8))
    return image

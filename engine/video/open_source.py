"""Finds out what a source of pictures is: a video file, numbered images, or a webcam."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from pathlib import Path

from ..errors import InputError
from .image_sequence import ImageSequence, sequence_files
from .orientation import Orientation, orientation_from_clockwise
from .picture_source import PictureSource
from .video_file import VideoFile
from .webcam import Webcam


def open_source(
    source: str | int | os.PathLike[str],
    *,
    rotation_deg: int | None = None,
    sequence_fps: Fraction = Fraction(30),
    max_side_px: int | None = None,
    threads: int = 0,
) -> PictureSource:
    """Find out what `source` is: a camera's number, a folder or pattern of images, or a video file.

    Raises InputError for what does not exist or holds no picture.
    """
    turn = None if rotation_deg is None else orientation_from_clockwise(rotation_deg)
    if isinstance(source, int) or re.fullmatch(r"webcam:\d+", str(source)):
        return Webcam(int(str(source).removeprefix("webcam:")), turn or Orientation())
    path = Path(source)
    if files := sequence_files(path):
        return ImageSequence(path, files, sequence_fps, turn, max_side_px)
    if not path.exists():
        raise InputError(f"no such video: {path}")
    return VideoFile(path, turn, max_side_px, threads)

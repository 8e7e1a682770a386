"""Reads numbered images as a video at a given rate."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..errors import InputError
from .frame_times import report_rate
from .orientation import Orientation
from .picture_source import EPSILON_S, Picture, SourceFacts, Warn, fitted

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".exr", ".tga"})

_PATTERN = r"%(?:0?(\d+))?d"


def sequence_files(path: Path) -> list[Path]:
    """The images of a folder or pattern in order; empty where `path` is not a sequence."""
    if path.is_dir():
        return _images_in(path)
    if not path.exists() and re.search(_PATTERN, path.name):
        return _images_matching(path)
    return []


class ImageSequence:
    """Numbered images at a given rate; a number that is missing leaves a gap in time."""

    def __init__(
        self, path: Path, files: list[Path], fps: Fraction, turn: Orientation | None, max_side_px: int | None
    ) -> None:
        self._files = files
        self._turn = turn or Orientation()
        self._max_side_px = max_side_px
        first = None
        for file in files:
            first = _read_image(file)
            if first is not None:
                break
        if first is None:
            raise InputError(f"none of the images of {path} can be decoded")
        self._stored = first.width, first.height
        numbers = _numbers(files)
        times = np.array([float((number - numbers[0]) / fps) for number in numbers])
        self.facts = SourceFacts(
            size=self._turn.size(self._stored),
            rate=replace(report_rate(times, 0.0, fps), fps=fps),
            times_s=times,
            duration_s=float(times[-1]) + float(1 / fps),
            rotation_deg=self._turn.rotation_deg,
            codec=f"{files[0].suffix.lstrip('.').lower()} sequence",
        )

    def pictures(self, start_s: float, warn: Warn) -> Generator[Picture, None, None]:
        size = fitted(self._stored, self._max_side_px)
        for file, time_s in zip(self._files, self.facts.times_s, strict=True):
            if time_s < start_s - EPSILON_S:
                continue
            frame = _read_image(file)
            if frame is None:
                warn(f"image {file.name} cannot be decoded and is left out")
                continue
            if (frame.width, frame.height) != self._stored:
                warn(f"image {file.name} is {frame.width}x{frame.height}, expected {self._stored[0]}x{self._stored[1]}")
            image = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
            yield Picture(float(time_s), self._turn.apply(image))


def _read_image(file: Path) -> Any:
    try:
        # A file object keeps FFmpeg from reading a pattern into names with percent signs.
        with open(file, "rb") as stream, av.open(stream, mode="r") as container:
            return next(container.decode(video=0), None)
    except (av.error.FFmpegError, OSError, IndexError):
        return None


def _numbers(files: list[Path]) -> list[int]:
    """The running number in each name, or 0, 1, 2... where names are not one numbered series."""
    parts = [re.fullmatch(r"(.*?)(\d+)", file.stem) for file in files]
    numbers = [int(part[2]) for part in parts if part]
    prefixes = {part[1] for part in parts if part}
    if len(numbers) < len(files) or len(prefixes) > 1 or len(set(numbers)) < len(files):
        return list(range(len(files)))
    return numbers


def _images_in(folder: Path) -> list[Path]:
    files = [
        file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    ]
    if not files:
        raise InputError(f"{folder} is a folder without images, expected a video file or a folder of numbered images")
    return sorted(files, key=lambda file: [int(p) if p.isdigit() else p.lower() for p in re.split(r"(\d+)", file.name)])


def _images_matching(pattern: Path) -> list[Path]:
    match = re.search(_PATTERN, pattern.name)
    if match is None or not pattern.parent.is_dir():
        raise InputError(f"no images match {pattern}: its folder does not exist")
    regex = re.escape(pattern.name[: match.start()]) + r"(\d+)" + re.escape(pattern.name[match.end() :])
    found = [(int(m[1]), file) for file in pattern.parent.iterdir() if (m := re.fullmatch(regex, file.name))]
    if not found:
        raise InputError(f"no images match {pattern}, expected files such as {pattern.name.replace(match[0], '0001')}")
    return [file for _, file in sorted(found)]

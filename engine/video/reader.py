"""Reads a video as a stream of upright frames, each with the presentation time that the file gives it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .frame_times import TimeRepair

if TYPE_CHECKING:
    from .picture_source import PictureSource

Source = str | int | os.PathLike[str]
"""A video file, a folder or pattern (name_%04d.png) of images, or a camera: 0 or "webcam:0"."""


_EPSILON_S = 2e-6


@dataclass(frozen=True)
class VideoInfo:
    """What will be read, before trimming and slow motion.

    size              (width, height) px of the upright picture (rotation applied)
    fps               nominal rate, exact where it is a standard one; of a variable rate the usual one
    is_variable_rate  intervals between frames differ; lowest_fps and highest_fps tell how far
    duration_s        from the start of the first frame to the end of the last
    start_s           time of the first frame; not 0 where sound starts before the picture
    frame_count       frames that the file says it holds; None for a camera
    rotation_deg      clockwise turn that is applied to the stored picture
    """

    path: str
    size: tuple[int, int]
    fps: Fraction
    is_variable_rate: bool
    lowest_fps: float
    highest_fps: float
    duration_s: float
    start_s: float
    frame_count: int | None
    rotation_deg: int
    codec: str


@dataclass(frozen=True)
class Frame:
    """One upright picture.

    index      0, 1, 2... in the order read
    time_s     s; the file's presentation time divided by the slow-motion factor
    image_rgb  (H, W, 3) uint8, C-contiguous; smaller than `size` where `ReadOptions.max_side_px` asks for it
    size       (width, height) px of the full picture, the one that pixel coordinates refer to
    """

    index: int
    time_s: float
    image_rgb: np.ndarray
    size: tuple[int, int]


@dataclass(frozen=True)
class ReadOptions:
    """What part of a video is read, and how.

    start_s, end_s  range in seconds of the video as it plays; end_s None is its end
    slow_motion     the video plays this many times slower than life: frame times are divided by it
    rotation_deg    clockwise turn that replaces the file's own flag; None follows the file
    sequence_fps    rate of an image sequence
    max_side_px     pictures are shrunk to this along their longer side; None keeps them
    threads         threads that decode; 0 lets the decoder choose
    """

    start_s: float = 0.0
    end_s: float | None = None
    slow_motion: float = 1.0
    rotation_deg: int | None = None
    sequence_fps: Fraction = Fraction(30)
    max_side_px: int | None = None
    threads: int = 0


class VideoReader:
    """Streams a video's frames with constant memory; iterate it once or many times, each time from the start.

    >>> with VideoReader("dance.mp4", ReadOptions(start_s=2.0)) as video:
    ...     for frame in video:
    ...         use(frame.image_rgb, frame.time_s)

    Damage in the file does not stop it: what decodes is delivered, and `warnings` says where it broke.
    Raises InputError when the source cannot be read, holds no frame, or the range lies outside of it.
    """

    def __init__(self, source: Source, options: ReadOptions | None = None) -> None:
        from .open_source import open_source

        self.options = options or ReadOptions()
        self._check_options()
        self._source: PictureSource = open_source(
            source,
            rotation_deg=self.options.rotation_deg,
            sequence_fps=self.options.sequence_fps,
            max_side_px=self.options.max_side_px,
            threads=self.options.threads,
        )
        facts = self._source.facts
        self.info = VideoInfo(
            path=str(source),
            size=facts.size,
            fps=facts.rate.fps,
            is_variable_rate=facts.rate.is_variable,
            lowest_fps=facts.rate.lowest_fps,
            highest_fps=facts.rate.highest_fps,
            duration_s=facts.duration_s,
            start_s=float(facts.times_s[0]) if len(facts.times_s) else 0.0,
            frame_count=len(facts.times_s) or None,
            rotation_deg=facts.rotation_deg,
            codec=facts.codec,
        )
        self.warnings: list[str] = list(facts.warnings)
        self._closings = 0
        self._check_range()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the iterators already handed out, also one that is still on its way to its first frame."""
        self._closings += 1

    @property
    def expected_frames(self) -> int | None:
        """How many frames the range should hold by the file's own account; None for a camera."""
        times = self._source.facts.times_s
        if not len(times):
            return None
        return int(((times >= self.options.start_s - _EPSILON_S / 2) & (times < self._end_s - _EPSILON_S)).sum())

    @property
    def fps(self) -> Fraction:
        """Nominal rate of the frame times handed out: the video's, times the slow-motion factor."""
        return self.info.fps * Fraction(self.options.slow_motion).limit_denominator(1000)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, first_index: int = 0, after_s: float | None = None) -> Generator[Frame, None, None]:
        """The frames from number `first_index` on: the rest of a full pass, without decoding all that comes before.

        after_s  `time_s` of the frame before `first_index`, s; needed to start anywhere but at 0
        """
        options, closings = self.options, self._closings
        start_s, index = options.start_s, 0
        known = self._source.facts.times_s
        # Only sound times tell the same frame apart in the file and in a pass.
        if first_index and after_s is not None and len(known) and (np.diff(known) > 0).all():
            start_s, index = after_s * options.slow_motion + _EPSILON_S, first_index
        repair = TimeRepair(1 / float(self.info.fps))
        pictures = self._source.pictures(start_s, self._warn)
        for time_s, image_rgb in repair.run((picture.time_s, picture.image_rgb) for picture in pictures):
            if self._closings > closings:
                return
            if time_s < start_s - _EPSILON_S / 2:
                continue
            if time_s >= self._end_s - _EPSILON_S:
                break
            if index >= first_index:
                yield Frame(index, time_s / options.slow_motion, image_rgb, self.info.size)
            index += 1
        if repair.repaired:
            self._warn(f"{repair.repaired} frames had a missing, repeated or backward time, which was repaired")
        if index == 0:
            raise InputError(f"{self.info.path} has no frames between {options.start_s} s and {self._end_s} s")

    @property
    def _end_s(self) -> float:
        return float("inf") if self.options.end_s is None else self.options.end_s

    def _warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)

    def _check_options(self) -> None:
        options = self.options
        if options.slow_motion <= 0:
            raise InputError(f"slow-motion factor is {options.slow_motion}, expected a number above 0")
        if options.end_s is not None and options.end_s <= options.start_s:
            raise InputError(f"range ends at {options.end_s} s, expected later than its start, {options.start_s} s")

    def _check_range(self) -> None:
        end_s = self.info.start_s + self.info.duration_s
        if self.info.frame_count and self.options.start_s >= end_s:
            raise InputError(
                f"range starts at {self.options.start_s} s, expected less than the video's end, {end_s:.3f} s"
            )


def probe(source: Source, options: ReadOptions | None = None) -> VideoInfo:
    """What will be read of a source, without decoding more than one frame; InputError if it cannot be read."""
    with VideoReader(source, options) as reader:
        return reader.info


_WHOLE_FILE_BYTES = 256 * 2**20
_SAMPLE_BYTES = 2**20
_SAMPLES = 128


def hash_video(source: str | os.PathLike[str]) -> str:
    """A stable hash of a video's content (hexadecimal, 32 characters) for cache keys.

    Files up to 256 MiB are hashed whole; of larger ones the size and 128 evenly spread pieces of 1 MiB. A folder or
    pattern of images is hashed by its names and contents. Raises InputError when it cannot be read.
    """
    from .image_sequence import sequence_files

    path = Path(source)
    digest = hashlib.blake2b(digest_size=16)
    try:
        files = sequence_files(path)
        for file in files or [path]:
            if files:
                digest.update(os.fsencode(file.name) + b"\0")
            _hash_file(file, digest)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _hash_file(path: Path, digest: hashlib.blake2b) -> None:
    size = path.stat().st_size
    digest.update(size.to_bytes(8, "little"))
    with open(path, "rb") as stream:
        if size <= _WHOLE_FILE_BYTES:
            while block := stream.read(_SAMPLE_BYTES):
                digest.update(block)
            return
        for sample in range(_SAMPLES):
            stream.seek((size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
            digest.update(stream.read(_SAMPLE_BYTES))

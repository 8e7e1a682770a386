"""Writes pictures with their own times as a video file."""

from __future__ import annotations

import os
from fractions import Fraction
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import OutputError

_TICKS = 60_000  # a second; MPEG-4 part 2 allows at most 65535
_CODECS = ("libx264", "mpeg4")


class VideoWriter:
    """An MP4 of H.264 (MPEG-4 part 2 where that encoder is missing), one picture at a time, any frame rate.

    >>> with VideoWriter("preview.mp4", (1280, 720)) as video:
    ...     video.write(image_rgb, time_s)

    `size` is (width, height), both even. Times count from the first picture's. Raises OutputError when the file
    cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], size: tuple[int, int]) -> None:
        import av

        self._path = path
        self._broken = (OSError, av.FFmpegError)
        try:
            self._container: Any = av.open(os.fspath(path), "w", format="mp4", options={"movflags": "+faststart"})
        except self._broken as error:
            raise self._failure(error) from error
        self._stream = self._add_stream(size)
        self._first_s: float | None = None
        self._last_tick = -1
        self._step = _TICKS // 30

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._encode(None)
        except self._broken as failure:
            raise self._failure(failure) from failure
        finally:
            self._close(kind is None)

    def write(self, image_rgb: np.ndarray, time_s: float) -> None:
        """Add a picture (H, W, 3) uint8 of the writer's size, shown from time_s on; times must increase."""
        import av

        if self._first_s is None:
            self._first_s = time_s
        tick = max(round((time_s - self._first_s) * _TICKS), self._last_tick + 1)
        if self._last_tick >= 0:
            self._step = tick - self._last_tick
        self._last_tick = tick
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_rgb), format="rgb24")
        frame.pts, frame.time_base = tick, Fraction(1, _TICKS)
        try:
            self._encode(frame)
        except self._broken as error:
            raise self._failure(error) from error

    def _encode(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            packet.duration = self._step  # in an MP4 only the last picture's own duration counts
            self._container.mux(packet)

    def _add_stream(self, size: tuple[int, int]) -> Any:
        import av

        codec = next((name for name in _CODECS if name in av.codecs_available), None)
        if codec is None:
            raise OutputError(f"{self._path} cannot be written: this build of PyAV has none of {', '.join(_CODECS)}")
        stream = self._container.add_stream(codec, rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        # No B-frames: every picture's time is then its decoding time too, and players need no edit list.
        stream.options = {"preset": "veryfast", "crf": "23", "bf": "0"} if codec == "libx264" else {"q:v": "4"}
        if codec != "libx264":
            stream.codec_context.bit_rate = 6_000_000
        return stream

    def _close(self, finish: bool) -> None:
        try:
            self._container.close()
        except self._broken as error:
            if finish:
                raise self._failure(error) from error

    def _failure(self, error: BaseException) -> OutputError:
        return OutputError(f"{self._path} cannot be written: {getattr(error, 'strerror', None) or error}")

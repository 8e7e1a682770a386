"""Decodes a video file with PyAV: its own presentation times, upright pictures, and what survives of damaged ones."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from ..errors import InputError
from .frame_times import report_rate
from .orientation import Orientation, orientation_from_matrix
from .picture_source import EPSILON_S, Picture, SourceFacts, Warn, fitted


class VideoFile:
    """A video file read with PyAV; opened anew for every pass, so that nothing stays open between passes."""

    def __init__(self, path: Path, turn: Orientation | None, max_side_px: int | None, threads: int) -> None:
        self._path = path
        self._max_side_px = max_side_px
        self._threads = threads
        with self._open() as container:
            stream = _video_stream(container, path)
            self._start_s = _start_s(container, stream)
            times, last_duration, scan_warnings = _scan(container, stream, self._start_s)
            declared = stream.average_rate or stream.guessed_rate
            tick_s = float(stream.time_base) if stream.time_base else 0.0
            codec = stream.codec_context.name
            aspect = stream.sample_aspect_ratio or Fraction(1)
        first = self._first_frame()
        self._turn = turn if turn is not None else _orientation(first)
        self._stored = _display_size(first, aspect)
        rate = report_rate(times, tick_s, declared)
        last_duration = min(max(last_duration, 0.0), 2 / float(rate.fps)) or 1 / float(rate.fps)
        self.facts = SourceFacts(
            size=self._turn.size(self._stored),
            rate=rate,
            times_s=times,
            duration_s=float(times[-1] - times[0]) + last_duration if len(times) else 0.0,
            rotation_deg=self._turn.rotation_deg,
            codec=codec,
            warnings=scan_warnings,
        )

    def pictures(self, start_s: float, warn: Warn) -> Generator[Picture, None, None]:
        wanted = self.facts.times_s[self.facts.times_s >= start_s - EPSILON_S]
        # A seek may land behind its target where pictures are stored out of order: then go further back.
        for back_s in (0.0, 2.0, np.inf) if start_s > 0 else (np.inf,):
            frames = self._decode(start_s - back_s if np.isfinite(back_s) else None, warn)
            landed = next(frames, None)
            if landed is None:
                continue
            if not len(wanted) or landed.time_s is None or landed.time_s <= wanted[0] + 1e-6 or np.isinf(back_s):
                yield landed
                yield from frames
                return
            frames.close()

    def _open(self) -> Any:
        try:
            # The prefix keeps FFmpeg from reading a protocol into names with colons.
            return av.open(f"file:{self._path}", metadata_errors="replace")
        except av.error.FFmpegError as error:
            raise InputError(f"{self._path} cannot be read as a video: {error.strerror or error}") from error

    def _first_frame(self) -> Any:
        with self._open() as container:
            stream = _video_stream(container, self._path)
            try:
                for frame, _ in _frames(container, stream):
                    if frame is not None:
                        return frame
            except av.error.FFmpegError as error:
                raise InputError(f"no picture of {self._path} can be decoded: {error.strerror or error}") from error
        raise InputError(f"{self._path} has no frames that can be decoded: the video is empty or damaged")

    def _decode(self, seek_s: float | None, warn: Warn) -> Generator[Picture, None, None]:
        with self._open() as container:
            stream = _video_stream(container, self._path)
            stream.thread_type = "AUTO"
            # More would hold more whole pictures in memory than the detector can use.
            stream.codec_context.thread_count = self._threads or min(4, os.cpu_count() or 1)
            if seek_s is not None and seek_s > 0:
                try:
                    container.seek(int((seek_s + self._start_s) / float(stream.time_base)), stream=stream)
                except av.error.FFmpegError:
                    return
            size = fitted(self._stored, self._max_side_px)
            faults = _Faults(self._path, warn)
            for frame, trouble in _frames(container, stream):
                if frame is None:
                    faults.note(trouble)
                    continue
                time_s = None if frame.pts is None else float(frame.pts * frame.time_base) - self._start_s
                if frame.is_corrupt:
                    faults.note("damaged picture", time_s)
                faults.last_s = time_s if time_s is not None else faults.last_s
                image = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
                yield Picture(time_s, self._turn.apply(image))
            times = self.facts.times_s
            if len(times) and faults.last_s is not None and faults.last_s < times[-1] - 1e-6:
                faults.note("the pictures after it are missing", faults.last_s)
            faults.report()


class _Faults:
    """Collects where a file is damaged, and says it in one sentence for each stretch."""

    def __init__(self, path: Path, warn: Warn) -> None:
        self._path, self._warn = path, warn
        self._times: list[float] = []
        self._first = ""
        self.last_s: float | None = None

    def note(self, trouble: str, time_s: float | None = None) -> None:
        place = time_s if time_s is not None else self.last_s or 0.0
        self._first = self._first or trouble
        self._times.append(place)

    def report(self) -> None:
        if self._times:
            self._warn(
                f"{self._path.name} is damaged between {min(self._times):.2f} s and {max(self._times):.2f} s "
                f"({self._first}); what could be decoded is kept"
            )


def _frames(container: Any, stream: Any) -> Iterator[tuple[Any, str]]:
    """(frame, "") for each decoded frame, (None, what went wrong) for each packet that cannot be decoded."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            yield None, f"reading stopped: {error.strerror or error}"
            packet = None
        try:
            if packet is None:
                # What the decoder still holds.
                for frame in stream.codec_context.decode(None):
                    yield frame, ""
                return
            for frame in packet.decode():
                yield frame, ""
        except EOFError:
            return
        except av.error.FFmpegError as error:
            yield None, error.strerror or str(error)


def _video_stream(container: Any, path: Path) -> Any:
    pictures = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not pictures:
        raise InputError(f"{path} has no video stream, expected a video with pictures")
    return pictures[0]


def _start_s(container: Any, stream: Any) -> float:
    """Where the file's clock starts: players show the earliest stream at 0 s."""
    if container.start_time is not None:
        return container.start_time / 1_000_000
    return float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0


def _scan(container: Any, stream: Any, start_s: float) -> tuple[np.ndarray, float, tuple[str, ...]]:
    """Presentation times of all packets, sorted, s, without decoding; the last one's duration, s; warnings."""
    pts: list[int] = []
    packets, last_duration = 0, 0
    trouble = ""
    try:
        for packet in container.demux(stream):
            packets += packet.size > 0
            if packet.pts is None or packet.is_discard or not packet.size:
                continue
            if not pts or packet.pts >= max(pts[-8:]):
                last_duration = packet.duration or 0
            pts.append(packet.pts)
    except av.error.FFmpegError as error:
        trouble = error.strerror or str(error)
    base = stream.time_base
    times = np.array([float(value * base) - start_s for value in sorted(pts)])
    if not trouble and packets < stream.frames:
        trouble = f"{packets} of {stream.frames} pictures are there"
    if not trouble and len(times) and len(container.streams) == 1 and container.duration:
        missing_s = container.duration / 1_000_000 - float(times[-1] - times[0])
        if missing_s > max(0.5, 5 * float(np.median(np.diff(times))) if len(times) > 1 else 0.0):
            trouble = f"{missing_s:.1f} s are missing"
    if trouble and len(times):
        trouble = f"the file breaks off after {times[-1]:.2f} s ({trouble})"
    return times, float(last_duration * base), (trouble,) if trouble else ()


def _orientation(frame: Any) -> Orientation:
    matrix = frame.side_data.get(SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return Orientation()
    return orientation_from_matrix(np.frombuffer(bytes(matrix), dtype=np.int32))


def _display_size(frame: Any, pixel_aspect: Fraction) -> tuple[int, int]:
    """(width, height) px of the stored picture once its pixels are square."""
    return (max(1, round(frame.width * pixel_aspect)) if 0.1 < pixel_aspect < 10 else frame.width), frame.height

"""Where pictures come from: a video file decoded with PyAV, a folder of images, or a camera."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from .errors import InputError
from .picture_orientation import Orientation, orientation_from_clockwise, orientation_from_matrix
from .video_time import RateReport, report_rate

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".exr", ".tga"})

_EPSILON_S = 1e-6
_PATTERN = r"%(?:0?(\d+))?d"

Warn = Callable[[str], None]


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
        return CameraSource(int(str(source).removeprefix("webcam:")), turn or Orientation())
    path = Path(source)
    if files := sequence_files(path):
        return ImageSequence(path, files, sequence_fps, turn, max_side_px)
    if not path.exists():
        raise InputError(f"no such video: {path}")
    return VideoFile(path, turn, max_side_px, threads)


def sequence_files(path: Path) -> list[Path]:
    """The images of a folder or pattern in order; empty where `path` is not a sequence."""
    if path.is_dir():
        return _images_in(path)
    if not path.exists() and re.search(_PATTERN, path.name):
        return _images_matching(path)
    return []


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
        wanted = self.facts.times_s[self.facts.times_s >= start_s - _EPSILON_S]
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
            size = _fitted(self._stored, self._max_side_px)
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


def _fitted(size: tuple[int, int], max_side_px: int | None) -> tuple[int, int]:
    """The size shrunk to `max_side_px` along its longer side; never enlarged."""
    if not max_side_px or max(size) <= max_side_px:
        return size
    scale = max_side_px / max(size)
    return max(2, round(size[0] * scale)), max(2, round(size[1] * scale))


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
        size = _fitted(self._stored, self._max_side_px)
        for file, time_s in zip(self._files, self.facts.times_s, strict=True):
            if time_s < start_s - _EPSILON_S:
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


class CameraSource:
    """A camera of this machine, read until it is unplugged or nobody asks for more."""

    def __init__(self, number: int, turn: Orientation) -> None:
        import cv2

        self._turn = turn
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise InputError(f"camera {number} cannot be opened: it does not exist or another program uses it")
        size = (
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        fps = Fraction(round(self._capture.get(cv2.CAP_PROP_FPS)) or 30)
        self.facts = SourceFacts(
            size=turn.size(size),
            rate=RateReport(fps, float(fps), float(fps), True),
            times_s=np.empty(0),
            duration_s=0.0,
            rotation_deg=turn.rotation_deg,
            codec="camera",
        )

    def pictures(self, start_s: float, warn: Warn) -> Generator[Picture, None, None]:
        first: float | None = None
        try:
            while True:
                ok, image_bgr = self._capture.read()
                now = time.monotonic()
                if not ok:
                    return
                first = now if first is None else first
                yield Picture(now - first, self._turn.apply(image_bgr[:, :, ::-1]))
        finally:
            self._capture.release()

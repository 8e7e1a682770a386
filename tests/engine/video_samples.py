"""Tiny clips whose every picture carries its own number, made with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 10


def numbered_picture(number: int, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8: the number as vertical black and white stripes above, a red left and a blue right half below."""
    width, height = size
    image = np.zeros((height, width, 3), dtype=np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            image[: height // 2, bit * width // BITS : (bit + 1) * width // BITS] = 255
    image[height // 2 :, : width // 2] = (220, 20, 20)
    image[height // 2 :, width // 2 :] = (20, 20, 220)
    return image


def read_number(image: np.ndarray) -> int:
    """The number that `numbered_picture` drew."""
    height, width = image.shape[:2]
    row = image[height // 8 : 3 * height // 8].mean(axis=(0, 2))
    return sum(int(row[int((bit + 0.5) * width / BITS)] > 127) << bit for bit in range(BITS))


def write_clip(
    path: Path,
    *,
    count: int = 30,
    fps: Fraction = Fraction(30),
    times_ticks: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    size: tuple[int, int] = (160, 120),
    rotation_ccw: int = 0,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    key_every: int = 10,
    b_frames: int = 2,
    options: dict[str, str] | None = None,
) -> Path:
    """A clip of numbered pictures; `times_ticks` in units of `time_base` replace the even spacing of `fps`."""
    base = time_base or 1 / fps
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.time_base = base
        stream.codec_context.time_base = base
        stream.codec_context.gop_size = key_every
        if codec == "libx264":
            stream.codec_context.options = {
                "crf": "12",
                "preset": "ultrafast",
                "bf": str(b_frames),
                "sc_threshold": "0",
            }
        if rotation_ccw:
            stream.set_display_rotation(rotation_ccw)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, size), format="rgb24")
            frame.pts = number if times_ticks is None else times_ticks[number]
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound_only(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), dtype=np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_images(folder: Path, numbers: Sequence[int], size: tuple[int, int] = (160, 120)) -> Path:
    """A folder of numbered images shot_0001.png..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        frame = av.VideoFrame.from_ndarray(numbered_picture(number, size), format="rgb24")
        encoder = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = *size, "rgb24", Fraction(1, 30)
        data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
        (folder / f"shot_{number:04d}.png").write_bytes(data)
    return folder

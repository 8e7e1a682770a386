"""Pieces of the sample video, re-encoded with other rates, turns, sizes and people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

SAMPLES = Path(__file__).parents[2] / "samples"


def sample_video() -> Path:
    """The one video among the samples."""
    (path,) = sorted(SAMPLES.glob("*.mp4"))
    return path


@cache
def pictures(count: int, size: tuple[int, int] = (640, 360)) -> list[np.ndarray]:
    """The sample's first pictures, (H, W, 3) uint8, at `size`."""
    found = []
    with av.open(str(sample_video())) as container:
        for frame in container.decode(video=0):
            found.append(frame.to_ndarray(format="rgb24", width=size[0], height=size[1]))
            if len(found) == count:
                return found
    raise ValueError(f"the sample has fewer than {count} pictures")


def write_piece(
    path: Path,
    images: Sequence[np.ndarray],
    *,
    fps: Fraction = Fraction(30),
    times_ticks: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    turned_clockwise: int = 0,
    change: Callable[[np.ndarray], np.ndarray] = lambda image: image,
    key_every: int = 10,
) -> Path:
    """Encode pictures; `turned_clockwise` stores them turned back by that many degrees, with the flag that says so."""
    base = time_base or 1 / fps
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stored = [np.ascontiguousarray(np.rot90(change(image), turned_clockwise // 90)) for image in images]
        stream.height, stream.width = stored[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        stream.time_base = stream.codec_context.time_base = base
        stream.codec_context.gop_size = key_every
        stream.codec_context.options = {"crf": "8", "preset": "ultrafast"}
        if turned_clockwise:
            stream.set_display_rotation(-turned_clockwise)
        for number, image in enumerate(stored):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number if times_ticks is None else times_ticks[number], base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path

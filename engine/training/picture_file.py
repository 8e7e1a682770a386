"""Opens the pictures of data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import InputError


def read_picture(candidates: Sequence[Path], size_wh: tuple[int, int], origin: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB of the first of these files that exists, its rows as stored.

    Raises InputError, naming the annotation it belongs to by `origin`, when there is none, it is no picture, or its
    size is not that of the annotation, whose labels then lie elsewhere.
    """
    import cv2

    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        raise InputError(
            f"the picture {' or '.join(map(str, candidates))} of {origin} is missing; "
            "correct the folder of pictures or complete the download"
        )
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"the picture {path} of {origin} cannot be read: {error.strerror or error}") from error
    # Labels are in stored pixels, whatever way up a viewer would show them.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(data, flags) if data.size else None
    if picture is None:
        raise InputError(f"the picture {path} of {origin} is damaged or no picture; download it again")
    height, width = picture.shape[:2]
    if (width, height) != tuple(size_wh):
        raise InputError(
            f"the picture {path} has {width} x {height} px, {origin} says {size_wh[0]} x {size_wh[1]}; "
            "use the pictures the annotations were made for"
        )
    return np.ascontiguousarray(picture[:, :, ::-1])

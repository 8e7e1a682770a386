"""Reads a camera of this machine as a video that has no end."""

from __future__ import annotations

import time
from collections.abc import Generator
from fractions import Fraction

import numpy as np

from ..detection.native_log import without_native_chatter
from ..errors import InputError
from .frame_times import RateReport
from .orientation import Orientation
from .picture_source import Picture, SourceFacts, Warn


class Webcam:
    """A camera of this machine, read until it is unplugged or nobody asks for more."""

    def __init__(self, number: int, turn: Orientation) -> None:
        import cv2

        self._turn = turn
        with without_native_chatter():
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

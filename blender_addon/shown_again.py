# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays what arrived as fast as it could be made once more, at the speed of life, while nothing new arrives."""

import time
from bisect import bisect_right
from collections import deque
from typing import Any

_QUIET_S = 1.5
"""Longer than a slow engine takes for a frame."""
_MOST = 3000


class ShownAgain:
    """The last things of a stream and the moments they belong to, in rising order."""

    def __init__(self, most: int = _MOST) -> None:
        self._moments: deque[float] = deque(maxlen=most)
        self._things: deque[Any] = deque(maxlen=most)
        self._last_came = 0.0

    def add(self, moment_s: float, thing: Any, now_s: float | None = None) -> None:
        """Keep what arrived; an earlier moment than the last one begins anew."""
        if self._moments and moment_s <= self._moments[-1]:
            self._moments.clear()
            self._things.clear()
        self._moments.append(moment_s)
        self._things.append(thing)
        self._last_came = time.monotonic() if now_s is None else now_s

    def at(self, now_s: float) -> Any:
        """What is shown again at a time on the monotonic clock; None where something came a moment ago, or never."""
        quiet = now_s - self._last_came - _QUIET_S
        if quiet < 0.0 or len(self._moments) < 2:
            return None
        first, length = self._moments[0], self._moments[-1] - self._moments[0]
        return self._things[bisect_right(self._moments, first + quiet % length) - 1]

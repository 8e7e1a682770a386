"""Where tracks have gaps that are worth another look: between two frames with the person, and beyond both ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .appearance import mean_appearance
from .detections import TRUNK
from .track import Track


@dataclass(frozen=True)
class Anchor:
    """A person at the edge of a gap: (33, 2) px landmarks, the time, s, and where the person moves, (2,) px/s."""

    points_px: np.ndarray
    time_s: float
    velocity: np.ndarray


@dataclass(frozen=True)
class Gap:
    """Consecutive frames `first` to `last` without a person who is seen before, after or on both sides.

    dress  (APPEARANCE_SIZE,) of the person
    """

    person_id: int
    first: int
    last: int
    before: Anchor | None
    after: Anchor | None
    dress: np.ndarray

    def __len__(self) -> int:
        return self.last - self.first + 1


def find_gaps(tracks: Sequence[Track], frame_count: int, *, longest: int, least_share: float = 0.2) -> list[Gap]:
    """Gaps of the tracks, those that are closed on both sides first, short ones before long ones.

    tracks       the most prominent first; those below `least_share` of its prominence are left alone
    frame_count  frames of the video, numbered from 0
    longest      frames of a gap that are looked at; of a longer one, those next to where the person is seen
    """
    closed: list[Gap] = []
    open_: list[Gap] = []
    for track in tracks:
        if track.prominence < least_share * tracks[0].prominence:
            continue
        dress, indices = mean_appearance(track.people.appearances), track.frame_indices
        for row in np.flatnonzero(np.diff(indices) > 1):
            first, last = int(indices[row]) + 1, int(indices[row + 1]) - 1
            before, after = _anchor(track, int(row), -1), _anchor(track, int(row) + 1, 1)
            if last - first < longest:
                closed.append(Gap(track.person_id, first, last, before, after, dress))
            else:
                open_.append(Gap(track.person_id, first, first + longest // 2 - 1, before, None, dress))
                open_.append(Gap(track.person_id, last - longest // 2 + 1, last, None, after, dress))
        start, end = int(indices[0]), int(indices[-1])
        if start > 0:
            open_.append(Gap(track.person_id, max(start - longest, 0), start - 1, None, _anchor(track, 0, 1), dress))
        if end < frame_count - 1:
            before = _anchor(track, len(track) - 1, -1)
            open_.append(Gap(track.person_id, end + 1, min(end + longest, frame_count - 1), before, None, dress))
    return sorted(closed, key=len) + open_


def _anchor(track: Track, row: int, step: int) -> Anchor:
    """The person at a row, moving as in the frames that follow in the direction of `step`."""
    points, times = track.people.landmarks_2d, track.times_s
    other = row
    while 0 <= other + step < len(track) and abs(times[other + step] - times[row]) < 0.15:
        other += step
    span = times[other] - times[row]
    moved = points[other][TRUNK].mean(axis=0) - points[row][TRUNK].mean(axis=0)
    return Anchor(points[row], float(times[row]), moved / span if abs(span) > 1e-6 else np.zeros(2))

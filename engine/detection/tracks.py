"""Joins detections into tracks: one person each, with an id that stays the same through crossings and occlusions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .detections import TRUNK, Detections, FrameDetections, pose_similarity
from .linking import LinkOptions, cut_where_doubtful, linked, without_doubles
from .track import Track

_FORBIDDEN = 1e6


@dataclass(frozen=True)
class TrackOptions:
    """How far a person may be followed.

    bridge_s          a person hidden up to this long is looked for at once where the motion leads
    reach             body heights that a person may be off the predicted place at once
    reach_per_s       and per second without being seen
    growth            natural logarithm of the size ratio that is believed at once
    growth_per_s      and per second without being seen
    shortest_s        a track seen for a shorter time is dropped, unless nothing else is left
    lowest_score      a track with a lower mean score is dropped, unless nothing else is left
    linking           how pieces become tracks afterwards, with the whole clip known
    """

    bridge_s: float = 0.12
    reach: float = 0.3
    reach_per_s: float = 1.6
    growth: float = 0.45
    growth_per_s: float = 0.8
    shortest_s: float = 0.25
    lowest_score: float = 0.35
    linking: LinkOptions = field(default_factory=LinkOptions)


def build_tracks(
    frames: Iterable[FrameDetections], options: TrackOptions | None = None, found_later: Sequence[Track] = ()
) -> list[Track]:
    """Tracks of all people, the most prominent first with id 1.

    found_later  what a second look found besides of the people that the same frames alone make

    Frame by frame, detections are assigned to the pieces that predict them best (Hungarian method over place, size
    and posture); what jumps in place or size starts a new piece instead of continuing a wrong one. Then pieces are cut
    where somebody may have been taken for somebody else, and each is given to the person whose motion and dress it
    agrees with, before and after.
    """
    options = options or TrackOptions()
    pieces, frame_s = _pieces(frames, options)
    pieces = cut_where_doubtful(without_doubles(pieces, frame_s, options.linking), frame_s, options.linking)
    tracks = linked(pieces, frame_s, options.linking)
    tracks = _numbered(tracks, frame_s, options)
    if not found_later:
        return tracks
    whole = [Track.joined([track, *(p for p in found_later if p.person_id == track.person_id)]) for track in tracks]
    return _numbered(linked(whole, frame_s, options.linking), frame_s, options)


def _numbered(tracks: Sequence[Track], frame_s: float, options: TrackOptions) -> list[Track]:
    kept = [track for track in tracks if _is_believable(track, frame_s, options)] or tracks
    kept = sorted(kept, key=lambda track: -track.prominence)
    return [replace(track, person_id=number) for number, track in enumerate(kept, start=1)]


@dataclass
class _Piece:
    """A track while it grows: its rows, and what its newest rows say about where it goes."""

    indices: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    people: list[Detections] = field(default_factory=list)

    def add(self, index: int, time_s: float, person: Detections) -> None:
        self.indices.append(index)
        self.times.append(time_s)
        self.people.append(person)

    def centre(self, row: int) -> np.ndarray:
        return _centre(self.people[row].landmarks_2d[0])

    def height(self) -> float:
        return float(np.median([_height(person.landmarks_2d[0]) for person in self.people[-5:]]))

    def velocity(self) -> np.ndarray:
        """(2,) px/s over the last fifth of a second."""
        row = len(self.times) - 1
        while row > 0 and self.times[-1] - self.times[row - 1] < 0.2:
            row -= 1
        span = self.times[-1] - self.times[row]
        return (self.centre(-1) - self.centre(row)) / span if span > 1e-6 else np.zeros(2)


def _pieces(frames: Iterable[FrameDetections], options: TrackOptions) -> tuple[list[Track], float]:
    """Tracks followed forward in time, ended where a person is hidden longer than `bridge_s`; mean frame interval."""
    from scipy.optimize import linear_sum_assignment

    done: list[_Piece] = []
    open_: list[_Piece] = []
    times: list[float] = []
    for frame in frames:
        times.append(frame.time_s)
        # One long frame is no occlusion, however slow the video.
        patience_s = max(options.bridge_s, 1.5 * (frame.time_s - times[max(-3, -len(times))]))
        done += [piece for piece in open_ if frame.time_s - piece.times[-1] > patience_s]
        open_ = [piece for piece in open_ if frame.time_s - piece.times[-1] <= patience_s]
        people = [frame.people.take(np.array([row])) for row in range(len(frame.people))]
        cost = np.array([[_step_cost(piece, frame.time_s, person, options) for person in people] for piece in open_])
        taken: set[int] = set()
        if cost.size:
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, column] < _FORBIDDEN:
                    open_[row].add(frame.index, frame.time_s, people[column])
                    taken.add(int(column))
        for column, person in enumerate(people):
            if column not in taken:
                piece = _Piece()
                piece.add(frame.index, frame.time_s, person)
                open_.append(piece)
    pieces = [Track(0, np.array(p.indices), np.array(p.times), Detections.joined(p.people)) for p in done + open_]
    return pieces, (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0


def _step_cost(piece: _Piece, time_s: float, person: Detections, options: TrackOptions) -> float:
    """How badly a detection continues a piece, 0 best; _FORBIDDEN beyond what a body can do in the time."""
    gap_s = time_s - piece.times[-1]
    points = person.landmarks_2d
    moved = piece.velocity() * gap_s
    expected = piece.people[-1].landmarks_2d + moved
    height = max(piece.height(), _height(points[0]))
    # Nearer of staying and going on: a person may stop at once.
    off = min(
        np.linalg.norm(_centre(points[0]) - _centre(expected[0])),
        np.linalg.norm(_centre(points[0]) - piece.centre(-1)),
    )
    reach = float(off) / height / (options.reach + options.reach_per_s * gap_s)
    growth = abs(np.log(_height(points[0]) / piece.height()))
    growth /= options.growth + options.growth_per_s * gap_s
    if reach > 1 or growth > 1:
        return _FORBIDDEN
    return reach + 0.5 * growth + 1 - float(pose_similarity(expected, points)[0, 0])


def _is_believable(track: Track, frame_s: float, options: TrackOptions) -> bool:
    return len(track) * frame_s >= options.shortest_s and float(track.people.scores.mean()) >= options.lowest_score


def _centre(points_px: np.ndarray) -> np.ndarray:
    """(33, 2) px to (2,) px, the middle of the trunk."""
    return points_px[TRUNK].mean(axis=0)


def _height(points_px: np.ndarray) -> float:
    """(33, 2) px to the diagonal of the pose's box, px."""
    return max(1.0, float(np.linalg.norm(np.ptp(points_px, axis=0))))

"""Gives the pieces of tracks to whom they belong, by motion and dress over the whole clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .appearance import difference, mean_appearance
from .detections import TRUNK, pose_similarity
from .track import Track

_IMPOSSIBLE = 1e6


@dataclass(frozen=True)
class LinkOptions:
    """When a track is doubted, and what is believed to go on from it.

    longest_s       pieces are linked over gaps up to this long
    touch           body heights between two people below which one may be taken for the other
    near            body heights within which somebody's coming or going makes a track doubtful
    change          difference in dress between one second and the next that makes a track doubtful
    same_dress      difference in dress that says nothing
    other_dress     and one that says "somebody else" as loudly as a place at the limit of reach
    at_once         body heights that a person may be off from one piece to the next
    reach_per_s     and per second of the gap
    growth          natural logarithm of the size ratio that is believed at once
    growth_per_s    and per second of the gap
    glimpse_s       the coming and going of a piece shorter than this makes nobody else doubtful
    double_s        a piece up to this long beside a longer one of the same person is a second look at that person
    settled_s       how long a piece is that is worth a track of its own
    rounds          costs of links up to which they are made, one round after the other
    """

    longest_s: float = 3.0
    touch: float = 0.35
    near: float = 0.8
    change: float = 0.2
    same_dress: float = 0.06
    other_dress: float = 0.26
    at_once: float = 0.3
    reach_per_s: float = 0.8
    growth: float = 0.45
    growth_per_s: float = 0.4
    glimpse_s: float = 0.15
    double_s: float = 0.8
    settled_s: float = 0.5
    rounds: tuple[float, ...] = (0.15, 0.4, 1.0)


def without_doubles(pieces: Sequence[Track], frame_s: float, options: LinkOptions) -> list[Track]:
    """The pieces, each person once: what is short and lies within touch of a longer piece is left out.

    That is a whole piece, or where one piece ends while the next one has begun already the worse of both there.
    """
    kept = [piece for piece in pieces if not any(_is_double(piece, other, frame_s, options) for other in pieces)]
    for first in range(len(kept)):
        for second in range(len(kept)):
            if first != second:
                kept[first], kept[second] = _handed_over(kept[first], kept[second], frame_s, options)
    return kept


def _is_double(piece: Track, other: Track, frame_s: float, options: LinkOptions) -> bool:
    if piece is other or len(piece) >= len(other) or len(piece) * frame_s > options.double_s:
        return False
    _, rows, other_rows = np.intersect1d(piece.frame_indices, other.frame_indices, return_indices=True)
    return 2 * len(rows) >= len(piece) and _apart(piece, rows, other, other_rows) < options.touch


def _handed_over(ending: Track, beginning: Track, frame_s: float, options: LinkOptions) -> tuple[Track, Track]:
    """Both, without the worse seen rows of the two where one ends and the other has begun."""
    if not ending.times_s[0] < beginning.times_s[0] <= ending.times_s[-1] < beginning.times_s[-1]:
        return ending, beginning
    _, rows, other_rows = np.intersect1d(ending.frame_indices, beginning.frame_indices, return_indices=True)
    if not len(rows) or len(rows) * frame_s > options.double_s:
        return ending, beginning
    if _apart(ending, rows, beginning, other_rows) >= options.touch:
        return ending, beginning
    if ending.people.scores[rows].mean() < beginning.people.scores[other_rows].mean():
        return ending.take(ending.times_s < beginning.times_s[0]), beginning
    return ending, beginning.take(beginning.times_s > ending.times_s[-1])


def _apart(one: Track, rows: np.ndarray, other: Track, other_rows: np.ndarray) -> float:
    """Median distance between two people at common frames, body heights."""
    return float(np.median(_Shape.of(one.take(rows)).apart(_Shape.of(other.take(other_rows)))))


def cut_where_doubtful(pieces: Sequence[Track], frame_s: float, options: LinkOptions) -> list[Track]:
    """The same rows in more pieces: each ends where it may have gone over to somebody else.

    That is where two people part who were within touch, where another piece begins or ends nearby, and where the
    dress changes. `linked` joins again what nothing speaks against.
    """
    shapes = [_Shape.of(piece) for piece in pieces]
    cuts: list[set[int]] = [_dress_changes(piece, options) for piece in pieces]
    for one, a in enumerate(pieces):
        for other, b in enumerate(pieces):
            if one == other or a.times_s[0] > b.times_s[-1] or b.times_s[0] > a.times_s[-1]:
                continue
            _, rows, other_rows = np.intersect1d(a.frame_indices, b.frame_indices, return_indices=True)
            if not len(rows):
                continue
            apart = shapes[one].take(rows).apart(shapes[other].take(other_rows))
            touching = apart < options.touch
            cuts[one] |= {int(row) for row in rows[1:][touching[:-1] & ~touching[1:]]}
            if len(b) * frame_s < options.glimpse_s:
                continue
            if other_rows[0] == 0 and rows[0] > 0 and apart[0] < options.near:
                cuts[one].add(int(rows[0]))
            if other_rows[-1] == len(b) - 1 and rows[-1] + 1 < len(a) and apart[-1] < options.near:
                cuts[one].add(int(rows[-1]) + 1)
    return [part for piece, at in zip(pieces, cuts, strict=True) for part in _parts(piece, sorted(at))]


def linked(pieces: Sequence[Track], frame_s: float, options: LinkOptions) -> list[Track]:
    """Tracks of pieces, each piece in one, linked over gaps that motion and dress agree with.

    frame_s  mean time between frames, s

    The surest links are made first: what is then known of a person's dress helps with the others. Among those of one
    round the set with the least sum of costs is made (Hungarian method): each link costs what speaks against it, each
    track that begins 1, and each piece that is left out its length, so that a flicker does not carry a track off.
    """
    tracks = sorted(pieces, key=lambda piece: piece.times_s[0])
    for limit in options.rounds if tracks else ():
        ends = [_Ends.of(track) for track in tracks]
        cost = np.array([[_link_cost(earlier, later, frame_s, options) for later in ends] for earlier in ends])
        lengths = np.array([len(track) for track in tracks]) * frame_s / options.settled_s
        follower = _cheapest(np.where(cost < limit, cost, np.inf), lengths)
        first = set(range(len(tracks))) - set(follower.values())
        tracks = [Track.joined(_chain(tracks, row, follower)) for row in sorted(first)]
    return _filled(tracks, frame_s, options)


def _filled(tracks: list[Track], frame_s: float, options: LinkOptions) -> list[Track]:
    """The tracks, those put into another that fit a gap there which an earlier round jumped over.

    A few frames may be in the way, where the other was not itself for a moment; they are left out.
    """
    for part in sorted(tracks, key=len):
        if not any(track is part for track in tracks):
            continue  # it took another in, and stands there as a new one
        best, least = None, 1.0
        for track in tracks:
            low = int(np.searchsorted(track.frame_indices, part.frame_indices[0]))
            high = int(np.searchsorted(track.frame_indices, part.frame_indices[-1], side="right"))
            if track is part or not 0 < low <= high < len(track) or 4 * (high - low) > len(part):
                continue
            chain = [track.take(np.arange(low)), part, track.take(np.arange(high, len(track)))]
            ends = [_Ends.of(piece) for piece in chain]
            cost = max(_link_cost(*pair, frame_s, options) for pair in pairwise(ends))
            if cost < least:
                best, least = (track, Track.joined(chain)), cost
        if best is not None:
            tracks = [best[1] if track is best[0] else track for track in tracks if track is not part]
    return tracks


def _cheapest(cost: np.ndarray, left_out: np.ndarray) -> dict[int, int]:
    """Which piece follows which, of (N, N) costs of links, infinite where impossible, and (N,) of leaving each out."""
    from scipy.optimize import linear_sum_assignment

    count = len(cost)
    everything = np.zeros((2 * count, 2 * count))
    everything[:count, :count] = np.where(np.isfinite(cost), cost, _IMPOSSIBLE)
    everything[np.arange(count), np.arange(count)] = left_out
    everything[count:, :count] = 1.0
    rows, columns = linear_sum_assignment(everything)
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if row < count and column < count and row != column and np.isfinite(cost[row, column])
    }


@dataclass(frozen=True)
class _Shape:
    """Where the person of a piece is: (T, 2) px the middle of the trunk, (T,) px the pose's extent."""

    centres: np.ndarray
    heights: np.ndarray

    @classmethod
    def of(cls, piece: Track) -> _Shape:
        points = piece.people.landmarks_2d
        return cls(points[:, TRUNK].mean(axis=1), np.maximum(np.linalg.norm(np.ptp(points, axis=1), axis=1), 1.0))

    def take(self, rows: np.ndarray) -> _Shape:
        return _Shape(self.centres[rows], self.heights[rows])

    def apart(self, other: _Shape) -> np.ndarray:
        """(T,) body heights between two people in the same frames."""
        between = np.linalg.norm(self.centres - other.centres, axis=1)
        return between / np.maximum(self.heights, other.heights)


def _dress_changes(piece: Track, options: LinkOptions, window: int = 15) -> set[int]:
    """Rows of a piece from which on the person is dressed otherwise than before, at the height of each change."""
    if len(piece) < 2 * window:
        return set()
    looks = piece.people.appearances
    rows = range(window // 2, len(piece) - window // 2)
    changes = np.zeros(len(piece))
    for row in rows:
        before, after = looks[max(row - window, 0) : row], looks[row : row + window]
        changes[row] = np.nan_to_num(difference(mean_appearance(before), mean_appearance(after)))
    cuts: set[int] = set()
    while changes.max() > options.change:
        row = int(np.argmax(changes))
        cuts.add(row)
        changes[max(row - window, 0) : row + window] = 0.0
    return cuts


def _parts(piece: Track, at: Sequence[int]) -> list[Track]:
    edges = [0, *at, len(piece)]
    return [piece.take(np.arange(low, high)) for low, high in pairwise(edges) if high > low]


@dataclass(frozen=True)
class _Ends:
    """What a piece says about what comes before and after it: its first and last moments, and the person's dress."""

    times_s: tuple[float, float]
    centres: tuple[np.ndarray, np.ndarray]
    heights: tuple[float, float]
    velocities: tuple[np.ndarray, np.ndarray]
    poses: tuple[np.ndarray, np.ndarray]
    dress: np.ndarray
    count: int

    @classmethod
    def of(cls, piece: Track) -> _Ends:
        shape, times = _Shape.of(piece), piece.times_s
        points = piece.people.landmarks_2d
        return cls(
            times_s=(float(times[0]), float(times[-1])),
            centres=(shape.centres[0], shape.centres[-1]),
            heights=(float(np.median(shape.heights[:5])), float(np.median(shape.heights[-5:]))),
            velocities=(_velocity(times, shape.centres), _velocity(times[::-1], shape.centres[::-1])),
            poses=(points[:1], points[-1:]),
            dress=mean_appearance(piece.people.appearances),
            count=len(piece),
        )


def _velocity(times_s: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(2,) px/s over the fifth of a second next to the first row."""
    row = int((np.abs(times_s - times_s[0]) < 0.2).sum()) - 1
    span = times_s[row] - times_s[0]
    return (centres[row] - centres[0]) / span if abs(span) > 1e-6 else np.zeros(2)


def _link_cost(earlier: _Ends, later: _Ends, frame_s: float, options: LinkOptions) -> float:
    """How badly one piece goes on from another; 1 and more is not believed."""
    gap_s = later.times_s[0] - earlier.times_s[1]
    if not 0 < gap_s <= options.longest_s:
        return _IMPOSSIBLE
    height = max(earlier.heights[1], later.heights[0])
    forward, backward = earlier.velocities[1], later.velocities[0]
    # The likeliest of: stood still, kept going, moved all the time as it did afterwards, half and half.
    off = min(
        float(np.linalg.norm(later.centres[0] - earlier.centres[1] - velocity * gap_s))
        for velocity in (np.zeros(2), forward, backward, 0.5 * (forward + backward))
    )
    reach = off / height / (options.at_once + options.reach_per_s * gap_s)
    growth = abs(np.log(later.heights[0] / earlier.heights[1])) / (options.growth + options.growth_per_s * gap_s)
    adjacent = gap_s < 2.5 * frame_s
    # Two who touched may have been taken for each other at any time, and are a step apart when they part.
    if growth > 1 or reach > (3.0 if adjacent else 1.0):
        return _IMPOSSIBLE
    cost = 0.6 * reach + 0.2 * growth + _dress_cost(earlier, later, options)
    if adjacent:
        alike = float(pose_similarity(earlier.poses[1], later.poses[0])[0, 0])
        cost = 0.6 * cost + 0.2 * (1 - alike)
    return cost


def _dress_cost(earlier: _Ends, later: _Ends, options: LinkOptions) -> float:
    """0 where the dress is the same or too little is known of it, 1 where it is another, up to 2."""
    unlike = difference(earlier.dress, later.dress)
    if np.isnan(unlike):
        return 0.0
    least = min(earlier.count, later.count)
    loud = (unlike - options.same_dress) / (options.other_dress - options.same_dress)
    return float(np.clip(loud, 0.0, 2.0)) * least / (least + 3)


def _chain(tracks: Sequence[Track], row: int, follower: dict[int, int]) -> list[Track]:
    chain = [tracks[row]]
    while row in follower:
        row = follower[row]
        chain.append(tracks[row])
    return chain

"""Joins detections into tracks: one person each, with an id that stays the same through short occlusions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from rig.validation import check_array

from ..poses import BLAZEPOSE, BLAZEPOSE_NAMES, LandmarkSequence
from .detections import Detections, FrameDetections, pose_similarity

_COUNT = len(BLAZEPOSE_NAMES)
_TRUNK = np.array([BLAZEPOSE[name] for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")])
_FORBIDDEN = 1e6


@dataclass(frozen=True)
class TrackOptions:
    """How far a person may be followed.

    bridge_s          a person hidden up to this long is looked for where the motion leads
    stitch_s          pieces of a track are joined over gaps up to this long, afterwards, with both sides known
    reach             body heights that a person may be off the predicted place at once
    reach_per_s       and per second without being seen
    growth            natural logarithm of the size ratio that is believed at once
    growth_per_s      and per second without being seen
    shortest_s        a track seen for a shorter time is dropped, unless nothing else is left
    lowest_score      a track with a lower mean score is dropped, unless nothing else is left
    """

    bridge_s: float = 0.35
    stitch_s: float = 2.0
    reach: float = 0.3
    reach_per_s: float = 1.6
    growth: float = 0.45
    growth_per_s: float = 0.8
    shortest_s: float = 0.25
    lowest_score: float = 0.35


@dataclass(frozen=True)
class Track:
    """One person where seen; frames in between without the person are left out.

    person_id      from 1 on, by size times duration; never an array index
    frame_indices  (T,) number of each frame in the order read, increasing
    times_s        (T,) s
    people         T detections, one for each frame
    """

    person_id: int
    frame_indices: np.ndarray
    times_s: np.ndarray
    people: Detections

    def __post_init__(self) -> None:
        count = {"T": len(self.people)}
        put = object.__setattr__
        put(
            self, "frame_indices", check_array("frame_indices", self.frame_indices, ("T",), sizes=count, dtype=np.int64)
        )
        put(self, "times_s", check_array("times_s", self.times_s, ("T",), sizes=count, finite=True))

    def __len__(self) -> int:
        return len(self.people)

    @property
    def prominence(self) -> float:
        """How much of the video the person fills: the sum over its frames of the box's diagonal times the score, px."""
        boxes = self.people.boxes_xyxy
        return float((np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1) * self.people.scores).sum())


def build_tracks(frames: Iterable[FrameDetections], options: TrackOptions | None = None) -> list[Track]:
    """Tracks of all people, the most prominent first with id 1.

    Frame by frame, detections are assigned to the tracks that predict them best (Hungarian method over place, size
    and posture); what jumps in place or size starts a new track instead of continuing a wrong one. Then pieces are
    joined over longer gaps where the motion before and after agrees.
    """
    options = options or TrackOptions()
    pieces, frame_s = _pieces(frames, options)
    pieces = _stitched(pieces, options)
    kept = [piece for piece in pieces if _is_believable(piece, frame_s, options)] or pieces
    tracks = [_track(piece) for piece in kept]
    tracks.sort(key=lambda track: -track.prominence)
    return [replace(track, person_id=number) for number, track in enumerate(tracks, start=1)]


def to_landmark_sequence(track: Track, frame_indices: np.ndarray, times_s: np.ndarray) -> LandmarkSequence:
    """The track over all frames of the video; NaN with score 0 where the person was not seen.

    frame_indices  (T,) all frames read, increasing
    times_s        (T,) their times, s
    """
    total = len(times_s)
    rows = np.searchsorted(frame_indices, track.frame_indices)
    points_2d, points_3d = np.full((total, _COUNT, 2), np.nan), np.full((total, _COUNT, 3), np.nan)
    scores, boxes = np.zeros((total, _COUNT)), np.full((total, 4), np.nan)
    points_2d[rows], points_3d[rows] = track.people.landmarks_2d, track.people.landmarks_3d
    scores[rows], boxes[rows] = track.people.landmark_scores, track.people.boxes_xyxy
    return LandmarkSequence(track.person_id, frame_indices, times_s, points_2d, points_3d, scores, boxes)


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

    def height(self, *, last: bool) -> float:
        rows = self.people[-5:] if last else self.people[:5]
        return float(np.median([_height(person.landmarks_2d[0]) for person in rows]))

    def velocity(self, *, last: bool) -> np.ndarray:
        """(2,) px/s over a fifth of a second at one end of the piece."""
        end = len(self.times) - 1 if last else 0
        step = -1 if last else 1
        row = end
        while 0 <= row + step < len(self.times) and abs(self.times[row] - self.times[end]) < 0.2:
            row += step
        span = self.times[end] - self.times[row]
        if row == end or abs(span) < 1e-6:
            return np.zeros(2)
        return (self.centre(end) - self.centre(row)) / span


def _pieces(frames: Iterable[FrameDetections], options: TrackOptions) -> tuple[list[_Piece], float]:
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
    return done + open_, (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0


def _step_cost(piece: _Piece, time_s: float, person: Detections, options: TrackOptions) -> float:
    """How badly a detection continues a piece, 0 best; _FORBIDDEN beyond what a body can do in the time."""
    gap_s = time_s - piece.times[-1]
    points = person.landmarks_2d
    moved = piece.velocity(last=True) * gap_s
    expected = piece.people[-1].landmarks_2d + moved
    height = max(piece.height(last=True), _height(points[0]))
    # Nearer of staying and going on: a person may stop at once.
    off = min(
        np.linalg.norm(_centre(points[0]) - _centre(expected[0])),
        np.linalg.norm(_centre(points[0]) - piece.centre(-1)),
    )
    reach = float(off) / height / (options.reach + options.reach_per_s * gap_s)
    growth = abs(np.log(_height(points[0]) / piece.height(last=True)))
    growth /= options.growth + options.growth_per_s * gap_s
    if reach > 1 or growth > 1:
        return _FORBIDDEN
    return reach + 0.5 * growth + 1 - float(pose_similarity(expected, points)[0, 0])


def _stitched(pieces: list[_Piece], options: TrackOptions) -> list[_Piece]:
    """Pieces joined end to start wherever the motion on both sides of a gap agrees; best joints first."""
    pieces = sorted(pieces, key=lambda piece: piece.times[0])
    while True:
        joints = [
            (cost, first, second)
            for first, earlier in enumerate(pieces)
            for second, later in enumerate(pieces)
            if first != second and (cost := _joint_cost(earlier, later, options)) < 1
        ]
        if not joints:
            return pieces
        used: set[int] = set()
        joined: list[_Piece] = []
        for _, first, second in sorted(joints):
            if first not in used and second not in used:
                used |= {first, second}
                one, two = pieces[first], pieces[second]
                joined.append(_Piece(one.indices + two.indices, one.times + two.times, one.people + two.people))
        pieces = joined + [piece for number, piece in enumerate(pieces) if number not in used]
        pieces.sort(key=lambda piece: piece.times[0])


def _joint_cost(earlier: _Piece, later: _Piece, options: TrackOptions) -> float:
    """How badly a later piece continues an earlier one; 1 and more is not believed."""
    gap_s = later.times[0] - earlier.times[-1]
    if not 0 < gap_s <= options.stitch_s:
        return float(_FORBIDDEN)
    height = max(earlier.height(last=True), later.height(last=False))
    start, end = earlier.centre(-1), later.centre(0)
    forward, backward = earlier.velocity(last=True), later.velocity(last=False)
    # The likeliest of: stood still, kept going, moved all the time as it did afterwards, half and half.
    off = min(
        np.linalg.norm(end - start - velocity * gap_s)
        for velocity in (np.zeros(2), forward, backward, 0.5 * (forward + backward))
    )
    reach = float(off) / height / (options.reach + 0.5 * options.reach_per_s * gap_s)
    growth = abs(np.log(later.height(last=False) / earlier.height(last=True)))
    return max(reach, growth / (options.growth + 0.5 * options.growth_per_s * gap_s))


def _is_believable(piece: _Piece, frame_s: float, options: TrackOptions) -> bool:
    seen_s = len(piece.times) * frame_s
    score = float(np.mean([person.scores[0] for person in piece.people]))
    return seen_s >= options.shortest_s and score >= options.lowest_score


def _track(piece: _Piece) -> Track:
    return Track(0, np.array(piece.indices), np.array(piece.times), Detections.joined(piece.people))


def _centre(points_px: np.ndarray) -> np.ndarray:
    """(33, 2) px to (2,) px, the middle of the trunk."""
    return points_px[_TRUNK].mean(axis=0)


def _height(points_px: np.ndarray) -> float:
    """(33, 2) px to the diagonal of the pose's box, px."""
    return max(1.0, float(np.linalg.norm(np.ptp(points_px, axis=0))))

"""One person over a clip: the detections of each frame in which the person is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rig.validation import check_array

from ..poses import BLAZEPOSE_NAMES, LandmarkSequence
from .detections import Detections

_COUNT = len(BLAZEPOSE_NAMES)


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

    def take(self, rows: np.ndarray) -> Track:
        """Only some of the frames: (M,) increasing indices or (T,) booleans."""
        return Track(self.person_id, self.frame_indices[rows], self.times_s[rows], self.people.take(rows))

    @staticmethod
    def joined(parts: Sequence[Track]) -> Track:
        """One track of parts that share no frame, in the order of time; the first part's id."""
        indices = np.concatenate([part.frame_indices for part in parts])
        order = np.argsort(indices, kind="stable")
        times_s = np.concatenate([part.times_s for part in parts])
        people = Detections.joined([part.people for part in parts])
        return Track(parts[0].person_id, indices[order], times_s[order], people.take(order))

    @property
    def prominence(self) -> float:
        """How much of the video the person fills: the sum over its frames of the box's diagonal times the score, px."""
        boxes = self.people.boxes_xyxy
        return float((np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1) * self.people.scores).sum())


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

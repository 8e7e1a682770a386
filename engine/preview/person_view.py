"""What there is to draw of one person at one instant: detector landmarks, and the motion seen by the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rig.frames import transform
from rig.motion_file import MotionRecord
from rig.skeleton import CONTACT_NAMES

from ..motion_points import nearest_index, world_points
from ..poses import LandmarkSequence


@dataclass(frozen=True)
class PosedView:
    """A motion at one instant, P joints and surface points.

    points_world (P, 3) m; points_px (P, 2) in the full picture, NaN behind the camera; camera_rotmat (3, 3) world to
    camera; contacts (4,) in the order of CONTACT_NAMES; seen: the person was really seen here, not filled in.
    """

    points_world: np.ndarray
    points_px: np.ndarray
    camera_rotmat: np.ndarray
    contacts: np.ndarray
    seen: bool


@dataclass(frozen=True)
class PersonView:
    """One person at one instant; None where there is nothing.

    keypoints_px (33, 2), scores (33,), box_xyxy (4,) px in the full picture.
    """

    person_id: int
    keypoints_px: np.ndarray | None
    scores: np.ndarray | None
    box_xyxy: np.ndarray | None
    posed: PosedView | None


class PersonTrace:
    """One person's landmarks and motion over the clip, looked up by time."""

    def __init__(self, person_id: int, landmarks: LandmarkSequence | None, record: MotionRecord | None) -> None:
        self.person_id = person_id
        self.landmarks = landmarks
        self.record = record
        self.names: tuple[str, ...] = ()
        self.edges = np.zeros((0, 2), np.int64)
        self.contact_points: tuple[int | None, ...] = ()
        if record is not None:
            skeleton = record.motion.skeleton
            self.names, self._world = world_points(record.motion)
            owners = (*skeleton.parents, *skeleton.landmark_joints)
            self.edges = np.array([(parent, point) for point, parent in enumerate(owners) if parent >= 0])
            self.contact_points = tuple(self.names.index(n) if n in self.names else None for n in CONTACT_NAMES)

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last time at which there is something to draw, s."""
        if self.record is not None:
            times = self.record.motion.times_s
        elif self.landmarks is not None:
            times = self.landmarks.times_s
        else:
            times = np.zeros(1)
        return float(times[0]), float(times[-1])

    @property
    def pelvis_height_m(self) -> float:
        """Median world height of the pelvis, m; 0 without a motion."""
        return 0.0 if self.record is None else float(np.median(self._world[:, 0, 1]))

    def at(self, time_s: float) -> PersonView:
        """The person at a time of the video, s."""
        keypoints = scores = box = None
        if self.landmarks is not None and len(self.landmarks):
            times = self.landmarks.times_s
            index = int(nearest_index(times, np.array([time_s]))[0])
            gap_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
            if abs(times[index] - time_s) <= 0.5 * gap_s and self.landmarks.seen[index]:
                keypoints, scores = self.landmarks.landmarks_2d[index], self.landmarks.scores[index]
                box = self.landmarks.boxes_xyxy[index]
                box = box if np.isfinite(box).all() else None
        return PersonView(self.person_id, keypoints, scores, box, self._posed(time_s))

    def _posed(self, time_s: float) -> PosedView | None:
        """The motion between its two frames around the time; None more than half a frame outside of it."""
        if self.record is None:
            return None
        motion, times = self.record.motion, self.record.motion.times_s
        half = 0.5 / float(motion.fps) + 1e-6
        if not times[0] - half <= time_s <= times[-1] + half:
            return None
        before = int(np.clip(np.searchsorted(times, time_s, side="right") - 1, 0, len(times) - 1))
        after = min(before + 1, len(times) - 1)
        width = times[after] - times[before]
        part = float(np.clip((time_s - times[before]) / width, 0.0, 1.0)) if width > 0 else 0.0
        points = (1 - part) * self._world[before] + part * self._world[after]
        nearest = after if part > 0.5 else before
        camera = self.record.world_to_camera[nearest]
        in_camera = transform(camera, points)
        depth = np.where(in_camera[:, 2:] > 1e-3, in_camera[:, 2:], np.nan)
        pixels = ((in_camera / depth) @ self.record.intrinsics.T)[:, :2]
        seen = bool((motion.confidence[nearest] > 0).any())
        return PosedView(points, pixels, camera[:3, :3], motion.contacts[nearest], seen)


def person_traces(landmarks: Sequence[LandmarkSequence], records: Sequence[MotionRecord]) -> list[PersonTrace]:
    """One trace for every id among the landmarks and the records, by id."""
    seen = {sequence.person_id: sequence for sequence in landmarks}
    posed = {record.person_id: record for record in records}
    return [PersonTrace(person, seen.get(person), posed.get(person)) for person in sorted(seen.keys() | posed.keys())]

"""Looks again, and harder, where tracks have gaps: from both sides, with the crop turned, then the likeliest way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..poses import BLAZEPOSE
from ..video import Frame, VideoReader
from .appearance import appearance, difference
from .detections import (
    TRUNK,
    Detections,
    FrameDetections,
    make_detections,
    pose_distance,
    pose_similarity,
)
from .gaps import Anchor, Gap, find_gaps
from .pose_networks import PoseNetworks, RegionPose
from .track import Track
from .tracks import build_tracks

_WAYS = (
    ((0.0, 1.0),),
    ((np.pi / 4, 1.0), (-np.pi / 4, 1.0)),
    ((np.pi / 2, 1.0), (-np.pi / 2, 1.0), (np.pi, 1.0), (0.0, 1.35)),
)
"""How a region is turned, rad, and enlarged, in the order in which it is tried."""
_MOST_BYTES = 400e6
_CIRCLE = np.array([BLAZEPOSE[n] for n in ("nose", "left_knee", "right_knee", "left_ankle", "right_ankle")])


@dataclass(frozen=True)
class SecondLookOptions:
    """How much is looked at again, and what is believed of it.

    looks_per_frame  the landmark network may look so often for each frame of the video,
    looks            and so often besides
    longest_s        of a longer gap the frames next to where the person is seen are looked at
    patience         frames without anybody after which a person is given up
    sure_presence    presence from which on a pose that goes on from the one before needs no other try
    sure_step        and the most that the step to it may cost
    over             body heights from a known person within which a pose in that one's dress is that one
    surer            by how much the dress must be nearer to that one's
    unseen           cost of a frame in which the person stays unseen: what a pose has to beat
    """

    looks_per_frame: float = 0.6
    looks: int = 100
    longest_s: float = 3.0
    patience: int = 4
    sure_presence: float = 0.9
    sure_step: float = 0.5
    over: float = 0.35
    surer: float = 0.05
    unseen: float = 1.6


def look_again(
    video: VideoReader,
    frames: Sequence[FrameDetections],
    networks: PoseNetworks,
    options: SecondLookOptions | None = None,
) -> Iterator[Track | None]:
    """What is found besides of the people that `build_tracks` makes of the frames, gap after gap, with their ids.

    None comes after every picture that was looked at, for whoever waits. Nothing where there is no gap, or the video
    is a camera and cannot be read again.

    frames  the first look at all frames of the video, numbered from 0
    """
    options = options or SecondLookOptions()
    if video.info.frame_count is None or len(frames) < 2:
        return
    tracks = build_tracks(frames)
    times = [frame.time_s for frame in frames]
    size = video.info.size
    shrink = min(1.0, (video.options.max_side_px or max(size)) / max(size))
    held = int(_MOST_BYTES / (3 * size[0] * size[1] * shrink**2))
    longest = max(2, min(int(options.longest_s * (len(times) - 1) / (times[-1] - times[0])), held))
    known = {frame.index: [frame.people] for frame in frames}
    left = options.looks + int(options.looks_per_frame * len(frames))
    for gap in find_gaps(tracks, len(frames), longest=longest):
        if left <= 0:
            return
        start = video.frames(gap.first, times[gap.first - 1] if gap.first else None)
        search = _Search(gap, list(islice(start, len(gap))), networks, known, options)
        start.close()
        for _ in search.look():
            yield None
        found = search.person()
        left -= max(search.looks, 5)
        if found is None:
            continue
        for row, index in enumerate(found.frame_indices):
            known[int(index)].append(found.people.take(np.array([row])))
        yield found


@dataclass(frozen=True)
class _Try:
    """A pose that may be the person's: what the network says, the dress, and what speaks against it.

    sure  it goes on from the frame before, and somebody is surely there
    """

    pose: RegionPose
    points_px: np.ndarray
    dress: np.ndarray
    cost: float
    sure: bool

    def agrees(self, other: _Try) -> bool:
        return bool(pose_similarity(self.points_px[None], other.points_px[None])[0, 0] > 0.6)


class _Search:
    """One gap: tries in every frame from both sides, and the way through them that costs least."""

    def __init__(
        self,
        gap: Gap,
        pictures: list[Frame],
        networks: PoseNetworks,
        known: dict[int, list[Detections]],
        options: SecondLookOptions,
    ) -> None:
        self._gap, self._pictures, self._networks, self._options = gap, pictures, networks, options
        self._known = known
        self._tries: list[list[_Try]] = [[] for _ in pictures]
        self.looks = 0

    def look(self) -> Iterator[None]:
        """Look from both sides; stops after every picture."""
        rows = range(len(self._pictures))
        if self._gap.before is not None:
            yield from self._follow(self._gap.before, rows)
        if self._gap.after is not None:
            yield from self._follow(self._gap.after, rows[::-1])

    def person(self) -> Track | None:
        """The person where found, once all was looked at."""
        way = self._likeliest() if self._pictures else []
        if not way:
            return None
        frames, tries = [self._pictures[row] for row, _ in way], [one for _, one in way]
        people = make_detections(
            np.array([one.points_px for one in tries]),
            np.array([one.pose.world for one in tries]),
            np.clip([one.pose.landmarks[:, 2] for one in tries], 0.0, 1.0),
            frames[0].size,
            np.array([one.dress for one in tries]),
        )
        return Track(
            self._gap.person_id,
            np.array([frame.index for frame in frames]),
            np.array([frame.time_s for frame in frames]),
            people,
        )

    def _follow(self, anchor: Anchor, rows: Sequence[int]) -> Iterator[None]:
        """Tries from one side of the gap inwards, until the person is lost for too long or the other side is met."""
        last, missed, time_s = anchor.points_px, 0, anchor.time_s
        region, velocity = None, anchor.velocity
        for row in rows:
            frame = self._pictures[row]
            if region is None:
                region = region_around(last + velocity * (frame.time_s - time_s), frame.size)
            tries = self._look(frame, region, last, time_s)
            met = any(one.sure and other.sure and one.agrees(other) for one in tries for other in self._tries[row])
            self._tries[row] += tries
            yield
            if met:
                return
            if not tries:
                missed += 1
                if missed > self._options.patience:
                    return
                region = None
                continue
            between = frame.time_s - time_s
            costs = [one.cost + float(_step(last[None], one.points_px[None], abs(between))[0, 0]) for one in tries]
            best = tries[int(np.argmin(costs))]
            moved_by = best.points_px[TRUNK].mean(axis=0) - last[TRUNK].mean(axis=0)
            velocity = 0.5 * (velocity + moved_by / between)
            last, missed, time_s, region = best.points_px, 0, frame.time_s, best.pose.next_region

    def _look(self, frame: Frame, region: np.ndarray, last: np.ndarray, last_s: float) -> list[_Try]:
        """The poses in and around a region that nobody else has; turned and larger only where it must be."""
        picture = self._networks.picture(frame.image_rgb)
        poses: list[RegionPose] = []
        for changes in _WAYS:
            for turn, larger in changes:
                pose = self._networks.look(picture, region * (1, 1, larger, larger, 1) + np.array([0, 0, 0, 0, turn]))
                self.looks += 1
                if pose is not None:
                    poses.append(pose)
            tries = self._judged(frame, poses, last, last_s)
            if any(one.sure for one in tries):
                break
        return tries

    def _judged(self, frame: Frame, poses: list[RegionPose], last: np.ndarray, last_s: float) -> list[_Try]:
        """The tries that these poses make, without those that are somebody who is known already."""
        if not poses:
            return []
        points = np.array([pose.landmarks[:, :2] for pose in poses]) * frame.size
        alike = pose_similarity(points, points)
        agreeing = (alike > 0.4).sum(axis=1) - 1
        shape = frame.image_rgb.shape[1], frame.image_rgb.shape[0]
        tries = []
        for row, pose in enumerate(poses):
            inside = ((pose.landmarks[:, :2] >= 0) & (pose.landmarks[:, :2] <= 1)).all(axis=1)
            visible = float((np.clip(pose.landmarks[:, 2], 0, 1) * inside).mean())
            dress = appearance(frame.image_rgb, pose.landmarks[:, :2] * shape, pose.landmarks[:, 2])
            unlike = float(np.nan_to_num(difference(dress, self._gap.dress)))
            if self._is_somebody_else(frame.index, points[row], dress, unlike):
                continue
            cost = -np.log(max(pose.presence * visible, 1e-3)) + 4.0 * max(0.0, unlike - 0.1)
            step = float(_step(last[None], points[row : row + 1], abs(frame.time_s - last_s))[0, 0])
            sure = pose.presence > self._options.sure_presence and step < self._options.sure_step
            if not sure:
                cost += 0.5 / (1 + agreeing[row])
            tries.append(_Try(pose, points[row], dress, float(cost), sure))
        return tries

    def _is_somebody_else(self, index: int, points_px: np.ndarray, dress: np.ndarray, unlike: float) -> bool:
        """Whether a pose is that of a person known in the frame, or lies over one and wears what that one wears."""
        for people in self._known[index]:
            for other, worn in zip(people.landmarks_2d, people.appearances, strict=True):
                apart = np.linalg.norm(points_px[TRUNK].mean(axis=0) - other[TRUNK].mean(axis=0))
                height = max(float(np.linalg.norm(np.ptp(other, axis=0))), 1.0)
                over = apart < self._options.over * height
                if pose_similarity(points_px[None], other[None])[0, 0] > 0.5 or (
                    over and difference(dress, worn) + self._options.surer < unlike
                ):
                    return True
        return False

    def _likeliest(self) -> list[tuple[int, _Try]]:
        """The tries, at most one for each row, that agree best with each other and the edges (dynamic programming).

        Every pose on the way earns what a frame without the person would cost, less what speaks against the pose and
        against the step to it; rows may be passed over.
        """
        gap = self._gap
        edge = np.empty((0, 33, 2))
        layers = [edge if gap.before is None else gap.before.points_px[None]]
        layers += [np.array([one.points_px for one in tries]).reshape(-1, 33, 2) for tries in self._tries]
        times = [frame.time_s for frame in self._pictures]
        times = [times[0] if gap.before is None else gap.before.time_s, *times]
        gains = [np.zeros(len(layers[0]))]
        gains += [self._options.unseen - np.array([one.cost for one in tries]) for tries in self._tries]
        if gap.after is not None:
            layers.append(gap.after.points_px[None])
            times.append(gap.after.time_s)
            gains.append(np.zeros(1))
        total, came = [gains[0]], [[(-1, -1)] * len(layers[0])]
        for layer in range(1, len(layers)):
            # Where nobody is known before the gap, the way may begin anywhere.
            best = np.full(len(layers[layer]), -np.inf if gap.before is not None else 0.0)
            origin = [(-1, -1)] * len(best)
            for earlier in range(layer):
                if not len(best) or not len(layers[earlier]):
                    continue
                step = _step(layers[earlier], layers[layer], times[layer] - times[earlier])
                ways = total[earlier][:, None] - step
                rows = ways.argmax(axis=0)
                for column in np.flatnonzero(ways.max(axis=0) > best):
                    best[column], origin[column] = ways[rows[column], column], (earlier, int(rows[column]))
            total.append(best + gains[layer])
            came.append(origin)
        ends = [(float(value), layer, row) for layer, values in enumerate(total) for row, value in enumerate(values)]
        ends = [end for end in ends if gap.after is None or end[1] == len(layers) - 1]
        _, layer, row = max(ends, default=(0.0, -1, -1))
        way = []
        while layer >= 0:
            if 0 < layer <= len(self._tries):
                way.append((layer - 1, self._tries[layer - 1][row]))
            layer, row = came[layer][row]
        return way[::-1]


def region_around(points_px: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(5,) region of a picture of `size` px, upright along the trunk, about the person with (33, 2) px landmarks."""
    shoulders, hips = points_px[TRUNK[:2]].mean(axis=0), points_px[TRUNK[2:]].mean(axis=0)
    reach = max(
        float(np.linalg.norm(points_px[_CIRCLE] - hips, axis=1).max()),
        1.5 * float(np.linalg.norm(shoulders - hips)),
        8.0,
    )
    side, (right, down) = 2 * 1.25 * 1.1 * reach, shoulders - hips
    return np.array([hips[0] / size[0], hips[1] / size[1], side / size[0], side / size[1], np.arctan2(right, -down)])


def _step(earlier_px: np.ndarray, later_px: np.ndarray, seconds: float) -> np.ndarray:
    """(A, B) cost of getting from poses (A, 33, 2) to (B, 33, 2) px in a time."""
    return 0.4 * (pose_distance(earlier_px, later_px) / (0.06 + 1.8 * min(seconds, 0.35))) ** 2

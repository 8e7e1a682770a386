"""The second look at gaps: turned crops, bystanders, both ends of a track, and gaps that stay gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from test_tracking import SIZE, dressed, frames_from, pose

from engine.detection.detections import FrameDetections, make_detections
from engine.detection.landmark_detector import DetectorState
from engine.detection.pose_networks import RegionPose
from engine.detection.second_look import look_again, region_around
from engine.detection.store import DetectionStore
from engine.detection.track import Track
from engine.detection.tracks import build_tracks
from engine.video import Frame

FPS = 30.0
UPRIGHT = np.random.default_rng(4).uniform((-0.15, -0.5), (0.15, 0.5), (33, 2))
UPRIGHT[[11, 12, 23, 24]] = [(0.12, -0.3), (-0.12, -0.3), (0.08, 0.0), (-0.08, 0.0)]


def turned(x: float, angle_rad: float) -> np.ndarray:
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return UPRIGHT @ np.array([[cos, sin], [-sin, cos]]) * 250.0 + (x, 360.0)


class Clip:
    """Stands for a video of black pictures, and for networks that see whoever is near a region and upright in it."""

    def __init__(self, people: Callable[[int], list[np.ndarray]], count: int) -> None:
        self.info = SimpleNamespace(size=SIZE, frame_count=count)
        self.options = SimpleNamespace(max_side_px=None)
        self._people, self._count = people, count
        self.looks = 0

    def frames(self, first: int = 0, after_s: float | None = None) -> Iterator[Frame]:
        for index in range(first, self._count):
            image = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
            image[0, 0] = (*divmod(index, 256), 0)
            yield Frame(index, index / FPS, image, SIZE)

    def picture(self, image_rgb: np.ndarray) -> int:
        return int(image_rgb[0, 0, 0]) * 256 + int(image_rgb[0, 0, 1])

    def look(self, picture: int, region: np.ndarray) -> RegionPose | None:
        self.looks += 1
        for points in self._people(picture):
            own = region_around(points, SIZE)
            off = np.linalg.norm((own[:2] - region[:2]) * SIZE) / (own[2] * SIZE[0])
            askew = abs((own[4] - region[4] + np.pi) % (2 * np.pi) - np.pi)
            if off < 0.25 and askew < 0.5:
                landmarks = np.concatenate([points / SIZE, np.full((33, 1), 0.9)], axis=1)
                return RegionPose(landmarks, np.zeros((33, 3)), 0.99, own)
        return None


def found(clip: Clip, frames: list[FrameDetections]) -> list[Track]:
    return [track for track in look_again(clip, frames, clip) if track is not None]  # type: ignore[arg-type]


def first_look(clip: Clip, people: Callable[[int], list[np.ndarray]], count: int) -> list[FrameDetections]:
    return frames_from([people(index) for index in range(count)], FPS)


def test_a_somersault_is_followed_through_with_turned_crops() -> None:
    def everybody(index: int) -> list[np.ndarray]:
        return [turned(300 + 5 * index, 0.0 if index < 40 else min((index - 40) * 0.3, 2 * np.pi))]

    clip = Clip(everybody, 100)
    seen = first_look(clip, lambda index: [] if 42 <= index < 62 else everybody(index), 100)
    tracks = build_tracks(seen, found_later=found(clip, seen))
    assert [len(track) for track in tracks] == [100]
    off = [np.abs(tracks[0].people.landmarks_2d[row] - everybody(row)[0]).max() for row in range(42, 62)]
    assert max(off) < 1e-6


def test_both_ends_of_a_track_are_gone_on_from_until_the_person_is_gone() -> None:
    def everybody(index: int) -> list[np.ndarray]:
        return [turned(200 + 6 * index, 0.0)] if 10 <= index < 85 else []

    clip = Clip(everybody, 100)
    seen = first_look(clip, lambda index: everybody(index) if 30 <= index < 60 else [], 100)
    [track] = build_tracks(seen, found_later=found(clip, seen))
    assert (track.frame_indices == np.arange(10, 85)).all()
    assert clip.looks < 160


def test_a_gap_stays_a_gap_where_only_a_bystander_is() -> None:
    bystander = turned(640, 0.0)

    def everybody(index: int) -> list[np.ndarray]:
        walker = [] if 45 <= index < 60 else [turned(300 + 6.5 * index, 0.0)]
        return [*walker, bystander]

    clip = Clip(everybody, 100)
    seen = first_look(clip, everybody, 100)
    assert sum(len(track) for track in found(clip, seen)) == 0
    tracks = build_tracks(seen)
    assert sorted(len(track) for track in tracks) == [85, 100]


def test_looks_are_counted_and_a_camera_is_never_read_again() -> None:
    def blind(index: int) -> list[np.ndarray]:
        return []

    clip = Clip(blind, 400)
    seen = first_look(clip, lambda index: [] if index % 20 >= 10 else [pose(300)], 400)
    assert found(clip, seen) == []
    assert clip.looks < 0.6 * 400 + 100 + 7 * 20
    clip.info.frame_count = None
    before = clip.looks
    assert found(clip, seen) == []
    assert clip.looks == before


def test_a_store_keeps_what_was_found_later_and_forgets_it_with_the_video(tmp_path: Path) -> None:
    key: dict[str, Any] = {"video": "a"}
    store = DetectionStore(tmp_path / "d", key)
    whole = dressed([[(pose(300 + i), 1), (pose(900 - i, 360, 150), 4)] for i in range(60)])
    hole = [frame if not 20 <= frame.index < 30 else replace_people(frame) for frame in whole]
    store.append(hole, DetectorState())
    [first, second] = build_tracks(hole)
    assert [first.person_id, second.person_id] == [1, 2]
    store.keep_found_later([
        Track(1, np.arange(20, 30), np.arange(20, 30) / FPS, first.people.take(np.arange(10))),
    ])  # fmt: skip
    again = DetectionStore(tmp_path / "d")
    tracks = build_tracks(again.frames(), found_later=again.found_later())
    assert [len(track) for track in tracks] == [60, 50]
    assert (tracks[0].frame_indices == np.arange(60)).all()
    assert DetectionStore(tmp_path / "d", {"video": "b"}).found_later() == []


def replace_people(frame: FrameDetections) -> FrameDetections:
    nobody = make_detections(np.empty((0, 33, 2)), np.empty((0, 33, 3)), np.empty((0, 33)), SIZE)
    return FrameDetections(frame.index, frame.time_s, nobody)

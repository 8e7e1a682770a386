"""Tracks: ids that last through crossings and gaps, no jumps to bystanders, and choosing people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.detection.detections import FrameDetections, make_detections, pose_similarity, without_duplicates
from engine.detection.selection import PersonSelection, Who, select_people
from engine.detection.tracks import Track, build_tracks, to_landmark_sequence
from engine.errors import InputError, NobodyFound

RNG = np.random.default_rng(7)
SHAPE = RNG.uniform((-0.2, -0.5), (0.2, 0.5), (33, 2))
SHAPE[[11, 12, 23, 24]] = [(0.12, -0.3), (-0.12, -0.3), (0.08, 0.0), (-0.08, 0.0)]
SIZE = (1280, 720)


def pose(x: float, y: float = 360.0, height: float = 200.0, shape: np.ndarray = SHAPE) -> np.ndarray:
    return shape * height + (x, y)


def frames_from(people_by_frame: list[list[np.ndarray]], fps: float = 30.0, seed: int = 0) -> list[FrameDetections]:
    """Frames with the given (33, 2) poses in shuffled order, with a pixel of noise."""
    rng = np.random.default_rng(seed)
    frames = []
    for index, people in enumerate(people_by_frame):
        order = rng.permutation(len(people))
        points = np.array([people[row] for row in order]).reshape(-1, 33, 2)
        points = points + rng.normal(0, 1.0, points.shape)
        world = np.zeros((len(people), 33, 3))
        frames.append(
            FrameDetections(index, index / fps, make_detections(points, world, np.full(points.shape[:2], 0.9), SIZE))
        )
    return frames


def centres(track: Track) -> np.ndarray:
    return track.people.landmarks_2d[:, [11, 12, 23, 24]].mean(axis=1)


def test_two_people_crossing_keep_their_ids() -> None:
    other = SHAPE * (1.0, 0.9) + RNG.normal(0, 0.03, SHAPE.shape)
    frames = frames_from([[pose(200 + 8 * i), pose(1000 - 8 * i, 380, 180, other)] for i in range(90)])
    tracks = build_tracks(frames)
    assert [track.person_id for track in tracks] == [1, 2]
    assert [len(track) for track in tracks] == [90, 90]
    for track in tracks:
        steps = np.diff(centres(track)[:, 0])
        assert np.all(np.sign(steps) == np.sign(steps[0])), "an id went over to the other person"


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 55), st.integers(-6, 6))
def test_a_person_hidden_for_less_than_two_seconds_stays_the_same(hidden: int, speed: int) -> None:
    people = [[pose(640 + speed * (i - 60))] if not 40 <= i < 40 + hidden else [] for i in range(140)]
    tracks = build_tracks(frames_from(people))
    assert len(tracks) == 1
    assert len(tracks[0]) == 140 - hidden
    sequence = to_landmark_sequence(tracks[0], np.arange(140), np.arange(140) / 30)
    assert len(sequence) == 140
    assert not sequence.seen[40 : 40 + hidden].any()
    assert sequence.seen.sum() == 140 - hidden
    assert (sequence.scores[~sequence.seen] == 0).all()
    assert np.isnan(sequence.boxes_xyxy[~sequence.seen]).all()


def test_a_detection_that_jumps_to_a_bystander_starts_another_track() -> None:
    people = [[pose(200 + 3 * i)] if i < 45 else [pose(1000, 200, 90)] for i in range(90)]
    tracks = build_tracks(frames_from(people))
    assert sorted(len(track) for track in tracks) == [45, 45]
    assert all(np.ptp(centres(track)[:, 0]) < 200 for track in tracks)


def test_flicker_is_dropped_but_a_single_frame_is_kept_when_it_is_all_there_is() -> None:
    people = [[pose(300)] + ([pose(1000, 200, 100)] if i == 20 else []) for i in range(60)]
    assert len(build_tracks(frames_from(people))) == 1
    single = build_tracks(frames_from([[pose(300), pose(900, 360, 120)]]))
    assert [(track.person_id, len(track)) for track in single] == [(1, 1), (2, 1)]
    assert np.linalg.norm(single[0].people.boxes_xyxy[0, 2:]) > 0
    assert build_tracks(frames_from([[], []])) == []


def test_irregular_times_and_missing_frames_do_not_break_a_track() -> None:
    rng = np.random.default_rng(5)
    frames = frames_from([[pose(300 + 2 * i)] for i in range(120)])
    kept = [frames[0]] + [frame for frame in frames[1:] if rng.random() < 0.4]
    tracks = build_tracks(kept)
    assert len(tracks) == 1
    assert len(tracks[0]) == len(kept)
    assert (tracks[0].frame_indices == [frame.index for frame in kept]).all()


def test_ids_go_by_size_times_duration() -> None:
    people = [[pose(200, 360, 120), pose(900, 360, 300)] for _ in range(40)]
    tracks = build_tracks(frames_from(people))
    assert tracks[0].people.boxes_xyxy[0, 0] > 500
    assert tracks[0].prominence > tracks[1].prominence


def test_similarity_is_one_for_the_same_pose_and_falls_with_distance() -> None:
    here, near, far = pose(300)[None], pose(310)[None], pose(600)[None]
    assert pose_similarity(here, here)[0, 0] == pytest.approx(1.0)
    assert 1 > pose_similarity(here, near)[0, 0] > 0.5 > pose_similarity(here, far)[0, 0]


def test_the_better_one_of_two_poses_of_a_person_is_kept() -> None:
    points = np.array([pose(300), pose(303), pose(700)])
    scores = np.array([0.5, 0.9, 0.7])[:, None] * np.ones((3, 33))
    people = make_detections(points, np.zeros((3, 33, 3)), scores, SIZE)
    assert without_duplicates(people).tolist() == [False, True, True]


def test_people_are_chosen_by_id_size_point_or_all() -> None:
    tracks = build_tracks(frames_from([[pose(200, 360, 120), pose(900, 360, 300)] for _ in range(40)]))

    def ids(text: str) -> list[int]:
        return [track.person_id for track in select_people(tracks, PersonSelection.parse(text))]

    assert ids("all") == [1, 2]
    assert ids("largest") == [1]
    assert ids("2") == [2]
    assert ids("2,1") == [2, 1]
    assert ids("200,360@0.5") == [2]
    assert ids("900.5, 340 @ 1") == [1]
    with pytest.raises(InputError, match="person 7 does not exist, expected one of 1, 2"):
        ids("7")
    with pytest.raises(InputError, match=r"nobody is at pixel \(640, 20\).*person 1"):
        ids("640,20@0.5")
    with pytest.raises(InputError, match="within half a second"):
        ids("640,20@50")
    with pytest.raises(InputError, match="biggest"):
        PersonSelection.parse("biggest")
    with pytest.raises(NobodyFound):
        select_people([], PersonSelection(Who.ALL))

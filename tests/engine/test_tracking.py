"""Tracks: ids that last through crossings and gaps, no jumps to bystanders, and choosing people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.detection.appearance import APPEARANCE_SIZE, BANDS, appearance, difference
from engine.detection.detections import FrameDetections, make_detections, pose_similarity, without_duplicates
from engine.detection.selection import PersonSelection, Who, select_people
from engine.detection.track import Track, to_landmark_sequence
from engine.detection.tracks import build_tracks
from engine.errors import InputError, NobodyFound

RNG = np.random.default_rng(7)
SHAPE = RNG.uniform((-0.2, -0.5), (0.2, 0.5), (33, 2))
SHAPE[[11, 12, 23, 24]] = [(0.12, -0.3), (-0.12, -0.3), (0.08, 0.0), (-0.08, 0.0)]
SIZE = (1280, 720)
HISTOGRAMS = 3 * BANDS


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


def dressed(people_by_frame: list[list[tuple[np.ndarray, float]]], fps: float = 30.0) -> list[FrameDetections]:
    """Frames with the given poses, each in the dress of the given number, or of nobody knows which below 0."""
    rng = np.random.default_rng(1)
    frames = []
    for index, people in enumerate(people_by_frame):
        points = np.array([shape for shape, _ in people]).reshape(-1, 33, 2) + rng.normal(0, 1.0, (len(people), 33, 2))
        looks = np.array([dress(number, rng) for _, number in people]).reshape(-1, APPEARANCE_SIZE)
        world = np.zeros((len(people), 33, 3))
        made = make_detections(points, world, np.full(points.shape[:2], 0.9), SIZE, looks)
        frames.append(FrameDetections(index, index / fps, made))
    return frames


def dress(number: float, rng: np.random.Generator) -> np.ndarray:
    """Histograms that are all in one bin, or shared between two, but for a tenth of noise."""
    if number < 0:
        return np.full(APPEARANCE_SIZE, np.nan)
    bins = APPEARANCE_SIZE // HISTOGRAMS
    share = np.maximum(1 - np.abs(np.arange(bins) - number), 0)
    return (0.9 * share + 0.1 * rng.dirichlet(np.ones(bins), HISTOGRAMS)).ravel()


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


@pytest.mark.parametrize("turned_back", [False, True])
def test_people_who_hide_each_other_are_told_apart_by_their_dress(turned_back: bool) -> None:
    """They meet, one is hidden for half a second, and either both walk on or both turn back."""
    people = []
    for i in range(105):
        x = 6.0 * (i - 52)
        left = -abs(x) if turned_back else x
        both = [(pose(640 + left), 0), (pose(640 - left, 365, 190), 4)]
        people.append(both if abs(x) > 50 else both[:1])
    tracks = build_tracks(dressed(people))
    assert [len(track) for track in tracks] == [105, 88]
    x = centres(tracks[0])[:, 0] - 640
    assert x[0] == pytest.approx(-312, abs=5)
    assert x[-1] == pytest.approx(-312 if turned_back else 312, abs=5)


def test_a_track_that_slid_to_a_bystander_is_given_back() -> None:
    """At first only the walker is followed, then the bystander in passing, and the walker is found again later."""
    people: list[list[tuple[np.ndarray, float]]] = []
    for i in range(120):
        walker, bystander = (pose(200 + 8 * i), 0), (pose(680, 350, 180), 4)
        people.append([walker] if i < 58 else [bystander] if i < 80 else [bystander, walker])
    tracks = build_tracks(dressed(people))
    assert sorted(len(track) for track in tracks) == [62, 98]
    steps = [np.ptp(centres(track)[:, 0]) for track in sorted(tracks, key=len)]
    assert steps[0] < 15, "the bystander stands still"
    assert steps[1] > 900, "the walker walks on"


def test_one_person_who_changes_in_the_light_stays_one() -> None:
    people = [[(pose(300 + 3 * i), 1 if i < 60 else 1.4)] for i in range(120)]
    assert [len(track) for track in build_tracks(dressed(people))] == [120]
    # Turned round, with another print on the back, and hidden for a while: nobody else is there.
    people = [[(pose(300 + 3 * i), 1 if i < 60 else -1)] if not 50 <= i < 65 else [] for i in range(120)]
    assert [len(track) for track in build_tracks(dressed(people))] == [105]


def test_doubles_beside_a_person_do_not_carry_the_track_off() -> None:
    rng = np.random.default_rng(3)
    people = []
    for i in range(120):
        double = [(pose(330 + 3 * i, 370, 150), 1)] if i in (20, 21, 47, 48, 49, 90) or rng.random() < 0.05 else []
        people.append([(pose(300 + 3 * i), 1), *double])
    tracks = build_tracks(dressed(people))
    assert [len(track) for track in tracks] == [120]
    assert np.abs(np.diff(centres(tracks[0])[:, 0])).max() < 12


def test_dress_is_seen_in_colours_whatever_the_light() -> None:
    image = np.zeros((400, 400, 3), dtype=np.uint8)
    image[:220] = (200, 60, 40)
    image[220:] = (40, 60, 180)
    shape = pose(200, 200, 300)
    shape[[25, 26]], shape[[27, 28]] = [(215, 270), (185, 270)], [(215, 340), (185, 340)]
    shape[[11, 12, 23, 24]] = [(230, 100), (170, 100), (220, 210), (180, 210)]
    seen = np.ones(33)
    red_over_blue = appearance(image, shape, seen)
    darker = appearance((image * 0.7).astype(np.uint8), shape, seen)
    swapped = appearance(np.ascontiguousarray(image[..., ::-1]), shape, seen)
    assert difference(red_over_blue, red_over_blue) == pytest.approx(0, abs=1e-9)
    assert difference(red_over_blue, darker) < 0.25 < 0.4 < difference(red_over_blue, swapped)
    legs_outside = appearance(image[:240], shape, seen)
    assert np.isnan(legs_outside[-18:]).all()
    assert difference(red_over_blue, legs_outside) < 0.01
    assert np.isnan(difference(red_over_blue, np.full(APPEARANCE_SIZE, np.nan)))


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

"""Left/right swaps of the detector are undone, real turns are not."""

from dataclasses import replace

import numpy as np
import pytest

from engine.poses import BLAZEPOSE, BLAZEPOSE_NAMES, LandmarkSequence
from engine.side_swaps import find_side_swaps, undo_side_swaps

RATE = 30.0


def person(turns: np.ndarray, noise_px: float = 1.0) -> LandmarkSequence:
    """A rough body of 300 px that turns about its axis by `turns` (T,) rad, arms and legs swinging."""
    count = len(turns)
    width = {"shoulder": 40, "elbow": 60, "wrist": 70, "hip": 25, "knee": 28, "ankle": 30}
    height = {"shoulder": 60, "elbow": 110, "wrist": 160, "hip": 160, "knee": 230, "ankle": 300}
    points = np.full((count, len(BLAZEPOSE_NAMES), 2), [200.0, 20.0])
    swing = 8 * np.sin(np.arange(count) * 2 * np.pi / RATE)
    for part in width:
        for side, sign in (("left", 1.0), ("right", -1.0)):
            index = BLAZEPOSE[f"{side}_{part}"]
            points[:, index, 0] = 200 + sign * (width[part] * np.cos(turns) + swing * np.sin(turns))
            points[:, index, 1] = height[part]
    points += np.random.default_rng(0).normal(0, noise_px, points.shape)
    return LandmarkSequence(
        person_id=1,
        frame_indices=np.arange(count),
        times_s=np.arange(count) / RATE,
        landmarks_2d=points,
        landmarks_3d=np.concatenate([points / 200, np.zeros((count, len(BLAZEPOSE_NAMES), 1))], axis=-1),
        scores=np.full((count, len(BLAZEPOSE_NAMES)), 0.9),
        boxes_xyxy=np.tile([130.0, 10.0, 270.0, 310.0], (count, 1)),
    )


def with_swaps(landmarks: LandmarkSequence, rows: slice) -> LandmarkSequence:
    points, space = landmarks.landmarks_2d.copy(), landmarks.landmarks_3d.copy()
    for name in BLAZEPOSE_NAMES:
        if name.startswith("left_"):
            pair = [BLAZEPOSE[name], BLAZEPOSE["right_" + name[5:]]]
            points[rows, pair] = points[rows, pair[::-1]]
            space[rows, pair] = space[rows, pair[::-1]]
    return replace(landmarks, landmarks_2d=points, landmarks_3d=space)


@pytest.mark.parametrize("rows", [slice(20, 21), slice(20, 26), slice(40, 60), slice(0, 4), slice(85, 90)])
def test_swapped_moments_are_found_and_undone(rows):
    truth = person(np.zeros(90))
    swapped = with_swaps(truth, rows)
    expected = np.zeros(90, dtype=bool)
    expected[rows] = True
    np.testing.assert_array_equal(find_side_swaps(swapped), expected)
    mended = undo_side_swaps(swapped)
    body = [BLAZEPOSE["left_wrist"], BLAZEPOSE["right_ankle"], BLAZEPOSE["left_hip"]]
    np.testing.assert_allclose(mended.landmarks_2d[:, body], truth.landmarks_2d[:, body])
    np.testing.assert_allclose(mended.landmarks_3d[:, body], truth.landmarks_3d[:, body])
    assert (mended.scores[expected] < 0.9).all()
    assert (mended.scores[expected][:, BLAZEPOSE["nose"]] == 0).all()
    assert (mended.scores[~expected] == 0.9).all()


@pytest.mark.parametrize("turn_s", [0.4, 1.0, 2.0])
def test_real_turns_are_left_alone(turn_s):
    times = np.arange(120) / RATE
    turning = person(np.pi * np.clip((times - 1.0) / turn_s, 0, 1))
    assert not find_side_swaps(turning).any()
    assert undo_side_swaps(turning) is turning


def test_a_spinning_person_is_left_alone():
    assert not find_side_swaps(person(2 * np.pi * np.arange(120) / RATE)).any()


def test_frames_far_apart_say_nothing():
    facing = np.where(np.arange(40) % 2 == 0, 0.0, np.pi)
    sparse = person(facing)
    assert not find_side_swaps(replace(sparse, times_s=np.arange(40) * 0.3)).any()


def test_unseen_frames_are_skipped():
    landmarks = with_swaps(person(np.zeros(60)), slice(30, 33))
    points = landmarks.landmarks_2d.copy()
    points[10:14] = np.nan
    found = find_side_swaps(replace(landmarks, landmarks_2d=points))
    np.testing.assert_array_equal(np.flatnonzero(found), [30, 31, 32])

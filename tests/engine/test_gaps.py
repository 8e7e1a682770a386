"""Filling frames in which a joint was not seen."""

from dataclasses import replace

import numpy as np
from sample_motions import motion_from

from engine.gaps import GapConfig, GapPolicy, fill_gaps
from rig.skeleton import JOINT

ELBOW = JOINT["left_elbow"]


def ramp_with_gap(start, stop, frames=120):
    """An elbow and a root that move evenly, with garbage where confidence is 0."""
    turn = np.zeros((frames, 24, 3))
    turn[:, ELBOW, 1] = np.linspace(0, 1.2, frames)
    path = np.outer(np.linspace(0, 3, frames), [1.0, 0.0, 0.5])
    truth = motion_from(turn, path)
    confidence = np.ones((frames, 24))
    confidence[start:stop, [0, ELBOW]] = 0.0
    turn, path = turn.copy(), path.copy()
    turn[start:stop, ELBOW] = [1, 1, 1]
    path[start:stop] = 99.0
    return truth, motion_from(turn, path, confidence=confidence)


def test_short_gap_is_bridged_evenly_and_stays_unconfident():
    truth, gappy = ramp_with_gap(40, 60)
    result = fill_gaps(gappy)
    np.testing.assert_allclose(result.body_pose, truth.body_pose, atol=1e-9)
    np.testing.assert_allclose(result.transl, truth.transl, atol=1e-9)
    np.testing.assert_array_equal(result.confidence, gappy.confidence)


def test_long_gap_holds_then_eases_back():
    truth, gappy = ramp_with_gap(30, 90)
    result = fill_gaps(gappy, GapConfig(fill_s=1.0, policy=GapPolicy.HOLD, ease_s=0.3))
    elbow = result.body_pose[:, ELBOW - 1, 1]
    np.testing.assert_allclose(elbow[30:82], truth.body_pose[29, ELBOW - 1, 1], atol=1e-9)
    assert np.all(np.diff(elbow[81:91]) > 0)
    np.testing.assert_allclose(elbow[90], truth.body_pose[90, ELBOW - 1, 1])
    np.testing.assert_allclose(result.transl[30:36], np.tile(truth.transl[29], (6, 1)), atol=1e-9)


def test_nobody_shoots_back_after_a_hold():
    _, gappy = ramp_with_gap(30, 90)
    config = GapConfig(speed_m_s=1.5, turn_deg_s=30.0)
    result = fill_gaps(gappy, config)
    step_s = 1 / 30
    assert 1.3 < np.linalg.norm(np.diff(result.transl, axis=0), axis=1)[29:91].max() / step_s < 1.55
    assert 25.0 < np.degrees(np.abs(np.diff(result.body_pose[:, ELBOW - 1, 1])))[29:91].max() / step_s < 31.0
    hasty = fill_gaps(gappy, GapConfig(speed_m_s=1e6, turn_deg_s=1e6))
    assert np.linalg.norm(np.diff(hasty.transl, axis=0), axis=1).max() / step_s > 7.0


def test_long_gap_filled_or_left():
    _, gappy = ramp_with_gap(30, 90)
    filled = fill_gaps(gappy, GapConfig(policy=GapPolicy.FILL)).body_pose[:, ELBOW - 1, 1]
    assert np.all(np.diff(filled[29:91]) > 0)
    left = fill_gaps(gappy, GapConfig(policy=GapPolicy.LEAVE))
    np.testing.assert_array_equal(left.body_pose, gappy.body_pose)


def test_ends_hold_the_nearest_seen_pose():
    truth, gappy = ramp_with_gap(0, 20)
    result = fill_gaps(gappy)
    np.testing.assert_allclose(result.transl[:20], np.tile(truth.transl[20], (20, 1)))
    truth, gappy = ramp_with_gap(100, 120)
    result = fill_gaps(gappy)
    np.testing.assert_allclose(result.body_pose[100:, ELBOW - 1, 1], truth.body_pose[99, ELBOW - 1, 1], atol=1e-9)


def test_nothing_missing_and_nothing_seen():
    truth, _ = ramp_with_gap(0, 0)
    assert fill_gaps(truth) is truth
    never = replace(truth, confidence=np.zeros((120, 24)))
    np.testing.assert_array_equal(fill_gaps(never).body_pose, truth.body_pose)

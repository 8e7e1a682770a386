"""Tests of two-bone inverse kinematics."""

from __future__ import annotations

import numpy as np
import pytest

from rig.limb_ik import bounded, moved, reach
from rig.rotations import rotmat_to_rotvec


def _limbs(count: int = 500, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    start, middle = rng.normal(size=(2, count, 3))
    end = middle + rng.normal(size=(count, 3))
    a, b = np.linalg.norm(middle - start, axis=1), np.linalg.norm(end - middle, axis=1)
    way = rng.normal(size=(count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    distance = np.abs(a - b) * 1.01 + rng.uniform(0.01, 0.98, count) * (a + b - np.abs(a - b) * 1.01)
    hinge = np.cross(middle - start, end - middle)
    hinge /= np.linalg.norm(hinge, axis=1, keepdims=True)
    return start, middle, end, start + way * distance[:, None], hinge


def test_targets_within_reach_are_reached_and_lengths_kept() -> None:
    start, middle, end, target, hinge = _limbs()
    new_middle, new_end = moved(start, middle, end, reach(start, middle, end, target, hinge))
    np.testing.assert_allclose(new_end, target, atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.norm(new_middle - start, axis=1), np.linalg.norm(middle - start, axis=1), atol=1e-9
    )


def test_the_plane_turns_with_the_line_to_the_target_only() -> None:
    start, middle, end, _, hinge = _limbs()
    target = start + (end - start) * 0.9
    target = np.where(np.linalg.norm(target - start, axis=1, keepdims=True) > 0.3, target, end)
    new_middle, _ = moved(start, middle, end, reach(start, middle, end, target, hinge))
    np.testing.assert_allclose(np.sum((new_middle - start) * hinge, axis=1), 0.0, atol=1e-9)


def test_a_limb_that_is_there_stays() -> None:
    start, middle, end, _, hinge = _limbs()
    turns = reach(start, middle, end, end, hinge)
    np.testing.assert_allclose(turns.upper, np.tile(np.eye(3), (len(start), 1, 1)), atol=1e-6)


def test_targets_out_of_reach_straighten_the_limb_towards_them() -> None:
    start, middle, end, target, hinge = _limbs()
    far = start + 100.0 * (target - start)
    _, new_end = moved(start, middle, end, reach(start, middle, end, far, hinge))
    a, b = np.linalg.norm(middle - start, axis=1), np.linalg.norm(end - middle, axis=1)
    length = np.linalg.norm(new_end - start, axis=1)
    assert np.all(length <= a + b + 1e-9)
    assert np.all(length >= 0.999 * (a + b))
    along = np.sum((new_end - start) * (far - start), axis=1) / length / np.linalg.norm(far - start, axis=1)
    np.testing.assert_allclose(along, 1.0, atol=1e-9)


def test_a_straight_leg_bends_about_its_hinge() -> None:
    start, middle, end = (np.array([[0.0, 0.0, z]]) for z in (1.0, 0.5, 0.0))
    left = np.array([[1.0, 0.0, 0.0]])
    new_middle, _ = moved(start, middle, end, reach(start, middle, end, np.array([[0.0, 0.0, 0.3]]), left))
    assert new_middle[0, 1] < -0.1  # a knee goes to the front, -y


def test_bounded_turns_go_the_same_way_and_small_ones_stay() -> None:
    start, middle, end = (np.tile(place, (2, 1)) for place in ([0.0, 0.0, 1.0], [0.0, -0.05, 0.5], [0.0, 0.0, 0.0]))
    target = end + np.array([[0.0, 0.002, 0.001], [0.0, 0.3, 0.2]])
    turns = reach(start, middle, end, target, np.tile([1.0, 0.0, 0.0], (2, 1)))
    gentle = bounded(turns, np.radians(1.5))
    np.testing.assert_allclose(gentle.upper[0], turns.upper[0], atol=1e-9)
    angles = [np.degrees(np.linalg.norm(rotmat_to_rotvec(turn[1]))) for turn in (gentle.upper, gentle.lower)]
    assert max(angles) == pytest.approx(1.5)
    _, reached = moved(start, middle, end, gentle)
    assert np.linalg.norm(reached[1] - target[1]) < np.linalg.norm(end[1] - target[1])

"""Corrections by single frames: the chosen pose ends upright, the chosen feet on the floor, the picture as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_motions import standing, walking

from engine.camera import Camera
from engine.contacts import foot_points, sole_heights_m
from engine.corrections import Moment, Side, WorldCorrections, correct_world, parse_corrections
from engine.errors import InputError
from rig.frames import transform
from rig.motion import Motion
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import JOINT

CAMERA = Camera.from_fov((1280, 720))
tilts = st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))


def tilted(motion: Motion, tilt: tuple[float, float], height: float = 0.3) -> Motion:
    """The motion in a world that leans by rotations about x and z, rad, and whose floor lies elsewhere."""
    rotmat = rotvec_to_rotmat(np.array([tilt[0], 0.0, tilt[1]]))
    return motion.transformed(rotmat, np.array([0.1, height, -0.2]))


def corrected(motion: Motion, **what: str) -> tuple[Motion, Camera]:
    corrections = parse_corrections(what.get("floor_at", ""), what.get("level_at", ""))
    [result], camera = correct_world([motion], CAMERA, [4], corrections)
    return result, camera


def sole_height(motion: Motion, row: int, side: str) -> float:
    """Height of the lowest point of a foot's sole above the floor, m."""
    pair = slice(0, 2) if side == "left" else slice(2, 4)
    return float((foot_points(motion)[row, pair, 1] - sole_heights_m(motion)[pair]).min())


@given(tilts, st.integers(0, 59))
@settings(max_examples=25, deadline=None)
def test_levelling_makes_the_chosen_frame_upright(tilt: tuple[float, float], row: int) -> None:
    motion = tilted(standing(60), tilt)
    result, _ = corrected(motion, level_at=f"{motion.times_s[row]}")
    body = result.joints()[row]
    axis = body[JOINT["neck"]] - 0.5 * (body[JOINT["left_ankle"]] + body[JOINT["right_ankle"]])
    assert axis[1] / np.linalg.norm(axis) == pytest.approx(1.0, abs=1e-9)
    assert foot_points(result)[..., 1].min() == pytest.approx(0.0, abs=0.03)


@given(tilts, st.integers(0, 119), st.sampled_from(["left", "right"]))
@settings(max_examples=25, deadline=None)
def test_one_foot_shifts_the_floor_and_tilts_nothing(tilt: tuple[float, float], row: int, side: str) -> None:
    motion = tilted(walking(4.0)[0], tilt)
    result, _ = corrected(motion, floor_at=f"{side}@{motion.times_s[row]}")
    assert sole_height(result, row, side) == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(result.global_orient, motion.global_orient, atol=1e-9)


@given(tilts)
@settings(max_examples=25, deadline=None)
def test_two_feet_far_apart_both_come_to_the_floor(tilt: tuple[float, float]) -> None:
    motion = tilted(walking(4.0)[0], tilt)
    result, _ = corrected(motion, floor_at="left@0.1 right@3.9")
    assert sole_height(result, 3, "left") == pytest.approx(0.0, abs=2e-3)
    assert sole_height(result, 117, "right") == pytest.approx(0.0, abs=2e-3)


def test_three_feet_find_a_slope_in_every_direction() -> None:
    flat = walking(4.0)[0]
    turned = replace(flat, transl=flat.transl + np.stack([np.sin(flat.times_s), 0 * flat.times_s, 0 * flat.times_s], 1))
    result, _ = corrected(tilted(turned, (0.2, -0.15)), floor_at="left@0.1, right@1.0 left@3.5")
    for row, side in ((3, "left"), (30, "right"), (105, "left")):
        assert sole_height(result, row, side) == pytest.approx(sole_height(turned, row, side), abs=0.02)
    np.testing.assert_allclose(
        rotvec_to_rotmat(result.global_orient)[:, 1, 1], rotvec_to_rotmat(turned.global_orient)[:, 1, 1], atol=2e-3
    )


def test_feet_on_one_spot_say_nothing_of_the_slope() -> None:
    motion = tilted(standing(60), (0.0, 0.1))
    result, _ = corrected(motion, floor_at="left@0 left@1 left@1.5")
    np.testing.assert_allclose(result.global_orient, motion.global_orient, atol=1e-9)


def test_what_the_camera_sees_stays() -> None:
    motion = tilted(walking(2.0)[0], (0.1, 0.2))
    result, camera = corrected(motion, floor_at="left@0.2 right@1.5", level_at="1.0")
    before = transform(CAMERA.world_to_camera, motion.joints())
    np.testing.assert_allclose(transform(camera.world_to_camera, result.joints()), before, atol=1e-9)


def test_nothing_said_changes_nothing() -> None:
    motion = walking(1.0)[0]
    [result], camera = correct_world([motion], CAMERA, [1], WorldCorrections())
    assert result is motion
    assert camera is CAMERA


def test_a_foot_of_the_second_person() -> None:
    one, other = standing(30), tilted(standing(30), (0.0, 0.0), height=0.5)
    corrections = parse_corrections("left@0.5#7", "")
    assert corrections.feet[0].side is Side.LEFT
    assert corrections.feet[0].moment == Moment(0.5, 7)
    moved, _ = correct_world([one, other], CAMERA, [3, 7], corrections)
    assert sole_height(moved[1], 15, "left") == pytest.approx(0.0, abs=1e-9)
    assert sole_height(moved[0], 15, "left") == pytest.approx(-0.5, abs=1e-9)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({"floor_at": "middle@2"}, "middle@2"),
        ({"floor_at": "left@1.2.3"}, "left@1.2.3"),
        ({"level_at": "soon"}, "soon"),
        ({"level_at": "99"}, "runs from 0.00"),
        ({"floor_at": "left@0.5#2"}, "person 2"),
    ],
)
def test_what_cannot_be_is_named(what: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        corrected(standing(60), **what)

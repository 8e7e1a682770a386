"""Straight walks that a simulated detector sees through a still camera: path, feet and floor in the world."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from seen_walk import seen_walk, still_camera, walk

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.contacts import foot_points
from engine.estimate import SeenPeople
from engine.evaluation import metrics
from engine.foot_lock import mean_slide_m
from engine.job import Clip
from engine.pipeline import reconstruct
from engine.progress import SilentReporter
from engine.settings import Settings
from rig.frames import transform
from rig.motion import Motion
from rig.motion_file import MotionRecord


@pytest.fixture(scope="module", params=[(90.0, 1.0), (45.0, 1.2), (180.0, 1.1)], ids=["across", "aslant", "away"])
def pair(request) -> tuple[Motion, Camera, MotionRecord]:
    """A true walk of 5 s, the camera that sees it, and the motion found."""
    heading_deg, speed_m_s = request.param
    true, camera = walk(5.0, speed_m_s, heading_deg), still_camera()
    clip = Clip(image_size=camera.image_size, fps=Fraction(30), is_variable_rate=False, end_s=5.0)
    people = SeenPeople([seen_walk(true, camera, seed=4)], clip, 5.0)
    guess = Camera.from_fov(camera.image_size, 62.0)
    (record,) = reconstruct(people, guess, load_open_body(), Settings(), SilentReporter())
    return true, camera, record


def test_the_walk_itself_stands_on_the_floor() -> None:
    true = walk(3.0, 1.2, 0.0)
    points = foot_points(true)
    assert points[..., 1].min() > -0.001
    assert mean_slide_m(true) < 0.003
    assert (true.contacts.mean(axis=0) > 0.3).all()


def test_the_path_is_right_to_a_part_of_its_length(pair) -> None:
    true, camera, record = pair
    paths = [
        transform(matrix, motion.joints()[:150, 0])
        for matrix, motion in ((camera.world_to_camera, true), (record.world_to_camera[0], record.motion))
    ]
    length_m = metrics.path_length(paths[0])
    drift = paths[1] - paths[0]
    assert length_m > 4.0
    assert np.linalg.norm(drift - drift.mean(axis=0), axis=1).mean() < 0.05 * length_m
    assert metrics.path_length(paths[1]) < 1.25 * length_m


def test_up_is_up(pair) -> None:
    _, camera, record = pair
    cosine = record.world_to_camera[0, :3, 1] @ camera.world_to_camera[:3, 1]
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) < 3.0


def test_feet_stand_on_the_floor_and_do_not_slide(pair) -> None:
    true, _, record = pair
    motion = record.motion
    assert foot_points(motion)[..., 1].min() > -0.01
    assert mean_slide_m(motion) < 0.004
    found, stands = motion.contacts[:150] >= 0.5, true.contacts > 0.5
    assert (found & stands).sum() > 0.75 * stands.sum()
    assert (found & stands).sum() > 0.65 * found.sum()

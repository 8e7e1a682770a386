"""Which way is up."""

import numpy as np
from sample_motions import standing
from test_floor import seen_from

from engine.camera import Camera
from engine.gravity import GravityConfig, StandingFeet, find_up
from rig.rotations import rotvec_to_rotmat

LEVEL = Camera.from_fov((1280, 720))


def test_a_foot_that_seems_to_sink_does_not_tilt_the_floor():
    frames = 90
    motion, truth = seen_from(standing(frames), 11.0, 0.0)
    up = LEVEL.world_to_camera[:3, :3].T @ truth.world_to_camera[:3, 1]
    towards = np.cross([1.0, 0.0, 0.0], up)
    # Standing, then standing nearer, where the left leg is thought too near, and its foot so too low.
    points = motion.joints_and_landmarks()[1][:, 1:].copy()
    late = np.arange(frames) >= 45
    points[late] += 1.2 * towards
    points[late, :2] -= 0.10 * up
    feet = [StandingFeet(points, np.ones((frames, 4)))]

    def error_deg(config: GravityConfig) -> float:
        return np.degrees(np.arccos(np.clip(find_up([motion], feet, LEVEL, config) @ up, -1, 1)))

    assert error_deg(GravityConfig()) < 1.0
    assert error_deg(GravityConfig(lowest_sigma_m=0.03)) > 3.0


def test_a_network_says_where_up_is_where_nobody_stands():
    lying = standing(30).transformed(rotvec_to_rotmat(np.array([0.0, 0.0, np.pi / 2])), np.array([0.0, 0.0, -4.0]))
    points = lying.joints_and_landmarks()[1][:, 1:]
    feet = [StandingFeet(points, np.full((30, 4), 0.01))]
    up = rotvec_to_rotmat(np.radians([25.0, 0.0, 0.0])) @ np.array([0.0, 1.0, 0.0])
    down = np.tile(-up @ LEVEL.world_to_camera[:3, :3].T, (30, 1))
    down[5] = [1.0, 0.0, 0.0]
    down[6] = np.nan

    def error_deg(learned: list[np.ndarray]) -> float:
        found = find_up([lying], feet, LEVEL, GravityConfig(), learned)
        return np.degrees(np.arccos(np.clip(found @ up, -1, 1)))

    assert error_deg([down]) < 8.0
    assert error_deg([down, down[:0], np.full((3, 3), np.nan)]) < 8.0
    assert error_deg([]) > 15.0

"""Finding feet that the picture shows standing, wherever along the line of sight they were thought to be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rig.frames import rigid_inverse, rotate, transform
from rig.local_regression import smooth_series
from rig.motion import Motion
from rig.skeleton import CONTACT_NAMES

from .camera import Camera
from .contacts import contact_landmarks, foot_points, ground_height_m, intervals, sigmoid, sole_heights_m
from .errors import InputError
from .poses import BLAZEPOSE, LandmarkSequence


@dataclass(frozen=True)
class StillFeetConfig:
    """What counts as still, as near the floor and as flat.

    speed_m_s, speed_width_m_s  speed across the line of sight at which a point is as likely still as not, and the
                                width of that transition
    window_s                    standard deviation of the window speed is measured over, s
    min_still_s                 a point that pauses for less (a jump's top, a foot that turns back) is not still, s
    across_m, along_m           usual error of a foot's place across and along the line of sight, m
    errors, errors_width        height of a foot, in units of the error of height these make, up to which it may only
                                seem to float, and the width of that transition: a raised foot may be held still
    length_sigma_m              spread of the length of a flat foot, seen on the floor, about its true length
    """

    speed_m_s: float = 0.2
    speed_width_m_s: float = 0.04
    window_s: float = 0.06
    min_still_s: float = 0.2
    across_m: float = 0.03
    along_m: float = 0.15
    errors: float = 2.2
    errors_width: float = 0.3
    length_sigma_m: float = 0.05


_DEFAULT = StillFeetConfig()
_LANDMARKS = [BLAZEPOSE[name.replace("big_toe", "foot_index")] for name in CONTACT_NAMES]


def mark_still_feet(
    motion: Motion, landmarks: LandmarkSequence, camera: Camera, config: StillFeetConfig = _DEFAULT
) -> Motion:
    """The motion with `contacts` (T, 4): how surely the picture shows heels and toes standing, for `detect_contacts`.

    The floor is y = 0. A toe counts as far as it is still in the picture, in speed at the person's distance: that is
    free of the error of distance, the largest of a leg that points at the camera, and as far as that error explains the
    foot's height above the person's ground. A heel counts as far as besides the
    foot is flat: on the floor under the lines of sight heel and toe lie a foot's length apart; under a raised heel the
    length comes out too long or too short. A still camera is taken for granted: where it moves, standing feet move in
    the picture, and nothing is marked. All of it counts as far as the detector saw the points.
    Raises InputError when motion and landmarks differ in length.
    """
    if len(motion) != len(landmarks):
        raise InputError(
            f"the motion has {len(motion)} frames and its landmarks {len(landmarks)}, expected the same number"
        )
    bearings = camera.rays(landmarks.landmarks_2d[:, _LANDMARKS])
    likely = _still(motion, bearings, landmarks.seen, camera, config)
    likely *= np.repeat(_near(motion, camera, config), 2, axis=1)
    likely[:, [0, 2]] *= _flat(motion, bearings, camera, config)
    scores = np.clip(np.nan_to_num(landmarks.scores[:, _LANDMARKS]), 0.0, 1.0)
    return replace(motion, contacts=likely * scores)


def _still(
    motion: Motion, bearings: np.ndarray, seen: np.ndarray, camera: Camera, config: StillFeetConfig
) -> np.ndarray:
    """(T, 4) 0..1: the points at these bearings (T, 4, 2) stay where they are; 0 where not seen (T,)."""
    still = np.zeros(bearings.shape[:2])
    for start, stop in intervals(seen):
        rows = slice(start, stop)
        times_s = motion.times_s[rows]
        if times_s[-1] - times_s[0] < config.min_still_s:
            continue
        distance_m = transform(camera.world_to_camera, foot_points(motion.part(rows)))[..., 2].mean(axis=1)
        path = smooth_series(times_s, bearings[rows].reshape(stop - start, -1), config.window_s)
        velocity = np.gradient(path, times_s, axis=0).reshape(-1, still.shape[1], 2)
        speed_m_s = np.linalg.norm(velocity, axis=-1) * np.maximum(distance_m, 0.0)[:, None]
        still[rows] = sigmoid((config.speed_m_s - speed_m_s) / config.speed_width_m_s)
    for column in range(still.shape[1]):
        for start, stop in intervals(still[:, column] >= 0.5):
            if motion.times_s[stop - 1] - motion.times_s[start] < config.min_still_s:
                still[start:stop, column] = 0.0
    return still


def _near(motion: Motion, camera: Camera, config: StillFeetConfig) -> np.ndarray:
    """(T, 2) 0..1: an end of the left and the right foot is near enough to the ground to stand on it."""
    points = foot_points(motion)
    ground_m = ground_height_m(motion.times_s, points[..., 1].min(axis=1))
    height_m = (points[..., 1] - ground_m[:, None] - sole_heights_m(motion)).reshape(-1, 2, 2)
    sine = camera.sight(points)[..., 1].reshape(-1, 2, 2)
    error_m = np.sqrt(config.along_m**2 * sine**2 + config.across_m**2 * (1.0 - sine**2))
    return sigmoid((config.errors - np.abs(height_m / error_m)) / config.errors_width).max(axis=2)


def _flat(motion: Motion, bearings: np.ndarray, camera: Camera, config: StillFeetConfig) -> np.ndarray:
    """(T, 2) 0..1: the left and the right foot lie on the floor y = 0, by their length there; 0 where unseen."""
    to_world = rigid_inverse(camera.world_to_camera)
    eye = to_world[:3, 3]
    ways = rotate(to_world[:3, :3], np.concatenate([bearings, np.ones_like(bearings[..., :1])], axis=-1))
    drop = sole_heights_m(motion) - eye[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(ways[..., 1] * drop > 0, drop / ways[..., 1], np.nan)
    places = eye + factor[..., None] * ways
    rest = motion.skeleton.rest_landmarks[contact_landmarks(motion)]
    length_m = np.linalg.norm(rest[[1, 3]] - rest[[0, 2]], axis=-1)
    excess = (np.linalg.norm(places[:, [1, 3]] - places[:, [0, 2]], axis=-1) - length_m) / config.length_sigma_m
    return np.exp(-0.5 * np.nan_to_num(excess, nan=40.0, posinf=40.0).clip(-40.0, 40.0) ** 2)

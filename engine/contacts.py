"""Detecting when heels and toes stand on the floor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rig.local_regression import smooth_series
from rig.motion import Motion
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import CONTACT_NAMES

from .camera import Camera
from .confidence import expected_error_m
from .errors import InputError


@dataclass(frozen=True)
class ContactConfig:
    """What counts as standing on the floor: the log odds are gain ln(speed_m_s / speed) - height / spread.

    speed_m_s                  speed at which a point at ground height stands as likely as not
    speed_gain                 how much a speed that is e times higher says
    least_speed_m_s            slower is no surer
    along_share                part for which speed along the line of sight counts, which one camera sees worst
    height_m, error_share      spread of the height, m, of points that are seen exactly, and what a part of the error
                               expected of the foot (`expected_error_m`) adds to it
    depth_m                    a point farther below the ground is no contact either: the floor is wrong there
    learned_share              part for which the log odds of a network count; less for points faster than speed_m_s
    flat_height_m              toes up to this high count as down while their heel stands and they are slower than
    flat_speed_m_s             this: a foot seen tilted, not a step
    speed_window_s             standard deviation of the window speed is measured over, s
    ground_window_s            half width of the window whose lowest foot point is the person's own ground, s:
                               absorbs slow errors of the root and low steps; shorter than this is a jump
    ground_limit_m             how far that ground may lie from the floor
    on, off                    hysteresis: a contact begins above `on` and lasts while above `off`
    min_confidence             a foot of less is a guess and has no contact
    min_contact_s, min_gap_s   shorter contacts are dropped, shorter interruptions are bridged, s
    """

    speed_m_s: float = 0.6
    speed_gain: float = 1.6
    least_speed_m_s: float = 0.1
    along_share: float = 0.25
    height_m: float = 0.03
    error_share: float = 0.5
    depth_m: float = 0.2
    learned_share: float = 0.6
    flat_height_m: float = 0.15
    flat_speed_m_s: float = 0.4
    speed_window_s: float = 0.07
    ground_window_s: float = 0.8
    ground_limit_m: float = 0.15
    on: float = 0.5
    off: float = 0.25
    min_confidence: float = 0.15
    min_contact_s: float = 0.1
    min_gap_s: float = 0.07


_DEFAULT = ContactConfig()
_JUST_NO = float(np.nextafter(0.5, 0.0))


def detect_contacts(
    motion: Motion,
    config: ContactConfig = _DEFAULT,
    camera: Camera | None = None,
    learned: np.ndarray | None = None,
) -> Motion:
    """The motion with `contacts` (T, 4): how surely each heel and big toe stands on the floor (y = 0).

    The motion's own `contacts` say how surely the picture shows each point standing (`mark_still_feet`; 0 says
    nothing): that is evidence for standing even where the foot seems to float or to move along the line of sight.
    camera   that saw the motion: movement along its lines of sight counts for less
    learned  (T, 4) how likely a network finds each contact, 0..1; NaN where it says nothing
    A value of at least 0.5 is contact, after hysteresis and minimum durations; the rest of the value is the raw
    probability. A foot seen with less than `min_confidence` has no contact: a guessed foot must not hold the body.
    Raises InputError when the skeleton has no heels and toes.
    """
    points = foot_points(motion)
    owners = [motion.skeleton.landmark_joints[i] for i in contact_landmarks(motion)]
    confidence = motion.confidence[:, owners]
    height_m = points[..., 1] - ground_height_m(motion.times_s, points[..., 1].min(axis=1), config)[:, None]
    height_m = height_m - sole_heights_m(motion)
    height_m = height_m - _seeming_height_m(motion, height_m)
    speed_m_s = _speeds_across_m_s(motion, points, camera, config)
    spread_m = np.hypot(config.height_m, config.error_share * expected_error_m(confidence))
    odds = config.speed_gain * np.log(config.speed_m_s / np.maximum(speed_m_s, config.least_speed_m_s))
    odds -= np.maximum(height_m, 0.0) / spread_m
    if learned is not None:
        sure = np.clip(learned, 0.01, 0.99)
        # A foot that moves fast stands at most on something that moves, as where the camera goes with a runner.
        still = np.minimum(config.speed_m_s / np.maximum(speed_m_s, config.least_speed_m_s), 1.0)
        odds += config.learned_share * still * np.nan_to_num(np.log(sure / (1.0 - sure)))
    probability = sigmoid(odds) * sigmoid((height_m + config.depth_m) / config.height_m)
    # Nobody rests on a heel with the toes up for long: a quiet foot whose heel stands, stands flat.
    toes, heels = [1, 3], [0, 2]
    flat = (height_m[:, toes] < config.flat_height_m) & (speed_m_s[:, toes] < config.flat_speed_m_s)
    probability[:, toes] = np.maximum(probability[:, toes], probability[:, heels] * flat)
    # A heel that the picture shows on the floor is there, however the foot was thought to be tilted.
    probability[:, heels] = np.maximum(probability[:, heels], probability[:, toes] * motion.contacts[:, heels])
    contacts = np.empty_like(probability)
    for column in range(probability.shape[1]):
        state = _held(motion.times_s, probability[:, column], config)
        value = probability[:, column]
        contacts[:, column] = np.where(state, np.maximum(value, 0.5), np.minimum(value, _JUST_NO))
    hidden = confidence < config.min_confidence
    return replace(motion, contacts=np.where(hidden, np.minimum(contacts, _JUST_NO), contacts))


def _speeds_across_m_s(motion: Motion, points: np.ndarray, camera: Camera | None, config: ContactConfig) -> np.ndarray:
    """(T, 4) speeds of points (T, 4, 3), m/s; what lies along the line of sight counts for less, for nothing where the
    picture shows the point standing."""
    velocity = point_velocities_m_s(motion.times_s, points, config.speed_window_s)
    if camera is None:
        return np.linalg.norm(velocity, axis=-1)
    sight = camera.sight(points)
    along = np.sum(velocity * sight, axis=-1, keepdims=True) * sight
    share = config.along_share * (1.0 - motion.contacts)
    return np.linalg.norm(velocity - along + share[..., None] * along, axis=-1)


def _seeming_height_m(motion: Motion, height_m: np.ndarray) -> np.ndarray:
    """(T, 4) the part of heights (T, 4), m, that is put down to a wrong distance, the same for heel and toe of a foot.

    A foot that floats or sinks, though the picture shows it standing, stands; which of its points, their difference in
    height says.
    """
    lowest = height_m.reshape(-1, 2, 2).min(axis=2)
    stands = motion.contacts.reshape(-1, 2, 2).max(axis=2)
    return np.repeat(stands * lowest, 2, axis=1)


def foot_points(motion: Motion) -> np.ndarray:
    """(T, 4, 3) world positions of heels and big toes in the order of CONTACT_NAMES, m."""
    skeleton, columns = motion.skeleton, contact_landmarks(motion)
    owners = [skeleton.landmark_joints[column] for column in columns]
    rest = skeleton.rest_joints
    rotmats: dict[int, np.ndarray] = {}
    places: dict[int, np.ndarray] = {}

    def pose(joint: int) -> None:
        """Only the legs: the feet are asked for again and again."""
        parent = skeleton.parents[joint]
        if joint in places:
            return
        if parent < 0:
            rotmats[joint], places[joint] = rotvec_to_rotmat(motion.global_orient), motion.transl + rest[joint]
            return
        pose(parent)
        rotmats[joint] = rotmats[parent] @ rotvec_to_rotmat(motion.body_pose[:, joint - 1])
        places[joint] = places[parent] + rotmats[parent] @ (rest[joint] - rest[parent])

    for owner in owners:
        pose(owner)
    offsets = skeleton.rest_landmarks[columns] - rest[owners]
    return np.stack([places[o] + rotmats[o] @ offset for o, offset in zip(owners, offsets, strict=True)], axis=1)


def point_speeds_m_s(times_s: np.ndarray, points: np.ndarray, window_s: float) -> np.ndarray:
    """(T, P, 3) positions, m, to (T, P) speeds, m/s, see `point_velocities_m_s`."""
    return np.linalg.norm(point_velocities_m_s(times_s, points, window_s), axis=-1)


def point_velocities_m_s(times_s: np.ndarray, points: np.ndarray, window_s: float) -> np.ndarray:
    """(T, P, 3) positions, m, to velocities, m/s, by central differences of positions smoothed over `window_s`."""
    if len(points) < 2:
        return np.zeros(points.shape)
    flat = smooth_series(times_s, points.reshape(len(points), -1), window_s)
    return np.gradient(flat, times_s, axis=0).reshape(points.shape)


def ground_height_m(times_s: np.ndarray, lowest_m: np.ndarray, config: ContactConfig = _DEFAULT) -> np.ndarray:
    """(T,) height of the ground under one person: the lowest foot point (T,) around each time, smoothed, limited."""
    start = np.searchsorted(times_s, times_s - config.ground_window_s, side="left")
    stop = np.searchsorted(times_s, times_s + config.ground_window_s, side="right")
    ground = np.array(
        [np.partition(lowest_m[a:b], (b - a) // 5)[(b - a) // 5] for a, b in zip(start, stop, strict=True)]
    )
    ground = smooth_series(times_s, ground[:, None], 0.5 * config.ground_window_s, order=0)[:, 0]
    return np.clip(ground, -config.ground_limit_m, config.ground_limit_m)


def sole_heights_m(motion: Motion) -> np.ndarray:
    """(4,) height of heels and toes above the floor when the rest pose stands on it, m."""
    heights = motion.skeleton.rest_landmarks[contact_landmarks(motion), 1]
    return heights - heights.min()


def intervals(state: np.ndarray) -> list[tuple[int, int]]:
    """(T,) bool to the [start, stop) ranges in which it is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], state, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _held(times_s: np.ndarray, probability: np.ndarray, config: ContactConfig) -> np.ndarray:
    """(T,) bool after hysteresis, bridging short interruptions and dropping short contacts."""
    state = np.zeros(len(probability), dtype=bool)
    for start, stop in intervals(probability > config.off):
        state[start:stop] = probability[start:stop].max() > config.on
    # A frame is shown until the next one begins.
    ends_s = np.append(times_s[1:], times_s[-1] + (np.median(np.diff(times_s)) if len(times_s) > 1 else 1.0))
    for start, stop in intervals(~state):
        if start > 0 and stop < len(state) and ends_s[stop - 1] - times_s[start] < config.min_gap_s:
            state[start:stop] = True
    for start, stop in intervals(state):
        touches_end = start == 0 or stop == len(state)
        if not touches_end and ends_s[stop - 1] - times_s[start] < config.min_contact_s:
            state[start:stop] = False
    return state


def contact_landmarks(motion: Motion) -> list[int]:
    """Index of each of CONTACT_NAMES among the skeleton's landmarks; raises InputError where it lacks one."""
    names = motion.skeleton.landmark_names
    missing = [name for name in CONTACT_NAMES if name not in names]
    if missing:
        raise InputError(f"the skeleton has no {', '.join(missing)}, expected heels and big toes to find contacts")
    return [names.index(name) for name in CONTACT_NAMES]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 1.0 / (1.0 + np.exp(-np.clip(x, -40.0, 40.0)))

"""Detecting when heels and toes stand on the floor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rig.local_regression import smooth_series
from rig.motion import Motion
from rig.skeleton import CONTACT_NAMES

from .errors import InputError


@dataclass(frozen=True)
class ContactConfig:
    """What counts as standing on the floor.

    height_m, height_width_m   height above the person's own ground at which contact is as likely as not, and the
                               width of that transition
    depth_m                    a point farther below that ground is no contact either: the floor is wrong there
    speed_m_s, speed_width_m_s the same for speed
    still_speed_m_s            the same for a point that is still in the picture: it may only seem to move along its
                               line of sight
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

    height_m: float = 0.065
    height_width_m: float = 0.02
    depth_m: float = 0.2
    speed_m_s: float = 0.65
    speed_width_m_s: float = 0.15
    still_speed_m_s: float = 0.8
    flat_height_m: float = 0.15
    flat_speed_m_s: float = 0.4
    speed_window_s: float = 0.05
    ground_window_s: float = 0.8
    ground_limit_m: float = 0.15
    on: float = 0.5
    off: float = 0.25
    min_confidence: float = 0.15
    min_contact_s: float = 0.1
    min_gap_s: float = 0.07


_DEFAULT = ContactConfig()
_JUST_NO = float(np.nextafter(0.5, 0.0))


def detect_contacts(motion: Motion, config: ContactConfig = _DEFAULT) -> Motion:
    """The motion with `contacts` (T, 4): how surely each heel and big toe stands on the floor (y = 0).

    The motion's own `contacts` say how surely the picture shows each point standing (`mark_still_feet`; 0 says
    nothing): that is evidence for standing even where the foot seems to float or to move along the line of sight.
    A value of at least 0.5 is contact, after hysteresis and minimum durations; the rest of the value is the raw
    probability from height and speed. A foot seen with less than `min_confidence` has no contact: a guessed foot
    must not hold the body.
    Raises InputError when the skeleton has no heels and toes.
    """
    points = foot_points(motion)
    height_m = points[..., 1] - ground_height_m(motion.times_s, points[..., 1].min(axis=1), config)[:, None]
    speed_m_s = point_speeds_m_s(motion.times_s, points, config.speed_window_s)
    height_m = height_m - _seeming_height_m(motion, height_m)
    low = sigmoid((config.height_m - height_m) / config.height_width_m)
    low *= sigmoid((height_m + config.depth_m) / config.height_width_m)
    slow = sigmoid((config.speed_m_s - speed_m_s) / config.speed_width_m_s)
    hardly = sigmoid((config.still_speed_m_s - speed_m_s) / config.speed_width_m_s)
    slow = np.maximum(slow, hardly * motion.contacts)
    probability = low * slow
    # Nobody rests on a heel with the toes up for long: a quiet foot whose heel stands, stands flat.
    toes, heels = [1, 3], [0, 2]
    near = sigmoid((config.flat_height_m - height_m[:, toes]) / config.height_width_m)
    quiet = sigmoid((config.flat_speed_m_s - speed_m_s[:, toes]) / config.speed_width_m_s)
    probability[:, toes] = np.maximum(probability[:, toes], probability[:, heels] * near * quiet)
    # A heel that the picture shows on the floor is there, however the foot was thought to be tilted.
    probability[:, heels] = np.maximum(probability[:, heels], probability[:, toes] * motion.contacts[:, heels])
    contacts = np.empty_like(probability)
    for column in range(probability.shape[1]):
        state = _held(motion.times_s, probability[:, column], config)
        value = probability[:, column]
        contacts[:, column] = np.where(state, np.maximum(value, 0.5), np.minimum(value, _JUST_NO))
    owners = [motion.skeleton.landmark_joints[i] for i in contact_landmarks(motion)]
    hidden = motion.confidence[:, owners] < config.min_confidence
    return replace(motion, contacts=np.where(hidden, np.minimum(contacts, _JUST_NO), contacts))


def _seeming_height_m(motion: Motion, height_m: np.ndarray) -> np.ndarray:
    """(T, 4) the part of heights (T, 4), m, that is put down to a wrong distance, the same for heel and toe of a foot.

    A foot that floats or sinks, though the picture shows it standing, stands; which of its points, their difference in
    height says.
    """
    lowest = (height_m - sole_heights_m(motion)).reshape(-1, 2, 2).min(axis=2)
    stands = motion.contacts.reshape(-1, 2, 2).max(axis=2)
    return np.repeat(stands * lowest, 2, axis=1)


def foot_points(motion: Motion) -> np.ndarray:
    """(T, 4, 3) world positions of heels and big toes in the order of CONTACT_NAMES, m."""
    columns = contact_landmarks(motion)
    return np.concatenate([part.joints_and_landmarks()[1][:, columns] for _, part in motion.parts()])


def point_speeds_m_s(times_s: np.ndarray, points: np.ndarray, window_s: float) -> np.ndarray:
    """(T, P, 3) positions, m, to (T, P) speeds, m/s, by central differences of positions smoothed over `window_s`."""
    if len(points) < 2:
        return np.zeros(points.shape[:2])
    flat = smooth_series(times_s, points.reshape(len(points), -1), window_s)
    velocity = np.gradient(flat, times_s, axis=0).reshape(points.shape)
    return np.linalg.norm(velocity, axis=-1)


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

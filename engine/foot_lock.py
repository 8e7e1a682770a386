"""Pinning standing feet to their place on the floor, eased in and out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rig.frames import rotate
from rig.kinematics import global_rotations, joint_positions
from rig.local_regression import smooth_series
from rig.motion import Motion
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import CONTACT_NAMES, JOINT

from .camera import Camera
from .contacts import ContactConfig, detect_contacts, foot_points, intervals
from .foot_pins import FootLockConfig, FootLockMode, Pins, pin_feet
from .ik.refine import refine_chain

__all__ = ["ContactReport", "FootLockConfig", "FootLockMode", "contact_reports", "lock_feet", "mean_slide_m"]

_DEFAULT = FootLockConfig()
_ALWAYS_CONTACTS = ContactConfig(height_m=0.08, speed_m_s=1.5)
_SIDES = ("left", "right")
_SHARPNESS = 4


def lock_feet(motion: Motion, config: FootLockConfig = _DEFAULT, camera: Camera | None = None) -> Motion:
    """The motion with standing heels and toes kept at one place at the height of the sole on the floor (y = 0).

    Contacts are `motion.contacts` >= 0.5. For each, the place is the median of the heel or toe over it, brought to the
    floor the likeliest way: straight down, or with the `camera` mostly along the line of sight, since distance is what
    one camera sees worst and the picture should not suffer (see `foot_pins`). The shift this asks of the feet is
    divided: the slow part both feet share goes to the root, the rest to the leg chains (hip, knee) by damped least
    squares; the foot turns about its pinned point or, where heel and toe both stand, onto the line between their
    places. Shifts fade in and out over `ease_s`; between contacts a foot is only lifted out of the floor.
    """
    if config.mode is FootLockMode.OFF:
        return motion
    if config.mode is FootLockMode.ALWAYS and not config.given:
        motion = replace(motion, contacts=detect_contacts(motion, _ALWAYS_CONTACTS).contacts)
    pins = pin_feet(motion, config, camera)
    if not pins.weights.any():
        return motion
    motion = _shift_root(motion, pins, config)
    return _bend_legs(motion, pins, config)


@dataclass(frozen=True)
class ContactReport:
    """How still one heel or toe stands: frames [start, stop), mean slide per frame, m, and deepest dip, m."""

    point: str
    start: int
    stop: int
    slide_m: float
    penetration_m: float


def contact_reports(motion: Motion) -> list[ContactReport]:
    """One report for each contact of at least two frames, by `motion.contacts` >= 0.5."""
    points = foot_points(motion)
    reports = []
    for column, name in enumerate(CONTACT_NAMES):
        for start, stop in intervals(motion.contacts[:, column] >= 0.5):
            if stop - start >= 2:
                path = points[start:stop, column]
                steps = np.linalg.norm(np.diff(path[:, [0, 2]], axis=0), axis=1)
                dip = max(0.0, -float(path[:, 1].min()))
                reports.append(ContactReport(name, start, stop, float(steps.mean()), dip))
    return reports


def mean_slide_m(motion: Motion) -> float:
    """Mean horizontal slide of feet in contact per frame, m; 0 without contacts."""
    reports = contact_reports(motion)
    frames = sum(r.stop - r.start - 1 for r in reports)
    return sum(r.slide_m * (r.stop - r.start - 1) for r in reports) / frames if frames else 0.0


def _shift_root(motion: Motion, pins: Pins, config: FootLockConfig) -> Motion:
    """Move the root by the slow part of what all pinned points ask for together, and where a leg is too short."""
    points = foot_points(motion)
    wish = pins.places - points
    total = pins.weights.sum(axis=1)
    mean = np.einsum("tp,tpk->tk", pins.weights, wish) / np.maximum(total, 1e-9)[:, None]
    known = total > 1e-6
    mean = np.stack([np.interp(motion.times_s, motion.times_s[known], column[known]) for column in mean.T], axis=1)
    away_s = np.abs(motion.times_s - motion.times_s[_nearest(known)])
    mean *= config.root_share * np.exp(-away_s / config.forget_s)[:, None]
    shift = smooth_series(motion.times_s, mean, config.root_s, np.minimum(total, 2.0) + 0.02)
    motion = replace(motion, transl=motion.transl + shift)

    # Where a pinned foot is out of the leg's reach the pelvis comes down or closer, smoothly.
    excess = np.concatenate([_out_of_reach(part, pins.part(rows), config) for rows, part in motion.parts()])
    if not excess.any():
        return motion
    return replace(motion, transl=motion.transl + smooth_series(motion.times_s, excess, 0.5 * config.root_s, order=0))


def _nearest(known: np.ndarray) -> np.ndarray:
    """(T,) index of the nearest true entry of `known` (T,), which has one."""
    index = np.flatnonzero(known)
    frames = np.arange(len(known))
    after = np.clip(np.searchsorted(index, frames), 0, len(index) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(frames - index[before] < index[after] - frames, index[before], index[after])


def _out_of_reach(motion: Motion, pins: Pins, config: FootLockConfig) -> np.ndarray:
    """(T, 3) the way, m, the hips must go for the worse of the two legs to reach its pinned foot; 0 where both do."""
    rotmats = motion.global_rotmats()
    joints = joint_positions(motion.skeleton, rotmats, motion.transl)
    targets, weights, _ = _ankle_targets(motion, pins, rotmats, joints)
    lengths = motion.skeleton.bone_lengths
    excess = np.zeros((len(motion), 3))
    for side, name in enumerate(_SIDES):
        leg = targets[:, side] - joints[:, JOINT[f"{name}_hip"]]
        distance = np.linalg.norm(leg, axis=1, keepdims=True)
        reach = config.reach_share * (lengths[JOINT[f"{name}_knee"]] + lengths[JOINT[f"{name}_ankle"]])
        pull = leg / np.maximum(distance, 1e-9) * np.maximum(distance - reach, 0.0) * weights[:, side, None]
        worse = np.linalg.norm(pull, axis=1, keepdims=True) > np.linalg.norm(excess, axis=1, keepdims=True)
        excess = np.where(worse, pull, excess)
    return excess


def _ankle_targets(
    motion: Motion, pins: Pins, rotmats: np.ndarray, joints: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ankle targets (T, 2, 3) m, their weights (T, 2), and turns of the feet (T, 2, 3, 3) onto heel and toe places.

    The ankle goes where the pinned points land on their places with the foot's turned orientation.
    """
    skeleton = motion.skeleton
    columns = [skeleton.landmark_names.index(name) for name in CONTACT_NAMES]
    owners = [skeleton.landmark_joints[column] for column in columns]
    offsets = skeleton.rest_landmarks[columns] - skeleton.rest_joints[owners]
    points = joints[:, owners] + rotate(rotmats[:, owners], offsets)
    targets, weights, turns = [], [], []
    for side, name in enumerate(_SIDES):
        ankle = joints[:, JOINT[f"{name}_ankle"]]
        pair = slice(2 * side, 2 * side + 2)
        pin, place = pins.weights[:, pair], pins.places[:, pair]
        arms = points[:, pair] - ankle[:, None]
        turn = _turn_between(points[:, 2 * side + 1] - points[:, 2 * side], place[:, 1] - place[:, 0], pin.min(axis=1))
        arms = rotate(turn[:, None], arms)
        # A point that stands must not give way to one that is only about to.
        share = pin**_SHARPNESS
        total = share.sum(axis=1)
        target = np.einsum("tp,tpk->tk", share, place - arms) / np.maximum(total, 1e-30)[:, None]
        targets.append(np.where(total[:, None] > 1e-12, target, ankle))
        weights.append(pin.max(axis=1))
        turns.append(turn)
    return np.stack(targets, axis=1), np.stack(weights, axis=1), np.stack(turns, axis=1)


def _turn_between(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(T, 3, 3) the least rotation that takes directions `start` (T, 3) `share` (T,) of the way to `end` (T, 3)."""
    a = start / np.maximum(np.linalg.norm(start, axis=1, keepdims=True), 1e-9)
    b = end / np.maximum(np.linalg.norm(end, axis=1, keepdims=True), 1e-9)
    axis = np.cross(a, b)
    sine, cosine = np.linalg.norm(axis, axis=1), np.sum(a * b, axis=1)
    angle = np.arctan2(sine, cosine) * share
    return rotvec_to_rotmat(axis * (angle / np.maximum(sine, 1e-9))[:, None])


def _bend_legs(motion: Motion, pins: Pins, config: FootLockConfig) -> Motion:
    """Bring both ankles to their targets by bending the legs, a chunk of frames at a time."""
    rotvecs = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    for rows, part in motion.parts():
        local = _bend_chunk(part, pins.part(rows), config)
        changed = [JOINT[f"{side}_{joint}"] for side in _SIDES for joint in ("hip", "knee", "ankle")]
        rotvecs[rows, changed] = part.with_local_rotmats(local).body_pose[:, np.array(changed) - 1]
    return replace(motion, global_orient=rotvecs[:, 0], body_pose=rotvecs[:, 1:])


def _bend_chunk(motion: Motion, pins: Pins, config: FootLockConfig) -> np.ndarray:
    """(T, J, 3, 3) local rotations with both ankles where their pins want them and no foot in the floor."""
    skeleton = motion.skeleton
    local = motion.local_rotmats()
    rotmats = global_rotations(skeleton.parents, local)
    joints = joint_positions(skeleton, rotmats, motion.transl)
    targets, weights, turns = _ankle_targets(motion, pins, rotmats, joints)
    columns = [skeleton.landmark_names.index(name) for name in CONTACT_NAMES]
    owners = [skeleton.landmark_joints[column] for column in columns]
    offsets = skeleton.rest_landmarks[columns] - skeleton.rest_joints[owners]
    points = joints[:, owners] + rotate(rotmats[:, owners], offsets)
    for side, name in enumerate(_SIDES):
        hip, knee, ankle = (JOINT[f"{name}_{joint}"] for joint in ("hip", "knee", "ankle"))
        start = joints[:, ankle]
        goal = start + weights[:, side, None] * (targets[:, side] - start)
        arms = rotate(turns[:, side, None], points[:, 2 * side : 2 * side + 2] - start[:, None])
        lowest = goal[:, 1] + arms[..., 1].min(axis=1)
        depth = np.maximum(-config.clearance_m - lowest, 0.0)
        # Far below the floor it is the floor that is wrong: fade out, do not fold the leg.
        goal[:, 1] += depth * np.clip(2.0 - depth / config.max_correction_m, 0.0, 1.0)
        turned = turns[:, side] @ rotmats[:, ankle]
        local[:, ankle] = np.swapaxes(rotmats[:, knee], -1, -2) @ turned
        moved = (np.linalg.norm(goal - start, axis=1) > 1e-5).astype(np.float64)
        chain = (hip, knee, ankle)
        local = refine_chain(
            skeleton, local, motion.transl, chain, ankle, goal, moved, config.damping, config.iterations
        )
    return local

"""A made-up skeleton and motions with known truth for the tests of temporal stages."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from rig.motion import Motion
from rig.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from rig.skeleton import JOINT, LANDMARK_NAMES, SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

_LEFT_AND_CENTRE = {
    "pelvis": (0.0, 0.92, 0.0),
    "left_hip": (0.09, 0.84, 0.0),
    "left_knee": (0.10, 0.47, 0.01),
    "left_ankle": (0.10, 0.08, -0.03),
    "left_foot": (0.11, 0.03, 0.10),
    "spine1": (0.0, 1.03, -0.02),
    "spine2": (0.0, 1.16, -0.01),
    "spine3": (0.0, 1.22, 0.0),
    "neck": (0.0, 1.43, -0.03),
    "head": (0.0, 1.52, 0.01),
    "left_collar": (0.07, 1.36, -0.02),
    "left_shoulder": (0.18, 1.38, -0.03),
    "left_elbow": (0.44, 1.37, -0.04),
    "left_wrist": (0.69, 1.38, -0.04),
    "left_hand": (0.77, 1.37, -0.04),
    "nose": (0.0, 1.55, 0.13),
    "left_heel": (0.10, 0.0, -0.08),
    "left_big_toe": (0.10, 0.0, 0.17),
}


def _place(name: str) -> tuple[float, float, float]:
    if name.startswith("right_"):
        x, y, z = _LEFT_AND_CENTRE["left_" + name[6:]]
        return -x, y, z
    return _LEFT_AND_CENTRE[name]


_OWNERS = {"nose": "head", "heel": "ankle", "big_toe": "foot"}


def sample_skeleton() -> Skeleton:
    """A symmetric person of about 1.7 m whose soles rest at y = 0."""

    def owner(name: str) -> int:
        side, _, part = name.partition("_")
        return JOINT[_OWNERS[name]] if name in _OWNERS else JOINT[f"{side}_{_OWNERS[part]}"]

    return Skeleton(
        joint_names=SMPL_JOINT_NAMES,
        parents=SMPL_PARENTS,
        rest_joints=np.array([_place(name) for name in SMPL_JOINT_NAMES]),
        landmark_names=LANDMARK_NAMES,
        landmark_joints=tuple(owner(name) for name in LANDMARK_NAMES),
        rest_landmarks=np.array([_place(name) for name in LANDMARK_NAMES]),
    )


def motion_from(
    rotvecs: np.ndarray,
    transl: np.ndarray,
    times_s: np.ndarray | None = None,
    fps: Fraction = Fraction(30),
    confidence: np.ndarray | None = None,
    skeleton: Skeleton | None = None,
) -> Motion:
    """A Motion from local rotation vectors (T, 24, 3) and transl (T, 3)."""
    frames = len(transl)
    return Motion(
        fps=fps,
        times_s=np.arange(frames) * float(1 / fps) if times_s is None else times_s,
        skeleton=sample_skeleton() if skeleton is None else skeleton,
        betas=np.zeros(10),
        global_orient=rotvecs[:, 0],
        body_pose=rotvecs[:, 1:],
        transl=transl,
        contacts=np.zeros((frames, 4)),
        confidence=np.ones((frames, 24)) if confidence is None else confidence,
    )


def standing(frames: int = 60, fps: Fraction = Fraction(30)) -> Motion:
    """A person standing still at the origin, arms out, soles on y = 0."""
    return motion_from(np.zeros((frames, 24, 3)), np.zeros((frames, 3)), fps=fps)


def wandering(frames: int = 120, seed: int = 0, times_s: np.ndarray | None = None) -> Motion:
    """Smooth, band-limited random movement of every joint and the root; not a plausible person."""
    times = np.arange(frames) / 30.0 if times_s is None else times_s
    rng = np.random.default_rng(seed)
    rate_hz = rng.uniform(0.1, 0.8, (3, 24, 3))
    phase = rng.uniform(0, 2 * np.pi, (3, 24, 3))
    size = rng.uniform(0.05, 0.25, (3, 24, 3))
    waves = size * np.sin(2 * np.pi * rate_hz * times[:, None, None, None] + phase)
    path = np.stack([0.8 * times, 0.05 * np.sin(6 * times), 0.5 * np.sin(0.7 * times)], axis=-1)
    return motion_from(waves.sum(1), path, times_s=times)


def walking(seconds: float = 4.0, fps: Fraction = Fraction(30), speed_m_s: float = 0.8) -> tuple[Motion, np.ndarray]:
    """Walking along +z with flat feet planted by exact two-bone legs; also the true contact (T, 4)."""

    skeleton = sample_skeleton()
    frames = round(seconds * fps)
    times = np.arange(frames) * float(1 / fps)
    period, rest = 1.1, skeleton.rest_joints
    stride = speed_m_s * period
    pelvis = rest[0] + np.stack(
        [np.zeros(frames), -0.06 + 0.015 * np.cos(4 * np.pi * times / period), speed_m_s * times], -1
    )
    rotmats = np.tile(np.eye(3), (frames, 24, 1, 1))
    contacts = np.zeros((frames, 4))
    for side, offset in (("left", 0.0), ("right", 0.5)):
        hip, knee, ankle = JOINT[f"{side}_hip"], JOINT[f"{side}_knee"], JOINT[f"{side}_ankle"]
        cycle = times / period + offset
        step, phase = np.floor(cycle), cycle % 1.0
        swing = np.clip((phase - 0.6) / 0.4, 0.0, 1.0)
        ease = swing**3 * (10 - 15 * swing + 6 * swing**2)
        target = np.zeros((frames, 3)) + rest[ankle]
        target[:, 2] += (step - offset + ease) * stride + 0.3 * stride
        target[:, 1] += 0.10 * np.sin(np.pi * swing) ** 2
        contacts[:, [0, 1] if side == "left" else [2, 3]] = (phase < 0.6)[:, None]
        # Two bones bent in the sagittal plane; the sideways part comes from the rest pose.
        start = pelvis + rest[hip] - rest[0]
        gap = target - start - (rest[ankle] - rest[hip]) * [1, 0, 0]
        upper, lower = (rest[knee] - rest[hip]) * [0, 1, 1], (rest[ankle] - rest[knee]) * [0, 1, 1]
        a, b = np.linalg.norm(upper), np.linalg.norm(lower)
        reach = np.clip(np.linalg.norm(gap, axis=1), 0.1, a + b - 1e-6)
        bend = np.arccos((a * a + reach**2 - b * b) / (2 * a * reach))
        aim = np.arctan2(gap[:, 2], -gap[:, 1])
        thigh = aim + bend - np.arctan2(upper[2], -upper[1])
        knee_at = np.stack([0 * aim, -a * np.cos(aim + bend), a * np.sin(aim + bend)], -1)
        shin_gap = gap * (reach / np.linalg.norm(gap, axis=1))[:, None] - knee_at
        shin = np.arctan2(shin_gap[:, 2], -shin_gap[:, 1]) - np.arctan2(lower[2], -lower[1])
        axis = np.array([-1.0, 0.0, 0.0])
        rotmats[:, hip] = rotvec_to_rotmat(thigh[:, None] * axis)
        rotmats[:, knee] = rotvec_to_rotmat((shin - thigh)[:, None] * axis)
        rotmats[:, ankle] = rotvec_to_rotmat(-shin[:, None] * axis)
    motion = motion_from(rotmat_to_rotvec(rotmats), pelvis - rest[0], times_s=times, fps=fps)
    return motion, contacts

"""Makes more motion of the captured motion: mirrored, recombined, bent into other postures, laid down, disturbed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rig.skeleton import CHAINS, JOINT, SMPL_JOINT_NAMES, mirrored_names

from .columns import about, blend, heading, multiply, rotate
from .postures import PostureTable, posture_table

_MIRRORED = list(mirrored_names(SMPL_JOINT_NAMES))
_ARMS = [JOINT[name] for name in (*CHAINS["left_arm"], *CHAINS["right_arm"])]
_PARTS = (
    (0.35, _ARMS),
    (0.15, [JOINT[name] for name in CHAINS["left_arm"]]),
    (0.15, [JOINT[name] for name in CHAINS["right_arm"]]),
    (0.15, [JOINT[name] for name in CHAINS["head"]]),
    (0.2, [*_ARMS, *(JOINT[name] for name in (*CHAINS["head"], "spine1", "spine2", "spine3"))]),
)
"""How often which joints are taken from another clip."""

_NOISE_DEG = {
    "pelvis": 1.5, "spine1": 3, "spine2": 2, "spine3": 3, "neck": 6, "head": 7, "collar": 4, "shoulder": 9, "elbow": 8,
    "wrist": 12, "hand": 3, "hip": 5, "knee": 4, "ankle": 7, "foot": 6,
}  # fmt: skip
_LEGS = [JOINT[name] for name in (*CHAINS["left_leg"], *CHAINS["right_leg"])]
_WAVES = 4


@dataclass(frozen=True)
class AugmentConfig:
    """Shares of the windows that are changed in each way, and how much.

    mirrored, reversed_, recombined, posed, laid   shares
    warp              slowest and fastest speed
    disturbed         share with smooth noise on the rotations; disturbed_legs: of these, with noise on the legs too
    """

    mirrored: float = 0.5
    reversed_: float = 0.15
    recombined: float = 0.35
    posed: float = 0.22
    laid: float = 0.05
    warp: tuple[float, float] = (0.6, 1.6)
    disturbed: float = 0.8
    disturbed_legs: float = 0.4


NO_CHANGE = AugmentConfig(0.0, 0.0, 0.0, 0.0, 0.0, (1.0, 1.0), 0.0, 0.0)
"""Motion as it was captured."""


@dataclass(frozen=True)
class Motions:
    """n windows of T frames: quats (4, 24, n, T) local, pelvis (3, n, T) m, low (4, n, T) 1 for feet near the ground.

    on_ground (n,): the lowest point of these windows lies on the floor; the rest stand where their pelvis says.
    """

    quats: np.ndarray
    pelvis: np.ndarray
    low: np.ndarray
    on_ground: np.ndarray


def mirror(motions: Motions, chosen: np.ndarray) -> Motions:
    """The chosen windows (n,) seen in a mirror."""
    quats, pelvis, low = motions.quats.copy(), motions.pelvis.copy(), motions.low.copy()
    quats[:, :, chosen] = quats[:, _MIRRORED][:, :, chosen] * np.array([1, 1, -1, -1], np.float32)[:, None, None, None]
    pelvis[0, chosen] *= -1.0
    low[:, chosen] = low[[2, 3, 0, 1]][:, chosen]
    return replace(motions, quats=quats, pelvis=pelvis, low=low)


def recombine(motions: Motions, chosen: np.ndarray, donors: Motions, rng: np.random.Generator) -> Motions:
    """Limbs of the donors (k windows) on the chosen windows (k indices), for all frames or from some frame on."""
    frames = motions.quats.shape[3]
    part = rng.choice(len(_PARTS), len(chosen), p=[share for share, _ in _PARTS])
    mask = np.zeros((24, len(chosen)), dtype=np.float32)
    for window, which in enumerate(part):
        mask[_PARTS[which][1], window] = 1.0
    share = mask[..., None] * _ramps(rng, len(chosen), frames)
    quats = motions.quats.copy()
    quats[:, :, chosen] = blend(quats[:, :, chosen], donors.quats, share)
    return replace(motions, quats=quats)


def take_postures(motions: Motions, chosen: np.ndarray, rng: np.random.Generator) -> Motions:
    """The chosen windows (k indices) bent towards postures that captures lack."""
    table = _table()
    frames = motions.quats.shape[3]
    which = rng.integers(0, len(table.tilted), len(chosen))
    strength = (rng.uniform(0.65, 1.0, len(chosen))[:, None] * _ramps(rng, len(chosen), frames)).astype(np.float32)
    quats, pelvis = motions.quats.copy(), motions.pelvis.copy()
    own = quats[:, :, chosen]
    goal = np.repeat(table.quats[:, :, which, None], frames, axis=3)
    goal[:, 0] = multiply(heading(own[:, 0]), goal[:, 0])
    quats[:, :, chosen] = blend(own, goal, table.mask[:, which, None] * strength)
    low, on_ground = motions.low.copy(), motions.on_ground.copy()
    seated = chosen[table.tilted[which]]
    middle = pelvis[:, seated].mean(axis=2, keepdims=True)
    pelvis[:, seated] = middle + 0.15 * (pelvis[:, seated] - middle)
    on_ground[seated] = True
    return Motions(quats, pelvis, low, on_ground)


def lay_down(motions: Motions, chosen: np.ndarray, rng: np.random.Generator) -> Motions:
    """The chosen windows (k indices) as they would be on the floor: tipped over as a whole about a level axis."""
    count = len(chosen)
    angle = (rng.choice([-1.0, 1.0], count) * np.radians(rng.uniform(60.0, 105.0, count))).astype(np.float32)
    turn = about(1, rng.uniform(-np.pi, np.pi, count).astype(np.float32))
    tip = multiply(turn, about(0, angle))[..., None]
    quats, pelvis, on_ground = motions.quats.copy(), motions.pelvis.copy(), motions.on_ground.copy()
    quats[:, 0, chosen] = multiply(tip, quats[:, 0, chosen])
    middle = pelvis[:, chosen].mean(axis=2, keepdims=True)
    pelvis[:, chosen] = middle + 0.3 * rotate(tip, pelvis[:, chosen] - middle)
    on_ground[chosen] = True
    return replace(motions, quats=quats, pelvis=pelvis, on_ground=on_ground)


def disturb(motions: Motions, chosen: np.ndarray, legs: np.ndarray, rng: np.random.Generator) -> Motions:
    """Smooth noise on the rotations of the chosen windows (n,): on their legs too where `legs` (n,) says so."""
    _, _, count, frames = motions.quats.shape
    size = np.exp(rng.normal(-0.2, 0.6, count)).clip(0.0, 2.5) * chosen
    degrees = np.outer(_noise_rad(), size)
    degrees[_LEGS] *= legs
    weights = rng.standard_normal((3, 24, count, _WAVES)).astype(np.float32)
    weights *= (degrees.astype(np.float32) / np.sqrt(2.0))[None, :, :, None]
    order = np.arange(_WAVES)[:, None] * np.linspace(0.0, np.pi, frames)
    waves = (np.cos(order) / np.maximum(np.arange(_WAVES), 0.7)[:, None]).astype(np.float32)
    turns = weights @ waves
    quats = np.concatenate([np.ones((1, 24, count, frames), np.float32), 0.5 * turns])
    quats /= np.sqrt(np.einsum("cjnt,cjnt->jnt", quats, quats))
    return replace(motions, quats=multiply(motions.quats, quats))


def face_anywhere(motions: Motions, rng: np.random.Generator) -> Motions:
    """Every window turned about the vertical by a random angle, its middle on the world's vertical axis."""
    turn = about(1, rng.uniform(-np.pi, np.pi, motions.quats.shape[2]).astype(np.float32))[..., None]
    quats = motions.quats.copy()
    quats[:, 0] = multiply(turn, quats[:, 0])
    pelvis = (
        motions.pelvis - motions.pelvis.mean(axis=2, keepdims=True) * np.array([1, 0, 1], np.float32)[:, None, None]
    )
    return replace(motions, quats=quats, pelvis=rotate(turn, pelvis))


def _ramps(rng: np.random.Generator, count: int, frames: int) -> np.ndarray:
    """(k, T) shares: 1 throughout, or easing in or out within the window for every fourth."""
    middle = rng.uniform(0.2, 0.8, (count, 1)) * frames
    width = rng.uniform(0.1, 0.4, (count, 1)) * frames + 1.0
    place = np.clip((np.arange(frames) - middle) / width + 0.5, 0.0, 1.0)
    ease = place * place * (3.0 - 2.0 * place)
    kind = rng.random((count, 1))
    return np.where(kind < 0.75, 1.0, np.where(kind < 0.875, ease, 1.0 - ease)).astype(np.float32)


@lru_cache(maxsize=1)
def _noise_rad() -> np.ndarray:
    parts = [name.removeprefix("left_").removeprefix("right_") for name in SMPL_JOINT_NAMES]
    return np.radians([float(_NOISE_DEG[part]) for part in parts])


@lru_cache(maxsize=1)
def _table() -> PostureTable:
    return posture_table()

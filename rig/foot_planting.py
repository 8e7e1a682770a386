"""Where a character's ankles must be so that its feet stand where the motion's do and keep off the floor."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_RAMP_FRAMES = 3


@dataclass(frozen=True)
class FootMotion:
    """One foot over T frames; heights above the floor, lengths in the character's unit.

    ankles, toes                (T, 3) the character's ankle and base of the toes as its turns leave them
    source_ankles, source_toes  (T, 3) the motion's, scaled to the character
    ankle_turns, toe_turns      (T, 3, 3) the motion's turns of foot and toes
    ball                        (3,) from the ankle to the base of the toes in the T-pose
    foot_skin, toe_skin         (P, 3), (Q, 3) points of the skin in the T-pose: of the foot from the ankle, of the toes
                                from their base
    contacts                    (T, 2) 0..1 of heel and toes
    """

    ankles: np.ndarray
    toes: np.ndarray
    source_ankles: np.ndarray
    source_toes: np.ndarray
    ankle_turns: np.ndarray
    toe_turns: np.ndarray
    ball: np.ndarray
    foot_skin: np.ndarray
    toe_skin: np.ndarray
    contacts: np.ndarray


def plant_foot(foot: FootMotion) -> np.ndarray:
    """(T, 3) where the ankle shall be for the foot to stand as the motion's does, near where its turns leave it.

    Over the floor a foot in contact moves as the motion's does, from where its turns leave it on average; before,
    after and between contacts the correction eases over. It is raised until no point of it is under the floor, and
    lowered in contacts until one touches it.
    """
    target = foot.ankles.copy()
    target[:, :2] += _floor_correction(foot)
    return _on_floor(foot, target)


def place_foot(foot: FootMotion) -> np.ndarray:
    """(T, 3) where the ankle shall be for the foot to be where the motion's is, kept off the floor and on it alike."""
    return _on_floor(foot, foot.source_ankles.copy())


def _on_floor(foot: FootMotion, target: np.ndarray) -> np.ndarray:
    lowest = target[:, 2] + lowest_of_foot(foot)
    touching = _eased((foot.contacts > 0.5).any(axis=1).astype(np.float64))
    target[:, 2] -= np.where(lowest < 0.0, lowest, touching * lowest)
    return target


def _floor_correction(foot: FootMotion) -> np.ndarray:
    """(T, 2) how far to move the foot over the floor."""
    heel, toe = (foot.contacts > 0.5).T
    anchor = np.where(toe, 2, np.where(heel, 1, 0))
    edges = np.flatnonzero(np.diff(anchor)) + 1
    correction = np.zeros((len(anchor), 2))
    planted = anchor > 0
    if not planted.any():
        return correction
    last_end = -1
    for start, end in zip([0, *edges], [*edges, len(anchor)], strict=True):
        if anchor[start] == 0:
            continue
        rows = slice(start, end)
        own, theirs = (foot.toes, foot.source_toes) if anchor[start] == 2 else (foot.ankles, foot.source_ankles)
        gap = theirs[rows, :2] - own[rows, :2]
        carried = correction[start - 1] - gap[0] if last_end == start else -gap.mean(axis=0)
        correction[rows] = gap + carried
        last_end = end
    known = np.flatnonzero(planted)
    for before, after in pairwise(known):
        if after > before + 1:
            share = _smooth(np.arange(1, after - before) / (after - before))[:, None]
            correction[before + 1 : after] = correction[before] + share * (correction[after] - correction[before])
    correction[: known[0]] = correction[known[0]]
    correction[known[-1] :] = correction[known[-1]]
    return correction


def lowest_of_foot(foot: FootMotion) -> np.ndarray:
    """(T,) height of the lowest point of foot and toes relative to the ankle."""
    lowest = (foot.ankle_turns[:, 2] @ foot.foot_skin.T).min(axis=1)
    if len(foot.toe_skin):
        base = foot.ankle_turns[:, 2] @ foot.ball
        lowest = np.minimum(lowest, base + (foot.toe_turns[:, 2] @ foot.toe_skin.T).min(axis=1))
    return np.asarray(lowest)


def _smooth(share: np.ndarray) -> np.ndarray:
    return np.asarray(share * share * (3.0 - 2.0 * share))


def _eased(flags: np.ndarray) -> np.ndarray:
    """Flags (T,) with ramps of a few frames outside of them."""
    result = flags.copy()
    for step in range(1, _RAMP_FRAMES + 1):
        share = 1.0 - step / (_RAMP_FRAMES + 1)
        result[step:] = np.maximum(result[step:], share * flags[:-step])
        result[:-step] = np.maximum(result[:-step], share * flags[step:])
    return result

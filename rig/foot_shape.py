"""The shape of a character's foot in the T-pose: its skin where there is one, else a sole drawn under its bones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body_frame import BodyFrame
from .bone_mapping import BoneMapping
from .character import Character
from .rest_alignment import Alignment

_HEEL_BEHIND, _TOES_AHEAD = 0.35, 0.6
_DIRECTIONS = 200


@dataclass(frozen=True)
class FootShape:
    """One foot in the T-pose, in the character's directions and unit, from the ankle.

    ball       (3,) base of the toes
    foot_skin  (P, 3) outermost points of the foot
    toe_skin   (Q, 3) outermost points of the toes, from their base; none when no bone moves toes
    """

    ball: np.ndarray
    foot_skin: np.ndarray
    toe_skin: np.ndarray

    @property
    def ankle_height(self) -> float:
        """Height of the ankle over the lowest point."""
        heights = [self.foot_skin[:, 2].min()]
        if len(self.toe_skin):
            heights.append(self.ball[2] + self.toe_skin[:, 2].min())
        return float(-min(heights))


def foot_shape(
    character: Character, mapping: BoneMapping, frame: BodyFrame, alignment: Alignment, side: str
) -> FootShape | None:
    """The shape of one foot; None when no bone moves it."""
    ankle_name, toe_name = mapping.first(f"{side}_ankle"), mapping.first(f"{side}_foot")
    turn = alignment.turns.get(f"{side}_ankle")
    if not ankle_name or turn is None:
        return None
    ankle = character.index(ankle_name)
    toe = character.index(toe_name) if toe_name else -1
    if toe >= 0:
        step = (character.heads[toe] - character.heads[ankle]) @ frame.axes
    else:
        step = alignment.directions[f"{side}_ankle"] * character.lengths[ankle]
    ball = turn @ step
    toe_bones = character.below(toe) if toe >= 0 else []
    foot = _skin(character, [bone for bone in character.below(ankle) if bone not in toe_bones], ankle, frame, turn)
    toes = _skin(character, toe_bones, toe, frame, alignment.turns.get(f"{side}_foot", turn))
    if len(foot) + len(toes) == 0:
        ahead = ball * [1.0, 1.0, 0.0]
        sole = np.array([0.0, 0.0, -frame.ankle_height])
        foot = np.stack([sole - _HEEL_BEHIND * ahead, sole + ahead])
        tip = sole + (1.0 + _TOES_AHEAD) * ahead
        if toe >= 0:
            toes = (tip - ball)[None]
        else:
            foot = np.concatenate([foot, tip[None]])
    elif not len(foot):
        foot = ball[None]
    return FootShape(ball, foot, toes)


def _skin(character: Character, bones: list[int], origin: int, frame: BodyFrame, turn: np.ndarray) -> np.ndarray:
    """(P, 3) outermost points that the bones move, in the T-pose, from the head of the bone `origin`."""
    owners, points = np.asarray(character.skin_bones), np.asarray(character.skin_points)
    chosen = np.isin(owners, bones)
    if not chosen.any():
        return np.zeros((0, 3))
    # From rest to the reference pose with the bone that moves it.
    owner, at_rest = owners[chosen], points[chosen]
    to_reference = np.asarray(character.reference) @ np.linalg.inv(character.rest)
    placed = np.einsum("pij,pj->pi", to_reference[owner, :3, :3], at_rest) + to_reference[owner, :3, 3]
    local = (placed - character.heads[origin]) @ frame.axes @ turn.T
    # Only points that are the farthest one way can be the lowest of some pose.
    golden = np.pi * (3.0 - np.sqrt(5.0))
    height = 1.0 - 2.0 * (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS
    radius, angle = np.sqrt(1.0 - height**2), golden * np.arange(_DIRECTIONS)
    ways = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    outermost: np.ndarray = np.unique((local @ ways.T).argmax(axis=0))
    return np.asarray(local[outermost])

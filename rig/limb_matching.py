"""Finding two legs and two arms among the bones of an armature, by their names, tree and lengths."""

from __future__ import annotations

import numpy as np

from .bone_mapping import SIDES
from .bone_names import NameReading
from .character import Character

SURE_NAME = 0.8
"""From here on a name is taken to mean a part of the body."""

_LEG = ("hip", "knee", "ankle")
_ARM = ("shoulder", "elbow", "wrist")
# Lengths as shares of the height of the head's joint above the ankles, from adults; children and toys differ, so
# they only weigh against each other.
_LEG_SHARE, _ARM_SHARE, _SHOULDER_SHARE = 0.52, 0.34, 0.11
_HIGHEST_HIP = 0.65
_FARTHEST_ANCESTOR = 6
_LEAST_SCORE = -1.5


def possible_ups(character: Character) -> list[np.ndarray]:
    """Axes of the armature, that which points up in the world first."""
    up = np.linalg.inv(character.world[:3, :3])[:, 2]
    axes = [sign * axis for axis in np.eye(3) for sign in (1.0, -1.0)]
    return sorted(axes, key=lambda axis: -float(axis @ up))


class LimbMatcher:
    """Scores of possible limbs for one choice of up."""

    def __init__(self, character: Character, readings: list[NameReading], up: np.ndarray) -> None:
        self.character, self.readings, self.up = character, readings, up
        heads = character.heads
        self.heights = heads @ up
        self.heights = self.heights - self.heights.min()
        self.size = float(np.ptp(self.heights)) or 1.0
        self.lateral = self._lateral()

    def _lateral(self) -> np.ndarray:
        """(B,) place of each bone towards the left, as a share of the height; 0 is the middle."""
        heads = self.character.heads
        flat = heads - np.outer(heads @ self.up, self.up)
        sides = [np.array([r.side == side for r in self.readings]) for side in SIDES]
        if all(side.sum() >= 3 for side in sides):
            left = flat[sides[0]].mean(0) - flat[sides[1]].mean(0)
            middle = (flat[sides[0]].mean(0) + flat[sides[1]].mean(0)) / 2
        else:
            middle = flat.mean(0)
            # Without sides in the names the body is the wider way and its left is anybody's guess until the feet tell.
            _, _, axes = np.linalg.svd(flat - middle)
            left = axes[0]
            toes = self._toe_direction(flat)
            if np.linalg.norm(toes) > 0 and np.cross(self.up, toes) @ left < 0:
                left = -left
        left = left / max(float(np.linalg.norm(left)), 1e-12)
        return np.asarray((flat - middle) @ left / self.size)

    def _toe_direction(self, flat: np.ndarray) -> np.ndarray:
        low = [
            bone
            for bone in range(len(flat))
            if self.heights[bone] < 0.12 * self.size and self.character.parents[bone] >= 0
        ]
        steps = [flat[bone] - flat[self.character.parents[bone]] for bone in low]
        return np.sum(steps, axis=0) if steps else np.zeros(3)

    def on_side(self, bone: int, side: str) -> bool:
        """Whether a bone's name, or else its place, is of a side."""
        said = self.readings[bone].side
        towards = 1.0 if side == "left" else -1.0
        return said == side if said else towards * self.lateral[bone] > 0.015

    def limbs(self) -> tuple[float, dict[str, list[int]], dict[int, float]] | None:
        """(score, part -> bones, bone -> confidence) of the best two legs and arms; None when one is missing."""
        total, chosen, sure = 0.0, {}, {}
        for side in SIDES:
            for parts, scorer in ((_LEG, self._leg), (_ARM, self._arm)):
                best = self._best_chain(side, parts, scorer)
                if best is None:
                    return None
                score, chain, named = best
                total += score
                for part, bone, name in zip(parts, chain, named, strict=True):
                    chosen[f"{side}_{part}"] = [bone]
                    sure[bone] = float(np.clip(0.55 + 0.4 * name + 0.1 * min(score, 0.0), 0.1, 0.95))
        return total, chosen, sure

    def _best_chain(self, side, parts, scorer):  # type: ignore[no-untyped-def]
        best = None
        heads = self.character.heads / self.size
        for end in range(len(heads)):
            if not self._plain(end, side):
                continue
            for above, penalty in self._lines_to(end, side, parts):
                for j, middle in enumerate(above):
                    for start in above[:j]:
                        chain = (start, middle, end)
                        named = [
                            self.readings[bone].parts.get(part, 0.0) for bone, part in zip(chain, parts, strict=True)
                        ]
                        wrong = sum(
                            bool(self.readings[bone].parts) and name == 0.0
                            for bone, name in zip(chain, named, strict=True)
                        )
                        upper = float(np.linalg.norm(heads[middle] - heads[start]))
                        lower = float(np.linalg.norm(heads[end] - heads[middle]))
                        if upper < 1e-3 or lower < 1e-3:
                            continue
                        score = 1.2 * sum(named) - 1.0 * wrong - 1.5 * abs(np.log(upper / lower)) - penalty
                        score += scorer(chain, upper, lower)
                        # The wrist of wrist and hand, the ankle of ankle and foot.
                        between = above[above.index(middle) + 1 :]
                        score -= sum(self.readings[bone].parts.get(parts[2], 0.0) >= SURE_NAME for bone in between)
                        if score > _LEAST_SCORE and (best is None or score > best[0]):
                            best = (score, chain, named)
        return best

    def _plain(self, bone: int, side: str) -> bool:
        reading = self.readings[bone]
        return not reading.aside and not reading.twist and self.on_side(bone, side)

    def _lines_to(self, end: int, side: str, parts: tuple[str, str, str]) -> list[tuple[list[int], float]]:
        """Bones that a limb's upper parts can be, from above, each line with a penalty.

        Feet that inverse kinematics held hang from the root, beside the shins that they go with.
        """

        def line(bones: list[int]) -> list[int]:
            return [bone for bone in bones[-_FARTHEST_ANCESTOR:] if self._plain(bone, side)]

        lines = [(line(self.character.path(end)[:-1]), 0.0)]
        if parts == _LEG and not lines[0][0] and self.readings[end].parts.get("ankle", 0.0) >= SURE_NAME:
            shins = [bone for bone, reading in enumerate(self.readings) if reading.parts.get("knee", 0.0) >= SURE_NAME]
            lines += [(line(self.character.path(shin)), 0.5) for shin in shins if self._plain(shin, side)]
        return lines

    def _leg(self, chain: tuple[int, int, int], upper: float, lower: float) -> float:
        start, _, end = chain
        drop = (self.heights[start] - self.heights[end]) / self.size
        low = max(0.0, self.heights[end] / self.size - 0.2)
        high = max(0.0, self.heights[start] / self.size - _HIGHEST_HIP)
        return 1.0 - 4.0 * abs(upper + lower - _LEG_SHARE) - 5.0 * (max(0.0, 0.2 - drop) + low + high)

    def _arm(self, chain: tuple[int, int, int], upper: float, lower: float) -> float:
        start, _, end = chain
        high = self.heights[start] / self.size
        out = abs(self.lateral[start])
        fingers = sum(1 for bone in self.character.children(end))
        score = 1.0 - 4.0 * abs(upper + lower - _ARM_SHARE) - 4.0 * max(0.0, 0.45 - high)
        score -= 6.0 * abs(out - _SHOULDER_SHARE) + 4.0 * max(0.0, out - abs(self.lateral[end]))
        return score + (0.4 if fingers >= 2 else 0.0)

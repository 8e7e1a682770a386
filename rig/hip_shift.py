"""How far a character's hips must move so that its feet land where the motion's do, with no leg bent for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .foot_planting import FootMotion, lowest_of_foot

_HALF_WINDOW_S = 0.1
_STILL_WEIGHT = 1e-3
_PULL_BACK_S = 5.0
_FULL_BELOW, _NONE_ABOVE = 0.3, 0.6


def shift_hips(feet: Sequence[FootMotion], clearance: np.ndarray, leg: float, fps: float) -> np.ndarray:
    """(T, 3) step of the hips that carries both feet along.

    feet       the character's feet with the hips where the scaled motion's are
    clearance  (T,) how high the lowest point of the motion's feet is above the floor, scaled to the character
    leg        length of a leg, in the same unit

    Every bone keeps its direction. Legs of other proportions than the motion's put feet elsewhere; the hips make up
    for what both feet have in common: the lower foot is as high above the floor as the motion's, on it in contacts, and
    standing feet move over the floor as the motion's do. Where two feet disagree they share the error.
    """
    if not feet:
        return np.zeros((len(clearance), 3))
    window = max(round(_HALF_WINDOW_S * fps), 1)
    return np.column_stack([_along_floor(feet, fps, window), _up(feet, clearance, leg, window)])


def _up(feet: Sequence[FootMotion], clearance: np.ndarray, leg: float, window: int) -> np.ndarray:
    """(T,) step upwards: no foot is under the floor where the motion's feet are near it."""
    lowest = np.min([foot.ankles[:, 2] + lowest_of_foot(foot) for foot in feet], axis=0)
    touching = _averaged(
        np.max([(foot.contacts > 0.5).any(axis=1) for foot in feet], axis=0).astype(np.float64), window
    )
    wanted = np.maximum(clearance, 0.0) * (1.0 - touching)
    # What feet high in the air lack is nobody's concern.
    near = np.clip((_NONE_ABOVE - clearance / leg) / (_NONE_ABOVE - _FULL_BELOW), 0.0, 1.0)
    smooth = _averaged(near * (wanted - lowest), window)
    under = np.maximum(-(lowest + smooth), 0.0) * near
    # The average over a window of the window's highest value is nowhere below the value itself.
    return smooth + _averaged(_highest(under, window), window)


def _along_floor(feet: Sequence[FootMotion], fps: float, window: int) -> np.ndarray:
    """(T, 2) steps d over the floor that make sum w |d' - e'|^2 + s |d'|^2 + p |d|^2 smallest.

    e is how far a standing foot lags behind the motion's, ' the step from frame to frame, w whether it stands; s keeps
    the hips still where none does and p brings them back to the motion's path within seconds.
    """
    frames = len(feet[0].ankles)
    weight, wanted = np.full(max(frames - 1, 0), _STILL_WEIGHT), np.zeros((max(frames - 1, 0), 2))
    for foot in feet:
        heel, toe = (foot.contacts > 0.5).T
        for stands, lag in (
            (toe, foot.source_toes - foot.toes),
            (heel & ~toe, foot.source_ankles - foot.ankles),
        ):
            flags = stands.astype(np.float64)
            eased = (_averaged(flags, window) * flags)[1:] * flags[:-1]
            weight += eased
            wanted += eased[:, None] * np.diff(lag[:, :2], axis=0)
    pull = 1.0 / (_PULL_BACK_S * fps) ** 2
    diagonal = np.full(frames, pull)
    diagonal[1:] += weight
    diagonal[:-1] += weight
    right = np.zeros((frames, 2))
    right[1:] += wanted
    right[:-1] -= wanted
    step = _solve_tridiagonal(diagonal, -weight, right)
    # Where a foot lands or leaves, what the hips make up for sets in gradually.
    return np.column_stack([_averaged(column, window) for column in step.T])


def _solve_tridiagonal(diagonal: np.ndarray, beside: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(T, D) solution of a symmetric, diagonally dominant system with `beside` (T - 1,) next to its diagonal (T,)."""
    diagonal, right = diagonal.copy(), right.copy()
    for row in range(1, len(diagonal)):
        factor = beside[row - 1] / diagonal[row - 1]
        diagonal[row] -= factor * beside[row - 1]
        right[row] -= factor * right[row - 1]
    right[-1] /= diagonal[-1]
    for row in range(len(diagonal) - 2, -1, -1):
        right[row] = (right[row] - beside[row] * right[row + 1]) / diagonal[row]
    return right


def _windows(values: np.ndarray, half: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, half, mode="edge"), 2 * half + 1)


def _averaged(values: np.ndarray, half: int) -> np.ndarray:
    return np.asarray(_windows(values, half).mean(axis=1))


def _highest(values: np.ndarray, half: int) -> np.ndarray:
    return np.asarray(_windows(values, half).max(axis=1))

"""Fits one body shape to one person from the lengths of bones that were seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rig.skeleton import JOINT, SMPL_PARENTS

from ..errors import InputError
from ..poses import PoseSequence
from .model import BodyModel

MAX_BETA = 2.5
"""Bound on every coefficient, in standard deviations: beyond it bodies stop being plausible."""

_BONES = (
    "left_knee", "right_knee", "left_ankle", "right_ankle", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
_SPANS = (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"), ("left_hip", "left_shoulder"),
          ("right_hip", "right_shoulder"))  # fmt: skip
_PAIRS = (*((JOINT[name], SMPL_PARENTS[JOINT[name]]) for name in _BONES), *((JOINT[a], JOINT[b]) for a, b in _SPANS))
_LENGTH_SIGMA = np.array([0.05] * len(_BONES) + [0.08, 0.08, 0.05, 0.05])
"""Trust in each median length, as a part of it: lifted bones share the lifter's own bias, however long the clip."""
_SCALE_SIGMA = 0.06
"""Spread of the size that landmarks suggest, as a part of it."""
_MIN_FRAMES = 5
_ITERATIONS = 30


def fit_betas(
    poses: PoseSequence | Sequence[PoseSequence], body: BodyModel, height_m: float | None = None
) -> np.ndarray:
    """(B,) shape coefficients of one person for the whole clip.

    Fits the logarithms of median bone lengths by Gauss-Newton with a standard-normal prior on the coefficients and
    one free scale with its own weak prior, because what one camera sees is not metric. With `height_m` the scale is
    free of evidence and the stature, from the soles to the top of the head of the shaped body, is met exactly where
    the coefficients' bound of 2.5 allows it. Raises InputError for a height that no body of the model reaches.
    """
    people = [poses] if isinstance(poses, PoseSequence) else list(poses)
    measured, trusted = _median_lengths(people)
    template = body.joint_regressor @ body.template
    directions = np.einsum("jv,vcb->jcb", body.joint_regressor, body.shape_directions)
    tall = _Stature(body, height_m) if height_m is not None else None
    betas = np.zeros(body.shape_count)
    scale = 0.0
    for _ in range(_ITERATIONS):
        rows, right = [np.eye(len(betas) + 1)[:-1]], [-betas]
        if trusted.any():
            lengths, slopes = _lengths(template + directions @ betas, directions)
            weight = 1.0 / _LENGTH_SIGMA[trusted]
            ones = np.ones((int(trusted.sum()), 1))
            rows.append(np.concatenate([slopes[trusted], ones], axis=1) * weight[:, None])
            right.append((np.log(measured[trusted] / lengths[trusted]) - scale) * weight)
        size_sigma = _SCALE_SIGMA if tall is None else 10.0
        rows.append(np.eye(len(betas) + 1)[-1:] / size_sigma)
        right.append(np.array([-scale / size_sigma]))
        if tall is not None:
            stature, slope = tall.measure(betas)
            rows.append(np.append(slope, 0.0)[None] / tall.SIGMA_M)
            right.append(np.array([(tall.height_m - stature) / tall.SIGMA_M]))
        step = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
        betas, scale = np.clip(betas + step[:-1], -MAX_BETA, MAX_BETA), scale + float(step[-1])
        if np.abs(step).max() < 1e-7:
            break
    return betas if tall is None else tall.met(betas)


class _Stature:
    """The height of shaped bodies and how to meet a wanted one."""

    SIGMA_M = 1e-3

    def __init__(self, body: BodyModel, height_m: float) -> None:
        self._body = body
        self.height_m = height_m
        _, slope = self.measure(np.zeros(body.shape_count))
        reach = MAX_BETA * np.abs(slope).sum()
        middle = self.measure(np.zeros(body.shape_count))[0]
        if not middle - reach <= height_m <= middle + reach:
            raise InputError(
                f"the height is {height_m} m, expected {middle - reach:.2f} to {middle + reach:.2f} m, "
                f"which bodies of model {body.name!r} reach; leave the height out to have it guessed"
            )

    def measure(self, betas: np.ndarray) -> tuple[float, np.ndarray]:
        """Stature, m, and its slope (B,) per coefficient."""
        heights = self._body.shaped(betas)[:, 1]
        top, sole = int(heights.argmax()), int(heights.argmin())
        slope = self._body.shape_directions[top, 1] - self._body.shape_directions[sole, 1]
        return float(heights[top] - heights[sole]), slope

    def met(self, betas: np.ndarray) -> np.ndarray:
        """The nearest coefficients within the bound whose stature is the wanted one, to a tenth of a millimetre."""
        for _ in range(50):
            stature, slope = self.measure(betas)
            missing = self.height_m - stature
            if abs(missing) < 1e-5:
                break
            free = (np.abs(betas) < MAX_BETA) | (np.sign(betas) != np.sign(slope * missing))
            slope = slope * free
            betas = np.clip(betas + slope * missing / max(float(slope @ slope), 1e-12), -MAX_BETA, MAX_BETA)
        return betas


def _lengths(joints: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P,) lengths, m, of the measured pairs and the slope (P, B) of their logarithms per coefficient."""
    ends, starts = np.array(_PAIRS).T
    step = joints[ends] - joints[starts]
    length = np.linalg.norm(step, axis=1)
    slope = np.einsum("pc,pcb->pb", step, directions[ends] - directions[starts]) / length[:, None] ** 2
    return length, slope


def _median_lengths(people: Sequence[PoseSequence]) -> tuple[np.ndarray, np.ndarray]:
    """(P,) score-weighted median length of each pair over all frames, m, and whether enough frames show it."""
    measured, trusted = np.ones(len(_PAIRS)), np.zeros(len(_PAIRS), dtype=bool)
    for k, (end, start) in enumerate(_PAIRS):
        lengths = np.concatenate([np.linalg.norm(p.joints[:, end] - p.joints[:, start], axis=1) for p in people])
        weights = np.concatenate([np.minimum(p.scores[:, end], p.scores[:, start]) for p in people])
        sound = np.isfinite(lengths) & (weights > 0) & (lengths > 1e-3)
        if sound.sum() >= min(_MIN_FRAMES, max(1, len(lengths))):
            measured[k], trusted[k] = _weighted_median(lengths[sound], weights[sound]), True
    return measured, trusted


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])

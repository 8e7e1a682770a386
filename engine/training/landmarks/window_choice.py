"""Decides which clips windows come from and at which times their frames lie."""

from __future__ import annotations

import numpy as np

_USUAL_FPS = (15.0, 20.0, 23.976, 25.0, 29.97, 30.0, 30.0, 30.0, 50.0, 59.94, 60.0)


def draw_times(rng: np.random.Generator, count: int, frames: int, fps: tuple[float, float]) -> np.ndarray:
    """(n, T) times from 0, s: usual rates, any rate, and now and then a rate that varies or loses frames."""
    low, high = fps
    usual = np.array([rate for rate in _USUAL_FPS if low <= rate <= high] or [low])
    rate = np.where(rng.random(count) < 0.6, rng.choice(usual, count), rng.uniform(low, high, count))
    steps = np.ones((count, frames - 1))
    uneven = rng.random((count, 1)) < 0.12
    steps *= np.where(uneven, np.exp(rng.normal(0.0, 0.25, steps.shape)), 1.0)
    steps += (rng.random((count, 1)) < 0.06) * (rng.random(steps.shape) < 0.1) * rng.integers(1, 4, steps.shape)
    times = np.zeros((count, frames))
    np.cumsum(steps / rate[:, None], axis=1, out=times[:, 1:])
    return times


def clip_weights(categories: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(C,) probabilities: categories by the square root of their frames, clips within one by theirs."""
    names, which = np.unique(categories, return_inverse=True)
    total = np.zeros(len(names))
    np.add.at(total, which, frames)
    weights = frames / np.sqrt(total[which])
    return weights / weights.sum()

"""Random processes that the detector's errors are drawn from, and things that stand before people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .observed_geometry import Geometry

LASTS_S = (np.inf, 1.0, 0.2, 0.03)
"""How long the four parts of every error last: the whole window, and time constants of first-order processes, s."""


@dataclass(frozen=True)
class Covering:
    """Things that stand before the person: in this part of the windows one or two, some only for a while."""

    part: float = 0.3
    bars: float = 0.5
    passing: float = 0.5


def mixed_processes(rng: np.random.Generator, times: np.ndarray, mixing: np.ndarray) -> np.ndarray:
    """(n, T, K) sums of first-order random processes of unit variance that last LASTS_S, each mixed by (K, K)."""
    count, frames = times.shape
    total = np.zeros((count, frames, mixing.shape[1]), dtype=np.float32)
    for lasts, mix in zip(LASTS_S, mixing, strict=True):
        if np.isinf(lasts):
            total += (rng.standard_normal((count, 1, mix.shape[1]), dtype=np.float32)) @ mix.T
            continue
        noise = first_order(rng, times, lasts, mix.shape[1])
        total += (noise.reshape(-1, mix.shape[1]) @ mix.T).reshape(count, frames, -1)
    return total


def first_order(rng: np.random.Generator, times: np.ndarray, lasts_s: float, width: int) -> np.ndarray:
    """(n, T, width) independent first-order random processes of unit variance with a time constant."""
    count, frames = times.shape
    noise = rng.standard_normal((count, frames, width), dtype=np.float32)
    kept = np.exp(-np.diff(times, axis=1) / lasts_s).astype(np.float32)[..., None]
    fresh = np.sqrt(1.0 - kept * kept)
    for frame in range(1, frames):
        noise[:, frame] *= fresh[:, frame - 1]
        noise[:, frame] += kept[:, frame - 1] * noise[:, frame - 1]
    return noise


def on_and_off(rng: np.random.Generator, times: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(n, T) bool of two-state processes with rates (n, T), 1/s, of going on and off; begins as it would be found."""
    step = np.diff(times, axis=1)
    draw = rng.random(times.shape)
    state = np.empty(times.shape, dtype=bool)
    state[:, 0] = draw[:, 0] < starts[:, 0] / np.maximum(starts[:, 0] + ends[:, 0], 1e-9)
    on, off = 1.0 - np.exp(-starts[:, 1:] * step), np.exp(-ends[:, 1:] * step)
    for frame in range(1, times.shape[1]):
        state[:, frame] = draw[:, frame] < np.where(state[:, frame - 1], off[:, frame - 1], on[:, frame - 1])
    return state


def cover(geometry: Geometry, times: np.ndarray, covering: Covering, rng: np.random.Generator) -> np.ndarray:
    """(n, T, 33) bool: landmarks behind one or two bars or boxes that stand still in the picture."""
    count = len(times)
    points, scale = geometry.points_px, geometry.scale_px.mean(axis=1)
    middle = np.median(points.mean(axis=2), axis=1)
    covered = np.zeros(points.shape[:3], dtype=bool)
    for part in (covering.part, 0.4 * covering.part):
        there = rng.random(count) < part
        place = middle + scale[:, None] * rng.normal(0.0, 0.9, (count, 2))
        bar = rng.random(count) < covering.bars
        half = (
            np.where(bar[:, None], [0.12, 6.0], [0.45, 0.45]) * scale[:, None] * np.exp(rng.normal(0, 0.45, (count, 2)))
        )
        turn = rng.uniform(0, np.pi, count)
        along = np.stack([np.cos(turn), np.sin(turn)], axis=-1)[:, None, None]
        across = np.stack([-np.sin(turn), np.cos(turn)], axis=-1)[:, None, None]
        away = points - place[:, None, None]
        behind = np.abs((away * along).sum(-1)) < half[:, :1, None]
        behind &= np.abs((away * across).sum(-1)) < half[:, 1:, None]
        lasts = np.where(rng.random(count) < covering.passing, rng.uniform(0.1, 2.0, count), np.inf)[:, None]
        begins = np.where(np.isinf(lasts), -1.0, rng.uniform(0, 1, (count, 1)) * times[:, -1:])
        during = (times >= begins) & (times < begins + lasts) & there[:, None]
        covered |= behind & during[..., None]
    return covered

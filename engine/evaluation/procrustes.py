"""Brings a predicted pose onto the true one by the best similarity transform."""

from __future__ import annotations

import numpy as np


def align_similarity(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(T, P, 3) predictions turned (never mirrored), scaled and moved, frame by frame, to lie closest to truth.

    Points missing (NaN) on either side do not count and come out as NaN. Source: Umeyama, Least-squares estimation of
    transformation parameters between two point patterns, PAMI 1991, eqs. 40-42.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    present = (np.isfinite(predicted).all(-1) & np.isfinite(truth).all(-1))[..., None]
    count = np.maximum(present.sum(1, keepdims=True), 1)
    source, target = np.where(present, predicted, 0.0), np.where(present, truth, 0.0)
    true_middle = target.sum(1, keepdims=True) / count
    source = (source - source.sum(1, keepdims=True) / count) * present
    target = (target - true_middle) * present
    u, singular, vt = np.linalg.svd(np.einsum("tpi,tpj->tij", target, source))
    signs = np.ones_like(singular)
    signs[:, 2] = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    rotmat = (u * signs[:, None, :]) @ vt
    spread = (source**2).sum((1, 2))
    scale = (singular * signs).sum(-1) / np.where(spread > 0, spread, 1.0)
    aligned = scale[:, None, None] * np.einsum("tij,tpj->tpi", rotmat, source) + true_middle
    return np.where(present, aligned, np.nan)

"""Mirrors labels left to right, as augmentation mirrors the picture; each function is its own inverse."""

from __future__ import annotations

import numpy as np

from engine.ik.plan import MIRROR_24, MIRROR_TWIST

HUMAN36M_MIRROR = (0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13)
COCO_MIRROR = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)

MirrorOrder = tuple[int, ...]


def flip_keypoints(
    points: np.ndarray, weights: np.ndarray, image_width: int, mirror: MirrorOrder
) -> tuple[np.ndarray, np.ndarray]:
    """Points (..., K, 2 or 3), x first, in a picture of image_width px, with weights (..., K, 1 or as points).

    x becomes image_width - x - 1 (pixel centres are whole numbers); y and depth stay. Coordinates of weight 0 become
    0. Returns mirrored points and weights.
    """
    mirrored = np.asarray(points, np.float64).copy()
    mirrored[..., 0] = image_width - mirrored[..., 0] - 1
    swapped_weights = np.asarray(weights)[..., list(mirror), :]
    return mirrored[..., list(mirror), :] * (swapped_weights != 0), swapped_weights


def flip_positions(positions: np.ndarray, mirror: MirrorOrder) -> np.ndarray:
    """Root-relative positions (..., K, 3) with x pointing right: x is negated, sides are swapped."""
    return np.asarray(positions)[..., list(mirror), :] * [-1.0, 1.0, 1.0]


def flip_rotvecs(rotvecs: np.ndarray, mirror: MirrorOrder = MIRROR_24) -> np.ndarray:
    """Local rotation vectors (..., 24, 3): y and z are negated, sides are swapped."""
    return np.asarray(rotvecs)[..., list(mirror), :] * [1.0, -1.0, -1.0]


def flip_twist(twist: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., 23, 2) cosine and sine with weights (..., 23, 1 or 2): the sine is negated, sides are swapped in both."""
    order = list(MIRROR_TWIST)
    return np.asarray(twist)[..., order, :] * [1.0, -1.0], np.asarray(weights)[..., order, :]

"""What a person wears, as a few small colour histograms: tells people apart where motion alone cannot."""

from __future__ import annotations

import numpy as np

from ..poses import BLAZEPOSE

_BINS = 6
BANDS = 4
"""Upper trunk, lower trunk, thighs, shins."""
APPEARANCE_SIZE = BANDS * 3 * _BINS

_TRUNK = np.array([BLAZEPOSE[name] for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")])
_LEGS = np.array([[BLAZEPOSE[f"{side}_{name}"] for name in ("hip", "knee", "ankle")] for side in ("left", "right")])
_SEEN = 0.4  # share of a band's samples that must lie in the picture
_VISIBLE = 0.3  # least mean visibility of a band's landmarks


def appearance(image_rgb: np.ndarray, points: np.ndarray, visibility: np.ndarray) -> np.ndarray:
    """(BANDS * 3 * 6,) histograms of brightness and two ratios of colours in each band; NaN for a band out of sight.

    image_rgb   (H, W, 3) uint8
    points      (33, 2) px of this image
    visibility  (33,) 0..1

    Each histogram sums to 1; a sample is shared between the two nearest bins. Ratios of colours hardly change with the
    light, and brightness is one part in three.
    """
    result = np.full((BANDS, 3 * _BINS), np.nan)
    height, width = image_rgb.shape[:2]
    for band, (places, landmarks) in enumerate(_samples(points)):
        cells = np.floor(places).astype(np.int64)
        inside = ((cells >= 0) & (cells < (width, height))).all(axis=1)
        if inside.mean() < _SEEN or visibility[landmarks].mean() < _VISIBLE:
            continue
        column, row = cells[inside].T
        result[band] = _histograms(image_rgb[row, column] / 255.0)
    return result.ravel()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """How differently two (APPEARANCE_SIZE,) are dressed, 0 the same to 1; NaN without a band seen in both.

    The mean of 1 - Bhattacharyya's coefficient over the histograms of the bands that both have.
    """
    shared = np.sqrt(one * other).reshape(BANDS, 3, _BINS).sum(axis=2).mean(axis=1)
    seen = np.isfinite(shared)
    return float(1 - shared[seen].mean()) if seen.any() else float("nan")


def mean_appearance(rows: np.ndarray) -> np.ndarray:
    """(N, APPEARANCE_SIZE) to (APPEARANCE_SIZE,), over the rows that show a band; NaN for one that none shows."""
    seen = np.isfinite(rows)
    count = seen.sum(axis=0)
    return np.where(count > 0, np.where(seen, rows, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _samples(points: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each band (N, 2) px where to look, and the landmarks that it hangs on."""
    left_shoulder, right_shoulder, left_hip, right_hip = points[_TRUNK]
    across = np.linspace(0.2, 0.8, 6)[:, None]
    top = left_shoulder + across * (right_shoulder - left_shoulder)
    bottom = left_hip + across * (right_hip - left_hip)
    trunk = top[None] + np.linspace(0.08, 0.95, 16)[:, None, None] * (bottom - top)[None]
    along = np.linspace(0.15, 0.85, 24)[:, None]
    legs = [points[_LEGS[:, part], None] + along * (points[_LEGS[:, part + 1], None] - points[_LEGS[:, part], None])
            for part in (0, 1)]  # fmt: skip
    return [
        (trunk[:8].reshape(-1, 2), _TRUNK[:2]),
        (trunk[8:].reshape(-1, 2), _TRUNK[2:]),
        (legs[0].reshape(-1, 2), _LEGS[:, :2].ravel()),
        (legs[1].reshape(-1, 2), _LEGS[:, 1:].ravel()),
    ]


def _histograms(colours: np.ndarray) -> np.ndarray:
    """(N, 3) RGB 0..1 to (3 * _BINS,)."""
    red, green, blue = colours.T
    light = colours.mean(axis=1)
    # The constant keeps the noise of dark colours from looking like colour.
    warm, yellow = (red - green) / (light + 0.15), ((red + green) / 2 - blue) / (light + 0.15)
    channels = np.stack([light, 0.5 + warm, 0.5 + 0.7 * yellow])
    at = np.clip(channels, 0.0, 1.0) * (_BINS - 1)
    low = np.minimum(at.astype(np.int64), _BINS - 2)
    share = at - low
    result = np.zeros((3, _BINS))
    for channel in range(3):
        np.add.at(result[channel], low[channel], 1 - share[channel])
        np.add.at(result[channel], low[channel] + 1, share[channel])
    return (result / len(colours)).ravel()

"""Tests of the closed-form nearest rotation against the singular value decomposition."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from engine.ik.procrustes import nearest_rotation


def by_svd(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and, relative to the largest singular value, how far each is from not being unique."""
    u, s, vh = np.linalg.svd(matrices)
    sign = np.sign(np.linalg.det(u @ vh))
    flip = np.ones((len(matrices), 3))
    flip[:, 2] = sign
    return (u * flip[:, None]) @ vh, (s[:, 1] + sign * s[:, 2]) / s[:, 0]


def matrices(kind: str, count: int = 3000) -> np.ndarray:
    rng = np.random.default_rng(0)
    full = rng.standard_normal((count, 3, 3))
    if kind == "rank two":
        return full[:, :, :2] @ rng.standard_normal((count, 2, 3))
    if kind == "rotations":
        q = np.linalg.qr(full)[0]
        return q * np.linalg.det(q)[:, None, None]
    if kind == "tiny":
        return 1e-12 * full
    return full


@pytest.mark.parametrize("kind", ["any", "rank two", "rotations", "tiny"])
def test_agrees_with_the_decomposition(kind):
    given = matrices(kind)
    expected, gap = by_svd(given)
    result = nearest_rotation(np.ascontiguousarray(given.transpose(1, 2, 0)), xp).transpose(2, 0, 1)
    clear = gap > 1e-3
    assert clear.mean() > 0.9
    assert np.abs(result - expected)[clear].max() < 1e-9


def test_single_precision_input_keeps_its_type():
    result = nearest_rotation(matrices("any").transpose(1, 2, 0).astype(np.float32), xp)
    assert result.dtype == np.float32
    assert np.isfinite(nearest_rotation(np.zeros((3, 3, 1)), xp)).all()

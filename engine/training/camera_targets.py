"""The scale and shift of the weak camera that explains one person's joints best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FOCAL_PX = 1000.0
CROP_PX = 256.0
DEPTH_FACTOR_M = 2.2

LEAST_JOINTS = 2
LARGEST_ERROR_MM = 70.0


@dataclass(frozen=True)
class CameraTargets:
    """Of N people: scale (N,) s, trans (N, 2) m, solved (N,), accurate (N,), error_mm (N,).

    Where no scale is defined (fewer than two different joints have full weight), `solved` is false, scale and trans
    are 0 and error_mm is -1. `accurate` says that error_mm, the mean distance of the back-projected joints, is below
    70 mm; the published training did not use it.
    """

    scale: np.ndarray
    trans: np.ndarray
    solved: np.ndarray
    accurate: np.ndarray
    error_mm: np.ndarray


def camera_targets(xyz: np.ndarray, uvd: np.ndarray, weights: np.ndarray) -> CameraTargets:
    """Least squares over the joints whose three weights are all above 0.

    xyz (N, K, 3) root-relative joints in units of 2.2 m, uvd (N, K, 3) network coordinates, weights (N, K, 3).
    Solves x - 256 u z / f = u / s - t_x, and the same for y, with x, z in metres and f = 1000. Source: the weak
    camera of Li et al., HybrIK, CVPR 2021, whose depth is f / (256 s).
    """
    points = np.asarray(xyz, np.float64) * DEPTH_FACTOR_M
    uv = np.asarray(uvd, np.float64)[..., :2]
    used = (np.asarray(weights) > 0).all(axis=-1)
    count = len(points)
    scale, trans, error_mm = np.zeros(count), np.zeros((count, 2)), np.full(count, -1.0)
    for person in np.flatnonzero(used.sum(axis=1) >= LEAST_JOINTS):
        chosen = used[person]
        xy, z, here = points[person, chosen, :2], points[person, chosen, 2:], uv[person, chosen]
        right = xy - CROP_PX / FOCAL_PX * here * z
        # The shifts eliminated: what is left of both sides is measured from its mean.
        spread, offset = here - here.mean(axis=0), right - right.mean(axis=0)
        if not (np.ptp(here, axis=0).any() and (spread * offset).sum()):
            continue
        inverse_scale = (spread * offset).sum() / (spread * spread).sum()
        shift = here.mean(axis=0) * inverse_scale - right.mean(axis=0)
        scale[person], trans[person] = 1.0 / inverse_scale, shift
        error_mm[person] = 1e3 * np.linalg.norm(here * inverse_scale - shift - right, axis=-1).mean()
    solved = error_mm >= 0
    return CameraTargets(scale, trans, solved, solved & (error_mm < LARGEST_ERROR_MM), error_mm)

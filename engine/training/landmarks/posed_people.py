"""Joints and landmarks of many people over many frames at once."""

from __future__ import annotations

import numpy as np

from engine.ik.plan import TIPS_24
from engine.lifting.landmark_anatomy import LANDMARK_OWNERS
from rig.skeleton import SMPL_PARENTS

from .columns import multiply, normalised, rotate

_OWNERS = list(LANDMARK_OWNERS)


def pose_people(
    quats: np.ndarray, pelvis: np.ndarray, joint_offsets: np.ndarray, landmark_offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Global quaternions (4, 24, n, T), joints (3, 24, n, T) and landmarks (3, 33, n, T), m, world.

    quats (4, 24, n, T) local, pelvis (3, n, T) m, joint_offsets (n, 24, 3) and landmark_offsets (n, 33, 3) m.
    """
    globals_ = np.empty_like(quats)
    joints = np.empty((3, *quats.shape[1:]), dtype=quats.dtype)
    steps = np.moveaxis(joint_offsets, 2, 0).swapaxes(1, 2)[..., None]
    globals_[:, 0], joints[:, 0] = quats[:, 0], pelvis
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            globals_[:, joint] = multiply(globals_[:, parent], quats[:, joint])
            joints[:, joint] = joints[:, parent] + rotate(globals_[:, parent], steps[:, joint])
    away = np.moveaxis(landmark_offsets, 2, 0).swapaxes(1, 2)[..., None]
    landmarks = np.empty((3, len(_OWNERS), *quats.shape[2:]), dtype=quats.dtype)
    for row, owner in enumerate(_OWNERS):
        landmarks[:, row] = joints[:, owner] + rotate(globals_[:, owner], away[:, row])
    return globals_, joints, landmarks


def bone_twists(quats: np.ndarray, joint_offsets: np.ndarray) -> np.ndarray:
    """(2, 23, n, T) cos and sin of the twist of joints 1..23 about their rest bone, the swing coming after it.

    quats (4, 24, n, T) local, joint_offsets (n, 24, 3) m. Joints without a bone have none: (1, 0).
    R = swing twist (Li et al. 2021, HybrIK, eq. 5): with q = (w, v) and the unit bone n, the twist's half angle has
    cosine w and sine v.n, up to their length.
    """
    result = np.zeros((2, 23, *quats.shape[2:]), dtype=quats.dtype)
    result[0] = 1.0
    for joint, tip in enumerate(TIPS_24):
        if joint == 0 or tip < 0:
            continue
        bone = normalised(joint_offsets[:, tip].T)[..., None]
        w = quats[0, joint]
        d = (quats[1:, joint] * bone).sum(axis=0)
        length = w * w + d * d
        scale = np.where(length > 1e-8, 1.0 / np.maximum(length, 1e-8), 0.0)
        result[0, joint - 1] = np.where(length > 1e-8, (w * w - d * d) * scale, 1.0)
        result[1, joint - 1] = 2.0 * w * d * scale
    return result

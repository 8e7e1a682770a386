"""Cameras that move while they film, for motion that comes with one."""

from __future__ import annotations

import numpy as np

from rig.frames import rigid_inverse, rotate
from rig.rotations import make_sign_continuous, quat_wxyz_to_rotmat, rotmat_to_quat_wxyz, slerp


def resample_path(path: np.ndarray, source_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(T, 4, 4) world_to_camera at source_s (T,) to (S, 4, 4) at times_s, held outside: slerp, and a straight way."""
    if len(path) == 1:
        return np.repeat(path, len(times_s), axis=0)
    before = np.clip(np.searchsorted(source_s, times_s, side="right") - 1, 0, len(source_s) - 2)
    share = np.clip((times_s - source_s[before]) / (source_s[before + 1] - source_s[before]), 0.0, 1.0)
    quats = make_sign_continuous(rotmat_to_quat_wxyz(path[:, :3, :3]))
    eyes = rigid_inverse(path)[:, :3, 3]
    turn = quat_wxyz_to_rotmat(slerp(quats[before], quats[before + 1], share))
    eye = eyes[before] + share[:, None] * (eyes[before + 1] - eyes[before])
    return _from_turn_and_eye(turn, eye)


def path_from_views(
    world_rotmats: np.ndarray, world_places: np.ndarray, seen_rotmats: np.ndarray, seen_places: np.ndarray
) -> np.ndarray:
    """(F, 4, 4) world_to_camera from one body's (F, 3, 3) orientation and (F, 3) place in the world and as seen, m."""
    turn = seen_rotmats @ np.swapaxes(world_rotmats, -1, -2)
    return _from_turn_and_eye(turn, world_places - rotate(np.swapaxes(turn, -1, -2), seen_places))


def _from_turn_and_eye(turn: np.ndarray, eye: np.ndarray) -> np.ndarray:
    path = np.tile(np.eye(4), (len(turn), 1, 1))
    path[:, :3, :3] = turn
    path[:, :3, 3] = -rotate(turn, eye)
    return path

"""Causal One-Euro smoothing of poses as they come, for live display."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.rotations import quat_multiply, quat_wxyz_to_rotvec, rotvec_to_quat_wxyz


@dataclass(frozen=True)
class LiveFilterConfig:
    """min_cutoff_hz: cut-off at rest; speed_gain: added cut-off, Hz, per rad/s (rotations) or m/s (root) of speed;
    speed_cutoff_hz: cut-off of the speed itself; max_pause_s: a longer pause starts afresh.
    """

    min_cutoff_hz: float = 1.2
    speed_gain: float = 1.0
    speed_cutoff_hz: float = 1.0
    max_pause_s: float = 0.5


class LivePoseFilter:
    """Holds the last filtered pose of one person; feed frames in the order of time.

    Source: Casiez, Roussel & Vogel, "1 euro filter", CHI 2012, applied to the rotation from the last filtered pose
    to the new one.
    """

    def __init__(self, config: LiveFilterConfig | None = None) -> None:
        self._config = config or LiveFilterConfig()
        self._time_s: float | None = None
        self._quats = np.zeros((0, 4))
        self._transl = np.zeros(3)
        self._raw_quats = np.zeros((0, 4))
        self._raw_transl = np.zeros(3)
        self._turn_rate = np.zeros((0, 3))
        self._velocity = np.zeros(3)

    def update(self, time_s: float, quats_wxyz: np.ndarray, transl: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Local rotations (J, 4) and root (3,) m at `time_s` to filtered ones; times must not go backwards.

        A frame at the same time as the last one returns the last result; a long pause or a step back starts afresh.
        """
        quats, transl = np.asarray(quats_wxyz, dtype=np.float64), np.asarray(transl, dtype=np.float64)
        step_s = None if self._time_s is None else time_s - self._time_s
        if step_s == 0:
            return self._quats.copy(), self._transl.copy()
        if step_s is None or step_s < 0 or step_s > self._config.max_pause_s or quats.shape != self._quats.shape:
            self._time_s, self._quats, self._transl = time_s, quats.copy(), transl.copy()
            self._raw_quats, self._raw_transl = quats.copy(), transl.copy()
            self._turn_rate, self._velocity = np.zeros((len(quats), 3)), np.zeros(3)
            return quats.copy(), transl.copy()

        follow = _share(self._config.speed_cutoff_hz, step_s)
        self._turn_rate += follow * (_turn(self._raw_quats, quats) / step_s - self._turn_rate)
        self._velocity += follow * ((transl - self._raw_transl) / step_s - self._velocity)
        speed = np.linalg.norm(self._turn_rate, axis=-1, keepdims=True)
        turn_share = _share(self._config.min_cutoff_hz + self._config.speed_gain * speed, step_s)
        self._quats = quat_multiply(self._quats, rotvec_to_quat_wxyz(turn_share * _turn(self._quats, quats)))
        root_speed = float(np.linalg.norm(self._velocity))
        share = _share(self._config.min_cutoff_hz + self._config.speed_gain * root_speed, step_s)
        self._transl = self._transl + share * (transl - self._transl)
        self._time_s, self._raw_quats, self._raw_transl = time_s, quats.copy(), transl.copy()
        return self._quats.copy(), self._transl.copy()


def _turn(start_wxyz: np.ndarray, end_wxyz: np.ndarray) -> np.ndarray:
    """(J, 3) rotation vector, in the frame of `start`, that leads to `end`."""
    return quat_wxyz_to_rotvec(quat_multiply(start_wxyz * np.array([1.0, -1.0, -1.0, -1.0]), end_wxyz))


def _share(cutoff_hz: np.ndarray | float, step_s: float) -> np.ndarray:
    """Part of the way a first-order low-pass of this cut-off goes to its input in one step."""
    angular = 2.0 * np.pi * np.asarray(cutoff_hz) * step_s
    return angular / (angular + 1.0)

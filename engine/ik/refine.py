"""Pins the end of one limb to a target by damped least squares over that limb's joints."""

from __future__ import annotations

import numpy as np

from engine.errors import InputError
from rig.frames import rotate
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import Skeleton

from .limits import HINGES

MAX_STEP_RAD = 0.5
"""Largest change of one joint in one iteration."""

ERROR_FLOOR_M = 1e-3
"""Keeps a little damping in the first step when the target is already reached, m."""

MIN_DAMPING_M = 1e-4
"""Least damping of a later step; keeps the solve regular where the limb cannot move in some direction, m."""


def refine_chain(
    skeleton: Skeleton,
    local_rotmats: np.ndarray,
    transl: np.ndarray,
    chain: tuple[int, ...],
    effector: int,
    targets: np.ndarray,
    weights: np.ndarray,
    damping: float = 0.05,
    iterations: int = 10,
) -> np.ndarray:
    """Bend one chain so that its effector joint reaches a target; everything before the chain stays as it is.

    skeleton       rest pose
    local_rotmats  (T, J, 3, 3) local rotations, the root's in the world
    transl         (T, 3) m
    chain          joints that may turn, e.g. (left_hip, left_knee, left_ankle); only those before the effector do.
                   Knees and elbows turn as hinges in the plane they already bend in, within `limits.HINGES`, so that
                   they neither flip nor hyper-extend; all others turn freely
    effector       joint to place; its own global rotation stays as it was, so a flat foot stays flat
    targets        (T, 3) world, m; NaN where there is none
    weights        (T,) 0 (leave the frame exactly as it is) .. 1 (reach the target); between, part of the way
    damping        factor of the distance to go that damps the first step (Levenberg-Marquardt with damping that
                   grows with the error, after Sugihara 2011, IEEE T-RO 27(5)); later steps damp less after a
                   success, more after a failure; larger is slower but calmer
    iterations     fixed number of steps, the same for all frames

    Returns (T, J, 3, 3). A target out of reach is approached with the limb stretched. Raises InputError when no joint
    of `chain` comes before `effector` or the sizes disagree.
    """
    local = np.array(local_rotmats, dtype=np.float64)
    frames = len(local)
    targets = np.asarray(targets, dtype=np.float64)
    weights = np.asarray(weights, dtype=np.float64)
    if targets.shape != (frames, 3) or weights.shape != (frames,):
        raise InputError(
            f"targets has shape {targets.shape} with weights {weights.shape}, expected ({frames}, 3) with ({frames},)"
        )
    path = _path(skeleton.parents, chain, effector)
    active = np.flatnonzero((weights > 0) & np.isfinite(targets).all(axis=1))
    if not len(active):
        return local

    rotmats = global_rotations(skeleton.parents, local[active])
    positions = joint_positions(skeleton, rotmats, np.asarray(transl, dtype=np.float64)[active])
    start = positions[:, effector]
    goal = start + weights[active, None] * (targets[active] - start)
    limb = _Limb(skeleton, path, chain, effector, local[active], rotmats, positions, weights[active])
    damp = damping * (np.linalg.norm(limb.error(goal), axis=1) + ERROR_FLOOR_M)
    for _ in range(iterations):
        limb.step(goal, damp)

    local[np.ix_(active, np.array(path))] = np.stack(limb.local, axis=1)
    kept = rotmats[:, effector]
    local[active, effector] = np.swapaxes(limb.rotmats[-1], -1, -2) @ kept
    return local


def _path(parents: tuple[int, ...], chain: tuple[int, ...], effector: int) -> list[int]:
    """Joints from the first of `chain` to the effector's parent, in order."""
    path: list[int] = []
    joint = parents[effector]
    while joint >= 0:
        path.append(joint)
        joint = parents[joint]
    moving = [k for k, joint in enumerate(path) if joint in chain]
    if not moving:
        raise InputError(f"no joint of the chain {chain} comes before the effector {effector}, expected at least one")
    return path[: moving[-1] + 1][::-1]


class _Limb:
    """The state of the joints of one limb, all frames at once."""

    def __init__(
        self,
        skeleton: Skeleton,
        path: list[int],
        chain: tuple[int, ...],
        effector: int,
        local: np.ndarray,
        rotmats: np.ndarray,
        positions: np.ndarray,
        weights: np.ndarray,
    ) -> None:
        offsets = skeleton.offsets
        parent = skeleton.parents[path[0]]
        self.base = rotmats[:, parent] if parent >= 0 else np.broadcast_to(np.eye(3), rotmats[:, 0].shape)
        self.origin = positions[:, path[0]]
        self.local = [local[:, joint].copy() for joint in path]
        self.bones = [offsets[joint] for joint in (*path[1:], effector)]
        self.hinges = [HINGES.get(skeleton.joint_names[joint]) for joint in path]
        self.hinges[0] = None  # the limb's own root is a ball: nothing else could aim it
        self.moving = [joint in chain for joint in path]
        self._bend_axes = [self._bend_axis(k) for k in range(len(path))]
        # A limb outside its limits is led back inside only as far as its weight says, so that a pin eases in.
        self._limits: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for k, hinge in enumerate(self.hinges):
            if hinge is not None and self.moving[k]:
                flexion = self._flexion(k)
                excess = np.clip(flexion, hinge.min_flexion, hinge.max_flexion) - flexion
                lowest = np.where(excess > 0, flexion + weights * excess, hinge.min_flexion)
                highest = np.where(excess < 0, flexion + weights * excess, hinge.max_flexion)
                self._limits[k] = (lowest, highest)
                self._flex(k, np.zeros(len(self.origin)))
        self._update()

    def _update(self) -> None:
        rotmat, position = self.base, self.origin
        self.rotmats: list[np.ndarray] = []
        self.positions = [position]
        for local, bone in zip(self.local, self.bones, strict=True):
            rotmat = rotmat @ local
            position = position + rotmat @ bone
            self.rotmats.append(rotmat)
            self.positions.append(position)

    def _bend_axis(self, k: int) -> np.ndarray:
        """(T, 3) unit axis the hinge `k` bends about, in its parent's frame: normal to the two bones it joins."""
        hinge = self.hinges[k]
        if hinge is None:
            return np.zeros_like(self.origin)
        upper = self.bones[k - 1] / np.linalg.norm(self.bones[k - 1])
        anatomical = hinge.axis - upper * (hinge.axis @ upper)
        lower = self.local[k] @ self.bones[k] / np.linalg.norm(self.bones[k])
        normal = np.cross(upper, lower)
        # A limb bent by less than some 10 degrees, or the wrong way, bends about its anatomical axis.
        normal = np.where((normal @ anatomical)[:, None] > 0, normal, 0.0)
        trust = np.clip(np.linalg.norm(normal, axis=1, keepdims=True) / 0.2, 0.0, 1.0) ** 2
        axis = trust * normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        axis += (1.0 - trust) * anatomical / np.linalg.norm(anatomical)
        return axis / np.linalg.norm(axis, axis=1, keepdims=True)

    def _flexion(self, k: int) -> np.ndarray:
        """(T,) signed angle between the two bones the hinge `k` joins, about its bend axis, rad."""
        upper = self.bones[k - 1] / np.linalg.norm(self.bones[k - 1])
        lower = self.local[k] @ self.bones[k]
        return np.arctan2(np.sum(np.cross(upper, lower) * self._bend_axes[k], axis=1), lower @ upper)

    def _flex(self, k: int, angle: np.ndarray) -> None:
        """Turn hinge `k` by `angle` (T,) about its bend axis, keeping its flexion within the limits."""
        flexion = self._flexion(k)
        angle = np.clip(flexion + angle, *self._limits[k]) - flexion
        self.local[k] = rotvec_to_rotmat(angle[:, None] * self._bend_axes[k]) @ self.local[k]

    def error(self, goal: np.ndarray) -> np.ndarray:
        """(T, 3) from the effector to `goal`."""
        return goal - self.positions[-1]

    def jacobian(self) -> tuple[np.ndarray, np.ndarray]:
        """(T, 3, D) motion of the effector per radian of each degree of freedom, and its index of joint (D,)."""
        columns: list[np.ndarray] = []
        owners: list[int] = []
        for k, moving in enumerate(self.moving):
            if not moving:
                continue
            arm = self.positions[-1] - self.positions[k]
            if self.hinges[k] is None:
                columns += [np.cross(axis, arm) for axis in np.eye(3)]
                owners += [k, k, k]
            else:
                columns.append(np.cross(rotate(self.rotmats[k - 1], self._bend_axes[k]), arm))
                owners.append(k)
        return np.stack(columns, axis=-1), np.array(owners)

    def step(self, goal: np.ndarray, damping: np.ndarray) -> None:
        """Move towards `goal` (T, 3) with damping (T,); frames in which that does not help stay as they are."""
        error = self.error(goal)
        jacobian, owners = self.jacobian()
        change = _damped_solve(jacobian, error, damping)
        limited = np.zeros_like(change)
        free = np.ones_like(change)
        for k, limits in self._limits.items():
            column = np.flatnonzero(owners == k)[0]
            flexion = self._flexion(k)
            allowed = np.clip(flexion + change[:, column], *limits) - flexion
            stopped = allowed != change[:, column]
            limited[stopped, column] = allowed[stopped]
            free[stopped, column] = 0.0
        # A hinge at its stop takes no further part: the other joints do what is left.
        rest = error - rotate(jacobian, limited)
        change = limited + free * _damped_solve(jacobian * free[:, None, :], rest, damping)
        change *= np.minimum(1.0, MAX_STEP_RAD / np.maximum(np.abs(change).max(axis=1, keepdims=True), 1e-12))

        before = [local.copy() for local in self.local]
        parents = [self.base, *self.rotmats[:-1]]
        for k in np.unique(owners):
            mine = change[:, owners == k]
            if k in self._limits:
                self._flex(k, mine[:, 0])
            else:
                in_parent = rotate(np.swapaxes(parents[k], -1, -2), mine)
                self.local[k] = rotvec_to_rotmat(in_parent) @ self.local[k]
        self._update()
        worse = np.linalg.norm(self.error(goal), axis=1) > np.linalg.norm(error, axis=1)
        for local, old in zip(self.local, before, strict=True):
            local[worse] = old[worse]
        self._update()
        damping[:] = np.maximum(damping * np.where(worse, 8.0, 0.25), MIN_DAMPING_M)


def _damped_solve(jacobian: np.ndarray, error: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """(T, D) smallest change whose effect is `error` (T, 3) in the damped least squares sense."""
    transposed = np.swapaxes(jacobian, -1, -2)
    normal = jacobian @ transposed + (damping**2)[:, None, None] * np.eye(3)
    return rotate(transposed, np.linalg.solve(normal, error[..., None])[..., 0])

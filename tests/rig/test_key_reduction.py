"""Tests of leaving out keys: the bound holds on every frame of the curves that are written."""

from __future__ import annotations

import numpy as np
import pytest

from rig.errors import RigError
from rig.euler_angles import EULER_ORDERS, axis_angles, euler_angles, euler_rotmats
from rig.key_reduction import (
    KeyTolerance,
    axis_angle_keys,
    euler_keys,
    interpolated,
    location_keys,
    quaternion_errors,
    quaternion_keys,
)
from rig.rotations import (
    make_sign_continuous,
    quat_wxyz_to_rotmat,
    rotation_angle,
    rotmat_to_quat_wxyz,
    rotvec_to_quat_wxyz,
    rotvec_to_rotmat,
)


def _wave(count: int = 300, seed: int = 0, size: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    times = np.linspace(0.0, 2 * np.pi, count)[:, None]
    rates, phases = rng.uniform(1, 4, (2, 3)), rng.uniform(0, 6, (2, 3))
    return size * sum(np.sin(rate * times + phase) for rate, phase in zip(rates, phases, strict=True))


@pytest.mark.parametrize("tolerance_deg", [0.01, 0.2, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_quaternions_stay_within_the_bound_as_blender_interpolates_them(tolerance_deg: float, seed: int) -> None:
    quats = make_sign_continuous(rotvec_to_quat_wxyz(_wave(seed=seed)))
    kept = quaternion_keys(quats, tolerance_deg)
    given = interpolated(kept, quats[kept], len(quats))
    rotmats = quat_wxyz_to_rotmat(given)  # brings the length back to 1, as Blender does
    off = rotation_angle(np.swapaxes(rotmats, 1, 2) @ quat_wxyz_to_rotmat(quats))
    assert np.degrees(off).max() <= tolerance_deg + 1e-6
    if tolerance_deg >= 1.0:
        assert len(kept) < len(quats) / 3


def test_a_still_bone_needs_one_key_and_a_steady_turn_two() -> None:
    still = np.tile([1.0, 0.0, 0.0, 0.0], (50, 1))
    np.testing.assert_array_equal(quaternion_keys(still, 0.1), [0])
    steady = np.linspace(0.0, 0.4, 50)[:, None] * [0.0, 0.0, 1.0]
    np.testing.assert_array_equal(location_keys(steady, 1e-9), [0, 49])
    np.testing.assert_array_equal(euler_keys(steady, "XYZ", 1e-6), [0, 49])


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_euler_angles_give_the_rotation_back_and_keys_stay_within_the_bound(order: str) -> None:
    rotmats = rotvec_to_rotmat(_wave(seed=4))
    angles = euler_angles(rotmats, order)
    np.testing.assert_allclose(euler_rotmats(angles, order), rotmats, atol=1e-9)
    kept = euler_keys(angles, order, 0.5)
    given = euler_rotmats(interpolated(kept, angles[kept], len(angles)), order)
    assert np.degrees(rotation_angle(np.swapaxes(given, 1, 2) @ rotmats)).max() <= 0.5 + 1e-6


def test_axis_and_angle_give_the_rotation_back_without_jumps() -> None:
    quats = make_sign_continuous(rotvec_to_quat_wxyz(_wave(seed=5)))
    values = axis_angles(quats)
    rotmats = rotvec_to_rotmat(values[:, :1] * values[:, 1:])
    np.testing.assert_allclose(rotmats, quat_wxyz_to_rotmat(quats), atol=1e-9)
    assert np.abs(np.diff(values[:, 0])).max() < 0.5
    kept = axis_angle_keys(values, 0.5)
    given = interpolated(kept, values[kept], len(values))
    axes = given[:, 1:] / np.linalg.norm(given[:, 1:], axis=1, keepdims=True)
    off = rotation_angle(np.swapaxes(rotvec_to_rotmat(given[:, :1] * axes), 1, 2) @ rotmats)
    assert np.degrees(off).max() <= 0.5 + 1e-6


def test_locations_stay_within_the_bound() -> None:
    path = _wave(seed=6, size=0.3)
    kept = location_keys(path, 0.002)
    assert np.linalg.norm(interpolated(kept, path[kept], len(path)) - path, axis=1).max() <= 0.002
    assert len(kept) < len(path) / 2


def test_small_errors_are_measured_well() -> None:
    angle = 1e-6
    first, second = rotvec_to_quat_wxyz(np.array([[0.3, 0.0, 0.0], [0.3 + angle, 0.0, 0.0]]))
    assert quaternion_errors(first[None], second[None])[0] == pytest.approx(angle, rel=1e-6)
    np.testing.assert_allclose(rotmat_to_quat_wxyz(np.eye(3)), [1, 0, 0, 0])


def test_short_clips_and_wrong_bounds() -> None:
    np.testing.assert_array_equal(location_keys(np.zeros((1, 3)), 0.1), [0])
    np.testing.assert_array_equal(location_keys(np.array([[0.0, 0, 0], [1.0, 0, 0]]), 0.1), [0, 1])
    with pytest.raises(RigError, match="tolerance of 0 or more"):
        KeyTolerance(rotation_deg=-1.0)
    with pytest.raises(RigError, match="Euler order"):
        euler_angles(np.eye(3)[None], "XXX")

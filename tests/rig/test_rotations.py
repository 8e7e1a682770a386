"""Conversions between rotation forms, as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.rotations import (
    make_sign_continuous,
    quat_multiply,
    quat_wxyz_to_rotmat,
    quat_wxyz_to_rotvec,
    rotation_angle,
    rotmat_to_quat_wxyz,
    rotmat_to_rotvec,
    rotvec_to_quat_wxyz,
    rotvec_to_rotmat,
    slerp,
    swing_twist,
)

component = st.floats(-1, 1, allow_nan=False)
direction = st.tuples(component, component, component).filter(lambda v: np.linalg.norm(v) > 0.1)
angle = st.one_of(
    st.floats(0, np.pi),
    st.sampled_from([0.0, 1e-12, 1e-9, 1e-7, 1e-5, 9.9e-5, 1.01e-4, 1e-3, np.pi - 1e-9, np.pi - 1e-6, np.pi]),
)


def unit(v):
    return np.asarray(v) / np.linalg.norm(v)


@given(direction, angle)
def test_rotvec_and_matrix_round_trip(axis, size):
    rotvec = unit(axis) * size
    rotmat = rotvec_to_rotmat(rotvec)
    np.testing.assert_allclose(rotmat @ rotmat.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotmat) == pytest.approx(1.0)
    np.testing.assert_allclose(rotvec_to_rotmat(rotmat_to_rotvec(rotmat)), rotmat, atol=1e-9)
    if size < np.pi - 1e-5:
        np.testing.assert_allclose(rotmat_to_rotvec(rotmat), rotvec, atol=1e-9)
    assert rotation_angle(rotmat) == pytest.approx(size, abs=1e-9)


@given(direction, angle)
def test_matrix_is_rodrigues_rotation(axis, size):
    n = unit(axis)
    cross = np.array([[0, -n[2], n[1]], [n[2], 0, -n[0]], [-n[1], n[0], 0]])
    expected = np.eye(3) + np.sin(size) * cross + (1 - np.cos(size)) * cross @ cross
    np.testing.assert_allclose(rotvec_to_rotmat(n * size), expected, atol=1e-9)
    np.testing.assert_allclose(quat_wxyz_to_rotmat(rotvec_to_quat_wxyz(n * size)), expected, atol=1e-9)
    np.testing.assert_allclose(quat_wxyz_to_rotmat(-2.5 * rotvec_to_quat_wxyz(n * size)), expected, atol=1e-9)


@given(direction, angle, direction, angle)
def test_product_of_quaternions_is_product_of_matrices(axis_a, size_a, axis_b, size_b):
    a, b = unit(axis_a) * size_a, unit(axis_b) * size_b
    product = quat_multiply(rotvec_to_quat_wxyz(a), rotvec_to_quat_wxyz(b))
    np.testing.assert_allclose(quat_wxyz_to_rotmat(product), rotvec_to_rotmat(a) @ rotvec_to_rotmat(b), atol=1e-9)
    expected = rotvec_to_rotmat(a) @ rotvec_to_rotmat(b)
    np.testing.assert_allclose(quat_wxyz_to_rotmat(rotmat_to_quat_wxyz(expected)), expected, atol=1e-9)


@given(direction, angle, direction, angle, st.floats(0, 1))
def test_slerp_moves_evenly_along_the_short_arc(axis_a, size_a, axis_b, size_b, fraction):
    a, b = rotvec_to_quat_wxyz(unit(axis_a) * size_a), rotvec_to_quat_wxyz(unit(axis_b) * size_b)
    rotmat_a, rotmat_b = quat_wxyz_to_rotmat(a), quat_wxyz_to_rotmat(b)
    middle = quat_wxyz_to_rotmat(slerp(a, b, np.array(fraction)))
    whole = rotation_angle(rotmat_a.T @ rotmat_b)
    assert rotation_angle(rotmat_a.T @ middle) == pytest.approx(fraction * whole, abs=1e-5)
    assert rotation_angle(middle.T @ rotmat_b) == pytest.approx((1 - fraction) * whole, abs=1e-5)
    np.testing.assert_allclose(quat_wxyz_to_rotmat(slerp(a, -b, np.array(fraction))), middle, atol=1e-5)


@given(direction, angle, direction)
def test_swing_twist_splits_and_joins(axis, size, about):
    rotmat, n = rotvec_to_rotmat(unit(axis) * size), unit(about)
    swing, twist = swing_twist(rotmat, n)
    np.testing.assert_allclose(swing @ rotvec_to_rotmat(twist * n), rotmat, atol=1e-9)
    assert -np.pi <= twist <= np.pi
    # The swing turns about an axis perpendicular to n (by its quaternion, which is defined at half turns too).
    assert abs(rotmat_to_quat_wxyz(swing)[1:] @ n) < 1e-7


@given(direction, st.floats(-3.1, 3.1))
def test_twist_of_a_pure_twist_is_its_angle(about, size):
    swing, twist = swing_twist(rotvec_to_rotmat(unit(about) * size), unit(about))
    assert twist == pytest.approx(size, abs=1e-9)
    np.testing.assert_allclose(swing, np.eye(3), atol=1e-9)


def test_sign_continuity_keeps_rotations_and_never_jumps():
    rng = np.random.default_rng(0)
    path = rotvec_to_quat_wxyz(np.cumsum(rng.normal(0, 0.3, (200, 5, 3)), axis=0))
    flipped = path * rng.choice([-1.0, 1.0], (200, 5, 1))
    smooth = make_sign_continuous(flipped)
    assert np.all(np.sum(smooth[1:] * smooth[:-1], axis=-1) >= 0)
    np.testing.assert_allclose(np.abs(smooth), np.abs(flipped))
    np.testing.assert_array_equal(smooth[0], flipped[0])
    assert make_sign_continuous(path[:1]).shape == (1, 5, 4)


def test_batches_agree_with_single_values():
    rng = np.random.default_rng(1)
    rotvecs = rng.uniform(-2, 2, (3, 4, 3))
    rotmats = rotvec_to_rotmat(rotvecs)
    assert rotmats.shape == (3, 4, 3, 3)
    np.testing.assert_array_equal(rotmats[1, 2], rotvec_to_rotmat(rotvecs[1, 2]))
    np.testing.assert_allclose(quat_wxyz_to_rotvec(rotmat_to_quat_wxyz(rotmats))[2, 3], rotmat_to_rotvec(rotmats[2, 3]))

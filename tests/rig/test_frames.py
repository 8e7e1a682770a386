"""Rigid transforms and the fixed changes of frame."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rig.frames import (
    WORLD_TO_ARMATURE,
    WORLD_TO_CAMERA_UPRIGHT,
    rigid_inverse,
    rigid_transform,
    rotate,
    transform,
)
from rig.rotations import rotvec_to_rotmat


def test_fixed_rotations_do_what_they_say():
    np.testing.assert_array_equal(WORLD_TO_ARMATURE @ [1, 2, 3], [1, -3, 2])
    np.testing.assert_array_equal(WORLD_TO_CAMERA_UPRIGHT @ [0, 1, 0], [0, -1, 0])  # up is against y of the picture
    np.testing.assert_array_equal(WORLD_TO_CAMERA_UPRIGHT @ [0, 0, -1], [0, 0, 1])  # the camera looks along -z
    for rotmat in (WORLD_TO_ARMATURE, WORLD_TO_CAMERA_UPRIGHT):
        np.testing.assert_array_equal(rotmat @ rotmat.T, np.eye(3))
        assert np.linalg.det(rotmat) == 1.0


@given(st.integers(0, 10**6))
def test_inverse_undoes_and_composition_is_matrix_product(seed):
    rng = np.random.default_rng(seed)
    a, b = (rigid_transform(rotvec_to_rotmat(rng.normal(size=3)), rng.normal(size=3)) for _ in range(2))
    points = rng.normal(size=(5, 3))
    np.testing.assert_allclose(transform(rigid_inverse(a), transform(a, points)), points, atol=1e-12)
    np.testing.assert_allclose(transform(a @ b, points), transform(a, transform(b, points)), atol=1e-12)
    stacked = rigid_inverse(np.stack([a, b]))
    np.testing.assert_allclose(stacked[1], np.linalg.inv(b), atol=1e-12)


def test_broadcasting():
    rng = np.random.default_rng(0)
    rotmats, points = rotvec_to_rotmat(rng.normal(size=(4, 3))), rng.normal(size=(4, 3))
    np.testing.assert_allclose(rotate(rotmats, points)[2], rotmats[2] @ points[2])
    assert rotate(rotmats[:, None], rng.normal(size=(7, 3))).shape == (4, 7, 3)

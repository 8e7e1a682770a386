"""Motion: checks, forward kinematics and change of world."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sample_motions import standing, wandering

from rig.errors import RigError
from rig.rotations import rotation_angle, rotvec_to_rotmat


def test_pelvis_lies_at_transl_plus_rest():
    motion = wandering(20)
    np.testing.assert_allclose(motion.joints()[:, 0], motion.transl + motion.skeleton.rest_joints[0], atol=1e-12)


def test_transformed_moves_every_point_rigidly():
    motion = wandering(15, seed=2)
    rotmat, shift = rotvec_to_rotmat(np.array([0.4, -1.2, 0.3])), np.array([1.0, -2.0, 0.5])
    moved = motion.transformed(rotmat, shift)
    joints, landmarks = motion.joints_and_landmarks()
    moved_joints, moved_landmarks = moved.joints_and_landmarks()
    np.testing.assert_allclose(moved_joints, joints @ rotmat.T + shift, atol=1e-9)
    np.testing.assert_allclose(moved_landmarks, landmarks @ rotmat.T + shift, atol=1e-9)
    np.testing.assert_array_equal(moved.body_pose, motion.body_pose)


def test_rotations_go_in_and_out():
    motion = wandering(15)
    again = motion.with_local_rotmats(motion.local_rotmats())
    difference = np.swapaxes(again.local_rotmats(), -1, -2) @ motion.local_rotmats()
    assert rotation_angle(difference).max() < 1e-9


def test_length_and_duration():
    motion = standing(30, Fraction(30000, 1001))
    assert len(motion) == 30
    assert motion.duration_s == pytest.approx(30 * 1001 / 30000)
    assert standing(1).duration_s == pytest.approx(1 / 30)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("transl", np.zeros((9, 3)), r"transl has shape \(9, 3\), expected \(10, 3\)"),
        ("body_pose", np.zeros((10, 22, 3)), "body_pose has shape"),
        ("contacts", np.zeros((10, 2)), "contacts has shape"),
        ("times_s", np.zeros(10), "not strictly increasing"),
        ("transl", np.full((10, 3), np.nan), "transl holds values that are not finite"),
        ("fps", Fraction(0), "fps is 0"),
        ("betas", "tall", "betas cannot be read"),
    ],
)
def test_wrong_arrays_are_named(field, value, message):
    with pytest.raises(RigError, match=message):
        replace(standing(10), **{field: value})


def test_no_frames_is_an_error():
    empty = {"times_s": (0,), "global_orient": (0, 3), "body_pose": (0, 23, 3), "transl": (0, 3)}
    empty |= {"contacts": (0, 4), "confidence": (0, 24)}
    with pytest.raises(RigError, match="no frames"):
        replace(standing(1), **{name: np.zeros(shape) for name, shape in empty.items()})

"""Tests of the reference forms of the inverse kinematics and their conversions."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import InputError
from engine.ik import reference_rotations
from engine.ik.reference import ReferenceForm, solve_reference

PARITY = Path(__file__).parents[1] / "data" / "parity"


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(PARITY / "ik.npz") as archive:
        return dict(archive)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("watched", [False, True])
def test_torch_is_within_the_same_tolerances(stored, dtype, watched):
    rest, targets, twist, leaves = (
        torch.tensor(stored[name], dtype=dtype) for name in ("rest_joints", "joints_n2", "phi_n2", "leafquat_n2")
    )
    targets.requires_grad_(watched)
    short = rest[:, :24], targets[:, :24], twist, leaves
    for name, result in (
        ("adaptive29_n2", solve_reference(rest, targets, twist)),
        ("naive29_n2", solve_reference(rest, targets, twist, form=ReferenceForm.NAIVE)),
        ("adaptive24_n2", solve_reference(*short)),
        ("adaptive24train_n2", solve_reference(*short, ReferenceForm.TRAINING)),
    ):
        assert result.local_rotmats.dtype is dtype
        assert np.abs(result.local_rotmats.detach().numpy() - stored[name]).max() < 3e-4


def test_noiseless_targets_give_the_true_pose_except_for_the_right_hand(stored):
    given = {name: array.astype(np.float64) for name, array in stored.items()}
    rest, targets, twist = given["rest_joints"], given["joints_n0"], given["phi_n0"]
    with_tips = solve_reference(rest, targets, twist)
    with_leaves = solve_reference(rest[:, :24], targets[:, :24], twist, given["leafquat_n0"])
    assert np.abs(with_tips.local_rotmats - given["pose_true"]).max() < 2e-4
    error = np.abs(with_leaves.local_rotmats - given["pose_true"]).max(axis=(0, 2, 3))
    assert error[:23].max() < 2e-4
    assert error[23] > 0.5


@pytest.mark.parametrize("form", ReferenceForm)
def test_gradients_are_finite_also_at_rest(stored, form):
    rest = torch.tensor(stored["rest_joints"][:4], dtype=torch.float64)
    for targets in (rest.clone(), torch.tensor(stored["joints_n1"][:4], dtype=torch.float64)):
        targets.requires_grad_()
        twist = torch.zeros(4, 23, 2, dtype=torch.float64, requires_grad=True)
        solve_reference(rest, targets, twist, form=form).local_rotmats[..., 0].sum().backward()
        assert torch.isfinite(targets.grad).all()
        assert torch.isfinite(twist.grad).all()


def test_wrong_shapes_are_refused():
    with pytest.raises(InputError, match=r"rest_joints has shape \(2, 24, 3\), expected \(2, 29, 3\)"):
        solve_reference(np.zeros((2, 24, 3)), np.zeros((2, 24, 3)), np.zeros((2, 23, 2)))


def test_conversions_between_matrices_and_quaternions_agree(stored):
    rotmats = stored["conv_rotmats"].astype(np.float64)
    back = reference_rotations.quat_wxyz_to_rotmat(reference_rotations.rotmat_to_quat_wxyz(rotmats))
    assert np.abs(back - rotmats).max() < 1e-6
    for name in ("rotmat_to_quat_wxyz", "rotmat_to_label_quat_wxyz"):
        convert = getattr(reference_rotations, name)
        assert np.allclose(convert(torch.from_numpy(rotmats)).numpy(), convert(rotmats), atol=1e-9)

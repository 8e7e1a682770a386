"""Tests of linear blend skinning and the hybrid layer."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.body.lbs import (
    Origin,
    body_from_smpl_arrays,
    forward,
    hybrid_forward,
    pose_rotmats,
    rest_vertices_and_joints,
    skin,
)
from engine.errors import InputError
from engine.evaluation import recipe
from rig.kinematics import global_rotations, joint_positions
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

PARITY = Path(__file__).parents[1] / "data" / "parity"
ARRAYS = recipe.body(1)
BODY = body_from_smpl_arrays(ARRAYS)


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(PARITY / "lbs.npz") as archive:
        return {name: array.astype(np.float64) for name, array in archive.items()}


def test_joints_are_those_of_forward_kinematics(stored):
    posed = forward(BODY, stored["betas"], stored["aa"], transl=stored["transl_in"])
    _, rest = rest_vertices_and_joints(BODY, stored["betas"])
    for k in range(len(rest)):
        skeleton = Skeleton(SMPL_JOINT_NAMES, SMPL_PARENTS, rest[k])
        rotmats = global_rotations(SMPL_PARENTS, posed.rotmats[k])
        assert np.allclose(posed.joints[k], joint_positions(skeleton, rotmats, stored["transl_in"][k]), atol=1e-9)


def test_the_rest_pose_is_the_shaped_template():
    betas = np.zeros((1, 10))
    vertices, joints = rest_vertices_and_joints(BODY, betas)
    posed = skin(BODY, vertices, joints, np.tile(np.eye(3), (1, 24, 1, 1)))
    assert np.allclose(posed.vertices[0], ARRAYS["v_template"], atol=1e-12)


def test_a_turn_of_the_root_turns_the_whole_body(stored):
    betas, pose = stored["betas"][:1], stored["aa"][:1]
    vertices, joints = rest_vertices_and_joints(BODY, betas)
    rotmats = pose_rotmats(pose)
    turn = pose_rotmats(stored["aa"][1:2])[0, 0]
    before = skin(BODY, vertices, joints, rotmats)
    rotmats = rotmats.copy()
    rotmats[:, 0] = turn @ rotmats[:, 0]
    after = skin(BODY, vertices, joints, rotmats)
    pelvis = joints[:, :1]
    assert np.allclose(after.vertices - pelvis, (before.vertices - pelvis) @ turn.T, atol=1e-9)


def test_recentring_uses_two_pelvises(stored):
    posed = forward(BODY, stored["betas"], stored["aa"])
    assert np.allclose(posed.joints[:, 0], 0.0)
    assert np.allclose(posed.h36m_joints[:, 0], 0.0, atol=1e-12)
    vertices, joints = rest_vertices_and_joints(BODY, stored["betas"])
    moved = skin(BODY, vertices, joints, posed.rotmats, Origin.REST)
    assert np.allclose(moved.vertices - moved.h36m_joints[:, :1], posed.vertices)


def test_all_forms_of_a_pose_agree(stored):
    rotmats = pose_rotmats(stored["aa"])
    assert np.allclose(pose_rotmats(stored["aa"].reshape(-1, 72)), rotmats)
    assert np.allclose(pose_rotmats(rotmats), rotmats)
    assert np.allclose(pose_rotmats(stored["aa"][:, 1:].reshape(-1, 69), stored["aa"][:, 0]), rotmats)
    assert np.allclose(pose_rotmats(stored["quat_in"]), pose_rotmats(stored["quat_in"].reshape(-1, 24, 4)))
    with pytest.raises(InputError, match="pose has shape"):
        pose_rotmats(stored["aa"][:, 1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_gives_the_same_body_with_gradients(stored, dtype):
    body = body_from_smpl_arrays(ARRAYS, torch.zeros(0, dtype=dtype))
    given = [torch.tensor(stored[name], dtype=dtype) for name in ("hyb_betas", "hyb_joints", "hyb_phi", "hyb_leafquat")]
    given[1].requires_grad_()
    posed = hybrid_forward(body, *given)
    assert posed.vertices.dtype is dtype
    subset = stored["vert_subset"].astype(int)
    assert np.abs(posed.vertices[:, subset].detach().numpy() - stored["hyb24_vertices_subset"]).max() < 5e-5
    posed.vertices.square().mean().backward()
    assert torch.isfinite(given[1].grad).all()
    assert given[1].grad.abs().max() > 0

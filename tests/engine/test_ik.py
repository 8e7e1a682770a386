"""Tests of the hierarchical-chain inverse kinematics."""

import ik_oracle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.evaluation import recipe
from engine.ik import batches
from engine.ik.inverse_kinematics import IKMode, UpperSpine, solve_ik
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotation_angle, rotvec_to_rotmat, swing_twist
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton, mirrored_names

BODY = recipe.body(1)
REST = BODY["J_regressor"] @ BODY["v_template"]
SKELETON = Skeleton(SMPL_JOINT_NAMES, SMPL_PARENTS, REST)
TIPS = np.array(ik_oracle.TIPS)
LEAVES = np.flatnonzero(TIPS < 0)
BENT = np.flatnonzero(TIPS >= 0)
MIRROR = np.diag([-1.0, 1.0, 1.0])


def pose_of(rotvecs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Local rotations, global rotations and joints (pelvis on its rest position) of (N, 24, 3) rotation vectors."""
    local = rotvec_to_rotmat(rotvecs)
    rotmats = global_rotations(SMPL_PARENTS, local)
    return local, rotmats, joint_positions(SKELETON, rotmats, np.zeros((len(local), 3)))


def true_twist(local: np.ndarray) -> np.ndarray:
    """(N, 23, 2) cos and sin of the twist about each joint's rest bone."""
    twist = np.zeros((len(local), 23, 2))
    twist[..., 0] = 1.0
    for joint in range(1, 24):
        if TIPS[joint] >= 0:
            bone = REST[TIPS[joint]] - REST[joint]
            _, angle = swing_twist(local[:, joint], bone / np.linalg.norm(bone))
            twist[:, joint - 1] = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return twist


def degrees_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(rotation_angle(np.swapaxes(a, -1, -2) @ b))


ROTVECS = recipe.poses(3, 60)[0]
LOCAL, GLOBAL, JOINTS = pose_of(ROTVECS)
TWIST = true_twist(LOCAL)


@pytest.mark.parametrize("mode", IKMode)
@pytest.mark.parametrize("upper_spine", UpperSpine)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_round_trip_on_random_poses(mode, upper_spine, dtype):
    arrays = [array.astype(dtype) for array in (REST, JOINTS, TWIST, GLOBAL)]
    result = solve_ik(*arrays[:3], mode=mode, upper_spine=upper_spine, leaf_rotmats=arrays[3])
    assert result.local_rotmats.dtype == dtype
    assert np.abs(result.joints - JOINTS).max() < 1e-3
    assert degrees_between(result.local_rotmats, LOCAL).max() < 0.1
    assert result.aimed.all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_round_trip_of_any_pose(seed):
    local, rotmats, joints = pose_of(recipe.poses(seed, 4)[0])
    result = solve_ik(REST, joints, true_twist(local), leaf_rotmats=rotmats)
    assert np.abs(result.joints - joints).max() < 1e-4
    assert degrees_between(result.local_rotmats, local).max() < 0.01


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5.0), st.sampled_from(IKMode))
def test_follows_rotation_scale_and_translation_of_the_targets(seed, scale, mode):
    rng = np.random.default_rng(seed)
    targets = JOINTS[:8] + 0.02 * rng.standard_normal((8, 24, 3))
    plain = solve_ik(REST, targets, TWIST[:8], mode=mode)
    turn = rotvec_to_rotmat(rng.standard_normal(3))
    moved = scale * targets @ turn.T + rng.standard_normal(3)
    result = solve_ik(scale * REST, moved, TWIST[:8], mode=mode)
    assert np.allclose(result.local_rotmats[:, 0], turn @ plain.local_rotmats[:, 0], atol=1e-6)
    assert np.allclose(result.local_rotmats[:, 1:], plain.local_rotmats[:, 1:], atol=1e-6)


def test_mirrored_targets_give_mirrored_rotations():
    swap = list(mirrored_names(SMPL_JOINT_NAMES))
    rng = np.random.default_rng(0)
    targets = JOINTS + 0.02 * rng.standard_normal(JOINTS.shape)
    plain = solve_ik(REST, targets, TWIST)
    twist = np.concatenate([np.ones((len(TWIST), 1, 2)), TWIST], axis=1)[:, swap][:, 1:] * [1.0, -1.0]
    mirrored = solve_ik((REST @ MIRROR)[swap], (targets @ MIRROR)[:, swap], twist)
    assert np.allclose(mirrored.local_rotmats, (MIRROR @ plain.local_rotmats @ MIRROR)[:, swap], atol=1e-7)


@pytest.mark.parametrize("noise_m", [0.005, 0.02, 0.05])
def test_adaptive_beats_naive_under_noise(noise_m):
    rng = np.random.default_rng(1)
    targets = JOINTS + noise_m * rng.standard_normal(JOINTS.shape)
    errors = {}
    for mode in IKMode:
        joints = solve_ik(REST, targets, TWIST, mode=mode).joints
        errors[mode] = np.linalg.norm(joints - joints[:, :1] - JOINTS + JOINTS[:, :1], axis=2).mean()
    assert errors[IKMode.ADAPTIVE] < 0.95 * errors[IKMode.NAIVE]


@pytest.mark.parametrize("mode", IKMode)
@pytest.mark.parametrize("upper_spine", UpperSpine)
def test_agrees_with_the_plain_loop(mode, upper_spine):
    rng = np.random.default_rng(2)
    targets = JOINTS + 0.02 * rng.standard_normal(JOINTS.shape)
    fast = solve_ik(REST, targets, TWIST, mode=mode, upper_spine=upper_spine).local_rotmats
    slow = ik_oracle.solve(
        torch.from_numpy(REST).expand(len(targets), 24, 3),
        torch.from_numpy(targets),
        torch.from_numpy(TWIST),
        adaptive=mode is IKMode.ADAPTIVE,
        collars=upper_spine is UpperSpine.NECK_AND_COLLARS,
    ).numpy()
    # The plain loop guards its divisions with 1e-8, which shows on short bones.
    assert np.abs(fast - slow)[:, BENT].max() < 1e-3
    assert np.median(np.abs(fast - slow)[:, BENT]) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("watched", [False, True])
def test_torch_gives_the_same_numbers(dtype, watched):
    targets = JOINTS + 0.01
    targets[3, 7] = targets[4] = np.nan
    expected = solve_ik(REST, targets, TWIST, leaf_rotmats=GLOBAL)
    rest, given_targets, twist, leaves = (torch.tensor(a, dtype=dtype) for a in (REST, targets, TWIST, GLOBAL))
    result = solve_ik(rest, given_targets.requires_grad_(watched), twist, leaf_rotmats=leaves)
    assert isinstance(result.local_rotmats, torch.Tensor)
    assert result.local_rotmats.dtype is dtype
    assert result.local_rotmats.requires_grad is watched
    atol = 1e-9 if dtype is torch.float64 else 3e-4
    assert np.allclose(result.local_rotmats.detach().numpy(), expected.local_rotmats, atol=atol)
    assert np.array_equal(result.aimed.numpy(), expected.aimed)


@pytest.mark.parametrize("pose", [JOINTS[:3], REST[None], np.zeros((1, 24, 3))], ids=["posed", "rest", "one point"])
@pytest.mark.parametrize("mode", IKMode)
def test_gradients_are_finite(pose, mode):
    targets = torch.tensor(pose, requires_grad=True)
    twist = torch.zeros(len(pose), 23, 2, dtype=torch.float64, requires_grad=True)
    rest = torch.tensor(REST, requires_grad=True)
    result = solve_ik(rest, targets, twist, mode=mode)
    (result.local_rotmats * torch.linspace(-1, 1, 9, dtype=torch.float64).reshape(3, 3)).sum().backward()
    assert torch.isfinite(result.local_rotmats).all()
    for leaf in (targets, twist, rest):
        assert torch.isfinite(leaf.grad).all()


def test_gradient_agrees_with_finite_differences():
    targets = torch.tensor(JOINTS[:1] + 0.01, requires_grad=True)
    twist = torch.tensor(TWIST[:1], requires_grad=True)
    rest = torch.from_numpy(REST)
    assert torch.autograd.gradcheck(lambda p, t: solve_ik(rest, p, t).local_rotmats, (targets, twist), atol=1e-5)


@pytest.mark.parametrize("mode", IKMode)
def test_a_missing_joint_leaves_its_parent_at_rest_and_the_rest_of_the_body_alone(mode):
    targets = JOINTS.copy()
    targets[:, 7] = np.nan  # the left ankle: the knee has nothing to aim at
    result = solve_ik(REST, targets, None, mode=mode)
    whole = solve_ik(REST, JOINTS, None, mode=mode)
    assert np.isfinite(result.local_rotmats).all()
    assert np.allclose(result.local_rotmats[:, 4], np.eye(3), atol=1e-7)
    other = [joint for joint in range(24) if joint not in (4, 7)]
    assert np.allclose(result.local_rotmats[:, other], whole.local_rotmats[:, other], atol=1e-12)
    assert not result.aimed[:, 4].any()
    assert result.aimed[:, [0, 1, 2, 3, 5, 9]].all()


def test_a_fallback_replaces_what_is_missing():
    targets = JOINTS.copy()
    targets[:, [7, 12, 13, 14]] = np.nan
    targets[5] = np.nan
    result = solve_ik(REST, targets, TWIST, fallback=LOCAL)
    missing = [4, 7, 9, 12, 13, 14]
    assert degrees_between(result.local_rotmats[:, missing], LOCAL[:, missing]).max() < 0.01
    assert degrees_between(result.local_rotmats[5], LOCAL[5]).max() < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_stays_finite_and_orthonormal_whatever_is_missing(seed):
    rng = np.random.default_rng(seed)
    targets, twist, leaves = JOINTS.copy(), TWIST.copy(), GLOBAL.copy()
    targets[rng.random(targets.shape[:2]) < 0.4] = np.nan
    twist[rng.random(twist.shape[:2]) < 0.4] = np.nan
    leaves[rng.random(leaves.shape[:2]) < 0.4] = np.nan
    targets[0] = np.nan
    for mode in IKMode:
        result = solve_ik(REST, targets, twist, mode=mode, leaf_rotmats=leaves)
        assert np.isfinite(result.joints).all()
        product = result.local_rotmats @ np.swapaxes(result.local_rotmats, -1, -2)
        assert np.allclose(product, np.eye(3), atol=1e-6)
        assert np.allclose(np.linalg.det(result.local_rotmats), 1.0, atol=1e-6)


def test_missing_and_zero_twist_are_no_twist():
    rotvecs = np.zeros((1, 24, 3))
    rotvecs[0, 18] = [0.0, -1.0, 0.0]
    joints = pose_of(rotvecs)[2]
    none = solve_ik(REST, joints).local_rotmats
    for filler in (np.nan, 0.0):
        assert np.array_equal(solve_ik(REST, joints, np.full((1, 23, 2), filler)).local_rotmats, none)
    assert np.allclose(solve_ik(REST, REST[None]).local_rotmats, np.eye(3), atol=1e-7)


@pytest.mark.parametrize(("dtype", "tolerance_m"), [(np.float64, 1e-6), (np.float32, 0.01)])
def test_an_exactly_reversed_bone_turns_by_half_a_turn(dtype, tolerance_m):
    targets = REST[None].copy()
    targets[:, [7, 10]] += 2 * (REST[4] - REST[7])
    result = solve_ik(REST.astype(dtype), targets.astype(dtype))
    assert np.abs(result.joints[0, 7] - targets[0, 7]).max() < tolerance_m
    assert np.allclose(result.local_rotmats @ np.swapaxes(result.local_rotmats, -1, -2), np.eye(3), atol=1e-5)
    assert degrees_between(result.local_rotmats[0, 4].astype(float), np.eye(3)) == pytest.approx(180.0, abs=2.0)


def test_leaves_take_their_given_global_rotations():
    leaves = np.full_like(GLOBAL, np.nan)
    leaves[:, LEAVES[:3]] = GLOBAL[:, LEAVES[:3]]
    result = solve_ik(REST, JOINTS, TWIST, leaf_rotmats=leaves)
    assert degrees_between(result.local_rotmats[:, LEAVES[:3]], LOCAL[:, LEAVES[:3]]).max() < 0.01
    assert np.allclose(result.local_rotmats[:, LEAVES[3:]], np.eye(3))
    assert result.aimed[:, LEAVES].tolist() == [[True, True, True, False, False]] * len(JOINTS)


def test_surface_points_turn_head_hands_and_feet():
    surface = BODY["v_template"][list(recipe.SURFACE_VERTICES)]
    owners = list(recipe.SURFACE_PARENTS)
    points = JOINTS[:, owners] + np.einsum("nkij,kj->nki", GLOBAL[:, owners], surface - REST[owners])
    result = solve_ik(np.concatenate([REST, surface]), np.concatenate([JOINTS, points], axis=1), TWIST)
    for joint, tip in zip(owners, points.swapaxes(0, 1), strict=True):
        turned = global_rotations(SMPL_PARENTS, result.local_rotmats)[:, joint]
        bone = surface[owners.index(joint)] - REST[joint]
        assert np.allclose(result.joints[:, joint] + turned @ bone, tip, atol=1e-6)


def test_batches_make_no_difference(monkeypatch):
    whole = solve_ik(REST, JOINTS, TWIST)
    monkeypatch.setattr(batches, "CACHE_FRAMES", 7)
    per_frame_rest = np.tile(REST, (len(JOINTS), 1, 1))
    for rest in (REST, per_frame_rest):
        parts = solve_ik(rest, JOINTS, TWIST)
        assert np.allclose(parts.local_rotmats, whole.local_rotmats, atol=1e-12)
    assert solve_ik(REST, JOINTS[:0], TWIST[:0]).local_rotmats.shape == (0, 24, 3, 3)


def test_wrong_shapes_are_refused_by_name():
    with pytest.raises(InputError, match=r"targets has shape \(24, 3\)"):
        solve_ik(REST, JOINTS[0])
    with pytest.raises(InputError, match=r"rest_joints has shape \(23, 3\)"):
        solve_ik(REST[:23], JOINTS)
    with pytest.raises(InputError, match=r"twist has shape"):
        solve_ik(REST, JOINTS, TWIST[:5])

"""Tests of pinning the end of a limb to a target."""

import numpy as np
import pytest

from engine.errors import InputError
from engine.ik.limits import HINGES
from engine.ik.refine import refine_chain
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import JOINT, SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

REST_JOINTS = np.array(
    [
        [0.00, -0.22, 0.02], [0.07, -0.31, 0.01], [-0.07, -0.31, 0.01], [0.00, -0.11, -0.01], [0.11, -0.69, 0.01],
        [-0.11, -0.69, 0.01], [0.00, 0.03, 0.00], [0.09, -1.09, -0.03], [-0.09, -1.09, -0.03], [0.00, 0.08, 0.02],
        [0.12, -1.15, 0.09], [-0.12, -1.15, 0.09], [0.00, 0.29, -0.02], [0.08, 0.20, -0.01], [-0.08, 0.20, -0.01],
        [0.01, 0.37, 0.03], [0.18, 0.23, -0.02], [-0.18, 0.23, -0.02], [0.44, 0.21, -0.05], [-0.44, 0.21, -0.05],
        [0.70, 0.22, -0.06], [-0.70, 0.22, -0.06], [0.79, 0.21, -0.07], [-0.79, 0.21, -0.07],
    ]
)  # fmt: skip
SKELETON = Skeleton(SMPL_JOINT_NAMES, SMPL_PARENTS, REST_JOINTS)
LEG = (JOINT["left_hip"], JOINT["left_knee"], JOINT["left_ankle"])
ARM = (JOINT["right_shoulder"], JOINT["right_elbow"], JOINT["right_wrist"])


def random_poses(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(count, 24, 3, 3) local rotations with plausibly bent knees and elbows, (count, 3) translations."""
    rng = np.random.default_rng(seed)
    rotvecs = 0.1 * rng.standard_normal((count, 24, 3))
    rotvecs[:, JOINT["pelvis"]] = rng.standard_normal((count, 3))
    for side in ("left", "right"):
        rotvecs[:, JOINT[f"{side}_hip"]] += 0.4 * rng.standard_normal((count, 3))
        for name in (f"{side}_knee", f"{side}_elbow"):
            rotvecs[:, JOINT[name]] = HINGES[name].axis * rng.uniform(0.1, 1.5, (count, 1))
    return rotvec_to_rotmat(rotvecs), rng.standard_normal((count, 3))


def joints_of(local: np.ndarray, transl: np.ndarray) -> np.ndarray:
    return joint_positions(SKELETON, global_rotations(SMPL_PARENTS, local), transl)


@pytest.mark.parametrize("chain", [LEG, ARM])
@pytest.mark.parametrize("distance_m", [0.01, 0.05, 0.15])
def test_reaches_every_target_in_reach_and_moves_nothing_else(chain, distance_m):
    local, transl = random_poses(200)
    before = joints_of(local, transl)
    root, _, effector = chain
    rng = np.random.default_rng(1)
    targets = before[:, effector] + distance_m / np.sqrt(3) * rng.standard_normal((200, 3))
    solved = refine_chain(SKELETON, local, transl, chain, effector, targets, np.ones(200))
    after = joints_of(solved, transl)

    length = np.linalg.norm(np.diff(REST_JOINTS[list(chain)], axis=0), axis=1).sum()
    reachable = np.linalg.norm(targets - before[:, root], axis=1) < 0.985 * length
    assert reachable.sum() > 100
    assert np.linalg.norm(after[:, effector] - targets, axis=1)[reachable].max() < 1e-4
    untouched = [j for j in range(24) if j not in chain[1:] and SMPL_PARENTS[j] != effector]
    assert np.allclose(after[:, untouched], before[:, untouched], atol=1e-12)
    kept = global_rotations(SMPL_PARENTS, local)[:, effector] - global_rotations(SMPL_PARENTS, solved)[:, effector]
    assert np.abs(kept).max() < 1e-9


def test_the_knee_keeps_bending_forward():
    local, transl = random_poses(300, seed=3)
    before = joints_of(local, transl)
    hip, knee, ankle = LEG
    rng = np.random.default_rng(4)
    targets = before[:, ankle] + 0.3 * rng.standard_normal((300, 3))
    solved = refine_chain(SKELETON, local, transl, LEG, ankle, targets, np.ones(300), iterations=20)
    # In the thigh's frame the shin swings about +x (backwards) only.
    shin = solved[:, knee] @ (REST_JOINTS[ankle] - REST_JOINTS[knee])
    thigh = REST_JOINTS[knee] - REST_JOINTS[hip]
    assert np.cross(thigh, shin)[:, 0].min() > 0


def test_a_far_target_stretches_the_leg_towards_it():
    local, transl = random_poses(20, seed=5)
    before = joints_of(local, transl)
    hip, _, ankle = LEG
    direction = before[:, ankle] - before[:, hip]
    targets = before[:, hip] + 1.5 * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    after = joints_of(refine_chain(SKELETON, local, transl, LEG, ankle, targets, np.ones(20), iterations=20), transl)
    reach = np.linalg.norm(after[:, ankle] - after[:, hip], axis=1)
    length = np.linalg.norm(np.diff(REST_JOINTS[list(LEG)], axis=0), axis=1).sum()
    assert np.allclose(reach, length, atol=2e-3)
    assert (np.sum((after[:, ankle] - after[:, hip]) * direction, axis=1) > 0).all()


def test_weight_goes_part_of_the_way_and_zero_or_missing_changes_nothing():
    local, transl = random_poses(6, seed=6)
    before = joints_of(local, transl)[:, LEG[2]]
    targets = before + np.array([0.0, 0.03, 0.02])
    targets[5] = np.nan
    weights = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.0])
    solved = refine_chain(SKELETON, local, transl, LEG, LEG[2], targets, weights)
    after = joints_of(solved, transl)[:, LEG[2]]
    assert np.allclose(after[:5] - before[:5], weights[:5, None] * [0.0, 0.03, 0.02], atol=1e-4)
    assert np.array_equal(solved[[0, 5]], local[[0, 5]])


def test_a_small_weight_changes_a_hyper_extended_leg_only_a_little():
    local, transl = random_poses(1, seed=7)
    local[:, LEG[1]] = rotvec_to_rotmat(np.array([-0.3, 0.0, 0.0]))
    targets = joints_of(local, transl)[:, LEG[2]]
    solved = refine_chain(SKELETON, local, transl, LEG, LEG[2], targets, np.array([1e-3]))
    assert np.abs(solved - local).max() < 1e-3


def test_a_chain_that_does_not_lead_to_the_effector_is_refused():
    local, transl = random_poses(1)
    with pytest.raises(InputError, match="no joint of the chain"):
        refine_chain(SKELETON, local, transl, ARM, LEG[2], np.zeros((1, 3)), np.ones(1))
    with pytest.raises(InputError, match="targets has shape"):
        refine_chain(SKELETON, local, transl, LEG, LEG[2], np.zeros((2, 3)), np.ones(1))

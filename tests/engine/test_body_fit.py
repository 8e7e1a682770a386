"""Fitting one body shape to the bone lengths of a clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.body.fit import MAX_BETA, fit_betas
from engine.body.model import BodyModel
from engine.body.open_body import load_open_body
from engine.errors import InputError
from engine.poses import PoseSequence
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import JOINT


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_open_body()


def poses_of(body: BodyModel, betas: np.ndarray, scale: float = 1.0, noise_m: float = 0.0) -> PoseSequence:
    rng = np.random.default_rng(0)
    skeleton = body.skeleton(betas)
    frames = 50
    rotvecs = rng.uniform(-0.5, 0.5, (frames, 24, 3))
    rotvecs[:, [JOINT[f"spine{k}"] for k in (1, 2, 3)] + [JOINT["left_collar"], JOINT["right_collar"]]] = 0.0
    rotmats = global_rotations(skeleton.parents, rotvec_to_rotmat(rotvecs))
    joints = joint_positions(skeleton, rotmats, np.zeros((frames, 3)))
    joints = (joints - joints[:, :1]) * scale + noise_m * rng.standard_normal(joints.shape)
    return PoseSequence(
        person_id=1,
        times_s=np.arange(frames) / 30.0,
        joints=joints,
        twist=np.full((frames, 23, 2), np.nan),
        keypoints_2d=np.zeros((frames, 24, 2)),
        scores=np.ones((frames, 24)),
        leaf_rotmats=np.full((frames, 24, 3, 3), np.nan),
    )


def limb_lengths(body: BodyModel, betas: np.ndarray) -> np.ndarray:
    return body.skeleton(betas).bone_lengths[[4, 5, 7, 8, 18, 19, 20, 21]]


def test_a_fit_is_nearer_to_the_person_than_the_mean_body(body: BodyModel) -> None:
    rng = np.random.default_rng(1)
    mean = limb_lengths(body, np.zeros(body.shape_count))
    for _ in range(4):
        true = np.clip(rng.normal(size=body.shape_count), -1.8, 1.8)
        wanted = limb_lengths(body, true)
        found = limb_lengths(body, fit_betas(poses_of(body, true, noise_m=0.005), body))
        assert np.abs(found / wanted - 1).mean() < 0.75 * np.abs(mean / wanted - 1).mean()


def test_proportions_count_more_than_the_size_that_landmarks_suggest(body: BodyModel) -> None:
    true = np.zeros(body.shape_count)
    grown = fit_betas(poses_of(body, true, scale=1.3), body)
    sizes = limb_lengths(body, grown) / limb_lengths(body, true)
    assert 1.0 < sizes.mean() < 1.2
    assert sizes.std() < 0.05


@pytest.mark.parametrize("height_m", [1.55, 1.72, 1.9])
def test_a_given_height_is_met_exactly(body: BodyModel, height_m: float) -> None:
    betas = fit_betas(poses_of(body, np.zeros(body.shape_count)), body, height_m)
    heights = body.shaped(betas)[:, 1]
    assert np.ptp(heights) == pytest.approx(height_m, abs=1e-4)
    assert np.abs(betas).max() <= MAX_BETA


def test_an_impossible_height_is_refused(body: BodyModel) -> None:
    with pytest.raises(InputError, match=r"3\.1 m"):
        fit_betas(poses_of(body, np.zeros(body.shape_count)), body, 3.1)


def test_wild_lengths_still_give_a_plausible_body(body: BodyModel) -> None:
    poses = poses_of(body, np.zeros(body.shape_count))
    joints = poses.joints.copy()
    joints[:, [18, 20, 22]] *= 3.0
    betas = fit_betas(replace(poses, joints=joints), body)
    assert np.isfinite(betas).all()
    assert np.abs(betas).max() <= MAX_BETA


def test_outliers_and_unseen_frames_do_not_count(body: BodyModel) -> None:
    poses = poses_of(body, np.full(body.shape_count, 0.5))
    joints, scores = poses.joints.copy(), poses.scores.copy()
    joints[:10, 1:] *= 2.0
    joints[10:20] = np.nan
    scores[:10], scores[10:20] = 0.02, 0.0
    changed = fit_betas([replace(poses, joints=joints, scores=scores)], body)
    np.testing.assert_allclose(changed, fit_betas([poses], body), atol=0.05)


def test_nothing_seen_gives_the_mean_body(body: BodyModel) -> None:
    poses = poses_of(body, np.ones(body.shape_count))
    unseen = replace(poses, joints=np.full_like(poses.joints, np.nan), scores=np.zeros_like(poses.scores))
    np.testing.assert_array_equal(fit_betas(unseen, body), np.zeros(body.shape_count))

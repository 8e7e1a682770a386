"""Tests of the scores by data set: what they do not see, what they leave out, and against plain loops."""

import numpy as np
import pytest

from engine.errors import InputError
from engine.evaluation.dataset_metrics import (
    LSP14,
    THREEDHP_TO_HUMAN36M,
    JointGroups,
    back_project,
    correct_keypoints,
    human36m_usable,
    mean_of_batches,
    mean_vertex_error,
    score_3dhp,
    score_3dpw,
    score_all_joints,
    score_human36m,
    score_human36m_by_action,
)
from engine.evaluation.procrustes import align_similarity
from rig.rotations import rotvec_to_rotmat

RNG = np.random.default_rng(11)
TRUTH = 300.0 * RNG.standard_normal((20, 17, 3))
PREDICTED = TRUTH + 60.0 * RNG.standard_normal((20, 17, 3))


def moved(poses, scale=1.7):
    """Each pose turned, scaled and moved by its own similarity."""
    rotmat = rotvec_to_rotmat(RNG.standard_normal((len(poses), 3)))
    return scale * np.einsum("tij,tpj->tpi", rotmat, poses) + RNG.standard_normal((len(poses), 1, 3))


@pytest.mark.parametrize("score", [score_all_joints, score_3dpw, score_human36m])
def test_a_similarity_of_the_prediction_changes_only_the_plain_error(score):
    before, after = score(PREDICTED, TRUTH), score(moved(PREDICTED), TRUTH)
    assert after.pa_mpjpe_mm == pytest.approx(before.pa_mpjpe_mm, rel=1e-9)
    assert after.mpjpe_mm > 1.5 * before.mpjpe_mm
    assert score(moved(TRUTH), TRUTH).pa_mpjpe_mm < 1e-9
    assert score(PREDICTED + 700.0, TRUTH - 20.0).mpjpe_mm == pytest.approx(before.mpjpe_mm, rel=1e-9)
    assert before.pa_mpjpe_mm < before.mpjpe_mm


def test_mirrored_flat_and_collapsed_poses_align_without_a_reflection():
    mirrored = TRUTH * [-1.0, 1.0, 1.0]
    assert np.linalg.norm(align_similarity(mirrored, TRUTH) - TRUTH, axis=-1).mean() > 50
    flat = TRUTH * [1.0, 1.0, 0.0]
    np.testing.assert_allclose(align_similarity(moved(flat), flat), flat, atol=1e-9)
    np.testing.assert_allclose(align_similarity(0 * TRUTH, TRUTH)[:, 3], TRUTH.mean(1), atol=1e-9)


def test_only_fourteen_joints_count_and_3dpw_aligns_by_them_alone():
    spoiled = PREDICTED.copy()
    spoiled[:, 7] += 500.0  # the torso is none of the 14
    assert score_3dpw(spoiled, TRUTH) == score_3dpw(PREDICTED, TRUTH)
    before, after = score_human36m(PREDICTED, TRUTH), score_human36m(spoiled, TRUTH)
    assert after.mpjpe_mm == before.mpjpe_mm
    assert after.pa_mpjpe_mm > before.pa_mpjpe_mm + 1.0
    errors = [
        np.linalg.norm((PREDICTED[t, j] - PREDICTED[t, 0]) - (TRUTH[t, j] - TRUTH[t, 0]))
        for t in range(20)
        for j in LSP14
    ]
    assert before.mpjpe_mm == pytest.approx(np.mean(errors))
    assert len(set(LSP14)) == 14


def test_corrupt_sequences_of_human36m_are_left_out_of_every_action():
    subjects = np.array([9] * 10 + [11] * 10)
    actions = np.array([5, 5, 10, 10, 13] * 4)
    takes = np.array([1, 2] * 10)
    usable = human36m_usable(subjects, actions, takes)
    expected = [
        (s, a, k) not in [(9, 5, 2), (9, 10, 2), (9, 13, 1)] for s, a, k in zip(subjects, actions, takes, strict=True)
    ]
    assert usable.tolist() == expected
    assert 0 < usable.sum() < 20
    scores = score_human36m_by_action(PREDICTED, TRUTH, subjects, actions, takes)
    assert list(scores) == [5, 10, 13]
    chosen = usable & (actions == 10)
    assert scores[10] == score_human36m(PREDICTED[chosen], TRUTH[chosen])


def test_correct_groups_are_the_joints_they_are_named_after():
    names = ["pelvis", "L hip", "L knee", "L ankle", "R hip", "R knee", "R ankle", "torso", "neck", "nose", "head",
             "L shoulder", "L elbow", "L wrist", "R shoulder", "R elbow", "R wrist"]  # fmt: skip
    groups = {group: {names[j] for j in joints} for group, joints in JointGroups.CORRECT.joints().items()}
    assert groups["head"] == {"head"}
    assert groups["neck"] == {"neck"}
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert groups[part + "s"] == {f"L {part}", f"R {part}"}
    published = [joint for joints in JointGroups.PUBLISHED.joints().values() for joint in joints]
    assert sorted(published) == list(range(14))
    assert sorted(THREEDHP_TO_HUMAN36M) == list(range(17))


def test_published_groups_do_not_see_the_right_arm_and_the_correct_ones_do():
    errors = np.full((7, 17), 40.0)
    errors[:, 16] = 900.0  # right wrist
    assert correct_keypoints(errors, JointGroups.PUBLISHED).pck == 100.0
    right = correct_keypoints(errors, JointGroups.CORRECT)
    assert right.pck == pytest.approx(100.0 * 13 / 14)
    assert right.pck_of_group["wrists"] == 50.0
    # 40 mm is below 45, 50, ..., 150: 22 of 31 thresholds
    assert right.auc_of_group["neck"] == pytest.approx(100.0 * 22 / 31)
    errors[:] = 150.0
    assert correct_keypoints(errors, JointGroups.CORRECT).pck == 0.0


def test_3dhp_labels_are_brought_into_the_predictions_order():
    labels = np.empty_like(TRUTH)
    labels[:, THREEDHP_TO_HUMAN36M] = TRUTH
    perfect = score_3dhp(TRUTH + 5.0, labels, JointGroups.CORRECT)
    assert perfect.pose.mpjpe_mm == pytest.approx(0.0, abs=1e-9)
    assert perfect.keypoints.pck == 100.0
    scored = score_3dhp(PREDICTED, labels, JointGroups.PUBLISHED)
    assert scored.pose == score_all_joints(PREDICTED, TRUTH)


def test_vertex_error_is_a_mean_of_batch_means():
    a, b = RNG.standard_normal((3, 9, 3)), RNG.standard_normal((3, 9, 3))
    plain = np.mean([np.linalg.norm(a[t, v] - b[t, v]) for t in range(3) for v in range(9)])
    assert mean_vertex_error(a, b) == pytest.approx(plain)
    assert mean_of_batches([1.0, 2.0, 6.0]) == 3.0
    with pytest.raises(InputError, match="no batch"):
        mean_of_batches([])


def test_back_projection_undoes_projection():
    focal, centre, depth = np.array([1145.0, 1143.0]), np.array([512.0, 515.0]), 2000.0
    root = np.array([[200.0, -100.0, 4200.0]] * 20)
    points = TRUTH + root[:, None]
    uvd = np.concatenate(
        [points[..., :2] / points[..., 2:] * focal + centre, (points[..., 2:] - root[:, None, 2:]) / depth], axis=-1
    )
    np.testing.assert_allclose(back_project(uvd, root, focal, centre, depth), points, rtol=1e-9)

"""Scores of predicted poses by the protocol of each published data set.

Poses are (T, P, 3) in millimetres in the camera frame; the 17 joints of Human3.6M are those regressed from the mesh,
the 24 are SMPL's. Every prediction and truth is first moved so that its joint 0, the pelvis, lies at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from engine.errors import InputError

from .metrics import position_errors
from .procrustes import align_similarity

LSP14 = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
"""The 14 joints scored, out of the 17: ankles to hips, wrists to shoulders, neck, head."""


@dataclass(frozen=True)
class PoseScore:
    """Mean error per joint, mm: pelvis to pelvis, and after a similarity transform of each frame."""

    mpjpe_mm: float
    pa_mpjpe_mm: float


def score_all_joints(predicted: np.ndarray, truth: np.ndarray) -> PoseScore:
    """All joints count and are aligned: the 24 joints of 3DPW and Human3.6M, the 17 of MPI-INF-3DHP."""
    return _score(_rooted(predicted), _rooted(truth))


def score_3dpw(predicted17: np.ndarray, truth17: np.ndarray) -> PoseScore:
    """14 of the 17 joints, aligned by these 14. Source: von Marcard et al., 3DPW, ECCV 2018, as HybrIK scores it."""
    return _score(_rooted(predicted17)[:, LSP14], _rooted(truth17)[:, LSP14])


def score_human36m(predicted17: np.ndarray, truth17: np.ndarray) -> PoseScore:
    """14 of the 17 joints, aligned by all 17. Source: Ionescu et al., Human3.6M, PAMI 2014, protocol 2 of HybrIK."""
    predicted, truth = _rooted(predicted17), _rooted(truth17)
    aligned = align_similarity(predicted, truth)[:, LSP14]
    chosen = truth[:, LSP14]
    return PoseScore(
        float(position_errors(predicted[:, LSP14], chosen).mean()), float(position_errors(aligned, chosen).mean())
    )


HUMAN36M_ACTIONS = {
    2: "Direction", 3: "Discuss", 4: "Eating", 5: "Greet", 6: "Phone", 7: "Photo", 8: "Pose", 9: "Purchase",
    10: "Sitting", 11: "SittingDown", 12: "Smoke", 13: "Wait", 14: "Walk", 15: "WalkDog", 16: "WalkTwo",
}  # fmt: skip
"""Name of each action number in Human3.6M's file names."""

HUMAN36M_CORRUPT = frozenset({(9, 5, 2), (9, 10, 2), (9, 13, 1)})
"""Subject, action, take whose labels do not fit the picture."""


def human36m_usable(subjects: np.ndarray, actions: np.ndarray, takes: np.ndarray) -> np.ndarray:
    """(T,) true for each frame whose sequence, by its (T,) numbers, is not one of the corrupt ones."""
    numbers = zip(np.asarray(subjects).tolist(), np.asarray(actions).tolist(), np.asarray(takes).tolist(), strict=True)
    return np.array([sequence not in HUMAN36M_CORRUPT for sequence in numbers], bool)


def score_human36m_by_action(
    predicted17: np.ndarray, truth17: np.ndarray, subjects: np.ndarray, actions: np.ndarray, takes: np.ndarray
) -> dict[int, PoseScore]:
    """`score_human36m` of each action number that occurs in (T,) `actions`, without the corrupt sequences."""
    usable, actions = human36m_usable(subjects, actions, takes), np.asarray(actions)
    return {
        int(action): score_human36m(predicted17[chosen], truth17[chosen])
        for action in np.unique(actions[usable])
        for chosen in [usable & (actions == action)]
    }


THREEDHP_TO_HUMAN36M = [14, 11, 12, 13, 8, 9, 10, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
"""Where each of the 17 joints of Human3.6M lies in the 17 of MPI-INF-3DHP's test labels."""

PCK_THRESHOLD_MM = 150.0
AUC_THRESHOLDS_MM = np.arange(0.0, 151.0, 5.0)

_GROUPS_IN_3DHP_ORDER = {
    "head": (0,), "neck": (1,), "shoulders": (2, 5), "elbows": (3, 6), "wrists": (4, 7), "hips": (8, 11),
    "knees": (9, 12), "ankles": (10, 13),
}  # fmt: skip


class JointGroups(Enum):
    """Which of 17 joints, in the order of Human3.6M, make up each named group of the PCK."""

    PUBLISHED = "published"
    """As published numbers were made: the groups' numbers are those of MPI-INF-3DHP's own order, so that the score
    covers joints 0 to 13 under wrong names, counts the pelvis as always right and leaves out the right arm."""

    CORRECT = "correct"
    """The joints the groups are named after."""

    def joints(self) -> dict[str, list[int]]:
        """Joint numbers of each group."""
        if self is JointGroups.PUBLISHED:
            return {name: list(joints) for name, joints in _GROUPS_IN_3DHP_ORDER.items()}
        return {
            name: [THREEDHP_TO_HUMAN36M.index(joint) for joint in joints]
            for name, joints in _GROUPS_IN_3DHP_ORDER.items()
        }


@dataclass(frozen=True)
class CorrectKeypoints:
    """Percentages of 0 to 100 by group of joints, and over all groups, each weighing as many joints as it has."""

    pck_of_group: dict[str, float]
    auc_of_group: dict[str, float]
    pck: float
    auc: float


def correct_keypoints(errors_mm: np.ndarray, groups: JointGroups) -> CorrectKeypoints:
    """PCK below 150 mm, and its mean over the 31 thresholds 0, 5, ..., 150 mm, of errors (T, 17) in mm.

    Source: Mehta et al., Monocular 3D Human Pose Estimation In The Wild, 3DV 2017.
    """
    pck: dict[str, float] = {}
    auc: dict[str, float] = {}
    sizes = []
    for name, joints in groups.joints().items():
        errors = np.asarray(errors_mm, np.float64)[:, joints].ravel()
        pck[name] = 100.0 * float((errors < PCK_THRESHOLD_MM).mean())
        auc[name] = 100.0 * float((errors[:, None] < AUC_THRESHOLDS_MM).mean())
        sizes.append(len(joints))
    return CorrectKeypoints(
        pck,
        auc,
        float(np.average(list(pck.values()), weights=sizes)),
        float(np.average(list(auc.values()), weights=sizes)),
    )


@dataclass(frozen=True)
class ThreeDHPScore:
    """Errors over all 17 joints, the pelvis as 0, and correct keypoints."""

    pose: PoseScore
    keypoints: CorrectKeypoints


def score_3dhp(predicted17: np.ndarray, truth_3dhp: np.ndarray, groups: JointGroups) -> ThreeDHPScore:
    """Predictions (T, 17, 3) in the order of Human3.6M against labels (T, 17, 3) in that of MPI-INF-3DHP.

    JointGroups.PUBLISHED gives numbers to compare with publications, CORRECT the truth.
    """
    predicted, truth = _rooted(predicted17), _rooted(np.asarray(truth_3dhp)[:, THREEDHP_TO_HUMAN36M])
    return ThreeDHPScore(_score(predicted, truth), correct_keypoints(position_errors(predicted, truth), groups))


def mean_vertex_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """PVE: mean distance of (T, V, 3) vertices, each mesh relative to its own mesh-regressed pelvis; their unit."""
    return float(position_errors(predicted, truth).mean())


def mean_of_batches(scores: Sequence[float]) -> float:
    """PVE over a data set as published: mean over batches of each batch's mean, whatever the last batch's size.

    Raises InputError where there is no batch.
    """
    if not len(scores):
        raise InputError("there is no batch to average the vertex error of; evaluate at least one picture")
    return float(np.mean(scores))


def back_project(
    uvd_px: np.ndarray, root: np.ndarray, focal_px: np.ndarray, centre_px: np.ndarray, depth_factor: float
) -> np.ndarray:
    """(T, P, 3) picture px, px and d to camera positions by the true pelvis depth; units of `root` (T, 3).

    z = d depth_factor + root z; x = (u - c_x) / f_x z, likewise y. focal_px, centre_px (2,) or (T, 1, 2).
    """
    z = np.asarray(uvd_px)[..., 2:] * depth_factor + np.asarray(root)[:, None, 2:]
    return np.concatenate([(uvd_px[..., :2] - centre_px) / focal_px * z, z], axis=-1)


def _rooted(positions: np.ndarray) -> np.ndarray:
    positions = np.asarray(positions, np.float64)
    return positions - positions[:, :1]


def _score(predicted: np.ndarray, truth: np.ndarray) -> PoseScore:
    return PoseScore(
        float(position_errors(predicted, truth).mean()),
        float(position_errors(align_similarity(predicted, truth), truth).mean()),
    )

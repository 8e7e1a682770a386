"""Runs an image network over a data set: predictions of every person, scored by the data set's protocol."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch.utils.data import DataLoader, Subset

from engine.body.lbs import forward
from engine.errors import InputError
from engine.evaluation.dataset_metrics import (
    HUMAN36M_ACTIONS,
    JointGroups,
    PoseScore,
    mean_of_batches,
    score_3dhp,
    score_3dpw,
    score_all_joints,
    score_human36m,
    score_human36m_by_action,
)
from engine.models.network import PoseNetwork

from .datasets.kinds import DatasetKind
from .datasets.sample import SampleTable
from .distributed import Ranks
from .network_input import Collate, ScoredPeople
from .targets import label_quats_wxyz

MM = 1000.0


@dataclass(frozen=True)
class Predictions:
    """Of all T people of a table, in its order, mm: regressed (T, 17, 3) and joints (T, 24, 3) relative to their
    pelvis, vertex_error (T,) mean distance of the mesh to the true one, NaN where that is unknown."""

    regressed_mm: np.ndarray
    joints_mm: np.ndarray
    vertex_error_mm: np.ndarray


@dataclass(frozen=True)
class DatasetScore:
    """What is published of a data set (`row`), further numbers (`more`), both by name, and poses by action."""

    kind: DatasetKind
    people: int
    row: dict[str, float]
    more: dict[str, float]
    by_action: dict[str, PoseScore] = field(default_factory=dict)

    @property
    def pa_mpjpe_mm(self) -> float:
        """The error after a similarity transform, by which snapshots are compared."""
        return self.row["PA-MPJPE mm"]


def predict(
    network: PoseNetwork,
    table: SampleTable,
    batch_size: int = 32,
    workers: int = 0,
    flip: bool = True,
    ranks: Ranks | None = None,
) -> Predictions:
    """Poses of everybody, with the true camera and place of the pelvis where the network must be told them.

    flip: average with the mirrored picture, as published. Several processes share the people and all return
    everything. The network is in evaluation mode meanwhile. Raises InputError for a person whose picture is missing.
    """
    ranks = ranks or Ranks()
    mine = range(ranks.rank, len(table), ranks.world)
    was_training = network.training
    network.eval()
    try:
        own = _predict_some(network, table, mine, batch_size, workers, flip)
    finally:
        network.train(was_training)
    arrays = [np.empty((len(table), *part.shape[1:])) for part in own]
    for rank, parts in enumerate(ranks.gathered(own)):
        for whole, part in zip(arrays, parts, strict=True):
            whole[rank :: ranks.world] = part
    return Predictions(*arrays)


@torch.no_grad()
def _predict_some(
    network: PoseNetwork, table: SampleTable, which: range, batch_size: int, workers: int, flip: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    architecture = network.architecture
    device = next(network.parameters()).device
    loader = DataLoader(
        Subset(ScoredPeople(table, architecture), which), batch_size, num_workers=workers,
        collate_fn=Collate(architecture),
    )  # fmt: skip
    parts: list[tuple[np.ndarray, ...]] = [(np.zeros((0, 17, 3)), np.zeros((0, 24, 3)), np.zeros(0))]
    rotvecs, betas, known = (table.column(name) for name in ("rotvecs", "betas", "smpl_weight"))
    place = 0
    for batch in loader:
        if isinstance(batch, InputError):
            raise batch
        batch = batch.to(device)
        output = network(batch.images, batch.geometry, flip=flip)
        chosen = np.array(which[place : place + len(batch.origins)])
        place += len(chosen)
        errors = np.full(len(chosen), np.nan)
        if known[chosen].any():
            labels = torch.from_numpy(label_quats_wxyz(rotvecs[chosen]).astype(np.float32)).to(device)
            true = forward(network.hybrik_layer.body, torch.from_numpy(betas[chosen]).to(device), labels)
            distances = (output.vertices - true.vertices).norm(dim=-1).mean(dim=1)
            errors = np.where(known[chosen] > 0, MM * distances.cpu().numpy(), np.nan)
        parts.append((MM * output.h36m_joints.cpu().numpy(), MM * output.joints.cpu().numpy(), errors))
    regressed, joints, vertex_errors = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return regressed, joints, vertex_errors


def score_predictions(
    kind: DatasetKind, table: SampleTable, predictions: Predictions, batch_size: int = 32
) -> DatasetScore:
    """The published numbers of a data set by its own protocol; batch_size is that of the published vertex error.

    Raises InputError where the table has no true joints to compare with.
    """
    truth = MM * table.column("regressed_m").astype(np.float64)
    if not truth.any():
        raise InputError(f"{table.source} holds no true joints of {kind.value} to score with; give its test file")
    regressed, more = predictions.regressed_mm, {}
    if table.column("position_weights").all():
        all24 = score_all_joints(predictions.joints_mm, MM * table.column("positions_m").astype(np.float64))
        more = {"24 joints: PA-MPJPE mm": all24.pa_mpjpe_mm, "24 joints: MPJPE mm": all24.mpjpe_mm}
    by_action: dict[str, PoseScore] = {}
    match kind:
        case DatasetKind.PW3D:
            row = _pose_row(score_3dpw(regressed, truth))
            errors = predictions.vertex_error_mm
            batches = [errors[start : start + batch_size].mean() for start in range(0, len(errors), batch_size)]
            row["PVE mm"] = mean_of_batches(batches)
        case DatasetKind.HUMAN36M:
            row = _pose_row(score_human36m(regressed, truth))
            subjects, actions, takes = table.column("sequence").T
            found = score_human36m_by_action(regressed, truth, subjects, actions, takes)
            by_action = {HUMAN36M_ACTIONS.get(action, str(action)): score for action, score in found.items()}
        case DatasetKind.MPI_INF_3DHP:
            published = score_3dhp(regressed, truth, JointGroups.PUBLISHED)
            correct = score_3dhp(regressed, truth, JointGroups.CORRECT).keypoints
            row = {"PCK": published.keypoints.pck, "AUC": published.keypoints.auc, **_pose_row(published.pose)}
            more = {"correct groups: PCK": correct.pck, "correct groups: AUC": correct.auc, **more}
        case _:
            raise InputError(f"{kind.value} has no truth in 3-D to score with")
    return DatasetScore(kind, len(table), row, more, by_action)


def _pose_row(score: PoseScore) -> dict[str, float]:
    return {"PA-MPJPE mm": score.pa_mpjpe_mm, "MPJPE mm": score.mpjpe_mm}


def format_score(score: DatasetScore) -> str:
    """The row of a published table, then what is beside it."""
    lines = [f"{score.kind.value}, {score.people} people", ""]
    lines += ["  ".join(f"{name:>12}" for name in score.row)]
    lines += ["  ".join(f"{value:12.2f}" for value in score.row.values()), ""]
    lines += [f"{name:<28} {value:8.2f}" for name, value in score.more.items()]
    if score.by_action:
        lines += ["", f"{'action':<16}{'PA-MPJPE mm':>12}{'MPJPE mm':>12}"]
        lines += [f"{name:<16}{each.pa_mpjpe_mm:12.2f}{each.mpjpe_mm:12.2f}" for name, each in score.by_action.items()]
        means = [
            np.mean([getattr(each, name) for each in score.by_action.values()]) for name in ("pa_mpjpe_mm", "mpjpe_mm")
        ]
        lines += [f"{'mean of actions':<16}{means[0]:12.2f}{means[1]:12.2f}"]
    return "\n".join(lines)

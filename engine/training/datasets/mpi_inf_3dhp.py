"""MPI-INF-3DHP, people in a studio and outdoors: Mehta et al., 3DV 2017, as HybrIK's users have the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.errors import InputError

from .annotation_file import Record, read_records
from .joint_maps import THREEDHP17_PELVIS, THREEDHP28_TO_SMPL
from .labels import ROOT, camera, person_box, projected, without_body
from .sample import JOINTS, POINTS, REGRESSED, Sample

MM = 1e-3
POSITIONS = ("joint_cam", "joints_cam", "keypoints_cam")
TRAIN_JOINTS = 28


def mpi_inf_3dhp_samples(annotations: Path, images: Path) -> Iterator[Sample]:
    """Every person of the training file (28 joints) or the test file (17 joints). mm in the file, no SMPL labels.

    Pictures lie under `images` by their file_name. Raises InputError naming the entry and what it lacks.
    """
    for record in read_records(annotations):
        positions = MM * record.array(POSITIONS, -1, 3)
        if len(positions) == TRAIN_JOINTS:
            yield _train_sample(record, positions, images)
        elif len(positions) == REGRESSED:
            yield _test_sample(record, positions, images)
        else:
            raise InputError(f"{record.where} holds {len(positions)} joints, expected 28 (training) or 17 (test)")


def _train_sample(record: Record, positions: np.ndarray, images: Path) -> Sample:
    smpl, own = list(THREEDHP28_TO_SMPL), list(THREEDHP28_TO_SMPL.values())
    pelvis = positions[THREEDHP28_TO_SMPL[0]]
    root = _root(record, pelvis)
    seen_by = camera(record)
    relative, weights, joints_px = np.zeros((POINTS, 3)), np.zeros((POINTS, 3)), np.zeros((POINTS, 3))
    relative[smpl], weights[smpl] = positions[own] - pelvis, 1.0
    joints_px[smpl] = projected(relative[smpl], root, **seen_by)
    return without_body(
        record, images, box_xyxy=person_box(record), joints_px=joints_px, joint_weights=weights,
        positions_m=relative[:JOINTS], position_weights=weights[:JOINTS], root_m=root, **seen_by,
    )  # fmt: skip


def _test_sample(record: Record, positions: np.ndarray, images: Path) -> Sample:
    pelvis = positions[THREEDHP17_PELVIS]
    return without_body(
        record, images, box_xyxy=person_box(record), joints_px=np.zeros((POINTS, 3)),
        joint_weights=np.zeros((POINTS, 3)), regressed_m=positions - pelvis, root_m=_root(record, pelvis),
        **camera(record),
    )  # fmt: skip


def _root(record: Record, pelvis: np.ndarray) -> np.ndarray:
    """(3,) the pelvis in the camera frame, m: under its own key, else among the absolute joints."""
    stated = record.optional_array(ROOT, 3)
    root = pelvis if stated is None else MM * stated
    if not root[2] > 0:
        raise InputError(f"{record.where}: the pelvis lies {root[2]:g} m before the camera, expected more than 0")
    return root

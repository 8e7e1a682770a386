"""COCO's people with keypoints: Lin et al., ECCV 2014; positions in the picture only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .annotation_file import read_records
from .joint_maps import COCO_TO_SMPL
from .labels import person_box, without_body
from .sample import POINTS, Sample

KEYPOINTS = 17


def coco_samples(annotations: Path, images: Path) -> Iterator[Sample]:
    """Every person of person_keypoints_train2017.json with a box and a labelled keypoint, crowds left out.

    Pictures lie under `images` (train2017). Raises InputError naming the entry and what it lacks.
    """
    smpl, own = list(COCO_TO_SMPL), list(COCO_TO_SMPL.values())
    for record in read_records(annotations):
        if record.find(("iscrowd",)) or record.find(("category_id",)) not in (None, 1):
            continue
        keypoints = record.array(("keypoints",), KEYPOINTS, 3)
        box = person_box(record)
        if not (keypoints[:, 2] > 0).any() or not (box[2:] > box[:2]).all():
            continue
        joints_px, weights = np.zeros((POINTS, 3)), np.zeros((POINTS, 3))
        labelled = (keypoints[own, 2:] > 0).astype(float)
        joints_px[smpl, :2] = keypoints[own, :2] * labelled
        weights[smpl, :2] = labelled
        yield without_body(record, images, box_xyxy=box, joints_px=joints_px, joint_weights=weights)

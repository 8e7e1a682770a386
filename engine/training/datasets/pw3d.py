"""3DPW, people outdoors: von Marcard et al., ECCV 2018, as HybrIK's users have the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.models.crops import DEFAULT_MARGIN

from .annotation_file import read_records
from .labels import person_box, smpl_sample
from .sample import Sample

SMALLEST_BOX_PX = 5.0


def pw3d_samples(annotations: Path, images: Path) -> Iterator[Sample]:
    """Every person of a 3DPW_train or 3DPW_test file whose box is at least 5 px wide and high. Metres in the file.

    Pictures lie under `images` (imageFiles) by sequence and file_name. Raises InputError naming the entry.
    """
    for record in read_records(annotations):
        box = person_box(record)
        if min(box[2] - box[0], box[3] - box[1]) >= SMALLEST_BOX_PX:
            yield smpl_sample(record, images, 1.0, DEFAULT_MARGIN, box_xyxy=box)

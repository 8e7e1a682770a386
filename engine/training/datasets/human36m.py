"""Human3.6M with SMPL labels: Ionescu et al., PAMI 2014; every fifth frame, as HybrIK's users have the files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from engine.evaluation.dataset_metrics import HUMAN36M_CORRUPT
from engine.models.crops import HUMAN36M_MARGIN

from .annotation_file import Record, read_records
from .labels import smpl_sample
from .sample import Sample

MM = 1e-3
_NUMBERS_IN_NAME = re.compile(r"s_(\d+)_act_(\d+)_subact_(\d+)")


def human36m_samples(annotations: Path, images: Path) -> Iterator[Sample]:
    """Every person of a Sample_*_train or Sample_*_test file, but those of the three corrupt sequences. mm in the file.

    Pictures lie under `images` by their file_name. Raises InputError naming the entry and what it lacks.
    """
    for record in read_records(annotations):
        sequence = _sequence(record)
        if sequence not in HUMAN36M_CORRUPT:
            yield smpl_sample(record, images, MM, HUMAN36M_MARGIN, sequence=sequence)


def _sequence(record: Record) -> tuple[int, int, int]:
    """Subject, action, take: of the keys, else of the picture's name (s_09_act_05_subact_02_...)."""
    keys = (("subject", "subject_idx"), ("action_idx",), ("subaction_idx",))
    found = [record.find(names) for names in keys]
    if None in found:
        match = _NUMBERS_IN_NAME.search(str(record.require(("file_name",))))
        found = list(match.groups()) if match else [0, 0, 0]
    subject, action, take = (int(str(value)) for value in found)
    return subject, action, take

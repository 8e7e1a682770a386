"""The data sets that can be named in settings and on the command line."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from engine.errors import InputError

from .sample import SampleTable


class DatasetKind(StrEnum):
    """A public data set, which decides the layout of its files and the protocol it is scored by."""

    HUMAN36M = "human36m"
    PW3D = "3dpw"
    MPI_INF_3DHP = "3dhp"
    COCO = "coco"

    @property
    def has_truth_in_3d(self) -> bool:
        """Whether predictions can be scored with it."""
        return self is not DatasetKind.COCO


def open_dataset(kind: DatasetKind, annotations: Path, images: Path) -> SampleTable:
    """Read the annotation file whole; pictures are opened only when they are used.

    Raises InputError for a folder of pictures that does not exist and for a file that is not of this data set.
    """
    from .coco import coco_samples
    from .human36m import human36m_samples
    from .mpi_inf_3dhp import mpi_inf_3dhp_samples
    from .pw3d import pw3d_samples

    if not images.is_dir():
        raise InputError(f"the folder of pictures {images} of {kind.value} does not exist; correct its path")
    readers = {
        DatasetKind.HUMAN36M: human36m_samples,
        DatasetKind.PW3D: pw3d_samples,
        DatasetKind.MPI_INF_3DHP: mpi_inf_3dhp_samples,
        DatasetKind.COCO: coco_samples,
    }
    return SampleTable(readers[kind](annotations, images), str(annotations))

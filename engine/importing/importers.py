"""The kinds of files that can be imported, known by what they hold; a new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from rig.body_mesh import BodyMesh
from rig.motion import Motion

from ..body.model import BodyModel
from ..camera import Camera
from ..errors import InputError
from ..settings import Settings
from .source_file import Container, SourceFile


class Ground(Enum):
    """What a file knows about the floor, and so what is left to find."""

    UNKNOWN = "seen by a level camera: slope and height of the floor are to be found"
    LEVEL = "y is up, the height of the floor is to be found"
    FINISHED = "cleaned already, the floor is y = 0: nothing is to be done"


class UpAxis(Enum):
    """Which axis of a world file is up."""

    FILE = "file"
    """What the kind of file has."""
    Y = "y"
    Z = "z"


@dataclass(frozen=True)
class ImportRequest:
    """What the user says about a file: rate of its frames (None: as it says itself), its up axis, the settings."""

    fps: Fraction | None
    settings: Settings
    up: UpAxis = UpAxis.FILE

    def rate(self, path: Path, own: Fraction | None = None) -> Fraction:
        """The rate given, or else the file's `own`. Raises InputError where there is neither."""
        if self.fps is None and own is None:
            raise InputError(
                f"{path} does not hold the rate of its frames; give its video's (--fps, or Frame Rate in Blender)."
            )
        return self.fps or own  # type: ignore[return-value]


@dataclass(frozen=True)
class ImportedMotion:
    """One person out of a file, as the file has it: not smoothed, gaps marked by confidence 0, seen by `camera`.

    source and licence say what made it; ground what its floor is; notes are sentences the user should know; mesh is
    the body that came with the file, None: the body model's; camera_path (T, 4, 4) is the moving camera's
    world_to_camera in each frame, None: `camera` stands still; provenance is that of a file of our own.
    """

    motion: Motion
    camera: Camera
    person_id: int
    source: str
    licence: str
    notes: tuple[str, ...] = ()
    ground: Ground = Ground.UNKNOWN
    mesh: BodyMesh | None = None
    camera_path: np.ndarray | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Importer:
    """A kind of file: its name for the user, what recognises it by its content, and what reads it for a body."""

    name: str
    recognises: Callable[[SourceFile], bool]
    read: Callable[[SourceFile, ImportRequest, BodyModel], list[ImportedMotion]]


def _own(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    from .own_motion import import_own_motion

    return import_own_motion(source, request, body)


def _hybrik(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    from .hybrik_motion import import_hybrik

    return import_hybrik(source.path, request.rate(source.path), request.settings, body)


def _amass(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    from .amass import import_amass

    return import_amass(source, request, body)


def _gvhmr(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    from .gvhmr import import_gvhmr

    return import_gvhmr(source, request, body)


def _wham(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    from .wham import import_wham

    return import_wham(source, request, body)


def _phalp(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    from .phalp import import_phalp

    return import_phalp(source, request, body)


def _bvh(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    from .bvh import import_bvh

    return import_bvh(source, request, body)


def _joints(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    from .joint_positions import import_joint_positions

    return import_joint_positions(source, request, body)


def _holds_people(source: SourceFile, *names: str) -> bool:
    """Whether a pickle is a dictionary of dictionaries one of which has these names."""
    return source.container is Container.PICKLE and any(
        isinstance(value, dict) and all(name in value for name in names) for value in source.values.values()
    )


_NPZ = (Container.ARRAYS,)
IMPORTERS = (
    Importer("motion.npz", lambda s: s.container in _NPZ and s.has("schema", "rest_joints", "global_orient"), _own),
    Importer(
        "GVHMR's hmr4d_results.pt, or its parameters as npz",
        lambda s: (
            (s.container is Container.TENSORS and any(k.startswith("smpl_params_") for k in s.values))
            or (s.container in _NPZ and s.has("body_pose", "global_orient", "transl"))
        ),
        _gvhmr,
    ),
    Importer(
        "AMASS and other SMPL, SMPL+H or SMPL-X poses as npz",
        lambda s: s.container in _NPZ and (s.has("poses") or s.has("root_orient", "pose_body")),
        _amass,
    ),
    Importer(
        "HybrIK's res.pk",
        lambda s: s.container is Container.PICKLE and any(s.has(k) for k in ("pred_thetas", "transl_camsys", "bbox")),
        _hybrik,
    ),
    Importer("WHAM's wham_output.pkl", lambda s: _holds_people(s, "pose", "frame_ids"), _wham),
    Importer("results of PHALP and 4D-Humans", lambda s: _holds_people(s, "tid", "smpl"), _phalp),
    Importer("BVH", lambda s: s.text[:4096].lstrip().upper().startswith("HIERARCHY"), _bvh),
    Importer(
        "joint positions as npy, such as HumanML3D's",
        lambda s: s.container is Container.ARRAY,
        _joints,
    ),
)
"""Every importer; the first that recognises a file reads it."""


def find_importer(source: SourceFile) -> Importer:
    """The importer for a file. Raises InputError that lists what can be imported."""
    for importer in IMPORTERS:
        if importer.recognises(source):
            return importer
    known = "; ".join(importer.name for importer in IMPORTERS)
    raise InputError(f"{source.path} holds nothing that can be imported, expected one of these: {known}.")

"""The path of an import: from another program's file to finished motion and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import numpy as np

from rig.motion import Motion
from rig.motion_file import MotionRecord
from rig.resample import resample
from rig.timing import parse_rate

from .. import __version__
from ..body.model import BodyModel
from ..body.source import load_body
from ..camera import Camera
from ..contacts import detect_contacts
from ..floor import settle_on_floor
from ..foot_lock import FootLockConfig, FootLockMode, lock_feet, mean_slide_m
from ..gaps import GapConfig, GapPolicy, fill_gaps
from ..models.registry import file_hash
from ..outliers import reject_outliers
from ..outputs import check_outputs, write_outputs
from ..progress import Reporter
from ..settings import Settings
from ..smoothing import SmoothingPreset, smooth
from .importers import ImportedMotion, find_importer


def import_file(
    path: Path, outputs: Sequence[Path], settings: Settings, fps: Fraction, reporter: Reporter, *, raw: bool = False
) -> tuple[list[Path], list[int]]:
    """Import a file and write `outputs`; returns the paths written and the ids of the people.

    fps   rate of the file's frames, which many kinds of files do not hold
    raw   keep rotations and path as the file has them, seen by a level camera at the world's origin: no cleaning,
          no floor, no foot lock; the output rate still holds
    Raises EngineError.
    """
    importer = find_importer(path)
    check_outputs(outputs)
    body = load_body(settings)
    reporter.progress("import", 0, 1)
    people = importer.read(path, fps, settings, body)
    reporter.progress("import", 1, 1)
    for person in people:
        for note in person.notes:
            reporter.warning(note)
    motions = [person.motion for person in people]
    cameras = [person.camera for person in people]
    if not raw:
        motions, cameras = _clean(motions, cameras, settings)
    rate = fps if settings.fps == "video" else parse_rate(settings.fps)
    records = [
        _record(path, person, resample(motion, rate), camera, body, settings)
        for person, motion, camera in zip(people, motions, cameras, strict=True)
    ]
    meshes = [body.mesh(record.motion.betas) for record in records]
    reporter.progress("export", 0, len(outputs))
    written = write_outputs(outputs, records, meshes, settings)
    reporter.progress("export", len(outputs), len(outputs))
    return written, [record.person_id for record in records]


def _clean(motions: list[Motion], cameras: list[Camera], settings: Settings) -> tuple[list[Motion], list[Camera]]:
    """What a capture does after its inverse kinematics: outliers, gaps, smoothing, floor, feet."""
    gaps = GapConfig(settings.fill, GapPolicy(settings.gaps))
    preset = SmoothingPreset(settings.smoothing).config
    motions = [smooth(fill_gaps(reject_outliers(motion), gaps), preset) for motion in motions]
    motions, camera = settle_on_floor(motions, cameras[0])
    lock = FootLockConfig(mode=FootLockMode(settings.foot_lock))
    return [lock_feet(detect_contacts(motion), lock, camera) for motion in motions], [camera] * len(motions)


def _record(
    path: Path, person: ImportedMotion, motion: Motion, camera: Camera, body: BodyModel, settings: Settings
) -> MotionRecord:
    return MotionRecord(
        motion=motion,
        world_to_camera=np.tile(camera.world_to_camera, (len(motion), 1, 1)),
        intrinsics=camera.intrinsics,
        image_size=camera.image_size,
        person_id=person.person_id,
        provenance={
            "program": "swingtwist",
            "version": __version__,
            "settings": asdict(settings),
            "input": {"name": path.name, "blake2b": file_hash(path)},
            "model": {"name": person.source, "licence": person.licence},
            "body": {"name": body.name, "licence": body.licence},
            "notes": list(person.notes),
            "measured": {
                "coverage": round(float((motion.confidence > 0).any(axis=1).mean()), 4),
                "foot_slide_mm_per_frame": round(1000 * mean_slide_m(motion), 3),
            },
        },
    )

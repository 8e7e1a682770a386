"""The path of an import: from another program's file to finished motion and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from rig.body_mesh import BodyMesh, save_body_mesh
from rig.frames import rigid_inverse
from rig.motion import Motion
from rig.motion_file import MotionRecord, save_motion
from rig.resample import resample
from rig.timing import parse_rate

from .. import __version__
from ..body.model import BodyModel
from ..body.source import load_body
from ..camera import Camera
from ..contacts import detect_contacts
from ..corrections import correct_world, parse_corrections
from ..errors import OutputError
from ..floor import settle_height, settle_on_floor
from ..foot_lock import lock_feet, mean_slide_m
from ..gaps import fill_gaps
from ..given_contacts import find_contacts
from ..models.registry import file_hash
from ..outliers import reject_outliers
from ..outputs import check_outputs, write_outputs
from ..progress import Reporter
from ..settings import Settings
from ..smoothing import smooth
from ..stage_choices import foot_lock_config, gap_config, outlier_config, smoothing_config
from .camera_path import resample_path
from .importers import Ground, ImportedMotion, ImportRequest, find_importer
from .source_file import open_source


def import_file(
    path: Path,
    outputs: Sequence[Path],
    request: ImportRequest,
    reporter: Reporter,
    *,
    raw: bool = False,
    people_folder: Path | None = None,
) -> tuple[list[Path], list[int]]:
    """Import a file and write `outputs`; returns the paths written and the ids of the people.

    raw            keep rotations and path as the file has them: no cleaning, no floor, no foot lock
    people_folder  where to keep motion_<id>.npz and body_<id>.npz of every person too
    Raises EngineError.
    """
    settings = request.settings
    check_outputs(outputs, settings.character)
    reporter.progress("import", 0, 3)
    source = open_source(path)
    importer = find_importer(source)
    reporter.progress("import", 1, 3)
    body = load_body(settings)
    people = importer.read(source, request, body)
    reporter.progress("import", 2, 3)
    for person in people:
        for note in person.notes:
            reporter.warning(note)
    motions = [person.motion for person in people]
    cameras = [person.camera for person in people]
    paths = [person.camera_path for person in people]
    if not raw:
        motions, moved = _clean(motions, cameras, [person.person_id for person in people], people[0].ground, settings)
        to_old = rigid_inverse(cameras[0].world_to_camera) @ moved[0].world_to_camera
        paths = [None if path is None else path @ to_old for path in paths]
        cameras = moved
    reporter.progress("import", 3, 3)
    rates = [motion.fps if settings.fps == "video" else parse_rate(settings.fps) for motion in motions]
    records = []
    for person, motion, camera, way, rate in zip(people, motions, cameras, paths, rates, strict=True):
        even = resample(motion, rate)
        still = np.tile(camera.world_to_camera, (len(even), 1, 1))
        cameras_path = still if way is None else resample_path(way, motion.times_s, even.times_s)
        records.append(_record(path, person, even, camera, cameras_path, body, settings))
    meshes = [person.mesh or body.mesh(person.motion.betas) for person in people]
    reporter.progress("export", 0, len(outputs))
    written = write_outputs(outputs, records, meshes, settings)
    if people_folder is not None:
        _keep_people(people_folder, records, meshes)
    reporter.progress("export", len(outputs), len(outputs))
    return written, [record.person_id for record in records]


def _keep_people(folder: Path, records: Sequence[MotionRecord], meshes: Sequence[BodyMesh]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for record, mesh in zip(records, meshes, strict=True):
            save_motion(folder / f"motion_{record.person_id}.npz", record)
            save_body_mesh(folder / f"body_{record.person_id}.npz", mesh)
    except OSError as error:
        raise OutputError(f"the people cannot be kept in {folder}: {error.strerror or error}") from error


def _clean(
    motions: list[Motion], cameras: list[Camera], person_ids: list[int], ground: Ground, settings: Settings
) -> tuple[list[Motion], list[Camera]]:
    """What a capture does after its inverse kinematics: outliers, gaps, smoothing, floor, feet."""
    if ground is Ground.FINISHED:
        return motions, cameras
    outliers, gaps, smoothing = outlier_config(settings), gap_config(settings), smoothing_config(settings)
    motions = [smooth(fill_gaps(reject_outliers(motion, outliers), gaps), smoothing) for motion in motions]
    settle = settle_on_floor if ground is Ground.UNKNOWN else settle_height
    motions, camera = settle(motions, cameras[0])
    corrections = parse_corrections(settings.floor_at, settings.level_at)
    motions, camera = correct_world(motions, camera, person_ids, corrections)
    # The camera of a level world is made up: what it sees need not stay where it is.
    sight = camera if ground is Ground.UNKNOWN else None
    given = find_contacts(settings.contacts, None)
    locked = []
    for person_id, motion in zip(person_ids, motions, strict=True):
        contacts = given.of(person_id)
        motion = detect_contacts(motion) if contacts is None else contacts.apply(motion)
        locked.append(lock_feet(motion, foot_lock_config(settings, given=contacts is not None), sight))
    return locked, [camera] * len(motions)


def _record(
    path: Path,
    person: ImportedMotion,
    motion: Motion,
    camera: Camera,
    world_to_camera: np.ndarray,
    body: BodyModel,
    settings: Settings,
) -> MotionRecord:
    made = {
        "program": "swingtwist",
        "version": __version__,
        "settings": asdict(settings),
        "model": {"name": person.source, "licence": person.licence},
        "body": {"name": body.name, "licence": body.licence},
        "measured": {
            "coverage": round(float((motion.confidence > 0).any(axis=1).mean()), 4),
            "foot_slide_mm_per_frame": round(1000 * mean_slide_m(motion), 3),
        },
    }
    return MotionRecord(
        motion=motion,
        world_to_camera=world_to_camera,
        intrinsics=camera.intrinsics,
        image_size=camera.image_size,
        person_id=person.person_id,
        provenance={
            **made,
            **person.provenance,
            "input": {"name": path.name, "blake2b": file_hash(path)},
            "notes": list(person.notes),
        },
    )

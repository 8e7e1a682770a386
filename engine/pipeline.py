"""The main path: from a video to finished motion and files.

    video -> detections -> tracks -> landmarks (-> image network) -> joints and twists -> inverse kinematics -> Motion
      -> root -> outliers, gaps, smoothing -> floor -> contacts, foot lock -> resampling -> files

Everything after the networks is `Motion -> Motion`, cheap, and runs again from what they said, which is cached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from rig.body_mesh import BodyMesh, save_body_mesh
from rig.motion import Motion
from rig.motion_file import MotionRecord, save_motion
from rig.resample import resample

from . import __version__
from .body.fit import fit_betas
from .body.model import BodyModel
from .body.source import load_body
from .camera import Camera
from .contacts import detect_contacts
from .detection.detections import FrameDetections
from .errors import InputError
from .estimate import SeenPeople, estimate_people, open_clip, output_rate, read_people
from .floor import settle_on_floor
from .foot_lock import FootLockConfig, FootLockMode, lock_feet, mean_slide_m
from .gaps import GapConfig, GapPolicy, fill_gaps
from .ik.solve import IKMode, solve_motion
from .image_poses.evidence import PersonEvidence
from .image_poses.network_poses import DecodeConfig, Placement, pose_by_network
from .job import Job, find_job
from .job_log import logged
from .lifting import GeometricLifter
from .outliers import reject_outliers
from .outputs import check_outputs, write_outputs
from .poses import LandmarkSequence, PoseSequence
from .progress import Reporter
from .root import fit_root
from .settings import NETWORK_SETTINGS, Settings
from .side_swaps import undo_side_swaps
from .smoothing import SmoothingPreset, smooth
from .still_feet import mark_still_feet


def capture(
    video: str, outputs: Sequence[Path], settings: Settings, folder: Path, reporter: Reporter
) -> tuple[Job, list[int]]:
    """Capture one video: detect (or go on detecting), refine, write `outputs`.

    Returns the finished job and the ids of the people captured. Raises EngineError; whatever was finished before
    stays in `folder`, and the same call goes on from there.
    """
    check_outputs(outputs)
    body = load_body(settings)
    earlier = find_job(folder)
    job = open_clip(video, settings, folder)
    with logged(job.log_path, f"capture of {job.video}", settings, reporter) as log:
        if earlier is not None and earlier.video_hash != job.video_hash:
            log.warning(f"job {folder} held another video, {earlier.video}; it is replaced")
            job.remove_results()
        estimate_people(job, log, _live_poses(job, body, log))
        return _finish(job, outputs, body, log)


def refine_job(job: Job, outputs: Sequence[Path], settings: Settings, reporter: Reporter) -> tuple[Job, list[int]]:
    """Everything after the network, from the job's cached detections; writes `outputs` and marks the job finished.

    Raises InputError where the settings ask for other detections than the job holds.
    """
    check_outputs(outputs)
    for name in NETWORK_SETTINGS:
        asked, held = getattr(settings, name), getattr(job.settings, name)
        if asked != held:
            raise InputError(
                f"setting {name} is {asked!r} but job {job.folder} was detected with {held!r}; `mocap run` detects anew"
            )
    job = replace(job, settings=settings, finished=False)
    with logged(job.log_path, "refinement", settings, reporter) as log:
        return _finish(job, outputs, load_body(settings), log)


def _finish(job: Job, outputs: Sequence[Path], body: BodyModel, reporter: Reporter) -> tuple[Job, list[int]]:
    settings = job.settings
    people = read_people(job)
    camera = Camera.from_fov(job.clip.image_size, settings.fov)
    records = reconstruct(people, camera, body, settings, reporter)
    records = [replace(record, provenance=_provenance(job, people, body, record)) for record in records]
    meshes = [body.mesh(record.motion.betas) for record in records]
    job.save()
    _keep(job, records, meshes)
    reporter.progress("export", 0, len(outputs))
    written = write_outputs(outputs, records, meshes, settings)
    reporter.progress("export", len(outputs), len(outputs))
    absolute = tuple(str(path.absolute()) for path in outputs)
    job = replace(job, outputs=absolute, files=tuple(str(path.absolute()) for path in written), finished=True)
    job.save()
    return job, [record.person_id for record in records]


def reconstruct(
    people: SeenPeople, camera: Camera, body: BodyModel, settings: Settings, reporter: Reporter
) -> list[MotionRecord]:
    """From seen landmarks to finished motion of everybody, in one world with one floor.

    Of several people those who are never seen well enough to be placed are left out with a warning. Raises InputError
    when that leaves nobody.
    """
    stages = 4 * len(people.landmarks)
    motions: list[Motion] = []
    person_ids: list[int] = []
    for number, landmarks in enumerate(people.landmarks):
        poses, motion = pose_person(landmarks, camera, body, settings, people.evidence.get(landmarks.person_id))
        reporter.progress("solve", 4 * number + 1, stages)
        try:
            motion = fit_root(motion, poses, camera)
        except InputError as error:
            if number == len(people.landmarks) - 1 and not motions:
                raise
            reporter.warning(f"person {landmarks.person_id} is left out: {error}")
            reporter.progress("solve", 4 * number + 4, stages)
            continue
        reporter.progress("solve", 4 * number + 2, stages)
        motion = fill_gaps(reject_outliers(motion), GapConfig(settings.fill, GapPolicy(settings.gaps)))
        reporter.progress("solve", 4 * number + 3, stages)
        motions.append(smooth(motion, SmoothingPreset(settings.smoothing).config))
        person_ids.append(landmarks.person_id)
        reporter.progress("solve", 4 * number + 4, stages)
    motions, camera = settle_on_floor(motions, camera)
    fps = output_rate(settings, people.clip)
    records = []
    seen = {landmarks.person_id: undo_side_swaps(landmarks) for landmarks in people.landmarks}
    for person_id, motion in zip(person_ids, motions, strict=True):
        motion = mark_still_feet(motion, seen[person_id], camera)
        motion = lock_feet(detect_contacts(motion), FootLockConfig(mode=FootLockMode(settings.foot_lock)), camera)
        motion = resample(motion, fps, end_s=people.end_s)
        records.append(_record(motion, camera, person_id))
    return records


def pose_person(
    landmarks: LandmarkSequence,
    camera: Camera,
    body: BodyModel,
    settings: Settings,
    evidence: PersonEvidence | None = None,
) -> tuple[PoseSequence, Motion]:
    """Lift one person's landmarks, or take a network's evidence; fit one body to the clip, solve its rotations."""
    landmarks = undo_side_swaps(landmarks)
    if evidence is None:
        poses, betas = pose_by_lifting(landmarks, camera, body, settings.height or None)
    else:
        config = DecodeConfig(placement=Placement.NETWORK if settings.own_camera else Placement.BONES)
        poses, betas = pose_by_network(evidence, landmarks, camera, body, settings.height or None, config)
    return poses, solve_motion(poses, body.skeleton(betas), betas, IKMode(settings.ik))


def pose_by_lifting(
    landmarks: LandmarkSequence, camera: Camera, body: BodyModel, height_m: float | None
) -> tuple[PoseSequence, np.ndarray]:
    """Poses lifted from landmarks, and the shape (B,) of the body that they were fitted with."""
    mean_body = GeometricLifter(body.skeleton(np.zeros(body.shape_count)))
    betas = fit_betas(mean_body.lift(landmarks, camera), body, height_m)
    return GeometricLifter(body.skeleton(betas)).lift(landmarks, camera), betas


def _live_poses(job: Job, body: BodyModel, reporter: Reporter) -> Callable[[FrameDetections], None]:
    """What to do with each frame's detections while the detector runs."""
    if not reporter.wants_poses:
        return lambda frame: None
    from .live import LivePoses

    live = LivePoses(body, job.clip.image_size, job.settings)

    def show(frame: FrameDetections) -> None:
        pose = live.update(frame.index, frame.time_s, frame.people)
        if pose is not None:
            reporter.pose(pose)

    return show


def _record(motion: Motion, camera: Camera, person_id: int) -> MotionRecord:
    return MotionRecord(
        motion=motion,
        world_to_camera=np.tile(camera.world_to_camera, (len(motion), 1, 1)),
        intrinsics=camera.intrinsics,
        image_size=camera.image_size,
        person_id=person_id,
    )


def _provenance(job: Job, people: SeenPeople, body: BodyModel, record: MotionRecord) -> dict[str, Any]:
    motion = record.motion
    return {
        "program": "swingtwist",
        "version": __version__,
        "settings": asdict(job.settings),
        "input": {"name": Path(job.video).name, "blake2b": job.video_hash},
        "model": people.model(record.person_id),
        "body": {"name": body.name, "licence": body.licence},
        "measured": {
            "coverage": round(float((motion.confidence > 0).any(axis=1).mean()), 4),
            "foot_slide_mm_per_frame": round(1000 * mean_slide_m(motion), 3),
        },
    }


def _keep(job: Job, records: Sequence[MotionRecord], meshes: Sequence[BodyMesh]) -> None:
    """Replace the job's motions by these."""
    kept = set()
    for record, mesh in zip(records, meshes, strict=True):
        save_motion(job.motion_path(record.person_id), record)
        save_body_mesh(job.body_path(record.person_id), mesh)
        kept |= {job.motion_path(record.person_id), job.body_path(record.person_id)}
    for path in [*job.folder.glob("motion_*.npz"), *job.folder.glob("body_*.npz")]:
        if path not in kept:
            path.unlink()

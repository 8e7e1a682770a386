"""The main path: from a video to finished motion and files.

    video -> detections -> tracks -> landmarks (-> image network) -> joints and twists -> inverse kinematics -> Motion
      -> root -> outliers, gaps, smoothing -> floor, corrections -> contacts, foot lock -> resampling -> files

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
from .corrections import correct_world, parse_corrections
from .detection.detections import FrameDetections
from .errors import InputError
from .estimate import SeenPeople, estimate_people, open_clip, output_rate, read_people, track_edits
from .floor import settle_on_floor
from .foot_lock import lock_feet, mean_slide_m
from .gaps import fill_gaps
from .given_contacts import GivenContacts, PersonContacts, find_contacts
from .ik.solve import IKMode, solve_motion
from .image_poses.evidence import PersonEvidence
from .image_poses.network_poses import DecodeConfig, pose_by_network
from .job import Job, find_job
from .job_log import logged
from .lifting import GeometricLifter, Lifting
from .lifting.body_fit import fit_to_body
from .lifting.landmark_transformer import shipped_lifter
from .outliers import reject_outliers
from .outputs import check_outputs, write_outputs
from .poses import LandmarkSequence, LearnedMovement, PoseSequence
from .progress import Reporter
from .root import fit_root
from .settings import NETWORK_SETTINGS, Settings
from .side_swaps import undo_side_swaps
from .smoothing import smooth
from .stage_choices import PoseConfig, foot_lock_config, gap_config, outlier_config, pose_config, smoothing_config
from .stage_memory import Stages, compute_anew
from .still_feet import mark_still_feet

_NO_CONTACTS = GivenContacts()


def capture(
    video: str, outputs: Sequence[Path], settings: Settings, folder: Path, reporter: Reporter
) -> tuple[Job, list[int]]:
    """Capture one video: detect (or go on detecting), refine, write `outputs`.

    Returns the finished job and the ids of the people captured. Raises EngineError; whatever was finished before
    stays in `folder`, and the same call goes on from there.
    """
    check_outputs(outputs, settings.character)
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
    check_outputs(outputs, settings.character)
    check_refinement(job, settings)
    job = replace(job, settings=settings, finished=False)
    with logged(job.log_path, "refinement", settings, reporter) as log:
        return _finish(job, outputs, load_body(settings), log)


def check_refinement(job: Job, settings: Settings) -> None:
    """Raise InputError where the settings ask for other detections than the job holds."""
    for name in NETWORK_SETTINGS:
        asked, held = getattr(settings, name), getattr(job.settings, name)
        if asked != held:
            raise InputError(
                f"setting {name} is {asked!r} but job {job.folder} was detected with {held!r}; `mocap run` detects anew"
            )


def _finish(job: Job, outputs: Sequence[Path], body: BodyModel, reporter: Reporter) -> tuple[Job, list[int]]:
    records, meshes = refine_people(job, body, reporter)
    job.save()
    keep_motions(job, records, meshes)
    reporter.progress("export", 0, len(outputs))
    written = write_outputs(outputs, records, meshes, job.settings)
    reporter.progress("export", len(outputs), len(outputs))
    absolute = tuple(str(path.absolute()) for path in outputs)
    job = replace(job, outputs=absolute, files=tuple(str(path.absolute()) for path in written), finished=True)
    job.save()
    return job, [record.person_id for record in records]


def refine_people(
    job: Job, body: BodyModel, reporter: Reporter, stages: Stages = compute_anew
) -> tuple[list[MotionRecord], list[BodyMesh]]:
    """Everybody's finished motion and body by the job's settings, from what the networks saw; writes nothing."""
    settings = job.settings
    people = stages("people", read_people, _as_read(job), track_edits(job))
    camera = stages("camera", Camera.from_fov, job.clip.image_size, settings.fov)
    given = find_contacts(settings.contacts, job.folder)
    records = reconstruct(people, camera, body, settings, reporter, given, stages)
    records = [replace(record, provenance=_provenance(job, people, body, record)) for record in records]
    return records, [stages(("mesh", r.person_id), body.mesh, r.motion.betas) for r in records]


def _as_read(job: Job) -> Job:
    """The job with only those settings that decide who is read from it, and how."""
    deciding = (*NETWORK_SETTINGS, "person", "all_people")
    settings = replace(Settings(), **{name: getattr(job.settings, name) for name in deciding})
    return replace(job, settings=settings, outputs=(), files=(), finished=True)


def reconstruct(
    people: SeenPeople,
    camera: Camera,
    body: BodyModel,
    settings: Settings,
    reporter: Reporter,
    given: GivenContacts = _NO_CONTACTS,
    stages: Stages = compute_anew,
) -> list[MotionRecord]:
    """From seen landmarks to finished motion of everybody, in one world with one floor.

    given are contacts in place of detected ones; stages runs the stages, and may remember what they made.
    Of several people those who are never seen well enough to be placed are left out with a warning. Raises InputError
    when that leaves nobody.
    """
    total = 4 * len(people.landmarks)
    motions: list[Motion] = []
    person_ids: list[int] = []
    movements: dict[int, LearnedMovement | None] = {}
    for number, landmarks in enumerate(people.landmarks):
        who = landmarks.person_id
        poses, motion = pose_person(landmarks, camera, body, pose_config(settings), people.evidence.get(who), stages)
        reporter.progress("solve", 4 * number + 1, total)
        try:
            motion = stages(("root", who), fit_root, motion, poses, camera)
        except InputError as error:
            if number == len(people.landmarks) - 1 and not motions:
                raise
            reporter.warning(f"person {who} is left out: {error}")
            reporter.progress("solve", 4 * number + 4, total)
            continue
        reporter.progress("solve", 4 * number + 2, total)
        motion = stages(("outliers", who), reject_outliers, motion, outlier_config(settings))
        motion = stages(("gaps", who), fill_gaps, motion, gap_config(settings))
        reporter.progress("solve", 4 * number + 3, total)
        motions.append(stages(("smoothing", who), smooth, motion, smoothing_config(settings)))
        person_ids.append(who)
        movements[who] = poses.movement
        reporter.progress("solve", 4 * number + 4, total)
    learned_down = [movement.gravity_camera for movement in movements.values() if movement is not None]
    motions, camera = stages("floor", settle_on_floor, motions, camera, learned_down)
    corrections = parse_corrections(settings.floor_at, settings.level_at)
    motions, camera = stages("corrections", correct_world, motions, camera, tuple(person_ids), corrections)
    fps = output_rate(settings, people.clip)
    records = []
    seen = {landmarks.person_id: landmarks for landmarks in people.landmarks}
    for who, motion in zip(person_ids, motions, strict=True):
        contacts = given.of(who)
        if contacts is None:
            motion = stages(("contacts", who), find_standing_feet, motion, seen[who], camera, movements[who])
        else:
            motion = stages(("contacts", who), PersonContacts.apply, contacts, motion)
        lock = foot_lock_config(settings, given=contacts is not None)
        motion = stages(("feet", who), lock_feet, motion, lock, camera)
        motion = stages(("rate", who), resample, motion, fps, None, people.end_s)
        records.append(_record(motion, camera, who))
    return records


def find_standing_feet(
    motion: Motion, landmarks: LandmarkSequence, camera: Camera, movement: LearnedMovement | None = None
) -> Motion:
    """The motion with the contacts that picture and movement show, and a network finds likely."""
    marked = mark_still_feet(motion, undo_side_swaps(landmarks), camera)
    return detect_contacts(marked, camera=camera, learned=movement.contacts if movement else None)


def pose_person(
    landmarks: LandmarkSequence,
    camera: Camera,
    body: BodyModel,
    config: PoseConfig,
    evidence: PersonEvidence | None = None,
    stages: Stages = compute_anew,
) -> tuple[PoseSequence, Motion]:
    """Lift one person's landmarks, or take a network's evidence; fit one body to the clip, solve its rotations."""
    who = landmarks.person_id
    landmarks = stages(("sides", who), undo_side_swaps, landmarks)
    if evidence is None:
        lifting = config.lifting
        first = stages(("mean body", who), _lift_mean_body, landmarks, camera, body, lifting)
        poses, betas = stages(("poses", who), pose_by_lifting, landmarks, camera, body, config.height_m, lifting, first)
    else:
        decode = DecodeConfig(placement=config.placement)
        poses, betas = stages(
            ("poses", who), pose_by_network, evidence, landmarks, camera, body, config.height_m, decode
        )
    return poses, stages(("ik", who), _solve, poses, betas, body, config.ik)


def pose_by_lifting(
    landmarks: LandmarkSequence,
    camera: Camera,
    body: BodyModel,
    height_m: float | None,
    lifting: Lifting = Lifting.LEARNED,
    first: PoseSequence | None = None,
) -> tuple[PoseSequence, np.ndarray]:
    """Poses lifted from landmarks, and the shape (B,) of the body that they were fitted with.

    first   the same with the mean body, from which the shape is fitted, where they were lifted before
    """
    first = first or _lift_mean_body(landmarks, camera, body, lifting)
    betas = fit_betas(first, body, height_m)
    if lifting is Lifting.LEARNED:
        return fit_to_body(first, camera, body.skeleton(betas)), betas
    return GeometricLifter(body.skeleton(betas)).lift(landmarks, camera), betas


def _lift_mean_body(landmarks: LandmarkSequence, camera: Camera, body: BodyModel, lifting: Lifting) -> PoseSequence:
    if lifting is Lifting.LEARNED:
        return shipped_lifter().lift(landmarks, camera)
    return GeometricLifter(body.skeleton(np.zeros(body.shape_count))).lift(landmarks, camera)


def _solve(poses: PoseSequence, betas: np.ndarray, body: BodyModel, mode: IKMode) -> Motion:
    return solve_motion(poses, body.skeleton(betas), betas, mode)


def _live_poses(job: Job, body: BodyModel, reporter: Reporter) -> Callable[[FrameDetections], None] | None:
    """What to do with each frame's detections while the detector runs; None where nobody looks."""
    if not reporter.wants_poses:
        return None
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
        "model": people.model(record.person_id, job.settings.lifting),
        "body": {"name": body.name, "licence": body.licence},
        "measured": {
            "coverage": round(float((motion.confidence > 0).any(axis=1).mean()), 4),
            "foot_slide_mm_per_frame": round(1000 * mean_slide_m(motion), 3),
        },
    }


def keep_motions(
    job: Job, records: Sequence[MotionRecord], meshes: Sequence[BodyMesh], stages: Stages = compute_anew
) -> None:
    """Replace the job's motions and bodies by these."""
    kept = set()
    for record, mesh in zip(records, meshes, strict=True):
        save_motion(job.motion_path(record.person_id), record)
        stages(("body file", record.person_id), save_body_mesh, job.body_path(record.person_id), mesh)
        kept |= {job.motion_path(record.person_id), job.body_path(record.person_id)}
    for path in [*job.folder.glob("motion_*.npz"), *job.folder.glob("body_*.npz")]:
        if path not in kept:
            path.unlink()

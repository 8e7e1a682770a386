"""What the networks see of a job's video: looked at once into the job folder, read back as people over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any

from rig.timing import parse_rate

from .detection.detect_video import detect_video, landmark_sequences, open_store
from .detection.detections import FrameDetections
from .detection.landmark_detector import DetectorOptions
from .detection.pose_networks import Device
from .detection.selection import PersonSelection
from .detection.store import DetectionStore
from .detection.track_edits import Edit, load_edits
from .errors import InputError, RigError
from .image_poses.choice import check_network, check_picture, load_predictor, network_options, uses_network
from .image_poses.evidence import JOINTS, PersonEvidence, Predictor
from .image_poses.run_network import looked_at, person_folder, run_network
from .image_poses.store import EvidenceStore
from .job import Clip, Job, find_job
from .poses import LandmarkSequence
from .progress import Reporter
from .settings import Settings
from .video import ReadOptions, VideoReader, hash_video

REPLAYED_FRAMES = 200
"""Most frames shown of a video that was looked at before: all of it goes by within seconds."""

CAMERA_PREFIX = "webcam:"
"""How the name of a source begins that is a camera and cannot be read twice."""


def read_options(settings: Settings) -> ReadOptions:
    """What part of the video the settings ask for."""
    return ReadOptions(
        start_s=settings.start,
        end_s=settings.end or None,
        slow_motion=settings.slow_motion,
        rotation_deg=None if settings.rotation == "auto" else int(settings.rotation),
        sequence_fps=_rate("sequence_rate", settings.sequence_rate),
        threads=settings.threads,
    )


def output_rate(settings: Settings, clip: Clip) -> Fraction:
    """Frames a second of the animation that the settings ask for."""
    return clip.fps if settings.fps == "video" else _rate("fps", settings.fps)


def chosen_people(settings: Settings) -> PersonSelection:
    """Whom the settings ask for, at a time on life's clock, on which tracks run, where they name one."""
    selection = PersonSelection.parse("all" if settings.all_people else settings.person)
    return replace(selection, time_s=selection.time_s / settings.slow_motion)


def _rate(name: str, value: str) -> Fraction:
    try:
        return parse_rate(value)
    except RigError as error:
        raise InputError(f"setting {name}: {error}") from error


def detector_options(settings: Settings) -> DetectorOptions:
    """How the settings ask for people to be looked for."""
    return DetectorOptions(
        max_people=settings.max_people,
        bundle=settings.detector or None,
        # Beside an image network the detector takes little time, and its driver is absent where CUDA computes.
        device=Device.CPU if uses_network(settings) else Device(settings.device),
    )


def open_clip(video: str, settings: Settings, folder: Path) -> Job:
    """The job for this video and these settings in `folder`. Raises InputError when one of them cannot be used."""
    is_camera = video.startswith(CAMERA_PREFIX)
    if is_camera and not settings.end:
        raise InputError(f"camera {video} never ends by itself; say how many seconds to capture with --end")
    if uses_network(settings):
        if is_camera:
            raise InputError(
                f"camera {video} cannot be read a second time, which model {settings.model} needs; record a video, "
                "or use the model landmarks"
            )
        check_network(settings)
    options = read_options(settings)
    with VideoReader(video, options) as reader:
        info = reader.info
        end_s = info.start_s + info.duration_s if info.frame_count else float("inf")
        clip = Clip(
            image_size=info.size,
            fps=reader.fps,
            is_variable_rate=info.is_variable_rate,
            end_s=min(options.end_s or float("inf"), end_s) / options.slow_motion,
        )
    # What could only fail after the long work fails here.
    if uses_network(settings):
        check_picture(video, clip.image_size, settings)
    output_rate(settings, clip)
    chosen_people(settings)
    earlier = find_job(folder)
    job = Job(
        folder=folder,
        video=video if is_camera else str(Path(video).absolute()),
        video_hash=video if is_camera else hash_video(video),
        settings=settings,
        clip=clip,
        outputs=earlier.outputs if earlier else (),
        files=earlier.files if earlier else (),
    )
    job.save()
    return job


def estimate_people(
    job: Job,
    reporter: Reporter,
    on_frame: Callable[[FrameDetections], None] | None = None,
    load: Callable[[Settings], Predictor] = load_predictor,
) -> None:
    """Run the detector over the job's video, then the model that the settings name over the people they choose.

    What an interrupted run left is gone on from; nothing is run where all is there. on_frame is shown every new frame
    or, where none is new, some of those that are there. Raises EngineError; what was seen until then is kept.
    """
    store = detect_people(job, reporter, on_frame)
    if uses_network(job.settings):
        edits = load_edits(job.folder, store.key)
        run_network(
            job.video,
            read_options(job.settings),
            landmark_sequences(store, chosen_people(job.settings), edits=edits),
            job.clip.image_size,
            network_options(job.settings),
            lambda: load(job.settings),
            job.network_folder,
            store.key,
            on_progress=lambda done, total: reporter.progress("network", done, total),
        )


def detect_people(
    job: Job, reporter: Reporter, on_frame: Callable[[FrameDetections], None] | None = None
) -> DetectionStore:
    """Run the detector over what the job's store does not hold of its video yet; the store. Raises EngineError.

    on_frame is shown every new frame or, where none is new, some of those that are there.
    """
    options, detector = read_options(job.settings), detector_options(job.settings)
    store = open_store(job.detections_folder, job.video_hash, options, detector)
    run = detect_video(
        job.video,
        options,
        detector,
        store,
        on_progress=lambda done, total: reporter.progress("detect", done, total),
        on_frame=on_frame or (lambda frame: None),
    )
    for warning in run.warnings:
        reporter.warning(warning)
    if on_frame is not None and not run.new_frames:
        for frame in islice(store.frames(), 0, None, ceil(run.frames / REPLAYED_FRAMES) or 1):
            on_frame(frame)
    return store


def track_edits(job: Job) -> tuple[Edit, ...]:
    """The user's edits of the tracks that the job's detections make. Raises InputError where they are damaged."""
    return load_edits(job.folder, DetectionStore(job.detections_folder).key)


@dataclass(frozen=True)
class SeenPeople:
    """The chosen people of a clip; `end_s` is where the animation ends on the clock of their times, s.

    evidence holds by person id what an image network said, where one was used.
    """

    landmarks: list[LandmarkSequence]
    clip: Clip
    end_s: float
    evidence: dict[int, PersonEvidence] = field(default_factory=dict)

    def model(self, person_id: int, lifting: str) -> dict[str, Any]:
        """What posed this person, for the result's provenance: name, licence, what else must be known."""
        evidence = self.evidence.get(person_id)
        if evidence is None:
            return {"name": f"MediaPipe BlazePose + {lifting} lifting", "licence": "Apache-2.0"}
        facts = evidence.facts
        about = {
            "name": f"{facts.title} on people found by MediaPipe BlazePose",
            "licence": facts.licence,
            "derived_from": "SMPL",
        }
        if facts.point_count == JOINTS and not facts.trained_right_hand:
            about["right_hand"] = "follows the wrist; the network never learned to turn it"
        return about


def read_people(job: Job, edits: Sequence[Edit] | None = None) -> SeenPeople:
    """The people that the job's settings choose, from its stored detections and the edits of their tracks.

    edits   None: those kept in the job

    Needs neither the video nor the network. Raises NobodyFound when there is nobody, InputError when the choice fits
    none or the detections are not all there.
    """
    settings = job.settings
    store = DetectionStore(job.detections_folder)
    if not store.is_finished:
        raise InputError(
            f"job {job.folder} holds the detections of only {store.progress().frames} frames of {job.video}, expected "
            "all; the same `mocap run` as before completes them"
        )
    edits = track_edits(job) if edits is None else edits
    landmarks = landmark_sequences(store, chosen_people(settings), edits=edits)
    last_s = float(landmarks[0].times_s[-1])
    frame_s = float(1 / job.clip.fps)
    end_s = job.clip.end_s
    if end_s - last_s > max(1.0, 10 * frame_s):
        # The file promised more than could be decoded.
        end_s = last_s + frame_s
    evidence: dict[int, PersonEvidence] = {}
    if uses_network(settings):
        for person in landmarks:
            kept = EvidenceStore(person_folder(job.network_folder, person.person_id))
            if kept.key.get("detections") != store.key or kept.key.get("name") != settings.model:
                raise InputError(
                    f"job {job.folder} holds nothing that model {settings.model} said about person "
                    f"{person.person_id}; `mocap run` with this person looks"
                )
            if kept.key.get("boxes") != looked_at(person, job.clip.image_size):
                raise InputError(
                    f"the track of person {person.person_id} in job {job.folder} was edited since model "
                    f"{settings.model} looked; `mocap run` looks again"
                )
            evidence[person.person_id] = kept.read()
    return SeenPeople(landmarks, job.clip, max(end_s, last_s + 0.5 * frame_s), evidence)

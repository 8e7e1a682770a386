"""What the network sees of a job's video: detected once into the job folder, read back as people over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from rig.timing import parse_rate

from .detection.detect_video import detect_video, landmark_sequences, open_store
from .detection.detections import FrameDetections
from .detection.landmark_detector import DetectorOptions
from .detection.pose_networks import Device
from .detection.selection import PersonSelection
from .detection.store import DetectionStore
from .errors import InputError, RigError
from .job import Clip, Job, find_job
from .poses import LandmarkSequence
from .progress import Reporter
from .settings import Settings
from .video import ReadOptions, VideoReader, hash_video

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
        max_people=settings.max_people, bundle=settings.detector or None, device=Device(settings.device)
    )


def open_clip(video: str, settings: Settings, folder: Path) -> Job:
    """The job for this video and these settings in `folder`. Raises InputError when one of them cannot be used."""
    is_camera = video.startswith(CAMERA_PREFIX)
    if is_camera and not settings.end:
        raise InputError(f"camera {video} never ends by itself; say how many seconds to capture with --end")
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
    job: Job, reporter: Reporter, on_frame: Callable[[FrameDetections], None] = lambda frame: None
) -> None:
    """Run the detector over the job's video, or over what an interrupted run left; needs nothing if all is there.

    Raises EngineError; frames detected until then are kept.
    """
    options, detector = read_options(job.settings), detector_options(job.settings)
    store = open_store(job.detections_folder, job.video_hash, options, detector)
    run = detect_video(
        job.video,
        options,
        detector,
        store,
        on_progress=lambda done, total: reporter.progress("detect", done, total),
        on_frame=on_frame,
    )
    for warning in run.warnings:
        reporter.warning(warning)


@dataclass(frozen=True)
class SeenPeople:
    """The chosen people of a clip; `end_s` is where the animation ends on the clock of their times, s."""

    landmarks: list[LandmarkSequence]
    clip: Clip
    end_s: float


def read_people(job: Job) -> SeenPeople:
    """The people that the job's settings choose, from its stored detections.

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
    landmarks = landmark_sequences(store, chosen_people(settings))
    last_s = float(landmarks[0].times_s[-1])
    frame_s = float(1 / job.clip.fps)
    end_s = job.clip.end_s
    if end_s - last_s > max(1.0, 10 * frame_s):
        # The file promised more than could be decoded.
        end_s = last_s + frame_s
    return SeenPeople(landmarks, job.clip, max(end_s, last_s + 0.5 * frame_s))

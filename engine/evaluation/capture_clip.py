"""Captures a video and scores the result against its truth."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..body.source import load_body
from ..camera import Camera
from ..estimate import estimate_people, open_clip, read_people
from ..pipeline import reconstruct
from ..progress import Reporter
from ..settings import Settings
from .clip import evaluate_clip
from .clip_scores import ClipScores
from .truth_file import load_truth


def capture_and_score(
    video: str, truth_path: Path, settings: Settings, folder: Path | None, reporter: Reporter
) -> ClipScores:
    """Scores of the pipeline on `video` against the joints in `truth_path`.

    Everybody is captured and the person nearest to the truth is scored. The truth's intrinsics are used where it has
    them. With a job `folder` detections are kept and reused; frames/s is then only known for a fresh one.
    """
    truth = load_truth(truth_path)
    settings = replace(settings, all_people=True)
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="swingtwist-")))
        start = time.perf_counter()
        job = open_clip(video, settings, folder)
        fresh = not job.detections_folder.exists()
        estimate_people(job, reporter)
        people = read_people(job)
        camera = Camera.from_fov(job.clip.image_size, settings.fov)
        if truth.intrinsics is not None:
            camera = replace(camera, intrinsics=truth.intrinsics)
        records = reconstruct(people, camera, load_body(settings), settings, reporter)
        frames = len(people.landmarks[0])
        rate = frames / (time.perf_counter() - start) if fresh else float(np.nan)
    return evaluate_clip(records, truth, rate)

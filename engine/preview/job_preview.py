"""The preview of a finished job, written into its folder."""

from __future__ import annotations

from pathlib import Path

from rig.motion_file import load_motion

from ..errors import InputError
from ..estimate import CAMERA_PREFIX, read_options, read_people
from ..job import Job
from ..progress import Reporter
from ..video import VideoReader
from .contact_sheet import write_contact_sheet
from .overlay import write_overlay


def preview_job(job: Job, reporter: Reporter) -> list[Path]:
    """Write `overlay.mp4` and `contact_sheet.png` of a job and return their paths.

    Raises InputError when the job has no motion yet or its video is gone.
    """
    records = [load_motion(path) for path in job.motion_paths()]
    if not records:
        raise InputError(f"job {job.folder} holds no motion yet; run `mocap run` on {job.video} to its end first")
    if job.video.startswith(CAMERA_PREFIX):
        raise InputError(f"job {job.folder} was captured from {job.video}, whose pictures are not kept to draw on")
    people = read_people(job)
    overlay, sheet = job.folder / "overlay.mp4", job.folder / "contact_sheet.png"
    with VideoReader(job.video, read_options(job.settings)) as reader:
        total = reader.expected_frames or 0
        write_overlay(
            reader, people.landmarks, records, overlay, lambda done: reporter.progress("overlay", done, total)
        )
        write_contact_sheet(reader, people.landmarks, records, sheet)
    return [overlay, sheet]

"""Many videos, one job folder each: resumable, and one that fails does not stop the others."""

from __future__ import annotations

import glob
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError, OutputError
from .job import find_job
from .progress import Reporter
from .settings import Settings
from .video import hash_video

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".3gp")


@dataclass(frozen=True)
class BatchRow:
    """How one video of a batch ended: status is "done", "kept" (finished earlier) or "failed"."""

    video: Path
    status: str
    files: tuple[str, ...]
    message: str = ""
    exit_code: int = 0


def find_videos(places: Sequence[str]) -> list[Path]:
    """The videos named by folders (their own files only), files and patterns, sorted, each once.

    Raises InputError where a place holds none.
    """
    found: dict[Path, None] = {}
    for place in places:
        path = Path(place)
        if path.is_dir():
            here = sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file())
        elif path.is_file():
            here = [path]
        else:
            here = sorted(Path(p) for p in glob.glob(place, recursive=True) if Path(p).is_file())
        if not here:
            raise InputError(f"{place} holds no video, expected a folder, a file or a pattern such as 'clips/*.mp4'")
        found.update(dict.fromkeys(here))
    return list(found)


def run_batch(
    videos: Sequence[Path], folder: Path, formats: Sequence[str], settings: Settings, reporter: Reporter
) -> Iterator[BatchRow]:
    """Capture each video in a process of its own into `folder`, yielding a row as each one ends.

    A process each, so that a video which crashes a decoder takes nothing else with it and memory is returned.
    A video whose job finished with the same settings and whose files are there is kept as it is.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        settings_path = folder / "batch_settings.toml"
        settings_path.write_text(settings.to_toml(), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"output folder {folder} cannot be written: {error.strerror}") from error
    names = _distinct_names(videos)
    for number, video in enumerate(videos):
        reporter.progress("batch", number, len(videos))
        outputs = [folder / f"{names[video]}.{ending}" for ending in formats]
        job_folder = folder / f"{names[video]}.mocap"
        try:
            kept = _kept(video, outputs, job_folder, settings)
        except InputError as error:
            yield BatchRow(video, "failed", (), str(error), error.exit_code)
            continue
        if kept is not None:
            yield BatchRow(video, "kept", kept)
            continue
        yield _run_one(video, outputs, job_folder, settings_path, reporter)
    reporter.progress("batch", len(videos), len(videos))


def _kept(video: Path, outputs: Sequence[Path], job_folder: Path, settings: Settings) -> tuple[str, ...] | None:
    """The files of an earlier capture of the same video with the same settings, all of them there; else None."""
    job = find_job(job_folder)
    if job is None or not job.finished or job.settings != settings:
        return None
    if {str(path.absolute()) for path in outputs} != set(job.outputs) or job.video_hash != hash_video(video):
        return None
    return job.files if all(Path(file).is_file() for file in job.files) else None


def _run_one(video: Path, outputs: list[Path], job_folder: Path, settings_path: Path, reporter: Reporter) -> BatchRow:
    # Names may begin with a dash: options take theirs after "=", the video comes after "--".
    command = [sys.executable, "-m", "engine", "run", f"--job={job_folder}", f"--settings={settings_path}"]
    command += [*(f"--out={path}" for path in outputs), "--progress=json", "--", str(video)]
    try:
        job_folder.mkdir(parents=True, exist_ok=True)
        with open(job_folder / "job.log", "ab") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, encoding="utf-8", errors="replace")
    except OSError as error:
        return BatchRow(video, "failed", (), f"job folder {job_folder} cannot be written: {error.strerror}", 5)
    files: tuple[str, ...] = ()
    message = ""
    try:
        for line in process.stdout or ():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("event") == "progress":
                reporter.progress(f"{video.name}: {event['stage']}", event["done"], event["total"])
            elif event.get("event") == "warning":
                reporter.warning(f"{video.name}: {event['message']}")
            elif event.get("event") == "result":
                files = tuple(event["files"])
            elif event.get("event") == "error":
                message = event["message"]
        code = process.wait()
    except BaseException:
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    if code == 0:
        return BatchRow(video, "done", files)
    return BatchRow(video, "failed", files, message or f"the capture ended with exit code {code}", code)


def _distinct_names(videos: Sequence[Path]) -> dict[Path, str]:
    """A file name for each video: its stem, with the ending or a number where stems collide."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    stems = [video.stem.casefold() for video in videos]
    for video in videos:
        name = video.stem if stems.count(video.stem.casefold()) == 1 else video.name.replace(".", "_")
        base, number = name, 2
        while name.casefold() in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name.casefold())
        names[video] = name
    return names

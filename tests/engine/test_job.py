"""The job folder: what is saved is read back, and what is wrong with it is said."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from engine.errors import InputError, OutputError
from engine.job import Clip, Job, find_job, open_job
from engine.job_log import logged
from engine.progress import SilentReporter
from engine.settings import Settings


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(
        folder=tmp_path / "a 'b\" ü.mocap",
        video='/films/ü "1".mp4',
        video_hash="0a1b",
        settings=Settings(start=0.5, person="640,360@2.5"),
        clip=Clip((1280, 720), Fraction(30000, 1001), True, 4.8671),
        outputs=("/out/x.npz",),
        files=("/out/x_1.npz", "/out/x_2.npz"),
        finished=True,
    )


def test_a_job_is_read_back(job: Job) -> None:
    job.save()
    assert open_job(job.folder) == job
    assert find_job(job.folder) == job


def test_saving_again_replaces_the_whole_file(job: Job) -> None:
    job.save()
    replace(job, finished=False).save()
    assert not open_job(job.folder).finished
    assert [path.name for path in job.folder.iterdir()] == ["job.json"]


def test_a_folder_that_is_no_job(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="not a job folder"):
            open_job(folder)
        assert find_job(folder) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"clip": null}', '{"clip": {"image_size": [1]}}'])
def test_a_damaged_file_is_told_with_the_way_out(job: Job, text: str) -> None:
    job.save()
    (job.folder / "job.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"job\.json is damaged .*mocap run"):
        open_job(job.folder)
    assert find_job(job.folder) is None


def test_a_place_that_cannot_be_written(job: Job, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        replace(job, folder=tmp_path / "file" / "x.mocap").save()


def test_motions_are_in_the_order_of_their_ids(job: Job) -> None:
    job.save()
    for person in (10, 2, 1):
        job.motion_path(person).write_bytes(b"")
    assert [path.name for path in job.motion_paths()] == ["motion_1.npz", "motion_2.npz", "motion_10.npz"]


def test_removing_results_leaves_detections_and_log(job: Job) -> None:
    job.save()
    job.detections_folder.mkdir()
    for path in (job.motion_path(1), job.body_path(1), job.log_path, job.folder / "overlay.mp4"):
        path.write_bytes(b"")
    job.remove_results()
    assert sorted(path.name for path in job.folder.iterdir()) == ["detections", "job.json", "job.log"]


def test_the_log_keeps_every_run(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    heard = SilentReporter()
    with logged(path, "capture of a", Settings(start=0.25), heard) as log:
        log.progress("detect", 1, 2)
        log.progress("detect", 2, 2)
        log.warning("the light is poor")
        log.progress("solve", 4, 4)
    with pytest.raises(InputError), logged(path, "refinement", Settings(), heard):
        raise InputError("no such thing")
    with pytest.raises(KeyboardInterrupt), logged(path, "refinement", Settings(), heard):
        raise KeyboardInterrupt
    said = [line.split(" ", 1)[1] for line in path.read_text(encoding="utf-8").splitlines()]
    assert heard.warnings == ["the light is poor"]
    assert [
        line for line in said if "settings" not in line and "swingtwist" not in line and " done after" not in line
    ] == [
        "warning: the light is poor",
        "done",
        "failed: no such thing",
        "interrupted",
    ]
    assert [line.split(":")[0] for line in said if " done after" in line] == ["detect", "solve"]
    assert "start = 0.25" in said[1]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    heard = SilentReporter()
    with logged(tmp_path / "nowhere" / "job.log", "capture", Settings(), heard) as log:
        log.warning("still heard")
    assert heard.warnings == ["still heard"]

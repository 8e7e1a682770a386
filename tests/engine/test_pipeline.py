"""The stages together: everybody in one world, and nobody who cannot be placed spoils it for the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from captures import Capture

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.errors import InputError
from engine.estimate import SeenPeople, read_people
from engine.job import open_job
from engine.pipeline import capture, reconstruct, refine_job
from engine.poses import LandmarkSequence
from engine.progress import SilentReporter
from engine.settings import Settings


@pytest.fixture(scope="module")
def seen(sample_capture: Capture) -> SeenPeople:
    return read_people(open_job(sample_capture.job))


def run(people: SeenPeople) -> tuple[list, SilentReporter]:
    reporter = SilentReporter()
    camera = Camera.from_fov(people.clip.image_size, 55.0)
    return reconstruct(people, camera, load_open_body(), Settings(), reporter), reporter


def hidden(landmarks: LandmarkSequence, person_id: int) -> LandmarkSequence:
    """Somebody of whom only the nose is ever seen."""
    scores = np.zeros_like(landmarks.scores)
    scores[:, 0] = 0.9
    return replace(landmarks, person_id=person_id, scores=scores)


def test_who_cannot_be_placed_is_left_out_with_a_warning(seen: SeenPeople) -> None:
    (good,) = seen.landmarks
    for order in ([hidden(good, 2), good], [good, hidden(good, 2)]):
        records, reporter = run(replace(seen, landmarks=order))
        assert [record.person_id for record in records] == [good.person_id]
        (warning,) = reporter.warnings
        assert "person 2 is left out" in warning
    alone, _ = run(seen)
    assert (alone[0].motion.transl == records[0].motion.transl).all()


def test_nobody_who_can_be_placed_is_an_error(seen: SeenPeople) -> None:
    (good,) = seen.landmarks
    for people in ([hidden(good, 1)], [hidden(good, 1), hidden(good, 2)]):
        with pytest.raises(InputError, match="fix its place"):
            run(replace(seen, landmarks=people))


def test_people_share_the_floor_and_the_camera(seen: SeenPeople) -> None:
    (good,) = seen.landmarks
    aside = replace(
        good,
        person_id=5,
        landmarks_2d=good.landmarks_2d + np.array([200.0, 0.0]),
        boxes_xyxy=good.boxes_xyxy + np.array([200.0, 0.0, 200.0, 0.0]),
    )
    records, reporter = run(replace(seen, landmarks=[good, aside]))
    assert reporter.warnings == []
    one, other = records
    assert (one.world_to_camera == other.world_to_camera).all()
    low = [record.motion.joints()[..., 1].min() for record in records]
    assert low == pytest.approx([0, 0], abs=0.15)


def test_a_refinement_cannot_change_what_was_detected(tmp_path: Path, sample_capture: Capture) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    job = open_job(mine.job)
    for change in ({"start": 0.5}, {"max_people": 2}, {"rotation": "90"}, {"slow_motion": 2.0}):
        with pytest.raises(InputError, match=next(iter(change))):
            refine_job(job, [mine.output("npz")], replace(job.settings, **change), SilentReporter())
    refined, _ = refine_job(job, [mine.output("npz")], replace(job.settings, threads=2), SilentReporter())
    assert refined.finished


def test_an_unfinished_job_says_so(tmp_path: Path, sample_capture: Capture) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    (mine.job / "detections" / "finished.json").unlink()
    job = open_job(mine.job)
    with pytest.raises(InputError, match="only 36 frames"):
        refine_job(job, [mine.output("npz")], job.settings, SilentReporter())


def test_a_failed_capture_is_not_marked_as_finished(tmp_path: Path, sample_capture: Capture, monkeypatch) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    job = open_job(mine.job)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.pipeline.write_outputs", full)
    with pytest.raises(OSError, match="No space"):
        capture(job.video, [mine.output("npz")], job.settings, mine.job, SilentReporter())
    assert not open_job(mine.job).finished
    assert "failed: [Errno 28] No space left" in job.log_path.read_text(encoding="utf-8")

"""Live poses: causal, steady, quick, and silent where a picture shows too little."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from captures import Capture
from sample_pieces import sample_video

from engine import estimate
from engine.body.open_body import load_open_body
from engine.detection.detections import Detections, FrameDetections
from engine.detection.landmark_detector import LandmarkDetector
from engine.estimate import detect_people
from engine.job import open_job
from engine.lifting import LiftingConfig
from engine.live import LivePoses
from engine.progress import SilentReporter
from engine.settings import Settings
from engine.video import ReadOptions, VideoReader
from rig.rotations import quat_multiply


@cache
def seen() -> tuple[tuple[int, int], list[FrameDetections]]:
    """Picture size and detections of the sample's second second."""
    with VideoReader(sample_video(), ReadOptions(start_s=1.0, end_s=2.0)) as video, LandmarkDetector() as detector:
        found = [FrameDetections(f.index, f.time_s, detector.detect(f.image_rgb, f.size)) for f in video]
        return video.info.size, found


def poses(frames: list[FrameDetections], lifting: str = "learned") -> list[dict]:
    live = LivePoses(load_open_body(), seen()[0], Settings(lifting=lifting))
    found = [live.update(frame.index, frame.time_s, frame.people) for frame in frames]
    return [pose for pose in found if pose is not None]


def with_landmarks(people: Detections, **changes: np.ndarray) -> Detections:
    return replace(people, **changes)


def turns_deg(found: list[dict]) -> np.ndarray:
    """(T - 1, 24) how far each joint turns from one pose to the next."""
    quats = np.array([pose["rotations_wxyz"] for pose in found])
    step = quat_multiply(quats[:-1] * [1, -1, -1, -1], quats[1:])
    return np.degrees(2 * np.arccos(np.clip(np.abs(step[..., 0]), 0, 1)))


@pytest.mark.parametrize("lifting", ["learned", "geometric"])
def test_a_pose_does_not_depend_on_what_comes_later(lifting: str) -> None:
    frames = seen()[1]
    assert poses(frames, lifting)[:10] == poses(frames[:10], lifting)


def test_the_learned_lifter_reads_the_past_of_the_same_person_only() -> None:
    frames = seen()[1][:12]
    alone, after = poses(frames[-1:])[0], poses(frames)[-1]
    assert alone["rotations_wxyz"] != after["rotations_wxyz"]
    size = np.array([*seen()[0]] * 2)
    away = [
        FrameDetections(f.index, f.time_s, with_landmarks(f.people, boxes_xyxy=f.people.boxes_xyxy + 3 * size))
        for f in frames[:-1]
    ]
    live = LivePoses(load_open_body(), seen()[0], Settings())
    for frame in [*away, frames[-1]]:
        pose = live.update(frame.index, frame.time_s, frame.people)
    assert len(live._past) == 1
    assert pose is not None


def test_stopping_early_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = np.array([pose["rotations_wxyz"] for pose in poses(seen()[1], "geometric")])
    monkeypatch.setattr("engine.live._QUICK", LiftingConfig())
    full = np.array([pose["rotations_wxyz"] for pose in poses(seen()[1], "geometric")])
    apart = np.degrees(2 * np.arccos(np.clip(np.abs((quick * full).sum(axis=-1)), 0, 1)))
    assert apart.mean() < 1.0


def test_noise_of_the_detector_is_steadied() -> None:
    rng = np.random.default_rng(0)
    first = seen()[1][0]
    shaken = [
        FrameDetections(
            k,
            k / 30,
            with_landmarks(
                first.people,
                landmarks_2d=first.people.landmarks_2d + rng.normal(scale=1.5, size=first.people.landmarks_2d.shape),
                landmarks_3d=first.people.landmarks_3d + rng.normal(scale=0.01, size=first.people.landmarks_3d.shape),
            ),
        )
        for k in range(60)
    ]
    raw = [poses([frame])[0] for frame in shaken]
    live = poses(shaken)
    assert turns_deg(live)[15:].mean() < 0.6 * turns_deg(raw)[15:].mean()
    step = [np.linalg.norm(np.diff([pose["transl"] for pose in found], axis=0), axis=-1) for found in (live, raw)]
    assert step[0][15:].mean() < 0.6 * step[1][15:].mean()


def test_a_picture_with_too_little_of_the_body_is_passed_over() -> None:
    frames = list(seen()[1][:6])
    people = frames[2].people
    frames[2] = FrameDetections(2, frames[2].time_s, with_landmarks(people, landmark_scores=0 * people.landmark_scores))
    frames[4] = FrameDetections(4, frames[4].time_s, people.take(np.array([], dtype=np.int64)))
    assert [pose["frame"] for pose in poses(frames)] == [frames[k].index for k in (0, 1, 3, 5)]


def test_only_the_first_pose_carries_the_rest_joints() -> None:
    found = poses(seen()[1])
    assert np.shape(found[0]["rest_joints"]) == (24, 3)
    assert not any("rest_joints" in pose for pose in found[1:])
    lengths = np.linalg.norm(np.array([pose["rotations_wxyz"] for pose in found]), axis=-1)
    assert lengths == pytest.approx(np.ones(lengths.shape), abs=1e-4)


@pytest.mark.parametrize("most", [1000, 20])
def test_what_was_detected_before_is_shown_again_from_beginning_to_end(
    sample_capture: Capture, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(estimate, "REPLAYED_FRAMES", most)
    job, shown = open_job(sample_capture.job), []
    frames = detect_people(job, SilentReporter()).progress().frames
    detect_people(job, SilentReporter(), shown.append)
    indices = [frame.index for frame in shown]
    assert indices[0] == 0
    assert frames - indices[-1] <= max(frames / most, 1) + 1
    assert min(frames, most) / 2 < len(indices) <= most
    assert len(set(np.diff(indices))) == 1

"""Detection: the packed models, stores that resume exactly, and real people found and followed."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from video_samples import write_clip

from engine.detection.detect_video import DetectionRun, detect_video, landmark_sequences, open_store
from engine.detection.detections import ARRAYS, Detections, FrameDetections, make_detections
from engine.detection.landmark_detector import DetectorOptions, DetectorState, LandmarkDetector
from engine.detection.model_bundle import cache_folder, find_bundle, pack_bundle
from engine.detection.native_log import without_native_chatter
from engine.detection.read_ahead import read_ahead
from engine.detection.selection import PersonSelection
from engine.detection.store import DetectionStore
from engine.errors import InputError, NobodyFound, OutputError
from engine.video import ReadOptions, VideoReader, hash_video

DETECTOR = DetectorOptions()


@pytest.fixture(scope="module")
def walk_in(shared_data: Path) -> Path:
    return shared_data / "videos" / "temuge_sit_tpose.mp4"


def random_frames(count: int, first: int = 0, seed: int = 0) -> list[FrameDetections]:
    rng = np.random.default_rng(seed)
    frames = []
    for index in range(first, first + count):
        people = int(rng.integers(0, 4))
        frames.append(
            FrameDetections(
                index,
                index / 30,
                make_detections(
                    rng.uniform(0, 500, (people, 33, 2)),
                    rng.normal(size=(people, 33, 3)),
                    rng.uniform(0, 1, (people, 33)),
                    (640, 480),
                ),
            )
        )
    return frames


def assert_same_people(one: Detections, other: Detections, atol: float) -> None:
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=atol)


def test_bundle_is_packed_once_where_the_user_keeps_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "ünï cache"))
    path = find_bundle()
    assert path.parent == cache_folder() == tmp_path / "ünï cache" / "swingtwist"
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["pose_detector.tflite", "pose_landmarks_detector.tflite"]
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        for name, low in (("pose_detector.tflite", b"TFLITE_METADATA"), ("pose_landmarks_detector.tflite", b"TFL3")):
            assert low in archive.read(name)
    stamp = path.stat().st_mtime_ns
    assert find_bundle() == path
    assert path.stat().st_mtime_ns == stamp
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_unfit_bundles_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_bundle(tmp_path / "absent.task")
    wrong = tmp_path / "wrong.task"
    wrong.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"not a \.task bundle"):
        find_bundle(wrong)
    with zipfile.ZipFile(wrong, "w") as archive:
        archive.writestr("hand_detector.tflite", b"")
    with pytest.raises(InputError, match=r"not a pose_landmarker \.task bundle"):
        LandmarkDetector(replace(DETECTOR, bundle=str(wrong)))


def test_native_chatter_is_dropped_and_other_words_are_kept(capfd: pytest.CaptureFixture[str]) -> None:
    with without_native_chatter():
        os.write(2, b"W0000 00:00:17 999 some_calculator.cc:1] chatter\nINFO: Created delegate\nreal trouble\n")
    assert capfd.readouterr().err == "real trouble\n"


def test_empty_pictures_hold_nobody() -> None:
    with LandmarkDetector() as detector:
        for size in ((1280, 720), (101, 333)):
            people = detector.detect(np.zeros((size[1], size[0], 3), dtype=np.uint8))
            assert len(people) == 0
        assert detector.state.pictures == 2


def test_store_gives_back_what_was_put_in(tmp_path: Path) -> None:
    store = DetectionStore(tmp_path / "d", {"video": "a"})
    frames = random_frames(30)
    state = DetectorState(np.random.default_rng(0).normal(size=(2, 5)), 30, 7, 11)
    store.append(frames[:20], DetectorState())
    store.append(frames[20:], state)
    store.append([], DetectorState())
    back = list(DetectionStore(tmp_path / "d", {"video": "a"}).frames())
    assert [(f.index, f.time_s) for f in back] == [(f.index, f.time_s) for f in frames]
    for one, other in zip(back, frames, strict=True):
        assert_same_people(one.people, other.people, 1e-3)
    progress = store.progress()
    assert (progress.frames, progress.last_time_s) == (30, frames[-1].time_s)
    np.testing.assert_array_equal(progress.state.regions, state.regions)
    assert (progress.state.pictures, progress.state.searches, progress.state.alert) == (30, 7, 11)


def test_store_ignores_what_follows_a_hole_or_is_damaged_and_forgets_another_video(tmp_path: Path) -> None:
    store = DetectionStore(tmp_path / "d", {"video": "a"})
    for first in (0, 10, 20):
        store.append(random_frames(10, first), DetectorState(pictures=first + 10))
    store.finish(["a warning"])
    assert store.is_finished
    assert store.warnings == ["a warning"]
    (tmp_path / "d" / "frames_000000010.npz").write_bytes(b"PK half a file")
    assert store.progress().frames == 10
    assert store.progress().state.pictures == 10
    other = DetectionStore(tmp_path / "d", {"video": "b"})
    assert other.progress().frames == 0
    assert not other.is_finished


def test_store_in_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        DetectionStore(tmp_path / "file" / "d", {})


def test_reading_ahead_keeps_order_passes_errors_on_and_closes_the_source() -> None:
    closed = []

    def source(fail_at: int) -> Iterator[int]:
        try:
            for number in range(100):
                if number == fail_at:
                    raise InputError("broken")
                yield number
        finally:
            closed.append(fail_at)

    assert list(read_ahead(source(-1))) == list(range(100))  # type: ignore[arg-type]
    failing = read_ahead(source(5))  # type: ignore[arg-type]
    assert [next(failing) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(InputError, match="broken"):
        next(failing)
    early = read_ahead(source(-2))  # type: ignore[arg-type]
    assert next(early) == 0
    early.close()
    assert closed == [-1, 5, -2]


def run(path: Path, folder: Path, *, reading: ReadOptions, stop_after: tuple[int, ...] = ()) -> list[DetectionRun]:
    """Detect with interruptions after the given numbers of new frames, then to the end."""
    runs = []
    for limit in (*stop_after, 10**9):
        count = 0

        def should_stop() -> bool:
            nonlocal count
            count += 1
            return count >= limit  # noqa: B023

        store = open_store(folder, hash_video(path), reading, DETECTOR)
        runs.append(detect_video(path, reading, DETECTOR, store, should_stop=should_stop))
    return runs


def test_video_without_people_is_read_to_its_end_and_nobody_is_found(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "empty room.mp4", count=12, fps=Fraction(25))
    reports: list[tuple[int, int]] = []
    reading = ReadOptions(start_s=0.1)
    store = open_store(tmp_path / "d", hash_video(path), reading, DETECTOR)
    result = detect_video(path, reading, DETECTOR, store, on_progress=lambda *report: reports.append(report))
    assert result == DetectionRun(9, 9, True, ())
    assert reports == [(done, 9) for done in range(1, 10)]
    with pytest.raises(NobodyFound):
        landmark_sequences(store, PersonSelection())
    again = run(path, tmp_path / "d", reading=reading)
    assert again == [DetectionRun(9, 0, True, ())]


@pytest.mark.shared_data
def test_an_interrupted_run_ends_with_the_same_result(tmp_path: Path, walk_in: Path) -> None:
    reading = ReadOptions(start_s=0.5, end_s=2.5)
    (whole,) = run(walk_in, tmp_path / "whole", reading=reading)
    parts = run(walk_in, tmp_path / "parts", reading=reading, stop_after=(13, 1))
    assert [part.frames for part in parts] == [13, 14, whole.frames]
    assert [part.is_complete for part in parts] == [False, False, True]
    one, other = (
        list(open_store(tmp_path / name, hash_video(walk_in), reading, DETECTOR).frames())
        for name in ("whole", "parts")
    )
    assert len(one) == 40
    for a, b in zip(one, other, strict=True):
        assert (a.index, a.time_s) == (b.index, b.time_s)
        assert_same_people(a.people, b.people, 0.0)


@pytest.mark.shared_data
def test_a_real_person_is_found_upright_whatever_the_size_of_the_picture(walk_in: Path) -> None:
    with VideoReader(walk_in, ReadOptions(start_s=8.0, end_s=8.3)) as full, LandmarkDetector() as detector:
        in_full = [detector.detect(frame.image_rgb, frame.size) for frame in full][-1]
    half = ReadOptions(start_s=8.0, end_s=8.3, max_side_px=360)
    with VideoReader(walk_in, half) as small, LandmarkDetector() as detector:
        in_half = [detector.detect(frame.image_rgb, frame.size) for frame in small][-1]
    assert len(in_full) == len(in_half) == 1
    assert in_full.scores[0] > 0.8
    nose, ankle, left_hip, right_hip = (in_full.landmarks_2d[0, index] for index in (0, 27, 23, 24))
    assert nose[1] < left_hip[1] < ankle[1]
    assert left_hip[0] > right_hip[0], "the person faces the camera: their left is on the right of the picture"
    assert np.abs(in_full.landmarks_3d[0, [23, 24]].mean(axis=0)).max() < 0.02
    apart = np.linalg.norm(in_full.landmarks_2d[0] - in_half.landmarks_2d[0], axis=1)
    assert np.median(apart) < 0.02 * np.linalg.norm(in_full.boxes_xyxy[0, 2:] - in_full.boxes_xyxy[0, :2])


@pytest.mark.shared_data
@pytest.mark.slow
def test_two_people_who_cross_are_two_tracks(tmp_path: Path, shared_data: Path) -> None:
    path = shared_data / "videos" / "sports2d_demo.mp4"
    reading = ReadOptions(end_s=5.5)
    store = open_store(tmp_path / "d", hash_video(path), reading, DETECTOR)
    detect_video(path, reading, DETECTOR, store)
    people = landmark_sequences(store, PersonSelection.parse("all"))
    assert len(people) == 2
    man, woman = people
    assert man.seen.sum() > 140
    assert woman.seen.sum() > 90
    hips = woman.landmarks_2d[woman.seen][:, [23, 24]].mean(axis=1)
    assert hips[0, 0] - hips[-1, 0] > 600, "she walks from right to left"
    assert np.nanmax(man.landmarks_2d[man.seen][:, 23, 1]) < np.nanmin(hips[:, 1]), "he stays above her, on the wall"


def test_packing_needs_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import engine.detection.model_bundle as model_bundle
    from engine.errors import MissingTool

    monkeypatch.setattr(model_bundle, "find_spec", lambda name: None)
    with pytest.raises(MissingTool, match="install mediapipe"):
        pack_bundle(tmp_path / "x.task")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_said_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with LandmarkDetector() as detector:
        detector.detect(np.full((48, 64, 3), 128, dtype=np.uint8))
    assert capfd.readouterr().err == ""


@pytest.mark.shared_data
def test_people_are_found_where_they_are_in_any_part_of_a_picture_and_turned(walk_in: Path) -> None:
    with VideoReader(walk_in, ReadOptions(start_s=8.0, end_s=8.1)) as video:
        image = next(iter(video)).image_rgb
    wide = np.zeros((720, 1280, 3), dtype=np.uint8)
    wide[:, 560:] = image
    with LandmarkDetector() as detector:
        whole, *parts = (
            detector.networks.search(wide, np.array(part), turns)
            for part, turns in (
                ((0.5, 0.5, 1.0, 1.0), 0),
                ((0.72, 0.5, 0.56, 1.0), 0),
                ((0.65, 0.5, 0.7, 1.0), 1),
                ((0.72, 0.5, 0.56, 1.0), 2),
                ((0.72, 0.5, 0.56, 1.0), 3),
            )
        )
    for part in parts:
        off = (part[0, :2] - whole[0, :2]) * (1280, 720)
        assert np.linalg.norm(off) < 60
        assert part[0, 3] == pytest.approx(whole[0, 3], rel=0.25)
        assert np.cos(part[0, 4] - whole[0, 4]) > 0.95

"""Bad input, end to end: one clear sentence, the right exit code, nothing half-written, what is finished kept."""

from __future__ import annotations

import json
import os
import resource
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from captures import Capture, environment, run_mocap
from sample_pieces import pictures, sample_video, write_piece

from rig.motion_file import MotionRecord, load_motion


def visible(folder: Path) -> list[str]:
    """Names in a folder; fails on anything half-written below it."""
    assert not [path for path in folder.rglob("*") if ".part" in path.name]
    return sorted(path.name for path in folder.iterdir())


def warnings(ended) -> str:
    assert ended.stderr == ""
    return " ".join(event["message"] for event in ended.of("warning"))


def test_a_file_that_breaks_off_is_kept_up_to_there(tmp_path: Path, mocap) -> None:
    whole = write_piece(tmp_path / "whole.mkv", pictures(30))
    data = whole.read_bytes()
    (tmp_path / "half.mkv").write_bytes(data[: len(data) * 3 // 5])
    ended = mocap("run", tmp_path / "half.mkv", "--out", tmp_path / "x.npz")
    assert ended.code == 0
    assert "breaks off after 0." in warnings(ended)
    assert "breaks off after 0." in (tmp_path / "x.mocap" / "job.log").read_text(encoding="utf-8")
    assert 8 <= len(load_motion(tmp_path / "x.npz").motion) <= 24


def test_damage_in_the_middle_is_told_and_the_rest_kept(tmp_path: Path, mocap) -> None:
    video = write_piece(tmp_path / "damaged.mp4", pictures(30))
    data = bytearray(video.read_bytes())
    start, end = data.find(b"mdat"), data.find(b"moov")
    middle, length = start + (end - start) * 2 // 5, (end - start) // 8
    data[middle : middle + length] = np.random.default_rng(0).integers(0, 256, length, dtype=np.uint8).tobytes()
    video.write_bytes(bytes(data))
    ended = mocap("run", video, "--out", tmp_path / "x.npz")
    assert ended.code == 0
    assert "damaged.mp4 is damaged between 0." in warnings(ended)
    assert len(load_motion(tmp_path / "x.npz").motion) == 30


def test_a_file_without_its_index_or_without_frames(tmp_path: Path, mocap) -> None:
    whole = write_piece(tmp_path / "whole.mp4", pictures(10)).read_bytes()
    for name, data in {"half.mp4": whole[: len(whole) // 2], "empty.mp4": b"", "zeros.mp4": bytes(5000)}.items():
        (tmp_path / name).write_bytes(data)
        ended = mocap("run", tmp_path / name, "--out", tmp_path / "x.npz")
        assert ended.code == 2
        assert name in ended.message
    assert visible(tmp_path) == ["empty.mp4", "half.mp4", "whole.mp4", "zeros.mp4"]


def test_one_frame_is_a_motion_of_one_frame(tmp_path: Path, mocap) -> None:
    video = write_piece(tmp_path / "one.mp4", pictures(1))
    outputs = [f"--out={tmp_path / f'x.{suffix}'}" for suffix in ("npz", "bvh")]
    assert mocap("run", video, *outputs).code == 0
    motion = load_motion(tmp_path / "x.npz").motion
    assert len(motion) == 1
    assert np.isfinite(motion.joints()).all()
    assert "Frames: 1" in (tmp_path / "x.bvh").read_text(encoding="utf-8")


@pytest.mark.parametrize("size", [(7680, 4320), (641, 361), (161, 121)])
def test_huge_and_odd_pictures(tmp_path: Path, mocap, size: tuple[int, int]) -> None:
    count = 2 if max(size) > 4000 else 12
    video = write_piece(tmp_path / "x.mp4", pictures(count, size))
    assert mocap("run", video, "--out", tmp_path / "x.npz").code == 0
    record = load_motion(tmp_path / "x.npz")
    assert tuple(record.image_size) == size
    pelvis = record.motion.joints()[0, 0] @ record.world_to_camera[0, :3, :3].T + record.world_to_camera[0, :3, 3]
    x, y, w = record.intrinsics @ pelvis
    np.testing.assert_allclose([x / w / size[0], y / w / size[1]], [0.45, 0.44], atol=0.1)


@pytest.mark.parametrize("name", ["-dash 'q\" ü é %d $HOME.mp4", "a;b & c:d\n.mp4"])
def test_odd_names_of_video_and_result(tmp_path: Path, name: str) -> None:
    write_piece(tmp_path / "plain.mp4", pictures(2)).rename(tmp_path / name)
    result = f"-{name[:-4]}.bvh"
    ended = run_mocap("run", f"--out={result}", "--", name, cwd=tmp_path)
    assert ended.code == 0, ended
    assert visible(tmp_path) == sorted([name, result, f"{result[:-4]}.mocap"])


def test_nobody_leaves_the_detections_for_the_next_try(tmp_path: Path, mocap) -> None:
    video = write_piece(tmp_path / "dark.mp4", [np.zeros_like(pictures(1)[0])] * 5)
    ended = mocap("run", video, "--out", tmp_path / "x.npz")
    assert ended.code == 3
    assert "no person" in ended.message
    assert visible(tmp_path) == ["dark.mp4", "x.mocap"]
    again = mocap("run", video, "--out", tmp_path / "x.npz")
    assert again.code == 3
    assert [event["done"] for event in again.of("progress")] == [5]


def test_somebody_leaves_and_returns(tmp_path: Path, mocap) -> None:
    images = [image if not 12 <= number < 24 else np.full_like(image, 128) for number, image in enumerate(pictures(36))]
    video = write_piece(tmp_path / "away.mp4", images)
    assert mocap("run", video, "--out", tmp_path / "x.npz").code == 0
    motion = load_motion(tmp_path / "x.npz").motion
    assert len(motion) == 36
    assert (motion.confidence[14:22] == 0).all()
    assert (motion.confidence[2:10, 0] > 0).all()
    assert (motion.confidence[26:34, 0] > 0).all()
    speed = np.linalg.norm(np.diff(motion.joints()[:, 0], axis=0), axis=-1) * 30
    assert speed.max() < 4.0


@pytest.fixture(scope="module")
def two_people(tmp_path_factory) -> Path:
    """The sample's person, and to the right of them their smaller mirror image."""
    small = iter(pictures(20, (960, 540)))

    def beside(image: np.ndarray) -> np.ndarray:
        left, right = image[110:510, 416:736], next(small)[40:440, 272:592]
        return np.concatenate([left, right[:, ::-1]], axis=1)

    return write_piece(tmp_path_factory.mktemp("two") / "two.mp4", pictures(20, (1280, 720)), change=beside)


def across(record: MotionRecord) -> float:
    """Where the pelvis is from left to right in the sixth picture, px."""
    pelvis = record.world_to_camera[5] @ [*record.motion.joints()[5, 0], 1.0]
    x, _, depth = record.intrinsics @ pelvis[:3]
    return float(x / depth)


def test_everybody_in_one_world(tmp_path: Path, mocap, two_people: Path) -> None:
    run = ("run", two_people, "--job", tmp_path / "j")
    ended = mocap(*run, "--all-people", "--out", tmp_path / "all.npz", "--out", tmp_path / "all.bvh")
    assert ended.code == 0
    (result,) = ended.of("result")
    assert len(result["people"]) == 2
    names = [f"all_{person}.{suffix}" for suffix in ("bvh", "npz") for person in result["people"]]
    assert sorted(Path(file).name for file in result["files"]) == sorted(names)
    one, other = (load_motion(tmp_path / f"all_{person}.npz") for person in result["people"])
    assert (one.world_to_camera == other.world_to_camera).all()
    assert len(one.motion) == len(other.motion) == 20

    # A refinement writes the same files again, not files of files.
    again = mocap("refine", tmp_path / "j")
    assert again.of("result")[0]["files"] == result["files"]

    places = {person: across(load_motion(tmp_path / f"all_{person}.npz")) for person in result["people"]}
    left, right = sorted(places, key=lambda person: places[person])
    assert places[left] < 320 < places[right]
    for who, person in (("largest", left), (str(right), right), ("480,200@0.3", right), ("160,200@0.3", left)):
        chosen = mocap("refine", tmp_path / "j", "--no-all-people", "--person", who, "--out", tmp_path / "who.npz")
        assert chosen.of("result")[0]["people"] == [person], who
        assert abs(across(load_motion(tmp_path / "who.npz")) - places[person]) < 5
    ended = mocap("refine", tmp_path / "j", "--no-all-people", "--person", "9")
    assert ended.code == 2
    assert "person 9 does not exist" in ended.message


@pytest.mark.parametrize(
    ("option", "value"), [("fps", "abc"), ("fps", "0"), ("person", "bob"), ("sequence-rate", "x"), ("body", "no.npz")]
)
def test_unfit_settings_are_refused_before_the_work(tmp_path: Path, mocap, option: str, value: str) -> None:
    ended = mocap("run", sample_video(), f"--{option}={value}", "--out", tmp_path / "x.npz")
    assert ended.code == 2
    assert value in ended.message
    assert ended.of("progress") == []
    assert visible(tmp_path) == []


def test_a_job_without_its_video(tmp_path: Path, mocap) -> None:
    video = shutil.copy(write_piece(tmp_path / "there.mp4", pictures(8)), tmp_path / "gone.mp4")
    assert mocap("run", video, "--out", tmp_path / "x.npz").code == 0
    Path(video).unlink()
    assert mocap("refine", tmp_path / "x.mocap", "--smoothing", "heavy").code == 0
    before = visible(tmp_path / "x.mocap")
    ended = mocap("preview", tmp_path / "x.mocap")
    assert ended.code == 2
    assert "gone.mp4" in ended.message
    assert visible(tmp_path / "x.mocap") == before


def test_a_damaged_job_file_is_named_and_made_anew(tmp_path: Path, sample_capture: Capture, mocap) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    whole = json.loads((mine.job / "job.json").read_text(encoding="utf-8"))
    broken = [b'{"schema": 1', b"\xff\xfe", b"[]", json.dumps({**whole, "clip": {}}).encode()]
    broken.append(json.dumps({**whole, "settings": {"smoothing": "wild"}}).encode())
    for content in broken:
        (mine.job / "job.json").write_bytes(content)
        for command in ("refine", "preview"):
            ended = mocap(command, mine.job)
            assert ended.code == 2
            assert "job.json" in ended.message
            assert "mocap run" in ended.message
    ended = mocap("run", sample_video(), "--end", "1.2", "--out", mine.output("npz"))
    assert ended.code == 0
    assert [e["done"] for e in ended.of("progress") if e["stage"] == "detect"] == [36], "detections were kept"


def test_damaged_detections_are_made_again(tmp_path: Path, sample_capture: Capture, mocap) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    (chunk,) = (mine.job / "detections").glob("frames_*.npz")
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 255
    chunk.write_bytes(bytes(data))
    before = mine.output("npz").read_bytes()
    ended = mocap("refine", mine.job)
    assert ended.code == 2
    assert "mocap run" in ended.message
    assert mine.output("npz").read_bytes() == before
    assert mocap("run", sample_video(), "--end", "1.2", "--out", mine.output("npz")).code == 0
    one, other = load_motion(mine.output("npz")).motion, load_motion(sample_capture.output("npz")).motion
    assert (one.body_pose == other.body_pose).all()


def test_another_video_takes_the_job_folder_over(tmp_path: Path, sample_capture: Capture, mocap) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    dark = write_piece(tmp_path / "dark.mp4", [np.zeros_like(pictures(1)[0])] * 3)
    ended = mocap("run", dark, "--out", tmp_path / "x.npz", "--job", mine.job)
    assert ended.code == 3
    assert sample_video().name in warnings(ended)
    assert "motion_1.npz" not in visible(mine.job), "no motion of one video beside the detections of another"
    assert mine.output("npz").exists()


def blender_script(path: Path, text: str) -> dict[str, str]:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o700)
    return environment(SWINGTWIST_BLENDER=str(path))


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize(
    ("script", "told"),
    [("echo boom >&2; kill -SEGV $$", "boom"), ("exit 0", "without writing"), ("exit 3", "status 3")],
)
def test_blender_fails(tmp_path: Path, sample_capture: Capture, script: str, told: str) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    outputs = [f"--out={mine.folder / name}" for name in ("new.npz", "new.fbx")]
    ended = run_mocap("refine", mine.job, *outputs, env=blender_script(tmp_path / "blender", script))
    assert ended.code == 5
    assert told in ended.message
    assert "new.fbx" in ended.message
    assert "new.npz" in visible(mine.folder), "what needs no Blender is there"
    assert "new.fbx" not in visible(mine.folder)


def test_an_existing_file_outlives_a_failed_export(tmp_path: Path, sample_capture: Capture) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    mine.output("glb").write_bytes(b"yesterday's")
    env = blender_script(tmp_path / "blender", "exit 1")
    assert run_mocap("refine", mine.job, f"--out={mine.output('glb')}", env=env).code == 5
    assert mine.output("glb").read_bytes() == b"yesterday's"


def limited(size: int):
    """Makes a process that can write no file beyond `size` bytes, as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(("size", "culprit"), [(10_000, "detections"), (200_000, "body_1.npz")])
def test_a_full_disk(tmp_path: Path, size: int, culprit: str) -> None:
    ended = run_mocap(
        "run", sample_video(), "--end", "1", "--out", tmp_path / "x.npz", preexec_fn=limited(size), cwd=tmp_path
    )
    assert ended.code == 5
    assert culprit in ended.message
    assert visible(tmp_path) == ["x.mocap"]
    assert "failed" in (tmp_path / "x.mocap" / "job.log").read_text(encoding="utf-8")
    again = run_mocap("run", sample_video(), "--end", "1", "--out", tmp_path / "x.npz")
    assert again.code == 0
    detected = [event["done"] for event in again.of("progress") if event["stage"] == "detect"]
    assert detected == ([30] if culprit == "body_1.npz" else list(range(1, 31)))


@pytest.mark.parametrize("suffix", ["fbx", "glb", "usdc"])
def test_a_scene_that_does_not_fit_on_the_disk(tmp_path: Path, sample_capture: Capture, suffix: str) -> None:
    if find_spec("bpy") is None:
        pytest.skip("needs Blender as a module")
    mine = sample_capture.copy(tmp_path / "copy")
    body = (mine.job / "body_1.npz").stat().st_size
    ended = run_mocap("refine", mine.job, f"--out={mine.output(suffix)}", preexec_fn=limited(body + 20_000))
    assert ended.code == 5
    assert str(mine.output(suffix)) in ended.message
    assert mine.output(suffix).name not in visible(mine.folder)

"""From the sample video to files: consistent, exactly timed, quiet, and the same whichever way the camera was held."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from captures import FORMATS, ROOT, Capture, environment
from sample_pieces import pictures, sample_video, write_piece

from engine.video import hash_video, probe
from rig.motion_file import load_motion
from rig.timing import parse_rate

FRAMES = 36


def last_time_s(glb: Path) -> float:
    """The greatest key time of a GLB's animations, s."""
    data = glb.read_bytes()
    size = struct.unpack("<I", data[12:16])[0]
    document = json.loads(data[20 : 20 + size])
    inputs = {sampler["input"] for take in document["animations"] for sampler in take["samplers"]}
    return max(document["accessors"][index]["max"][0] for index in inputs)


def test_every_format_is_written_and_nothing_is_said_beside(sample_scenes: Capture) -> None:
    ended = sample_scenes.ended
    assert ended.stderr == ""
    names = sorted(path.name for path in sample_scenes.folder.iterdir())
    assert len(names) == len(FORMATS) + 1
    assert not [name for name in names if "part" in name]
    (result,) = ended.of("result")
    assert result == ended.events[-1]
    assert [Path(file).suffix for file in result["files"]] == [f".{name}" for name in FORMATS]
    for file in result["files"]:
        assert Path(file).stat().st_size > 10_000
    kept = {path.name for path in sample_scenes.job.iterdir()}
    assert kept == {"job.json", "job.log", "detections", "motion_1.npz", "body_1.npz"}


def test_every_format_holds_the_same_time(sample_scenes: Capture) -> None:
    motion = load_motion(sample_scenes.output("npz")).motion
    assert (motion.fps, len(motion), motion.times_s[0]) == (30, FRAMES, 0.0)
    text = sample_scenes.output("bvh").read_text(encoding="utf-8")
    assert int(re.search(r"Frames:\s*(\d+)", text)[1]) == FRAMES
    assert float(re.search(r"Frame Time:\s*(\S+)", text)[1]) == pytest.approx(1 / 30, abs=1e-7)
    assert last_time_s(sample_scenes.output("glb")) == pytest.approx((FRAMES - 1) / 30, abs=1e-4)


def test_the_fbx_moves_as_the_motion_does(sample_scenes: Capture) -> None:
    pytest.importorskip("ufbx")
    reader = ROOT / "tests" / "blender" / "read_fbx.py"
    command = [sys.executable, str(reader), str(sample_scenes.output("fbx")), "30", str(FRAMES)]
    scene = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    (take,) = scene["takes"]
    assert take["end"] - take["begin"] == pytest.approx((FRAMES - 1) / 30, abs=1e-3)
    motion = load_motion(sample_scenes.output("npz")).motion
    wrists = motion.joints()[:, [20, 21]]
    places = np.stack([np.array(positions) for positions in scene["positions"].values()], axis=1)
    metres = places * scene["unit_meters"]
    # Whatever the bones are called: two of them follow the wrists.
    apart = np.linalg.norm(metres[:, :, None] - wrists[:, None], axis=-1).max(axis=0).min(axis=0)
    assert apart.max() < 2e-3


def test_the_result_says_where_it_comes_from(sample_capture: Capture) -> None:
    told = load_motion(sample_capture.output("npz")).provenance
    assert told["settings"]["end"] == 1.2
    assert told["settings"]["foot_lock"] == "auto"
    assert told["input"] == {"name": sample_video().name, "blake2b": hash_video(sample_video())}
    assert "Apache" in told["model"]["licence"]
    assert told["body"]["name"] == "open"
    assert told["body"]["licence"]
    assert told["measured"]["coverage"] == 1.0
    assert 0 <= told["measured"]["foot_slide_mm_per_frame"] < 20
    assert re.fullmatch(r"\d+\.\d+.*", told["version"])


def test_the_log_tells_settings_and_stages(sample_capture: Capture) -> None:
    log = (sample_capture.job / "job.log").read_text(encoding="utf-8")
    assert "end = 1.2" in log
    for stage in (f"detect: {FRAMES} done", "solve: 4 done", "export: 2 done"):
        assert stage in log
    assert log.rstrip().endswith("done")


def test_progress_counts_up_and_poses_come_while_the_detector_works(sample_capture: Capture) -> None:
    ended = sample_capture.ended
    detected = [event for event in ended.of("progress") if event["stage"] == "detect"]
    assert [event["done"] for event in detected] == list(range(1, FRAMES + 1))
    assert {event["total"] for event in detected} == {FRAMES}
    assert detected[-2]["fps"] > 0
    assert detected[-2]["eta_s"] >= 0
    assert [stage for stage in dict.fromkeys(event["stage"] for event in ended.of("progress"))] == [
        "detect",
        "solve",
        "export",
    ]
    poses = ended.of("pose")
    assert len(poses) > 0.9 * FRAMES
    assert ["rest_joints" in pose for pose in poses] == [True] + [False] * (len(poses) - 1)
    kinds = [event["event"] for event in ended.events]
    assert kinds.index("pose") < len(kinds) // 4


TIMES = {
    "23.976": parse_rate("23.976"),
    "25": Fraction(25),
    "29.97": parse_rate("29.97"),
    "30": Fraction(30),
    "59.94": parse_rate("59.94"),
}


@pytest.mark.parametrize("rate", TIMES)
def test_duration_equals_the_videos(tmp_path: Path, mocap, rate: str) -> None:
    fps = TIMES[rate]
    video = write_piece(tmp_path / "piece.mp4", pictures(14), fps=fps)
    assert mocap("run", video, "--out", tmp_path / "x.npz").code == 0
    motion = load_motion(tmp_path / "x.npz").motion
    assert motion.fps == fps
    assert len(motion) == 14
    np.testing.assert_allclose(motion.times_s, np.arange(14) / float(fps), atol=1e-6)


def test_duration_of_a_variable_rate(tmp_path: Path, mocap) -> None:
    ticks = np.cumsum([0, *([40] * 6), 120, *([40] * 6)])
    video = write_piece(tmp_path / "v.mp4", pictures(14), times_ticks=ticks.tolist(), time_base=Fraction(1, 1000))
    info = probe(video)
    assert info.is_variable_rate
    assert mocap("run", video, "--out", tmp_path / "x.npz").code == 0
    motion = load_motion(tmp_path / "x.npz").motion
    assert motion.fps == 25
    assert len(motion) / 25 == pytest.approx(info.duration_s, abs=1 / 25)


def test_trimmed_slowed_and_resampled(tmp_path: Path, mocap) -> None:
    trimmed = ("run", sample_video(), "--start", "0.5", "--end", "1.0", "--job", tmp_path / "j")
    assert mocap(*trimmed, "--out", tmp_path / "x.npz", "--fps", "59.94").code == 0
    motion = load_motion(tmp_path / "x.npz").motion
    assert motion.fps == Fraction(60000, 1001)
    assert motion.times_s[0] == pytest.approx(0.5, abs=1e-6)
    assert len(motion) / float(motion.fps) == pytest.approx(0.5, abs=1 / 59)
    assert mocap(*trimmed, "--out", tmp_path / "x.npz", "--slow-motion", "2").code == 0
    slowed = load_motion(tmp_path / "x.npz").motion
    assert slowed.fps == 60
    assert len(slowed) / 60 == pytest.approx(0.25, abs=1 / 60)


def test_a_turned_camera_sees_the_same_motion(tmp_path: Path, mocap) -> None:
    found = {}
    for turn in (0, 90, 180, 270):
        video = write_piece(tmp_path / f"{turn}.mp4", pictures(14), turned_clockwise=turn)
        assert probe(video).rotation_deg == turn
        assert probe(video).size == (640, 360)
        assert mocap("run", video, "--out", tmp_path / f"{turn}.npz").code == 0
        found[turn] = load_motion(tmp_path / f"{turn}.npz").motion
    for turn in (90, 180, 270):
        assert (found[turn].times_s == found[0].times_s).all()
        apart = np.linalg.norm(found[turn].joints() - found[0].joints(), axis=-1)
        assert apart.mean() < 0.02, turn


def test_a_wrong_flag_can_be_overruled(tmp_path: Path, mocap) -> None:
    upright = write_piece(tmp_path / "0.mp4", pictures(6))
    wrong = write_piece(tmp_path / "90.mp4", [np.rot90(image, 1) for image in pictures(6)])
    for video in (upright, wrong):
        turn = "90" if video is wrong else "auto"
        assert mocap("run", video, "--rotation", turn, "--out", video.with_suffix(".npz")).code == 0
    one, other = (load_motion(video.with_suffix(".npz")) for video in (upright, wrong))
    assert tuple(one.image_size) == tuple(other.image_size) == (640, 360)
    assert np.linalg.norm(one.motion.joints() - other.motion.joints(), axis=-1).mean() < 0.02


REFINE_ALONE = """
import sys
from engine.cli import main
code = main(sys.argv[1:])
print([name for name in ("mediapipe", "torch", "tensorflow") if name in sys.modules])
sys.exit(code)
"""


def files_below(folder: Path) -> dict[Path, bytes]:
    """What is in each file of a folder and of those in it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_refining_needs_no_network_and_changes_only_later_stages(tmp_path: Path, sample_capture: Capture) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    seen = files_below(mine.job / "detections")
    arguments = ["refine", str(mine.job), "--smoothing", "heavy", "--foot-lock", "off", "--progress", "none"]
    done = subprocess.run(
        [sys.executable, "-c", REFINE_ALONE, *arguments], capture_output=True, text=True, env=environment(), check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "[]"
    assert files_below(mine.job / "detections") == seen
    before, after = load_motion(sample_capture.output("npz")), load_motion(mine.output("npz"))
    assert after.provenance["settings"] == {
        **before.provenance["settings"],
        "smoothing": "heavy",
        "foot_lock": "off",
    }
    assert after.provenance["input"] == before.provenance["input"]
    assert (after.motion.times_s == before.motion.times_s).all()
    assert (after.motion.betas == before.motion.betas).all()
    assert np.abs(after.motion.body_pose - before.motion.body_pose).max() > 0.01

    def jitter(record):
        return np.abs(np.diff(record.motion.joints(), n=3, axis=0)).mean()

    assert jitter(after) < 0.8 * jitter(before)


def test_refining_with_the_same_settings_gives_the_same(tmp_path: Path, sample_capture: Capture, mocap) -> None:
    first, second = (sample_capture.copy(tmp_path / name) for name in ("a", "b"))
    second.output("npz").unlink()
    ended = mocap("refine", first.job, second.job)
    assert ended.code == 0
    assert [Path(event["job"]) for event in ended.of("result")] == [first.job, second.job]
    for mine in (first, second):
        with np.load(mine.output("npz")) as got, np.load(sample_capture.output("npz")) as want:
            for name in want.files:
                assert (got[name] == want[name]).all(), name
        assert mine.output("bvh").read_bytes() == sample_capture.output("bvh").read_bytes()
    assert mocap("refine", first.job, second.job, "--out", tmp_path / "x.npz").code == 2


def test_settings_from_a_file_stand_behind_the_command_line(tmp_path: Path, sample_capture: Capture, mocap) -> None:
    mine = sample_capture.copy(tmp_path / "copy")
    file = tmp_path / "mine.toml"
    file.write_text('foot-lock = "always"\nsmoothing = "light"\n', encoding="utf-8")
    assert mocap("refine", mine.job, "--settings", file, "--smoothing", "off").code == 0
    told = load_motion(mine.output("npz")).provenance["settings"]
    assert (told["foot_lock"], told["smoothing"]) == ("always", "off")
    file.write_text("start = 0.5\n", encoding="utf-8")
    before = mine.output("npz").read_bytes()
    ended = mocap("refine", mine.job, "--settings", file)
    assert ended.code == 2
    assert "start is 0.5" in ended.message
    assert mine.output("npz").read_bytes() == before
    assert mocap("refine", mine.job).code == 0, "the detections are still there"

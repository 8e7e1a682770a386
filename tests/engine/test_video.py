"""Reading video: exact times, upright pictures, ranges, damage, and plain words for what cannot be read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from video_samples import numbered_picture, read_number, write_clip, write_images, write_sound_only

from engine.errors import InputError
from engine.video import Frame, ReadOptions, VideoReader, hash_video, probe
from engine.video.frame_times import TimeRepair, report_rate
from engine.video.orientation import orientation_from_clockwise
from rig.timing import parse_rate


def read(path: Path | str, **options: object) -> tuple[VideoReader, list[Frame]]:
    with VideoReader(path, ReadOptions(**options)) as reader:  # type: ignore[arg-type]
        return reader, list(reader)


@pytest.mark.parametrize("rate", ["23.976", "24", "25", "29.97", "30", "50", "59.94"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_rate_duration_and_times_are_exact(tmp_path: Path, rate: str, suffix: str) -> None:
    fps = parse_rate(float(rate))
    reader, frames = read(write_clip(tmp_path / f"clip{suffix}", count=37, fps=fps))
    assert reader.info.fps == fps
    assert not reader.info.is_variable_rate
    assert reader.info.duration_s == pytest.approx(37 / float(fps), abs=0.0021)
    assert [read_number(frame.image_rgb) for frame in frames] == list(range(37))
    times = np.array([frame.time_s for frame in frames])
    # Matroska rounds times to milliseconds.
    np.testing.assert_allclose(times, np.arange(37) / float(fps), atol=0.0011 if suffix == ".mkv" else 1e-4)
    assert reader.warnings == []


def test_variable_rate_keeps_the_files_own_times(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    ticks = np.cumsum(rng.choice([3000, 3000, 3000, 4400, 9000], size=40)) - 3000
    path = write_clip(
        tmp_path / "phone.mp4", count=40, times_ticks=ticks.tolist(), time_base=Fraction(1, 90000), b_frames=2
    )
    reader, frames = read(path)
    times = np.array([frame.time_s for frame in frames])
    np.testing.assert_allclose(times - times[0], (ticks - ticks[0]) / 90000, atol=1e-4)
    assert reader.info.is_variable_rate
    assert reader.info.fps == 30
    assert reader.info.lowest_fps == pytest.approx(10, rel=0.01)
    assert reader.info.duration_s == pytest.approx((ticks[-1] - ticks[0]) / 90000, abs=2 / 30)


@pytest.mark.parametrize(("rotation_ccw", "clockwise"), [(0, 0), (-90, 90), (180, 180), (90, 270)])
def test_rotation_flag_is_applied_exactly_once(tmp_path: Path, rotation_ccw: int, clockwise: int) -> None:
    path = write_clip(tmp_path / "phone.mp4", count=5, size=(160, 120), rotation_ccw=rotation_ccw)
    reader, frames = read(path)
    expected = np.rot90(numbered_picture(3, (160, 120)), k=-clockwise // 90)
    assert reader.info.rotation_deg == clockwise
    assert reader.info.size == (expected.shape[1], expected.shape[0])
    assert frames[3].image_rgb.shape == expected.shape
    assert frames[3].image_rgb.flags.c_contiguous
    assert np.abs(frames[3].image_rgb.astype(int) - expected).mean() < 15
    override, frames = read(path, rotation_deg=0)
    assert override.info.size == (160, 120)
    assert np.abs(frames[3].image_rgb.astype(int) - numbered_picture(3, (160, 120))).mean() < 15


def test_turns_agree_with_rot90_and_others_are_refused() -> None:
    image = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    for degrees in (0, 90, 180, 270):
        turn = orientation_from_clockwise(degrees)
        np.testing.assert_array_equal(turn.apply(image), np.rot90(image, k=-degrees // 90))
        assert turn.rotation_deg == degrees
    with pytest.raises(InputError, match="0, 90, 180 or 270"):
        orientation_from_clockwise(45)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("start", [0.0, 0.31, 0.5, 0.97, 1.2])
def test_trimmed_range_holds_exactly_its_frames(tmp_path: Path, suffix: str, start: float) -> None:
    path = write_clip(tmp_path / f"clip{suffix}", count=60, fps=Fraction(30), b_frames=3)
    _, whole = read(path)
    reader, frames = read(path, start_s=start, end_s=1.5)
    wanted = [frame for frame in whole if start - 1e-6 <= frame.time_s < 1.5 - 1e-6]
    assert reader.expected_frames == len(wanted)
    assert [frame.time_s for frame in frames] == [frame.time_s for frame in wanted]
    assert [read_number(frame.image_rgb) for frame in frames] == [read_number(frame.image_rgb) for frame in wanted]
    assert [frame.index for frame in frames] == list(range(len(wanted)))


def test_later_part_of_a_pass_is_the_same_as_in_a_full_pass(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", count=50, fps=parse_rate(29.97))
    reader, frames = read(path, start_s=0.2, slow_motion=4.0)
    rest = list(reader.frames(17, frames[16].time_s))
    assert [(f.index, f.time_s) for f in rest] == [(f.index, f.time_s) for f in frames[17:]]
    assert all((a.image_rgb == b.image_rgb).all() for a, b in zip(rest, frames[17:], strict=True))


def test_slow_motion_divides_time_and_multiplies_rate(tmp_path: Path) -> None:
    reader, frames = read(write_clip(tmp_path / "slow.mp4", count=30, fps=Fraction(30)), slow_motion=8.0)
    assert reader.fps == 240
    assert frames[-1].time_s == pytest.approx(29 / 240, abs=1e-4)


def test_single_frame_and_odd_size(tmp_path: Path) -> None:
    reader, frames = read(write_clip(tmp_path / "one.mp4", count=1, size=(161, 121), pixel_format="yuv444p"))
    assert len(frames) == 1
    assert frames[0].image_rgb.shape == (121, 161, 3)
    assert reader.info.duration_s == pytest.approx(1 / 30, abs=0.01)


def test_shrinking_keeps_full_size_coordinates(tmp_path: Path) -> None:
    _, frames = read(write_clip(tmp_path / "big.mp4", count=2, size=(640, 480)), max_side_px=320)
    assert frames[0].image_rgb.shape == (240, 320, 3)
    assert frames[0].size == (640, 480)


@pytest.mark.parametrize("name", ["with space.mp4", 'it\'s "quoted".mp4', "Tänzer 踊り.mp4", "a%03d.mp4", "pipe:1.mp4"])
def test_file_names_are_taken_literally(tmp_path: Path, name: str) -> None:
    plain = write_clip(tmp_path / "plain.mp4", count=4)
    path = tmp_path / name
    path.write_bytes(plain.read_bytes())
    _, frames = read(path)
    assert len(frames) == 4
    assert hash_video(path) == hash_video(plain)


def test_truncated_file_keeps_what_decodes_and_says_where_it_breaks(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", count=60, options={"movflags": "+faststart"})
    path = tmp_path / "cut.mp4"
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    reader, frames = read(path)
    assert 10 < len(frames) < 60
    assert [read_number(frame.image_rgb) for frame in frames[:10]] == list(range(10))
    assert any("damaged" in warning and " s " in warning for warning in reader.warnings)


def test_file_cut_between_pictures_is_noticed_too(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", count=60, b_frames=0, options={"movflags": "+faststart"})
    with av.open(str(whole)) as container:
        positions = sorted(packet.pos for packet in container.demux(video=0) if packet.size)
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[: positions[40]])
    reader, frames = read(path)
    assert len(frames) == 40
    assert any("breaks off after 1.30 s" in warning for warning in reader.warnings)


def test_picture_that_starts_after_the_sound_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000)
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), dtype=np.int16), format="s16", layout="mono")
        silence.sample_rate, silence.pts = 8000, 0
        container.mux(sound.encode(silence))
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, (64, 48)), format="rgb24")
            frame.pts, frame.time_base = number + 10, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        container.mux(sound.encode(None))
    reader, frames = read(path)
    assert reader.info.start_s == pytest.approx(0.4, abs=0.002)
    np.testing.assert_allclose([frame.time_s for frame in frames], 0.4 + np.arange(20) / 25, atol=0.002)


def test_corrupt_middle_goes_on_after_it(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "bad.mp4", count=90, b_frames=0, options={"movflags": "+faststart"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 20] = bytes(len(data) // 20)
    path.write_bytes(bytes(data))
    reader, frames = read(path)
    numbers = [read_number(frame.image_rgb) for frame in frames]
    assert numbers[:20] == list(range(20))
    assert numbers[-10:] == list(range(80, 90))
    np.testing.assert_allclose(frames[-1].time_s, 89 / 30, atol=1e-3)
    assert any("damaged" in warning for warning in reader.warnings)
    assert np.all(np.diff([frame.time_s for frame in frames]) > 0)


def test_image_sequences_by_folder_and_by_pattern(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "shots 1", [8, 9, 10, 11, 13])
    for source in (folder, folder / "shot_%04d.png"):
        reader, frames = read(source, sequence_fps=Fraction(25))
        assert [read_number(frame.image_rgb) for frame in frames] == [8, 9, 10, 11, 13]
        np.testing.assert_allclose([frame.time_s for frame in frames], np.array([0, 1, 2, 3, 5]) / 25)
        assert reader.info.fps == 25
        assert reader.info.duration_s == pytest.approx(6 / 25)
    _, frames = read(folder, sequence_fps=Fraction(25), start_s=0.05, end_s=0.13)
    assert [read_number(frame.image_rgb) for frame in frames] == [10, 11]
    assert hash_video(folder) == hash_video(folder / "shot_%04d.png")


def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for source, words in (
        (tmp_path / "absent.mp4", "no such video"),
        (text, "cannot be read as a video"),
        (empty, "cannot be read as a video"),
        (tmp_path / "folder", "folder without images"),
        (tmp_path / "shot_%04d.png", "no images match"),
        (write_sound_only(tmp_path / "sound.wav"), "no video stream"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            probe(source)
        assert "\n" not in str(caught.value)


def test_ranges_outside_the_video_are_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", count=30)
    with pytest.raises(InputError, match=r"starts at 5\.0 s"):
        VideoReader(path, ReadOptions(start_s=5.0))
    with pytest.raises(InputError, match="later than its start"):
        VideoReader(path, ReadOptions(start_s=0.5, end_s=0.2))
    with pytest.raises(InputError, match="slow-motion"):
        VideoReader(path, ReadOptions(slow_motion=0.0))


def test_hash_follows_content_not_name(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "a.mp4", count=4)
    second = write_clip(tmp_path / "b.mp4", count=5)
    assert hash_video(first) != hash_video(second)
    assert len(hash_video(first)) == 32


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0.0, 0.1, 0.1, 0.3], [0.0, 0.1, 0.2, 0.3]),
        ([0.0, None, None, 0.3], [0.0, 0.1, 0.2, 0.3]),
        ([None, 0.1, 0.05, 0.2, None], [0.0, 0.1, 0.15, 0.2, 0.3]),
    ],
)
def test_times_that_stall_are_spread_between_good_ones(times: list[float | None], expected: list[float]) -> None:
    repair = TimeRepair(0.1)
    repaired = list(repair.run((time, place) for place, time in enumerate(times)))
    np.testing.assert_allclose([time for time, _ in repaired], expected)
    assert [place for _, place in repaired] == list(range(len(times)))
    assert repair.repaired == sum(a != pytest.approx(b) for a, b in zip(times, expected, strict=True))


def test_a_clock_that_starts_again_runs_on(tmp_path: Path) -> None:
    times = [*np.arange(50) * 0.04, *np.arange(50) * 0.04]
    repaired = [time for time, _ in TimeRepair(0.04).run((time, None) for time in times)]
    np.testing.assert_allclose(repaired, np.arange(100) * 0.04, atol=1e-9)


def test_rates_near_a_standard_one_become_it_and_odd_ones_stay() -> None:
    rounded = np.round(np.arange(100) * 1001 / 30000, 3)
    assert report_rate(rounded, 0.001).fps == Fraction(30000, 1001)
    assert report_rate(np.arange(100) / 18, 1e-5).fps == 18
    assert report_rate(np.array([0.0]), 0.001, Fraction(25)).fps == 25

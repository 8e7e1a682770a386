"""Batches: every video gets its row, failures stop nobody, and what is finished is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sample_pieces import pictures, write_piece

from engine.batch import BatchRow, find_videos, run_batch
from engine.cli import main
from engine.errors import InputError
from engine.progress import SilentReporter
from engine.settings import Settings


@pytest.fixture(autouse=True)
def _engine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def rows(folder: Path, out: Path, formats=("npz",), settings=None) -> dict[str, BatchRow]:
    found = run_batch(find_videos([str(folder)]), out, formats, settings or Settings(), SilentReporter())
    return {row.video.name: row for row in found}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "clips ü"
    folder.mkdir()
    write_piece(folder / "-good 'one'.mp4", pictures(4))
    (folder / "bad.mp4").write_text("these are words")
    (folder / "empty.mov").write_bytes(b"")
    write_piece(folder / "nobody.mkv", [np.zeros_like(pictures(1)[0])] * 2)
    (folder / "notes.txt").write_text("not a video")
    return folder


def test_each_video_ends_for_itself_and_a_second_run_keeps_what_is_done(videos: Path, capsys) -> None:
    out = videos.parent / "out"
    arguments = ["batch", str(videos), "--out", str(out), "--format", "npz", "bvh", "--progress", "none"]
    assert main(arguments) == 1
    table = capsys.readouterr().out.splitlines()
    assert "done" in next(line for line in table if line.startswith("-good"))
    for name in ("bad.mp4", "empty.mov", "nobody.mkv"):
        assert "failed" in next(line for line in table if line.startswith(name))
    assert table[-1] == "1 of 4 videos captured, 3 failed"
    made = {path.name: path.stat().st_mtime_ns for path in out.glob("*.npz")}
    assert list(made) == ["-good 'one'.npz"]
    assert (out / "-good 'one'.bvh").exists()

    again = rows(videos, out, ("npz", "bvh"))
    assert {name: (row.status, row.exit_code) for name, row in again.items()} == {
        "-good 'one'.mp4": ("kept", 0),
        "bad.mp4": ("failed", 2),
        "empty.mov": ("failed", 2),
        "nobody.mkv": ("failed", 3),
    }
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.npz")} == made
    log = (out / "nobody.mocap" / "job.log").read_text(encoding="utf-8")
    assert "no person" in log
    assert "Traceback" not in log


def test_what_changed_is_captured_again(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    video = write_piece(folder / "a.mp4", pictures(4))

    def status(**options) -> str:
        return rows(folder, out, **options)["a.mp4"].status

    assert status() == "done"
    assert status() == "kept"
    assert status(settings=Settings(smoothing="off")) == "done"
    assert status(settings=Settings(smoothing="off")) == "kept"
    assert status(settings=Settings(smoothing="off"), formats=("npz", "bvh")) == "done"
    write_piece(video, pictures(5))
    assert status(settings=Settings(smoothing="off"), formats=("npz", "bvh")) == "done"
    (out / "a.bvh").unlink()
    assert status(settings=Settings(smoothing="off"), formats=("npz", "bvh")) == "done"
    assert (out / "a.bvh").exists()
    assert status(settings=Settings(smoothing="off"), formats=("npz", "bvh")) == "kept"


def test_files_of_everybody_are_kept_too(tmp_path: Path, videos: Path) -> None:
    for name in ("bad.mp4", "empty.mov", "nobody.mkv"):
        (videos / name).unlink()
    settings = Settings(all_people=True)
    first = rows(videos, tmp_path / "out", settings=settings)["-good 'one'.mp4"]
    second = rows(videos, tmp_path / "out", settings=settings)["-good 'one'.mp4"]
    assert (first.status, second.status) == ("done", "kept")
    assert sorted(first.files) == sorted(second.files)


def test_names_that_collide_stay_apart(tmp_path: Path) -> None:
    for folder, name in (("one", "a.mp4"), ("one", "a.mkv"), ("two", "A.mp4"), ("two", "a_mp4.mp4")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes(b"no video")
    videos = find_videos([str(tmp_path / "one"), str(tmp_path / "two"), str(tmp_path / "one" / "a.mp4")])
    assert len(videos) == 4
    list(run_batch(videos, tmp_path / "out", ["npz"], Settings(), SilentReporter()))
    jobs = [path.name.casefold() for path in (tmp_path / "out").glob("*.mocap")]
    assert len(set(jobs)) == 4


def test_a_video_that_cannot_be_read_stops_nobody(tmp_path: Path, videos: Path, monkeypatch) -> None:
    """A file that vanishes or loses its permissions between two runs."""
    assert rows(videos, tmp_path / "out")["-good 'one'.mp4"].status == "done"
    found = find_videos([str(videos)])
    (videos / "-good 'one'.mp4").unlink()
    again = list(run_batch(found, tmp_path / "out", ["npz"], Settings(), SilentReporter()))
    assert [row.status for row in again] == ["failed"] * 4
    assert "-good" in again[0].message


def test_places_without_videos(tmp_path: Path, videos: Path) -> None:
    with pytest.raises(InputError, match="holds no video"):
        find_videos([str(tmp_path / "nothing*.mp4")])
    assert [path.name for path in find_videos([str(videos / "*.m*")])] == [
        "-good 'one'.mp4",
        "bad.mp4",
        "empty.mov",
        "nobody.mkv",
    ]


def test_an_output_folder_that_cannot_be_made(capsys, videos: Path) -> None:
    code = main(["batch", str(videos), "--out", str(videos / "notes.txt")])
    said = capsys.readouterr().err
    assert code == 5
    assert len(said.splitlines()) == 1
    assert "notes.txt" in said

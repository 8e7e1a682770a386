"""People of a job: listed with pictures, their tracks split and merged, and captures that follow the edits."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from captures import Capture
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_pieces import sample_video
from test_tracking import frames_from, pose

from engine.detection.detections import Detections
from engine.detection.track import Track
from engine.detection.track_edits import (
    Merge,
    Split,
    edit_tracks,
    load_edits,
    parse_merge,
    parse_split,
    save_edits,
)
from engine.detection.tracks import build_tracks
from engine.errors import InputError
from rig.motion_file import load_motion

TWO = build_tracks(frames_from([[pose(200 + 3 * i), pose(900, 380, 160)] for i in range(60)]))


def content(tracks: list[Track]) -> dict[int, set[tuple[int, float]]]:
    """Frame and place of every detection, by person."""
    return {
        t.person_id: {
            (int(i), round(float(box[0]), 6)) for i, box in zip(t.frame_indices, t.people.boxes_xyxy, strict=True)
        }
        for t in tracks
    }


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 59), st.sampled_from([1, 2]))
def test_a_split_loses_nothing_and_a_merge_takes_it_back(frame: int, who: int) -> None:
    before = content(TWO)
    split = edit_tracks(TWO, [Split(who, frame / 30)])
    after = content(split)
    assert set(after) == {1, 2, 3}
    assert after[who] == {(i, x) for i, x in before[who] if i < frame}
    assert after[3] == {(i, x) for i, x in before[who] if i >= frame}
    assert after[3 - who] == before[3 - who]
    merged = edit_tracks(TWO, [Split(who, frame / 30), Merge(who, 3)])
    assert content(merged) == before
    for track in merged:
        assert (np.diff(track.frame_indices) > 0).all()
        assert (np.diff(track.times_s) > 0).all()


def test_ids_that_were_once_seen_never_come_back_as_somebody_else() -> None:
    edits = [Split(1, 1.0), Merge(1, 3), Split(2, 0.5)]
    assert set(content(edit_tracks(TWO, edits))) == {1, 2, 5}


def test_where_both_are_seen_the_better_seen_one_stays() -> None:
    double = Split(1, 1.0)
    first, _, rest = edit_tracks(TWO, [double])
    # The rest once more over the last ten frames of the first, seen worse.
    rows = np.arange(20, 30)
    ghost = Track(3, first.frame_indices[rows], first.times_s[rows], first.people.take(rows))
    worse = replace(ghost.people, boxes_xyxy=ghost.people.boxes_xyxy + 5, scores=ghost.people.scores / 2)
    people = Detections.joined([worse, rest.people])
    long = Track(
        3,
        np.concatenate([ghost.frame_indices, rest.frame_indices]),
        np.concatenate([ghost.times_s, rest.times_s]),
        people,
    )
    [merged] = edit_tracks([first, long], [Merge(1, 3)])
    assert content([merged])[1] == content(TWO)[1]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([Split(7, 1.0)], "person 7 does not exist, expected one of 1, 2"),
        ([Split(1, 0.0)], "expected a time between"),
        ([Split(1, 99.0)], "expected a time between"),
        ([Merge(1, 2)], "seen together in 60 frames"),
        ([Split(1, 1.0), Merge(1, 3), Merge(1, 3)], "person 3 does not exist"),
    ],
)
def test_edits_that_do_not_fit_are_refused(edits: list[Split | Merge], words: str) -> None:
    with pytest.raises(InputError, match=words):
        edit_tracks(TWO, edits)


@pytest.mark.parametrize("text", ["", "2", "a@1", "2@", "2@nan", "0@1", "2@1@3"])
def test_words_that_are_no_split(text: str) -> None:
    with pytest.raises(InputError, match=r"such as 2@3\.5"):
        parse_split(text)


@pytest.mark.parametrize("text", ["", "2", "1,1", "1,2,3", "1,b"])
def test_words_that_are_no_merge(text: str) -> None:
    with pytest.raises(InputError, match="such as 1,3"):
        parse_merge(text)


def test_edits_hold_for_the_very_detections_they_were_made_on(tmp_path: Path) -> None:
    key, edits = {"video": "abc"}, (Split(2, 1.25), Merge(1, 3))
    save_edits(tmp_path, key, edits)
    assert load_edits(tmp_path, key) == edits
    assert load_edits(tmp_path, {"video": "other"}) == ()
    (tmp_path / "track_edits.json").write_text("{")
    with pytest.raises(InputError, match=r"track_edits\.json is damaged"):
        load_edits(tmp_path, key)
    save_edits(tmp_path, key, ())
    assert list(tmp_path.iterdir()) == []


def test_a_job_lists_its_people_and_its_captures_follow_the_edits(
    mocap, sample_capture: Capture, tmp_path: Path
) -> None:
    job = shutil.copytree(sample_capture.job, tmp_path / "jöb")
    video = sample_video()
    [told] = mocap("people", video, "--job", job).of("people")
    [person] = told["people"]
    frames = person["frames"]
    assert (person["id"], person["start_s"]) == (1, 0.0)
    assert 0.5 < person["mean_score"] <= 1.0
    picture = cv2.imdecode(np.fromfile(person["thumbnail"], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (192, 192, 3)
    assert picture.std() > 10
    middle = round(person["end_s"] / 2, 3)

    ended = mocap("people", video, "--job", job, "--split", f"1@{middle}")
    assert not any(event["stage"] == "detect" and event["done"] < event["total"] for event in ended.of("progress"))
    [told] = ended.of("people")
    first, second = told["people"]
    assert (first["id"], second["id"]) == (1, 2)
    assert first["frames"] + second["frames"] == frames
    assert first["end_s"] == pytest.approx(middle, abs=0.05) == second["start_s"]
    assert all(Path(one["thumbnail"]).is_file() for one in (first, second))
    assert told["edits"] == [{"split": 1, "time_s": middle}]

    [result] = mocap("refine", job, "--person", "2", "--out", tmp_path / "second.npz").of("result")
    assert result["people"] == [2]
    seen = load_motion(tmp_path / "second.npz").motion.confidence.any(axis=1)
    assert not seen[: len(seen) // 2 - 2].any()
    assert seen[len(seen) // 2 + 2 :].any()

    bad = mocap("people", video, "--job", job, "--merge", "1,9")
    assert bad.code == 2
    assert "person 9 does not exist" in bad.message
    [told] = mocap("people", video, "--job", job).of("people")
    assert len(told["people"]) == 2, "an edit that did not fit changed something"
    [told] = mocap("people", video, "--job", job, "--undo-edit").of("people")
    assert [one["frames"] for one in told["people"]] == [frames]
    assert told["edits"] == []
    assert mocap("people", video, "--job", job, "--undo-edit").code == 2

"""Contacts that somebody gave: read from a file, honoured by the foot lock whatever they ask for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_motions import standing, walking

from engine.contacts import foot_points, sole_heights_m
from engine.errors import InputError
from engine.foot_lock import FootLockConfig, FootLockMode, lock_feet
from engine.given_contacts import find_contacts, load_contacts


def write(path: Path, **points: list[list[float]]) -> Path:
    path.write_text(json.dumps({"schema": 1, "people": {"4": points}}), encoding="utf-8")
    return path


def test_frames_within_the_intervals_stand(tmp_path: Path) -> None:
    motion = standing(60)
    given = load_contacts(write(tmp_path / "c.json", left_heel=[[0.0, 0.5], [1.0, 1.2]], right_big_toe=[[0.5, 9.0]]))
    assert given.of(5) is None
    contacts = given.of(4).apply(motion).contacts
    assert np.flatnonzero(contacts[:, 0]).tolist() == [*range(15), *range(30, 36)]
    assert np.flatnonzero(contacts[:, 3]).tolist() == list(range(15, 60))
    assert not contacts[:, 1:3].any()


def test_a_relative_name_is_sought_in_the_job_folder_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = tmp_path / "a.mocap"
    job.mkdir()
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "contacts.json", left_heel=[[0.0, 1.0]])
    assert find_contacts("contacts.json", job).of(4).points[0] == ((0.0, 1.0),)
    write(job / "contacts.json", left_heel=[[0.0, 2.0]])
    assert find_contacts("contacts.json", job).of(4).points[0] == ((0.0, 2.0),)
    assert find_contacts("", job).people == ()


@pytest.mark.parametrize("mode", [FootLockMode.AUTO, FootLockMode.ALWAYS])
def test_given_contacts_are_honoured_however_far_the_foot_must_move(mode: FootLockMode, tmp_path: Path) -> None:
    motion = walking(2.0)[0]
    # The whole person floats 0.3 m too high: detected contacts would not be believed.
    motion = replace(motion, transl=motion.transl + np.array([0.0, 0.3, 0.0]))
    given = load_contacts(write(tmp_path / "c.json", left_heel=[[0.2, 0.5]], left_big_toe=[[0.2, 0.5]]))
    locked = lock_feet(given.of(4).apply(motion), FootLockConfig(mode=mode, given=True))
    rows = slice(6, 15)
    heights = foot_points(locked)[rows, :2, 1] - sole_heights_m(locked)[:2]
    # A leg may be too short for the last centimetres.
    np.testing.assert_allclose(heights, 0.0, atol=0.03)
    slide = np.linalg.norm(np.diff(foot_points(locked)[rows, :2][..., [0, 2]], axis=0), axis=-1)
    assert slide.max() < 0.003
    # In doubt, contacts that were only detected are left alone.
    if mode is FootLockMode.AUTO:
        alone = lock_feet(given.of(4).apply(motion), FootLockConfig(mode=mode))
        np.testing.assert_allclose(foot_points(alone)[rows], foot_points(motion)[rows], atol=1e-6)


def test_grounding_brings_feet_to_the_floor_and_lets_them_slide() -> None:
    motion, contacts = walking(2.0)
    # Everything slides forward, and floats a little.
    drift = np.stack([0 * motion.times_s, 0 * motion.times_s + 0.06, 0.3 * motion.times_s], axis=1)
    motion = replace(motion, transl=motion.transl + drift, contacts=contacts)
    locked = lock_feet(motion, FootLockConfig(mode=FootLockMode.GROUNDING))
    stands = contacts >= 0.5
    heights = (foot_points(locked)[..., 1] - sole_heights_m(locked))[stands]
    assert np.median(np.abs(heights)) < 0.005
    assert np.abs(heights).max() < 0.03
    moved = foot_points(locked)[..., [0, 2]] - foot_points(motion)[..., [0, 2]]
    assert np.abs(moved[stands]).max() < 0.02


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ("[]", "another form"),
        ('{"schema": 1, "people": {"x": {}}}', "invalid literal"),
        ('{"schema": 1, "people": {"1": {"nose": []}}}', "nose"),
        ('{"schema": 1, "people": {"1": {"left_heel": [[2, 1]]}}}', "end after the start"),
        ('{"schema": 1, "people": {"1": {"left_heel": [3]}}}', "cannot unpack"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "contacts.json"
    path.write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        load_contacts(path)
    assert "contacts.json" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.json"):
        find_contacts("nothing.json", tmp_path)

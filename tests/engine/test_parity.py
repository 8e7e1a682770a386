"""Tests of the comparison with the reference programs' numbers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.errors import InputError
from engine.evaluation.parity import ParityStatus, compare_arrays, evaluate_parity, format_parity

PARITY = Path(__file__).parents[1] / "data" / "parity"
QUICK = ("ik", "lbs", "recipe_check", "crop", "metrics", "camera_train")


def copied(folder: Path) -> Path:
    """The numbers that are checked in a moment; those of networks have tests of their own."""
    folder.mkdir()
    for name in [*(f"{stem}.npz" for stem in QUICK), "seed.txt", "tolerances.json"]:
        shutil.copyfile(PARITY / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return evaluate_parity(copied(tmp_path_factory.mktemp("parity") / "numbers"))


def test_every_array_outside_of_the_networks_is_within_its_tolerance(rows):
    ours = [row for row in rows if row.name.split(".")[0] in QUICK]
    assert len(ours) == 154
    assert [row.name for row in ours if row.status is not ParityStatus.OK] == []
    for row in ours:
        assert 0 <= row.error <= row.tolerance


def test_every_listed_array_has_a_row_and_what_the_folder_lacks_is_missing(rows):
    listed = [name for name in json.loads((PARITY / "tolerances.json").read_text()) if not name.startswith("_")]
    assert [row.name for row in rows] == listed
    assert {row.status for row in rows if row.name.startswith("net_hkt")} == {ParityStatus.MISSING}


def test_the_report_has_one_line_an_array(rows):
    lines = format_parity(rows).splitlines()
    assert len(lines) == len(rows) + 1
    name, error, tolerance, status = next(line for line in lines if line.startswith("ik.adaptive29_n0")).split()
    assert (name, tolerance, status) == ("ik.adaptive29_n0", "2e-04", "ok")
    assert 0 < float(error) < 2e-4
    assert lines[-1].startswith("154 ok, 0 FAIL, ")


def test_a_changed_number_fails(tmp_path):
    folder = copied(tmp_path / "numbers")
    with np.load(folder / "ik.npz") as archive:
        arrays = dict(archive)
    arrays["adaptive29_n1"][3, 4, 0, 0] += 1e-3
    arrays["edge_naive29"][2, 7] += 1.0  # this joint of this case is not compared
    np.savez(folder / "ik.npz", **arrays)
    failed = [row.name for row in evaluate_parity(folder) if row.status is ParityStatus.FAIL]
    assert failed == ["ik.adaptive29_n1"]


def test_another_seed_makes_another_body(tmp_path):
    folder = copied(tmp_path / "numbers")
    (folder / "seed.txt").write_text("2\n")
    failed = {row.name for row in evaluate_parity(folder) if row.status is ParityStatus.FAIL}
    assert "lbs.fwd_vertices_subset" in failed
    assert "recipe_check.body/v_template" in failed
    assert not any(name.startswith("ik.") for name in failed)


@pytest.mark.parametrize(
    ("kind", "tolerance", "ours", "passes"),
    [
        ("max_abs", 0.2, [1.1, 2.0], True),
        ("max_abs", 0.05, [1.1, 2.0], False),
        ("max_rel", 0.06, [1.0, 2.1], True),
        ("relative_to_std", 0.1, [1.0, 2.1], False),
        ("max_abs_and_mean", [0.2, 0.06], [1.1, 2.0], True),
        ("max_abs_and_mean", [0.2, 0.04], [1.1, 2.0], False),
        ("max_abs", 9.0, [np.nan, 2.0], False),
        ("max_abs", 9.0, [1.0, 2.0, 3.0], False),
    ],
)
def test_kinds_of_comparison(kind, tolerance, ours, passes):
    row = compare_arrays("a.b", {"kind": kind, "tol": tolerance}, np.array(ours), np.array([1.0, 2.0]))
    assert (row.status is ParityStatus.OK) == passes


def test_quaternions_compare_up_to_sign():
    quats = np.array([[1.0, 0.0, 0.0, 0.0, 0.5, 0.5, -0.5, 0.5]])
    flipped = quats * np.repeat([-1.0, 1.0], 4)
    entry = {"kind": "quat_up_to_sign", "tol": 1e-9}
    assert compare_arrays("a.b", entry, flipped, quats).status is ParityStatus.OK
    assert compare_arrays("a.b", entry, -np.abs(quats), quats).status is ParityStatus.FAIL


def test_folders_that_hold_no_numbers_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected a folder of parity numbers"):
        evaluate_parity(tmp_path)
    (tmp_path / "tolerances.json").write_text("{}")
    with pytest.raises(InputError, match="seed"):
        evaluate_parity(tmp_path)
    with pytest.raises(InputError, match="does not know"):
        compare_arrays("a.b", {"kind": "guess", "tol": 1.0}, np.ones(2), np.ones(2))

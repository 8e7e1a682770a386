"""Tests that lifters are scored on all of the motion, and that the scores are what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prepared_motion import prepared_folder

from engine.errors import InputError
from engine.lifting.landmark_transformer import LANDMARK_MODEL_FILE
from engine.training.landmarks.evaluate import evaluate_folder, evaluate_methods, format_lifting, read_sequences
from engine.training.landmarks.ingredients import Ingredient, network_without
from engine.training.landmarks.lifters import LIMBS, Answer, TrueSequence, detector_method, geometric_method
from engine.training.landmarks.motion_corpus import CORPUS_FILE, Corpus
from engine.training.landmarks.sightings import WorldNoise, exact_sight, noisy_world
from engine.training.landmarks.windows import Split, WindowSampler
from rig.frames import rotate
from rig.rotations import quat_wxyz_to_rotmat
from rig.skeleton import JOINT

NO_NOISE = WorldNoise(0.0, 0.0, 0.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_folder(tmp_path_factory.mktemp("landmark_evaluation"))


@pytest.fixture(scope="module")
def sequences(folder: Path) -> list[TrueSequence]:
    def sight(batch: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        points, scores, _ = exact_sight(batch, rng)
        return points, np.ones_like(scores), noisy_world(batch, NO_NOISE, rng)

    return read_sequences(folder, sight, frames=32)


def truth(sequence: TrueSequence) -> Answer:
    relative = sequence.joints - sequence.joints[:, :1]
    return Answer(relative, sequence.joints[:, 0], sequence.local_rotmats, np.full(relative.shape[:2], 0.01))


def test_every_frame_of_a_split_comes_once(folder: Path) -> None:
    corpus = Corpus.load(folder / CORPUS_FILE)
    clips = np.flatnonzero(corpus.splits == Split.TEST.value)
    stored = np.concatenate([np.arange(corpus.starts[clip], corpus.ends[clip]) for clip in clips])
    stretches = list(WindowSampler(folder, Split.TEST, seed=7, window=32).stretches())
    lengths = [one["times_s"].shape[1] for one in stretches]
    assert max(lengths) <= 32
    assert min(lengths) > 16
    shown = np.concatenate([one["local_rotmats"][0, :, 1:] for one in stretches])
    np.testing.assert_allclose(shown, quat_wxyz_to_rotmat(corpus.quats_wxyz[stored, 1:]), atol=1e-5)
    np.testing.assert_allclose(np.diff(stretches[0]["times_s"][0]), 1 / 30, atol=1e-6)


def test_the_truth_is_without_error(sequences: list[TrueSequence]) -> None:
    row = evaluate_methods({"truth": truth}, sequences)[0]
    names = ("limbs_mpjpe", "limbs_pa", "mpjpe", "pa", "acceleration", "skate", "drift")
    np.testing.assert_allclose([getattr(row, name) for name in names], 0.0, atol=1e-3)
    np.testing.assert_allclose([row.angle, row.swing, row.twist, row.root_angle], 0.0, atol=0.1)
    assert row.coverage == 1.0
    assert row.calibration is not None
    np.testing.assert_allclose(row.calibration[:, 0], 10.0, atol=1e-9)


def test_scores_are_of_what_was_done_to_the_truth(sequences: list[TrueSequence]) -> None:
    def too_tall(sequence: TrueSequence) -> Answer:
        right = truth(sequence)
        return replace(right, joints=1.1 * right.joints)

    def too_far(sequence: TrueSequence) -> Answer:
        """Goes a tenth farther than the person does."""
        back = np.swapaxes(sequence.world_to_camera[:, :3, :3], 1, 2)
        path = rotate(back, sequence.joints[:, 0] - sequence.world_to_camera[:, :3, 3])
        farther = path + 0.1 * (path - path[0])
        seen = rotate(sequence.world_to_camera[:, :3, :3], farther) + sequence.world_to_camera[:, :3, 3]
        return replace(truth(sequence), pelvis=seen)

    def half_missing(sequence: TrueSequence) -> Answer:
        right = truth(sequence)
        joints = right.joints.copy()
        joints[::2] = np.nan
        return replace(right, joints=joints)

    methods = {"tall": too_tall, "far": too_far, "missing": half_missing}
    tall, far, missing = evaluate_methods(methods, sequences)
    size = np.mean([np.linalg.norm(s.joints[:, 1:] - s.joints[:, :1], axis=-1).mean() for s in sequences])
    assert tall.mpjpe == pytest.approx(100.0 * size, rel=0.02)
    assert tall.pa == pytest.approx(0.0, abs=1e-3)
    # Somebody who goes straight on is on average half of the way from where they began.
    assert far.drift == pytest.approx(50.0, rel=0.1)
    assert far.mpjpe == pytest.approx(0.0, abs=1e-3)
    assert missing.coverage == pytest.approx(0.5, abs=0.03)
    assert missing.mpjpe == pytest.approx(0.0, abs=1e-3)


def test_every_lifter_says_where_the_person_is(sequences: list[TrueSequence]) -> None:
    hips = [JOINT["left_hip"], JOINT["right_hip"]]
    for sequence in sequences:
        far = np.linalg.norm(sequence.joints[:, hips].mean(axis=1), axis=-1)
        found = detector_method(sequence)
        assert np.isfinite(found.joints[:, LIMBS]).all()
        assert np.abs(np.linalg.norm(found.pelvis, axis=-1) / far - 1.0).max() < 0.05
    lifted = geometric_method()(sequences[0])
    assert lifted.local_rotmats is not None
    assert np.isfinite(lifted.pelvis).all()
    true = np.linalg.norm(sequences[0].joints[:, 0], axis=-1)
    assert np.abs(np.linalg.norm(lifted.pelvis, axis=-1) / true - 1.0).mean() < 0.35


def test_one_table_has_all_rows_and_names_its_columns(sequences: list[TrueSequence], tmp_path: Path) -> None:
    rows = evaluate_methods({"truth": truth, "detector": detector_method}, sequences[:1])
    head, first, second, *_ = format_lifting(rows).splitlines()
    assert head.split()[-5:] == ["skate", "drift", "bones", "seen", "fps"]
    assert len(first.split()) == len(second.split()) == len(head.split()) + 1
    assert second.split()[3:8] == ["-"] * 5
    with pytest.raises(InputError, match="neither prepared motion"):
        evaluate_folder(tmp_path)
    with pytest.raises(InputError, match="--every 0"):
        evaluate_folder(tmp_path, every=0)


def test_a_network_is_named_with_what_its_training_lacked() -> None:
    assert network_without("lens=a=b.onnx") == (Ingredient.LENS, Path("a=b.onnx"))
    assert network_without("nothing=all.onnx") == (None, Path("all.onnx"))
    for text in ("lens", "light=a.onnx", "roll="):
        with pytest.raises(InputError, match="expected PART=FILE"):
            network_without(text)


def test_a_folder_is_evaluated_in_four_ways(folder: Path) -> None:
    told = evaluate_folder(folder, trained_without=[(Ingredient.LENS, LANDMARK_MODEL_FILE)], every=20)
    lines = told.splitlines()
    titles = [line for line in lines if "landmarks" in line and not line.startswith(" ")]
    assert len(titles) == 4
    assert sum(line.startswith("transformer ") for line in lines) == 4
    assert sum(line.startswith("without lens ") for line in lines) == 4
    assert sum(line.startswith("detector ") for line in lines) == 3  # who has no world landmarks says nothing

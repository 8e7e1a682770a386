"""Rendered sequences in training: mirrored and rolled ones are seen as truly as the stored ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.body.open_body import load_open_body
from engine.lifting.landmark_transformer import mirror_landmarks
from engine.training.landmarks.rendered_pairs import RenderedPairs, blurred, detected, read_sequence, rolled
from rig.array_file import save_arrays
from rig.rotations import rotvec_to_rotmat

FRAMES, SIZE = 9, (640, 360)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One stored sequence of a person who bends and turns, seen with known errors."""
    rng = np.random.default_rng(3)
    body = load_open_body()
    local = rotvec_to_rotmat(0.3 * rng.standard_normal((1, 24, 3)) + 0.02 * rng.standard_normal((FRAMES, 24, 3)))
    view = np.eye(4)
    view[:3, :3] = rotvec_to_rotmat(np.array([np.pi + 0.2, 0.1, 0.15]))
    view[:3, 3] = [0.3, 0.9, 4.0]
    arrays = {
        "times_s": np.arange(FRAMES) / 15.0,
        "image_size": np.array(SIZE),
        "intrinsics": np.array([[500.0, 0, 300.0], [0, 500.0, 190.0], [0, 0, 1]]),
        "world_to_camera": np.repeat(view[None], FRAMES, axis=0),
        "betas": 0.5 * rng.standard_normal(body.shape_count),
        "world_rotmats": local,
        "transl": np.repeat([[0.1, 0.0, 0.2]], FRAMES, axis=0),
        "on_subject": np.ones(FRAMES, bool),
        "detected_2d_px": np.zeros((FRAMES, 33, 2)),
        "detected_scores": rng.uniform(0.1, 1.0, (FRAMES, 33)),
        "detected_world": np.zeros((FRAMES, 33, 3)),
    }
    place = tmp_path_factory.mktemp("pairs")
    save_arrays(place / "1_00000.npz", arrays)
    truth = read_sequence(place / "1_00000.npz", body)
    arrays["detected_2d_px"] = truth["landmarks_2d_px"] + 5.0 * rng.standard_normal((FRAMES, 33, 2))
    arrays["detected_world"] = _hip_centred(truth) + 0.05 * rng.standard_normal((FRAMES, 33, 3))
    save_arrays(place / "1_00000.npz", arrays)
    return place


def _hip_centred(sequence: dict[str, np.ndarray]) -> np.ndarray:
    points = sequence["landmarks_camera"]
    return points - points[:, 23:25].mean(axis=1, keepdims=True)


def _errors(sequence: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(T, 33) distances of what was detected from the truth, px and m."""
    pixels = np.linalg.norm(sequence["detected_2d_px"] - sequence["landmarks_2d_px"], axis=-1)
    return pixels, np.linalg.norm(sequence["landmarks_world"] - _hip_centred(sequence), axis=-1)


def _assert_consistent(sequence: dict[str, np.ndarray]) -> None:
    """The truth of a sequence agrees with itself."""
    points = sequence["landmarks_camera"]
    pixels = (points / points[..., 2:]) @ sequence["intrinsics"].T
    np.testing.assert_allclose(pixels[..., :2], sequence["landmarks_2d_px"], atol=2e-3)
    np.testing.assert_allclose(np.linalg.det(sequence["local_rotmats"]), 1.0, atol=1e-4)
    down = np.einsum("tij,j->ti", sequence["world_to_camera"][:, :3, :3], [0.0, -1.0, 0.0])
    np.testing.assert_allclose(down, sequence["gravity_camera"], atol=1e-5)


def test_a_mirrored_sequence_is_the_reflection(folder: Path) -> None:
    body, path = load_open_body(), folder / "1_00000.npz"
    plain, mirrored = read_sequence(path, body), read_sequence(path, body, mirrored=True)
    _assert_consistent(mirrored)
    for one, other in zip(_errors(plain), _errors(mirrored), strict=True):
        # The open body's two sides differ by hairs.
        np.testing.assert_allclose(mirror_landmarks(one[..., None])[..., 0], other, atol=0.02 * one.mean())
    reflected = mirror_landmarks(plain["landmarks_camera"]) * [-1.0, 1.0, 1.0]
    np.testing.assert_allclose(mirrored["landmarks_camera"], reflected, atol=2e-3)
    np.testing.assert_allclose(
        mirrored["detected_scores"], mirror_landmarks(plain["detected_scores"][..., None])[..., 0]
    )


def test_a_rolled_sequence_shows_the_same_person_to_a_turned_camera(folder: Path) -> None:
    plain = read_sequence(folder / "1_00000.npz", load_open_body())
    turned = rolled(plain, 0.4)
    _assert_consistent(turned)
    for one, other in zip(_errors(plain), _errors(turned), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
    moved = turned["landmarks_2d_px"] - plain["intrinsics"][:2, 2]
    still = plain["landmarks_2d_px"] - plain["intrinsics"][:2, 2]
    angle = np.arctan2(*moved[0, 0, ::-1]) - np.arctan2(*still[0, 0, ::-1])
    assert np.isclose(np.angle(np.exp(1j * (angle - 0.4))), 0.0, atol=1e-4)


def test_windows_hold_both_sides_and_blurred_errors_are_small_and_last(folder: Path) -> None:
    pairs = RenderedPairs(folder)
    assert len(pairs.sequences) == 2
    batch = pairs.batch(6, FRAMES, np.random.default_rng(0))
    again = pairs.batch(6, FRAMES, np.random.default_rng(0))
    assert all(np.array_equal(batch[name], again[name]) for name in batch)
    points, scores, world = blurred(batch, np.random.default_rng(1))
    sharp, same_scores, sharp_world = detected(batch, np.random.default_rng(1))
    np.testing.assert_array_equal(scores, same_scores)
    height = np.ptp(batch["landmarks_2d_px"], axis=2).max()
    assert 0 < np.abs(points - sharp).max() < 0.08 * height
    added = world - sharp_world
    np.testing.assert_allclose(added, np.repeat(added[:, :1], FRAMES, axis=1), atol=1e-5)
    assert 0 < np.abs(added).max() < 0.08

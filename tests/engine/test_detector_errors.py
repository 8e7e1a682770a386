"""The learned errors of the detector: what they draw, and that fitting finds again what was drawn."""

from functools import lru_cache

import numpy as np
import pytest

from engine.body.open_body import load_open_body
from engine.errors import InputError
from engine.lifting.landmark_anatomy import rest_landmarks
from engine.training.landmarks.detector_error_fit import fit, save
from engine.training.landmarks.detector_errors import ERRORS_FILE, SWAPS, DetectorErrors, hip_centred
from engine.training.landmarks.error_memory import memory
from engine.training.landmarks.error_observation import mirrored, observation, swaps
from engine.training.landmarks.error_processes import LASTS_S, Covering, cover, first_order, mixed_processes, on_and_off
from engine.training.landmarks.observed_geometry import OTHER_SIDE, Seen, measure, seen_state

Batch = dict[str, np.ndarray]


def people(windows: int, frames: int, seed: int = 0, focal: float = 500.0) -> Batch:
    """Stiff people who turn on the spot at some distance from a level camera, with nothing hidden."""
    rng = np.random.default_rng(seed)
    rest = rest_landmarks(load_open_body().skeleton(np.zeros(10))) - [0.0, 0.9, 0.0]
    times = np.tile(np.arange(frames) / 30.0, (windows, 1))
    angle = rng.uniform(0, 2 * np.pi, (windows, 1)) + rng.normal(0, 1.0, (windows, 1)) * times
    c, s, o, i = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    turn = np.stack([np.stack(row, -1) for row in ([c, o, s], [o, -i, o], [s, o, -c])], -2)
    points = np.einsum("ntij,lj->ntli", turn, rest)
    points += rng.uniform([-0.3, -0.2, 3.0], [0.3, 0.2, 5.0], (windows, 1, 1, 3))
    intrinsics = np.array([[focal, 0.0, 320.0], [0.0, focal, 240.0], [0.0, 0.0, 1.0]])
    pixels = (points / points[..., 2:] @ intrinsics.T)[..., :2]
    batch = {
        "times_s": times,
        "image_size": np.tile([640.0, 480.0], (windows, 1)),
        "intrinsics": np.tile(intrinsics, (windows, 1, 1)),
        "landmarks_2d_px": pixels,
        "landmarks_camera": points,
        "inside": ((pixels >= 0) & (pixels <= [640, 480])).all(-1),
        "hidden": np.zeros(pixels.shape[:3]),
        "visibility": np.zeros(pixels.shape[:3]),
    }
    return {name: np.asarray(value, np.float32) for name, value in batch.items()}


@lru_cache(maxsize=1)
def learned() -> DetectorErrors:
    return DetectorErrors.load()


def test_the_file_that_ships_is_small_and_loads() -> None:
    assert ERRORS_FILE.stat().st_size < 300_000
    errors = learned()
    assert (np.diff(errors.radii, axis=-1) >= 0).all()
    assert (np.diff(errors.score_logits, axis=-1) >= 0).all()
    variances = (errors.mixing.astype(np.float64) ** 2).sum((0, 2))
    np.testing.assert_allclose(variances, 1.0, atol=0.02)


def test_a_broken_file_is_named(tmp_path) -> None:
    path = tmp_path / "errors.npz"
    np.savez(path, bias=np.zeros(3))
    with pytest.raises(InputError, match=r"errors\.npz"):
        DetectorErrors.load(path)


def test_landmarks_and_scores_look_like_the_detectors() -> None:
    batch = people(24, 32)
    points, scores = learned()(batch, np.random.default_rng(1))
    assert points.shape == (24, 32, 33, 2)
    assert scores.shape == (24, 32, 33)
    assert points.dtype == scores.dtype == np.float32
    assert np.isfinite(points).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    missing = ~(scores > 0).any(-1)
    assert (points[missing] == 0).all()
    off = measure(batch).to_local(points - batch["landmarks_2d_px"])[~missing]
    assert 0.02 < np.median(np.linalg.norm(off, axis=-1)) < 0.15


def test_the_same_seed_draws_the_same() -> None:
    batch = people(3, 16)
    for first, second in zip(
        *(learned().observe_with_world(batch, np.random.default_rng(5)) for _ in range(2)), strict=True
    ):
        np.testing.assert_array_equal(first, second)


def test_errors_grow_with_the_picture() -> None:
    batch = people(4, 16)
    large = dict(batch)
    for name in ("image_size", "landmarks_2d_px"):
        large[name] = 2 * batch[name]
    large["intrinsics"] = batch["intrinsics"] * np.array([2.0, 2.0, 1.0], np.float32)[:, None]
    small_points, small_scores = learned()(batch, np.random.default_rng(2))
    points, scores = learned()(large, np.random.default_rng(2))
    np.testing.assert_allclose(points, 2 * small_points, atol=0.02)
    np.testing.assert_allclose(scores, small_scores, atol=1e-4)


def test_what_is_covered_is_seen_worse() -> None:
    batch = people(40, 24)
    error, score = [], []
    for value in (False, True):
        covered = np.zeros((40, 24, 33), bool)
        covered[:, :, 25:] = value  # the legs from the knees down
        points, scores, _ = learned().observe_with_world(batch, np.random.default_rng(3), covered)
        there = (scores > 0).any(-1)
        off = np.linalg.norm(measure(batch).to_local(points - batch["landmarks_2d_px"]), axis=-1)
        error.append(np.median(off[there][:, 25:]))
        score.append(np.median(scores[there][:, 25:]))
    assert error[1] > 2 * error[0]
    assert score[1] < score[0] - 0.1


def test_world_landmarks_share_confused_sides_and_missing_frames() -> None:
    batch = people(60, 32)
    points, scores, world = learned().observe_with_world(batch, np.random.default_rng(4))
    missing = ~(scores > 0).any(-1)
    assert np.isnan(world[missing]).all()
    assert np.isfinite(world[~missing]).all()
    true = hip_centred(batch["landmarks_camera"])
    both = []
    for window in range(60):
        confused = swaps(batch["landmarks_2d_px"][window], points[window], measure(batch).scale_px[window])
        confused = confused[len(SWAPS) - 1] & ~missing[window]
        same = np.linalg.norm(world[window] - true[window], axis=-1).mean(-1)
        other = np.linalg.norm(world[window] - true[window][:, OTHER_SIDE], axis=-1).mean(-1)
        both += list((other < same)[confused])
    assert len(both) > 10
    assert np.mean(both) > 0.8  # the errors of a few frames are larger than the sides are apart


def test_the_detector_makes_people_flat_on_average() -> None:
    batch = people(60, 8)
    geometry = measure(batch)
    true = geometry.to_upright(hip_centred(batch["landmarks_camera"]))
    usual = learned().usual_places(geometry.view, true)
    limbs = [i for i in range(33) if OTHER_SIDE[i] != i and i > 10]
    slope = (usual[:, :, limbs, 2] * true[:, :, limbs, 2]).sum() / (true[:, :, limbs, 2] ** 2).sum()
    assert 0.4 < slope < 0.95
    np.testing.assert_allclose(geometry.from_upright(true), hip_centred(batch["landmarks_camera"]), atol=1e-5)


def test_some_windows_are_seen_better_than_others() -> None:
    batch = people(400, 8)
    points, scores, world = learned().observe_with_world(batch, np.random.default_rng(7), np.zeros((400, 8, 33), bool))
    there = (scores > 0).any(-1)
    off = np.linalg.norm(measure(batch).to_local(points - batch["landmarks_2d_px"]), axis=-1)
    geometry = measure(batch)
    usual = geometry.from_upright(
        learned().usual_places(geometry.view, geometry.to_upright(hip_centred(batch["landmarks_camera"])))
    )
    away = np.linalg.norm(world - usual, axis=-1)
    flat, deep = (np.log([np.median(v[w][there[w]]) for w in range(400) if there[w].any()]) for v in (off, away))
    steady = DetectorErrors(**{**vars(learned()), "quality": np.zeros_like(learned().quality)})
    points, scores, _ = steady.observe_with_world(batch, np.random.default_rng(7), np.zeros((400, 8, 33), bool))
    there = (scores > 0).any(-1)
    off = np.linalg.norm(measure(batch).to_local(points - batch["landmarks_2d_px"]), axis=-1)
    alike = np.log([np.median(off[w][there[w]]) for w in range(400) if there[w].any()])
    assert flat.std() > 1.1 * alike.std()
    assert np.corrcoef(flat, deep)[0, 1] > 0.25  # who is seen badly is seen badly in three dimensions too


def test_processes_forget_as_they_should() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.06, (4000, 12)), axis=1)
    values = first_order(rng, times, 0.2, 1)[..., 0]
    np.testing.assert_allclose(values.var(axis=0), 1.0, atol=0.1)
    expected = np.exp(-(times[:, 8] - times[:, 3]) / 0.2).mean()
    assert abs((values[:, 3] * values[:, 8]).mean() - expected) < 0.05
    mixing = np.zeros((len(LASTS_S), 2, 2), np.float32)
    mixing[0] = [[1.0, 0.0], [0.6, 0.8]]
    pair = mixed_processes(rng, times, mixing)
    assert (pair == pair[:, :1]).all()
    assert abs((pair[:, 0, 0] * pair[:, 0, 1]).mean() - 0.6) < 0.05


def test_two_state_processes_are_on_as_long_as_their_rates_say() -> None:
    rng = np.random.default_rng(0)
    times = np.tile(np.arange(60) / 30.0, (3000, 1))
    rate = np.ones_like(times)
    state = on_and_off(rng, times, 0.5 * rate, 2.0 * rate)
    np.testing.assert_allclose(state.mean(axis=0), 0.2, atol=0.04)
    assert on_and_off(rng, times, 0.0 * rate, rate).sum() == 0


def test_nothing_is_covered_where_nothing_stands_in_the_way() -> None:
    batch = people(20, 16)
    geometry = measure(batch)
    assert not cover(geometry, batch["times_s"], Covering(part=0.0), np.random.default_rng(0)).any()
    always = cover(geometry, batch["times_s"], Covering(part=1.0, passing=0.0), np.random.default_rng(0))
    assert 0.05 < always.mean() < 0.8


def test_a_face_seen_from_behind_is_hidden() -> None:
    batch = people(30, 8)
    state = seen_state(batch, np.zeros((30, 8, 33), bool))
    facing = measure(batch).facing
    assert (state[..., 0][facing > 0.5] == Seen.PLAINLY).all()
    assert (state[..., 0][facing < -0.5] == Seen.BEHIND_OWN_BODY).all()


def test_errors_along_the_trunk_come_back_as_pixels() -> None:
    geometry = measure(people(5, 6))
    errors = np.random.default_rng(0).normal(0, 9, (5, 6, 33, 2))
    np.testing.assert_allclose(geometry.to_pixels(geometry.to_local(errors)), errors, atol=1e-3)
    upwards = np.broadcast_to([0.0, -10.0], (5, 6, 33, 2))
    assert (geometry.to_local(upwards)[..., 1] > 0).all()  # people stand upright in these pictures
    np.testing.assert_allclose(geometry.to_local(upwards)[..., 0], 0.0, atol=0.02)


def test_a_mirror_image_is_observed_as_mirrored() -> None:
    batch = {name: value[:1] for name, value in people(1, 20).items()}
    points, scores, world = learned().observe_with_world(batch, np.random.default_rng(6))
    flipped = dict(batch)
    flipped["landmarks_2d_px"] = batch["landmarks_2d_px"][:, :, OTHER_SIDE] * [-1, 1] + np.array([640, 0])
    flipped["landmarks_camera"] = batch["landmarks_camera"][:, :, OTHER_SIDE] * [-1, 1, 1]
    there = observation({**batch, "landmarks_world": world}, points, scores)
    back = observation(
        {**flipped, "landmarks_world": world[:, :, OTHER_SIDE] * [-1, 1, 1]},
        points[:, :, OTHER_SIDE] * [-1, 1] + np.array([640, 0]),
        scores[:, :, OTHER_SIDE],
    )
    expected = mirrored(there)
    for name in ("error", "logit", "state", "view", "facing", "metric", "places", "world"):
        np.testing.assert_allclose(getattr(back, name), getattr(expected, name), atol=2e-3, err_msg=name)


def test_fitting_finds_what_was_drawn(tmp_path) -> None:
    rng = np.random.default_rng(8)
    pairs = []
    for seed in range(36):
        batch = people(1, 70, seed)
        points, scores, world = learned().observe_with_world(batch, rng, np.zeros((1, 70, 33), bool))
        pairs.append({**batch, "detected_2d_px": points, "detected_scores": scores, "landmarks_world": world})
    save(fit(pairs, passes=1), tmp_path / "errors.npz")
    found = DetectorErrors.load(tmp_path / "errors.npz")
    old, new = [], []
    for pair in pairs:
        old.append(observation(pair, pair["detected_2d_px"], pair["detected_scores"]))
        points, scores, world = found.observe_with_world(pair, rng, np.zeros((1, 70, 33), bool))
        new.append(observation({**pair, "landmarks_world": world}, points, scores))
    levels = (25, 50, 75, 90)
    lengths = [np.linalg.norm(np.concatenate([o.error[o.good] for o in part]), axis=-1) for part in (old, new)]
    np.testing.assert_allclose(np.percentile(lengths[1], levels), np.percentile(lengths[0], levels), rtol=0.2)
    logits = [np.concatenate([o.logit[o.found] for o in part]) for part in (old, new)]
    np.testing.assert_allclose(np.percentile(logits[1], levels), np.percentile(logits[0], levels), atol=0.7)
    np.testing.assert_allclose(memory(new)[1:7], memory(old)[1:7], atol=0.1)
    assert abs(np.mean([o.found.mean() for o in new]) - np.mean([o.found.mean() for o in old])) < 0.08
    np.testing.assert_allclose(found.world_follows.mean(), learned().world_follows.mean(), atol=0.1)

"""Learns the detector's errors from rendered pairs: python -m engine.training.landmarks.detector_error_fit FOLDER."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rig.array_file import save_arrays

from .detector_errors import (
    ERRORS_FILE,
    FACING_BINS,
    NODES,
    RADIUS_STEP,
    SCORE_BINS,
    SCORE_LOWEST,
    SCORE_STEP,
    SHARE_BINS,
    SWAPS,
    WORLD_PARTS,
    WORLD_TERMS,
    DetectorErrors,
)
from .error_memory import LAGS_S, fit_mixing, memory
from .error_observation import Observation, mirrored, observation, world_terms
from .error_quality import Quality, fit_quality
from .observed_geometry import LANDMARKS, VIEW_TERMS, Seen
from .pair_files import read_pairs

_LEAST_CASES = 200
_FRAMES_PER_S, _SUREST = 20.0, 0.9
_LOGIT_LIMIT = 9.0
_LONGEST = 6.0
_WORLD_RIDGE = 1e-3


def fit(pairs: Iterable[dict[str, np.ndarray]], seed: int = 0, passes: int = 3) -> DetectorErrors:
    """The errors that explain pairs (see `pair_files`) and their mirror images; `passes` correct their memory."""
    batches = list(pairs)
    plain = [observation(batch, batch["detected_2d_px"], batch["detected_scores"]) for batch in batches]
    real, stretch, spread = memory(plain), np.ones(len(LAGS_S)), np.ones(WORLD_TERMS)
    quality = Quality(np.zeros(len(plain)), np.zeros((2, len(WORLD_PARTS))))
    errors = fit_observations(plain, stretch, spread, quality)
    for number in range(passes):
        # Radii change with scores and sight, which makes drawn errors forget faster than what they are drawn from.
        rng = np.random.default_rng(seed)
        drawn = [_drawn(errors, batch, rng) for batch in batches]
        if number == 0:
            quality = fit_quality(plain, drawn, errors)
        spread = spread * world_spread(plain, errors) / np.maximum(world_spread(drawn, errors), 1e-6)
        stretch = stretch * np.clip(real / np.maximum(memory(drawn), 0.05), 0.8, 1.4)
        errors = fit_observations(plain, stretch, spread, quality)
    return errors


def fit_observations(
    plain: list[Observation], stretch: np.ndarray, spread: np.ndarray, quality: Quality
) -> DetectorErrors:
    """The errors that explain observations and their mirror images, their memory at LAGS_S multiplied by `stretch` and
    the random part of the world landmarks by `spread` (WORLD_TERMS,)."""
    from scipy.special import ndtr

    seen = [part for o in plain for part in (o, mirrored(o))]
    rows = [o.good for o in seen]
    error, state, logit, view = (
        np.concatenate([getattr(o, name)[good] for o, good in zip(seen, rows, strict=True)])
        for name in ("error", "state", "logit", "view")
    )
    bias = fit_bias(error, state, view)
    log_quality = np.repeat(np.repeat(quality.log, 2), [good.sum() for good in rows])
    rest = (error - np.einsum("tf,lfc->tlc", view, bias)) * np.exp(-log_quality)[:, None, None]
    score_logits, score_normal = fit_scores(logit, state)
    radii, rest_normal = fit_radii(rest, state, score_normal)
    normal = np.concatenate([score_normal, rest_normal.reshape(len(rest), -1)], axis=1)
    times = [o.times[good] for o, good in zip(seen, rows, strict=True)]
    parts = np.split(normal, np.cumsum([len(t) for t in times])[:-1])
    stretches = np.ones((len(LAGS_S), normal.shape[1]))
    stretches[:, LANDMARKS:] = stretch[:, None]
    stretches[0] = 1.0
    mixing = fit_mixing(times, parts, unit=True, stretch=stretches)
    swap_starts, swap_ends = _swap_rates(plain)
    miss_starts, miss_ends = _share_rates(plain, [~o.found for o in plain])
    astray_starts, astray_ends = _share_rates(plain, [o.astray for o in plain])
    world_follows, world_map, world_mixing = _fit_world(seen, quality)
    usual_quality = np.quantile(quality.log, ndtr(SCORE_LOWEST + SCORE_STEP * np.arange(NODES)))
    return DetectorErrors(
        bias, usual_quality, quality.world, radii, score_logits, mixing, swap_starts, swap_ends, miss_starts, miss_ends,
        astray_starts, astray_ends, _astray_spread(plain), world_follows, world_map, world_mixing * spread[:, None],
    )  # fmt: skip


def _drawn(errors: DetectorErrors, batch: dict[str, np.ndarray], rng: np.random.Generator) -> Observation:
    points, scores, world = errors.observe_with_world(batch, rng, batch["visibility"] == Seen.COVERED)
    return observation({**batch, "landmarks_world": world}, points, scores)


def world_spread(observations: list[Observation], errors: DetectorErrors) -> np.ndarray:
    """(WORLD_TERMS,) robust spread of the errors of world landmarks, one number each for size, turn and the rest."""
    terms = np.concatenate([world_terms(errors.usual_places(o.view, o.places), o.world)[o.good] for o in observations])
    spread = np.nanmedian(np.abs(terms - np.nanmedian(terms, axis=0)), axis=0)
    result = np.ones(WORLD_TERMS)
    for part in WORLD_PARTS:
        result[part] = spread[part].mean()
    return result


def fit_bias(error: np.ndarray, state: np.ndarray, view: np.ndarray) -> np.ndarray:
    """(33, VIEW_TERMS, 2) ridge regression of errors (F, 33, 2) on the view (F, VIEW_TERMS), outliers weighing less."""
    bias = np.zeros((LANDMARKS, VIEW_TERMS, 2))
    for landmark in range(LANDMARKS):
        rows = state[:, landmark] <= Seen.BEHIND_OWN_BODY
        x, y = view[rows], error[rows, landmark]
        for _ in range(5):
            away = np.linalg.norm(y - x @ bias[landmark], axis=-1)
            weight = 1.0 / np.maximum(away, 2.0 * np.median(away))[:, None]
            gram = (x * weight).T @ x
            ridge = 0.003 * np.trace(gram) / VIEW_TERMS * np.eye(VIEW_TERMS)
            bias[landmark] = np.linalg.solve(gram + ridge, (x * weight).T @ y)
    return bias


def fit_scores(logit: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tables (33, 4, NODES) of log odds, and the unit normal variables (F, 33) that the log odds (F, 33) stand for."""
    from scipy.special import ndtr

    share = ndtr(SCORE_LOWEST + SCORE_STEP * np.arange(NODES))
    table, normal = np.zeros((LANDMARKS, len(Seen), NODES)), np.zeros(logit.shape)
    for kind in Seen:
        everywhere = np.quantile(logit[state == kind], share) if (state == kind).any() else np.zeros(NODES)
        for landmark in range(LANDMARKS):
            rows = state[:, landmark] == kind
            values = logit[rows, landmark]
            enough = len(values) >= _LEAST_CASES
            table[landmark, kind] = np.quantile(values, share) if enough else everywhere
            normal[rows, landmark] = _normal_ranks(values)
    return np.clip(table, -_LOGIT_LIMIT, _LOGIT_LIMIT), normal


def fit_radii(rest: np.ndarray, state: np.ndarray, score_normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tables (33, 4, 3, NODES) of lengths, and the pairs of unit normal variables (F, 33, 2) that errors stand for."""
    share = 1.0 - np.exp(-0.5 * (RADIUS_STEP * np.arange(NODES)) ** 2)
    length = np.linalg.norm(rest, axis=-1)
    third = np.digitize(score_normal, SCORE_BINS)
    table, radius = np.zeros((LANDMARKS, len(Seen), len(SCORE_BINS) + 1, NODES)), np.zeros(length.shape)
    for kind in Seen:
        for score in range(len(SCORE_BINS) + 1):
            alike = (state == kind) & (third == score)
            everywhere = np.quantile(length[alike], share) if alike.any() else np.zeros(NODES)
            for landmark in range(LANDMARKS):
                rows = alike[:, landmark]
                values = length[rows, landmark]
                enough = len(values) >= _LEAST_CASES
                table[landmark, kind, score] = np.quantile(values, share) if enough else everywhere
                ranks = (np.argsort(np.argsort(values)) + 0.5) / max(len(values), 1)
                radius[rows, landmark] = np.sqrt(-2.0 * np.log1p(-ranks))
    # Long errors last longer than short ones: the memory is measured on lengths that are stretched less.
    tempered = np.sqrt(radius * np.minimum(length / np.maximum(_typical(length, state), 1e-6), _LONGEST))
    return table, rest * (tempered / np.maximum(length, 1e-9))[..., None]


def _typical(length: np.ndarray, state: np.ndarray) -> np.ndarray:
    """(F, 33) root mean square of the lengths that are seen alike, over the square root of two."""
    result = np.zeros(length.shape)
    for kind in Seen:
        for landmark in range(LANDMARKS):
            rows = state[:, landmark] == kind
            if rows.any():
                result[rows, landmark] = np.sqrt((length[rows, landmark] ** 2).mean() / 2.0)
    return result


def _normal_ranks(values: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri((np.argsort(np.argsort(values)) + 0.5) / max(len(values), 1))


def _rates(on: list[np.ndarray], times: list[np.ndarray], bins: list[np.ndarray], count: int) -> np.ndarray:
    """(2, count) 1/s of going on and off of (T,) states, by the bin (T,) of the frame.

    From the part of the frames that are followed by a change, as a process that is looked at once a frame has it, with
    one change of a few seconds added.
    """
    changes, frames = np.array([[0.5], [1.0]]).repeat(count, 1), np.array([[100.0], [5.0]]).repeat(count, 1)
    seconds = frames / _FRAMES_PER_S
    for state, at, kind in zip(on, times, bins, strict=True):
        step = np.diff(at)
        for where in range(count):
            for row, before in enumerate((~state[:-1], state[:-1])):
                here = (kind[1:] == where) & before
                changes[row, where] += (here & (state[1:] == bool(row == 0))).sum()
                frames[row, where] += here.sum()
                seconds[row, where] += step[here].sum()
    return -np.log1p(-np.minimum(changes / frames, _SUREST)) * frames / seconds


def _swap_rates(observations: list[Observation]) -> tuple[np.ndarray, np.ndarray]:
    kinds = [np.digitize(o.facing[o.found], FACING_BINS) for o in observations]
    times = [o.times[o.found] for o in observations]
    starts, ends = [], []
    for side in range(len(SWAPS)):
        on = [o.swapped[side][o.found] for o in observations]
        starts.append(_rates(on, times, kinds, len(FACING_BINS) + 1)[0])
        ends.append(_rates(on, times, [np.zeros_like(kind) for kind in kinds], 1)[1, 0])
    return np.array(starts), np.array(ends)


def _share_rates(observations: list[Observation], on: list[np.ndarray]) -> np.ndarray:
    bins = [np.digitize(o.share, SHARE_BINS) for o in observations]
    return _rates(on, [o.times for o in observations], bins, len(SHARE_BINS) + 1)


def _astray_spread(observations: list[Observation]) -> np.ndarray:
    """(2,) spread of what all landmarks share of the error of frames astray, and of the rest, in sizes."""
    error = np.clip(np.concatenate([o.error[o.astray] for o in observations]), -2.0, 2.0)
    if not len(error):
        return np.zeros(2)
    shared = error.mean(axis=1)
    return np.array([np.sqrt((shared**2).mean()), (error - shared[:, None]).std()])


def _fit_world(observations: list[Observation], quality: Quality) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """world_follows, world_map and world_mixing of `DetectorErrors`."""
    good = [o.good & np.isfinite(o.world).all(axis=(1, 2)) for o in observations]
    view, places, world, metric = (
        np.concatenate([getattr(o, name)[rows] for o, rows in zip(observations, good, strict=True)])
        for name in ("view", "places", "world", "metric")
    )
    known = np.concatenate([view, places.reshape(len(places), -1)], axis=1)
    gram = known.T @ known
    gram += _WORLD_RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))

    def explained(values: np.ndarray) -> np.ndarray:
        """(K, VIEW_TERMS + 99) ridge regression of values (F, ...) on view and places."""
        return np.linalg.solve(gram, known.T @ values.reshape(len(values), -1)).T

    # Both parts at once (Frisch and Waugh): what of the picture's errors view and places do not tell, decides.
    error = world - places
    rest = (error - (known @ explained(error).T).reshape(error.shape))[..., :2]
    news = metric - (known @ explained(metric).T).reshape(metric.shape)
    follows = (rest * news).sum((0, 2)) / np.maximum((news**2).sum((0, 2)), 1e-9)
    error[..., :2] -= follows[:, None] * metric
    world_map = explained(error)
    terms = world_terms(places + (known @ world_map.T).reshape(places.shape), places + error)
    log_quality = np.repeat(np.repeat(quality.log, 2), [rows.sum() for rows in good])
    for part, power in zip(WORLD_PARTS, quality.world[0], strict=True):
        terms[:, part] *= np.exp(-power * log_quality)[:, None]
    limit = 4.0 * np.median(np.abs(terms), axis=0) / 0.6745
    terms = np.clip(terms, -limit, limit)
    times = [o.times[rows] for o, rows in zip(observations, good, strict=True)]
    mixing = fit_mixing(times, np.split(terms, np.cumsum([len(t) for t in times])[:-1]), unit=False)
    return follows, world_map, mixing


def save(errors: DetectorErrors, path: Path) -> None:
    """Write the file that `DetectorErrors.load` reads, in half precision."""
    save_arrays(path, {name: value.astype(np.float16) for name, value in vars(errors).items() if name != "covering"})


def main(arguments: list[str] | None = None) -> int:
    """Fit the errors to a folder of pairs and compare them with another; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m engine.training.landmarks.detector_error_fit", description=__doc__)
    parser.add_argument("pairs", type=Path, help="folder of rendered pairs to learn from")
    parser.add_argument("--test", type=Path, help="folder of other pairs to compare with")
    parser.add_argument("--out", type=Path, default=ERRORS_FILE)
    options = parser.parse_args(arguments)
    save(fit(read_pairs(options.pairs)), options.out)
    if options.test:
        from .detector_error_check import compare

        sys.stdout.write(compare(DetectorErrors.load(options.out), read_pairs(options.test)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

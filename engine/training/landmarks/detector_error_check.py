"""Compares learned errors of the detector with the real ones on pairs they were not learned from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engine.poses import BLAZEPOSE_NAMES

from .detector_errors import DetectorErrors
from .error_memory import memory
from .error_observation import Observation, observation, world_terms
from .error_quality import picture_scales, world_scales
from .observed_geometry import Seen

_PARTS = {
    "face": ("nose", "eye", "ear", "mouth"),
    "shoulders": ("shoulder",),
    "elbows": ("elbow",),
    "wrists": ("wrist",),
    "fingers": ("pinky", "thumb"),
    "hips": ("hip",),
    "knees": ("knee",),
    "ankles": ("ankle",),
    "feet": ("heel", "foot"),
}
_LEVELS = (10, 50, 90, 99)
_LAGS_S = (1 / 15, 0.2, 0.5, 1.0)


def compare(errors: DetectorErrors, pairs: Iterable[dict[str, np.ndarray]], seed: int = 0) -> str:
    """A table of the real detector's errors beside errors drawn for the same truth."""
    rng = np.random.default_rng(seed)
    real, drawn = [], []
    world_real, world_drawn = [], []
    for batch in pairs:
        real.append(observation(batch, batch["detected_2d_px"], batch["detected_scores"]))
        covered = batch["visibility"] == Seen.COVERED
        for _ in range(2):
            points, scores, world = errors.observe_with_world(batch, rng, covered)
            drawn.append(observation({**batch, "landmarks_world": world}, points, scores))
            world_drawn.append(_world_terms(errors, drawn[-1]))
        world_real.append(_world_terms(errors, real[-1]))
    lines = [f"{'errors, % of the size (real / drawn)':36}" + "".join(f"{f'P{level}':>15}" for level in _LEVELS)]
    for kind in Seen:
        lines.append(_row(kind.name.lower(), *(_errors(o, kind) for o in (real, drawn))))
    for part, words in _PARTS.items():
        chosen = [i for i, name in enumerate(BLAZEPOSE_NAMES) if any(word in name for word in words)]
        lines.append(_row(f"plainly seen {part}", *(_errors(o, Seen.PLAINLY, chosen) for o in (real, drawn))))
    lines.append("scores, %")
    for kind in Seen:
        lines.append(_row(kind.name.lower(), *(_scores(o, kind) for o in (real, drawn))))
    lines.append("autocorrelation of errors at " + ", ".join(f"{lag:.2f}" for lag in _LAGS_S) + " s")
    lines.append(
        "  "
        + "   ".join(f"{a:.2f} / {b:.2f}" for a, b in zip(memory(real, _LAGS_S), memory(drawn, _LAGS_S), strict=True))
    )
    for word, share in (
        ("missed frames", lambda o: np.concatenate([~p.found for p in o]).mean()),
        ("frames with sides swapped", lambda o: np.concatenate([p.swapped.any(axis=0)[p.found] for p in o]).mean()),
        ("error of the whole person moving together (share of variance)", _together),
        ("correlation of score and log error, plainly seen", _score_and_error),
    ):
        lines.append(f"{word}: {share(real):.3f} / {share(drawn):.3f}")
    a, b = (np.concatenate(w) for w in (world_real, world_drawn))
    spread = [np.nanmedian(np.abs(w - np.nanmedian(w, axis=0)), axis=0) / 0.6745 for w in (a, b)]
    scales = [np.std(picture_scales(o)) for o in (real, drawn)]
    lines.append(f"spread of the log of a sequence's errors: {scales[0]:.2f} / {scales[1]:.2f}")
    each = [np.nanstd(world_scales(o, errors), axis=0) for o in (real, drawn)]
    pairs_of = "   ".join(f"{a:.2f} / {b:.2f}" for a, b in zip(*each, strict=True))
    lines.append(f"the same of world landmarks' size, turn, rest: {pairs_of}")
    for word, terms in (("log size", slice(0, 1)), ("turn, rad", slice(1, 4)), ("rest, m", slice(4, None))):
        lines.append(
            f"spread of world landmarks, {word}: {spread[0][terms].mean():.3f} / {spread[1][terms].mean():.3f}"
        )
    return "\n".join(lines)


def _world_terms(errors: DetectorErrors, o: Observation) -> np.ndarray:
    return world_terms(errors.usual_places(o.view, o.places), o.world)


def _row(name: str, real: np.ndarray, drawn: np.ndarray) -> str:
    pairs = ((100 * np.percentile(v, level) if len(v) else np.nan for v in (real, drawn)) for level in _LEVELS)
    return f"  {name:34}" + "".join(f"{a:7.1f} /{b:6.1f}" for a, b in pairs)


def _errors(observations: list[Observation], kind: Seen, landmarks: list[int] | None = None) -> np.ndarray:
    chosen = landmarks or list(range(len(BLAZEPOSE_NAMES)))
    return np.concatenate(
        [
            np.linalg.norm(o.error[o.found][:, chosen], axis=-1)[o.state[o.found][:, chosen] == kind]
            for o in observations
        ]
    )


def _scores(observations: list[Observation], kind: Seen) -> np.ndarray:
    logits = np.concatenate([o.logit[o.found][o.state[o.found] == kind] for o in observations])
    return 1.0 / (1.0 + np.exp(-logits))


def _together(observations: list[Observation]) -> float:
    error = np.concatenate([np.clip(o.error[o.good], -0.3, 0.3) for o in observations])
    return float((error.mean(axis=1) ** 2).sum() / (error**2).mean(axis=1).sum())


def _score_and_error(observations: list[Observation]) -> float:
    """Mean over landmarks of the correlation of log odds of scores with logs of errors."""
    values = []
    logit = np.concatenate([o.logit[o.good] for o in observations])
    length = np.log(np.concatenate([np.linalg.norm(o.error[o.good], axis=-1) for o in observations]) + 1e-4)
    state = np.concatenate([o.state[o.good] for o in observations])
    for landmark in range(logit.shape[1]):
        rows = state[:, landmark] == Seen.PLAINLY
        values.append(np.corrcoef(logit[rows, landmark], length[rows, landmark])[0, 1])
    return float(np.mean(values))

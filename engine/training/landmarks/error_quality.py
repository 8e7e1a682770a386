"""How much better the detector sees some sequences than others: in the picture, and in three dimensions with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .detector_errors import WORLD_PARTS, DetectorErrors
from .error_observation import Observation, world_terms
from .observed_geometry import LANDMARKS, Seen

_LEAST_ERROR, _LEAST_FRAMES = 1e-3, 10


@dataclass(frozen=True)
class Quality:
    """log (S,) of how much larger the errors of each sequence are than usual; world (2, 3) see `DetectorErrors`."""

    log: np.ndarray
    world: np.ndarray


def fit_quality(real: list[Observation], drawn: list[Observation], errors: DetectorErrors) -> Quality:
    """What makes errors of whole sequences differ more than they do among those drawn without it."""
    log = picture_scales(real)
    by_chance = np.var(picture_scales(drawn))
    log = (log - np.median(log)) * np.sqrt(max(0.0, 1.0 - by_chance / max(np.var(log), 1e-9)))
    world, chance = world_scales(real, errors), world_scales(drawn, errors)
    known = np.isfinite(world).all(axis=1)
    power = np.linalg.lstsq(log[known, None], world[known] - world[known].mean(axis=0), rcond=None)[0][0]
    rest = np.var(world[known] - log[known, None] * power, axis=0) - np.nanvar(chance, axis=0)
    return Quality(log, np.stack([np.maximum(power, 0.0), np.sqrt(np.maximum(rest, 0.0))]))


def picture_scales(observations: list[Observation]) -> np.ndarray:
    """(S,) mean log of a sequence's errors in the picture against those of landmarks that are seen alike elsewhere."""
    logs = [np.log(np.linalg.norm(o.error[o.good], axis=-1) + _LEAST_ERROR) for o in observations]
    cells = [np.arange(LANDMARKS) * len(Seen) + o.state[o.good] for o in observations]
    cell, log = np.concatenate([c.ravel() for c in cells]), np.concatenate([v.ravel() for v in logs])
    usual = np.bincount(cell, log) / np.maximum(np.bincount(cell), 1)
    means = [(v - usual[c]).mean() if len(v) >= _LEAST_FRAMES else np.nan for v, c in zip(logs, cells, strict=True)]
    return np.nan_to_num(np.array(means))


def world_scales(observations: list[Observation], errors: DetectorErrors) -> np.ndarray:
    """(S, 3) log of the root mean square of a sequence's WORLD_PARTS; NaN where it was hardly seen."""
    rows = np.full((len(observations), len(WORLD_PARTS)), np.nan)
    for row, o in zip(rows, observations, strict=True):
        terms = world_terms(errors.usual_places(o.view, o.places), o.world)[o.good]
        if len(terms) >= _LEAST_FRAMES:
            row[:] = [0.5 * np.log(np.nanmean(terms[:, part] ** 2) + 1e-9) for part in WORLD_PARTS]
    return rows

"""The settings of a training run of the landmark networks, and the examples of each of its steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from .augment import AugmentConfig
from .cameras import CameraConfig
from .detector_errors import DetectorErrors
from .examples import Examples, make_examples
from .ingredients import Ingredient
from .rendered_pairs import RenderedPairs, blurred
from .sightings import MixedSight, Sight
from .windows import Split, WindowSampler

_CHANGES = AugmentConfig(posed=0.15, disturbed=0.65)
_FPS = (10.0, 60.0)  # slow ones for the sake of windows of three seconds


@dataclass(frozen=True)
class TrainConfig:
    """One run; with the same folder it is the same on the same machine, however often it is interrupted.

    steps, batch, window  of `batch` windows of `window` frames
    kept                  frames of each window that are learned from, in runs of `runs`
    starts, runs          the templates are decoded for `starts` of these runs
    rate, warmup, steady  largest rate of learning, the steps it takes to reach it, and the part of the run after which
                          half a cosine brings it to zero; until then the run may still be made longer or shorter
    causal_part           part of the windows in which frames cannot read later ones
    rendered_part         part of the windows that come from rendered pairs, where there are such
    focal_error           see `make_examples`
    left_out              parts of the training that are left out, to see what they are worth
    average               decay of the average of the weights that is kept beside them
    """

    seed: int = 1
    steps: int = 6500
    batch: int = 160
    window: int = 32
    kept: int = 12
    starts: int = 1
    runs: int = 2
    rate: float = 1.5e-3
    warmup: int = 200
    steady: float = 0.6
    weight_decay: float = 0.02
    causal_part: float = 0.25
    rendered_part: float = 0.2
    focal_error: float = 0.15
    left_out: tuple[Ingredient, ...] = ()
    average: float = 0.999
    half_precision: bool = True
    save_every: int = 100
    check_every: int = 200
    check_windows: int = 96


def training_sampler(folder: Path, config: TrainConfig) -> WindowSampler:
    """Windows of the people to learn from. Raises InputError where the folder is not a prepared one."""
    cameras = CameraConfig(roll_upright=1.0) if Ingredient.ROLL in config.left_out else None
    return WindowSampler(folder, Split.TRAIN, config.seed, config.window, cameras=cameras, changes=_CHANGES, fps=_FPS)


def training_sight(errors: DetectorErrors, config: TrainConfig) -> MixedSight:
    """What the detector makes of the sampled windows."""
    if Ingredient.LEARNED_ERRORS not in config.left_out:
        return MixedSight(errors)
    return MixedSight(errors, learned=0.0, plain=MixedSight.learned + MixedSight.plain, learned_world=False)


class ExampleSteps(Dataset[dict[str, np.ndarray]]):
    """The examples of each step, whatever order they are asked in."""

    def __init__(
        self, sampler: WindowSampler, sight: Sight, config: TrainConfig, pairs: RenderedPairs | None = None
    ) -> None:
        self.sampler, self.sight, self.config, self.pairs = sampler, sight, config, pairs

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> dict[str, np.ndarray]:
        """Flat arrays of the step's windows: sampled ones, and after them rendered ones."""
        config = self.config
        rng = np.random.default_rng((config.seed, step))
        rendered = 0 if self.pairs is None else round(config.rendered_part * config.batch)
        batch = self.sampler.batch(config.batch - rendered, step=step)
        arrays = self._arrays(batch, self.sight, rng)
        if self.pairs is not None and rendered:
            batch = self.pairs.batch(rendered, config.window, rng)
            real = self._arrays(batch, blurred, rng)
            arrays = {name: np.concatenate([value, real[name]]) for name, value in arrays.items()}
        return thinned(arrays, config.kept, config.runs, rng)

    def _arrays(self, batch: dict[str, np.ndarray], sight: Sight, rng: np.random.Generator) -> dict[str, np.ndarray]:
        config = self.config
        known_lens = Ingredient.LENS not in config.left_out
        return flat_arrays(make_examples(batch, sight, rng, config.causal_part, config.focal_error, known_lens))


def thinned(arrays: dict[str, np.ndarray], kept: int, runs: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Only `kept` frames of each window, in runs of `runs` consecutive ones; what is not of frames stays.

    Frames next to each other tell little news, and the encoding of time does not mind gaps: the same work sees more
    people. (The paper drops parts of its source at random too.)
    """
    count, window = arrays["times_s"].shape
    if kept >= window:
        return arrays
    chosen = np.argsort(rng.random((count, window // runs)), axis=1)[:, : kept // runs]
    rows = (np.sort(chosen, axis=1)[..., None] * runs + np.arange(runs)).reshape(count, -1)
    result = {}
    for name, value in arrays.items():
        if name == "mask":
            value = np.take_along_axis(value, rows[:, None, :], axis=2)
        if name != "true_betas":
            value = np.take_along_axis(value, rows.reshape(*rows.shape, *([1] * (value.ndim - 2))), axis=1)
        result[name] = value
    return result


def flat_arrays(examples: Examples) -> dict[str, np.ndarray]:
    """Examples as plain arrays by name, which processes hand to each other."""
    features, targets = examples.features, examples.targets
    return {
        "landmarks": features.landmarks,
        "frame": features.frame,
        "spread": features.view.spread.astype(np.float32),
        "times_s": examples.times_s.astype(np.float32),
        "mask": examples.mask,
        "seen": examples.seen,
        **{f"true_{name}": getattr(targets, name) for name in targets.__dataclass_fields__},
    }

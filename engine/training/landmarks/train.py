"""Trains the landmark networks from a prepared folder of motion, in pieces that go on where the last one stopped."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from engine.errors import InputError
from engine.evaluation.metrics import mean_present, position_errors, procrustes_errors
from rig.atomic_file import replacing

from .detector_errors import DetectorErrors
from .example_steps import ExampleSteps, TrainConfig, flat_arrays, training_sampler, training_sight
from .examples import make_examples
from .ingredients import Ingredient
from .losses import LossWeights, TruthTensors, losses
from .martinez import MartinezNetwork
from .model import LandmarkTransformer, ModelConfig
from .rendered_pairs import RenderedPairs
from .sightings import Sight
from .windows import Split, WindowSampler

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"


def train(
    folder: Path,
    out: Path,
    config: TrainConfig,
    sight: Sight,
    resume: bool,
    stop_s: float = math.inf,
    pairs: RenderedPairs | None = None,
) -> int:
    """Train the landmark transformer; returns the step it has reached.

    Writes checkpoint.pt (weights, their average, the optimiser, the step) and log.jsonl into `out`. stop_s ends the
    piece after so many seconds; with `resume` the next one goes on. Raises InputError where there is nothing to resume.
    """
    torch.manual_seed(config.seed)
    network = LandmarkTransformer()
    average = LandmarkTransformer()
    average.load_state_dict(network.state_dict())
    optimisers = _optimisers(network, config)
    first = 0
    if resume:
        first = _restore(out / CHECKPOINT, network, average, optimisers)
    out.mkdir(parents=True, exist_ok=True)
    check = _check_arrays(folder, config, sight)
    data = ExampleSteps(training_sampler(folder, config), sight, config, pairs)
    started = time.monotonic()
    loader = DataLoader(data, batch_size=None, sampler=range(first, config.steps), num_workers=1, prefetch_factor=4)
    step = first
    for step, arrays in enumerate(loader, start=first + 1):
        terms = _train_step(network, optimisers, arrays, config, step)
        _follow(average, network, min(config.average, step / (step + 10.0)))
        if step % 50 == 0:
            _log(out, step, started, {name: round(value, 4) for name, value in terms.items()})
        done = step == config.steps or time.monotonic() - started > stop_s
        if step % config.check_every == 0 or done:
            _log(out, step, started, check_scores(average, check))
        if step % config.save_every == 0 or done:
            _save(out / CHECKPOINT, network, average, optimisers, step, config)
        if done:
            break
    return step


def check_scores(network: LandmarkTransformer, arrays: dict[str, Tensor]) -> dict[str, float]:
    """Errors of a network on held-back examples, mm and degrees."""
    network.eval()
    with torch.inference_mode():
        output = network(*(arrays[name] for name in ("landmarks", "frame", "times_s", "mask", "spread")))
    network.train()
    true = arrays["true_joints"].flatten(0, 1).numpy()
    seen = arrays["seen"]
    scores = {}
    for name, lifted in (("", output.fine), ("coarse_", output.coarse)):
        joints = np.where(seen.flatten()[:, None, None].numpy(), lifted.joints.flatten(0, 1).numpy(), np.nan)
        scores[f"{name}mpjpe_mm"] = 1e3 * float(mean_present(position_errors(joints, true)))
        scores[f"{name}pa_mpjpe_mm"] = 1e3 * float(mean_present(procrustes_errors(joints, true)))
    cosine = torch.cosine_similarity(output.twist, arrays["true_twist"], dim=-1).clamp(-1, 1)
    scores["twist_deg"] = float(cosine.acos().rad2deg()[seen].mean())
    cosine = torch.cosine_similarity(output.gravity, arrays["true_gravity"], dim=-1).clamp(-1, 1)
    scores["gravity_deg"] = float(cosine.acos().rad2deg()[seen].mean())
    scores["extent_percent"] = 100 * float((output.fine.log_extent - arrays["true_log_extent"]).abs()[seen].mean())
    return {name: round(value, 3) for name, value in scores.items()}


def train_martinez(folder: Path, out: Path, config: TrainConfig, sight: Sight) -> None:
    """Train the baseline on the frames of the same windows; writes martinez.pt into `out`."""
    torch.manual_seed(config.seed)
    network = MartinezNetwork()
    optimiser = torch.optim.Adam(network.parameters(), lr=config.rate)
    data = ExampleSteps(WindowSampler(folder, Split.TRAIN, config.seed, config.window), sight, config)
    loader = DataLoader(data, batch_size=None, sampler=range(config.steps), num_workers=1, prefetch_factor=4)
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    for step, arrays in enumerate(loader):
        landmarks = arrays["landmarks"][..., :2].flatten(0, 1)
        true = arrays["true_joints"].flatten(0, 1)
        if step == 0:
            network.set_normalisation(landmarks, true)
        for group in optimiser.param_groups:
            group["lr"] = config.rate * _schedule(step, config)
        error = ((network(landmarks) - true) / network.output_deviation.unflatten(0, (-1, 3))).square().mean()
        optimiser.zero_grad()
        error.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 100 == 0:
            _log(out, step + 1, started, {"martinez_loss": round(float(error.detach()), 4)})
    with replacing(out / "martinez.pt") as path:
        torch.save(network.state_dict(), path)


def load_average(path: Path) -> LandmarkTransformer:
    """The averaged network of a checkpoint, in eval mode. Raises InputError where the file is none of ours."""
    network = LandmarkTransformer()
    network.load_state_dict(_read(path)["average"])
    return network.eval()


def _train_step(
    network: LandmarkTransformer,
    optimisers: list[torch.optim.Optimizer],
    arrays: dict[str, Tensor],
    config: TrainConfig,
    step: int,
) -> dict[str, float]:
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = config.rate * _schedule(step, config)
    pick = picked_frames(config, len(arrays["times_s"]), step)
    with torch.autocast("cpu", torch.bfloat16, enabled=config.half_precision):
        output = network(*(arrays[name] for name in ("landmarks", "frame", "times_s", "mask", "spread")), pick)
    terms = losses(output, picked_truth(arrays, pick), LossWeights(), config.runs)
    for optimiser in optimisers:
        optimiser.zero_grad()
    torch.stack(list(terms.values())).sum().backward()
    norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    finite = bool(torch.isfinite(norm))
    if finite:  # a gradient without bound would spoil every weight
        for optimiser in optimisers:
            optimiser.step()
    return {"skipped": float(not finite)} | {name: float(value.detach()) for name, value in terms.items()}


def picked_frames(config: TrainConfig, count: int, step: int) -> Tensor:
    """(count, starts * runs) of the kept frames of each window that the templates are decoded for in a step."""
    rng = np.random.default_rng((config.seed, step, 1))
    available = min(config.kept, config.window) // config.runs
    starts = rng.integers(0, available, (count, config.starts, 1)) * config.runs
    return torch.from_numpy((starts + np.arange(config.runs)).reshape(count, -1))


def picked_truth(arrays: dict[str, Tensor], pick: Tensor) -> TruthTensors:
    """The truth of the picked frames, and what all frames are compared with."""

    def of(name: str) -> Tensor:
        value = arrays[name]
        return torch.take_along_dim(value, pick.reshape(*pick.shape, *([1] * (value.ndim - 2))), 1)

    names = ("joints", "log_extent", "twist", "leaves", "gravity", "velocity", "contacts")
    return TruthTensors(
        **{name: of(f"true_{name}") for name in names},
        betas=arrays["true_betas"],
        seen=of("seen"),
        coarse_joints=arrays["true_joints"],
        coarse_extent=arrays["true_log_extent"],
        coarse_seen=arrays["seen"],
    )


def _optimisers(network: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices between hidden layers, AdamW for everything else."""
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        hidden = parameter.ndim == 2 and "blocks" in name
        (matrices if hidden else rest).append(parameter)
    return [
        torch.optim.Muon(
            matrices, lr=config.rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw", ns_steps=4
        ),
        torch.optim.AdamW(rest, lr=config.rate, weight_decay=config.weight_decay, betas=(0.9, 0.98), fused=True),
    ]


def _schedule(step: int, config: TrainConfig) -> float:
    if step < config.warmup:
        return (step + 1) / config.warmup
    decay = max(0.0, (step / config.steps - config.steady) / (1.0 - config.steady))
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, decay))) + 1e-3


def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1.0 - decay)


def _check_arrays(folder: Path, config: TrainConfig, sight: Sight) -> dict[str, Tensor]:
    sampler = WindowSampler(folder, Split.VALIDATION, config.seed, config.window)
    rng = np.random.default_rng(config.seed)
    batch = sampler.batch(config.check_windows, step=0)
    known_lens = Ingredient.LENS not in config.left_out
    arrays = flat_arrays(make_examples(batch, sight, rng, known_lens=known_lens))
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}


def _save(
    path: Path,
    network: nn.Module,
    average: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    step: int,
    config: TrainConfig,
) -> None:
    state = {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "step": step,
        "config": asdict(config) | {"left_out": [part.value for part in config.left_out]},
        "model": asdict(ModelConfig()),
    }
    with replacing(path) as temporary:
        torch.save(state, temporary)


def _read(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"checkpoint {path} cannot be read ({error}), expected one that training wrote") from error
    if "average" not in state:
        raise InputError(f"checkpoint {path} holds {', '.join(state)}, expected one that training wrote")
    return state


def _restore(path: Path, network: nn.Module, average: nn.Module, optimisers: list[torch.optim.Optimizer]) -> int:
    state = _read(path)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    for optimiser, held in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(held)
    return int(state["step"])


def _log(out: Path, step: int, started: float, values: dict[str, float]) -> None:
    row = {"step": step, "seconds": round(time.monotonic() - started, 1), **values}
    with open(out / LOG, "a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 when the run is finished or its piece is, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m engine.training.landmarks.train", description=__doc__)
    parser.add_argument("data", type=Path, help="folder made by engine.training.landmarks.prepare")
    parser.add_argument("out", type=Path, help="folder for checkpoint and log")
    parser.add_argument("--pairs", type=Path, help="folder of engine.training.landmarks.render_pairs to mix in")
    parser.add_argument("--seed", type=int, default=TrainConfig.seed)
    parser.add_argument("--steps", type=int, default=TrainConfig.steps, help="length of the whole run")
    parser.add_argument("--batch", type=int, default=TrainConfig.batch, help="windows a step")
    parser.add_argument("--kept", type=int, default=TrainConfig.kept, help="frames of each window learned from")
    parser.add_argument("--rate", type=float, default=TrainConfig.rate, help="largest rate of learning")
    parser.add_argument(
        "--without", type=Ingredient, nargs="+", default=(), metavar="PART",
        help=f"leave parts of the training out: {', '.join(part.value for part in Ingredient)}",
    )  # fmt: skip
    parser.add_argument("--martinez", action="store_true", help="train the baseline instead")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--minutes", type=float, default=math.inf, help="end this piece after so long")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    config = TrainConfig(
        seed=options.seed, steps=options.steps, batch=options.batch, rate=options.rate, kept=options.kept,
        left_out=tuple(options.without),
    )  # fmt: skip
    try:
        sight = training_sight(DetectorErrors.load(), config)
        if options.martinez:
            train_martinez(options.data, options.out, config, sight)
        else:
            pairs = RenderedPairs(options.pairs) if options.pairs else None
            stop_s = 60.0 * options.minutes
            train(options.data, options.out, config, sight, options.resume, stop_s, pairs)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Trains an image network: the loop over epochs and batches, and what is written on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from engine.errors import InputError
from engine.models.checkpoint import save_checkpoint
from engine.models.network import PoseNetwork

from .datasets.kinds import DatasetKind, open_dataset
from .datasets.sample import SampleTable
from .distributed import Ranks
from .evaluate_dataset import predict, score_predictions
from .initial_network import initial_network
from .losses import Loss
from .mixing import Mixture, Part
from .network_input import Batch, EpochPlaces, TrainingPeople, training_loader
from .run_folder import Progress, RunFolder
from .train_settings import LossKind, TrainSettings
from .training_step import PosingStep, learning_rate, loss_of, seed_of_step

Report = Callable[[dict[str, Any]], None]
"""Receives each line of the log as it is written."""


def train(settings: TrainSettings, report: Report, network: PoseNetwork | None = None) -> Progress:
    """Train as settings say, or go on where the training in the run folder stopped, and write its mean at the end.

    Started by torchrun, every process reads its own share of each epoch. network: instead of the one that the settings
    describe, for other combinations of the same parts. Raises InputError for files that cannot be used and when the
    loss is no number any more, naming step and pictures.
    """
    ranks = Ranks.from_environment()
    device = ranks.device(settings.device)
    with ranks.joined(device):
        parts = [Part(s.kind, open_dataset(s.kind, s.annotations, s.images), s.share) for s in settings.training]
        validation = [(s.kind, open_dataset(s.kind, s.annotations, s.images)) for s in settings.validation]
        network = (initial_network(settings) if network is None else network).to(device)
        training = _Training(settings, ranks, network, Mixture(parts, settings.seed), validation, report)
        return training.run()


@dataclass(frozen=True)
class _Training:
    """What stays the same from the first step to the last."""

    settings: TrainSettings
    ranks: Ranks
    network: PoseNetwork
    mixture: Mixture
    validation: list[tuple[DatasetKind, SampleTable]]
    report: Report

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.settings.run)

    def run(self) -> Progress:
        settings, ranks = self.settings, self.ranks
        if ranks.is_first:
            self.folder.create()
        device = next(self.network.parameters()).device
        optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)
        progress = self.folder.load_state(self.network, optimiser, settings) or Progress()
        model = self._shared(PosingStep(self.network, settings.bfloat16 and device.type == "cuda"), device)
        places = EpochPlaces(len(self.mixture), ranks.rank, ranks.world, settings.seed)
        people = TrainingPeople(self.mixture, settings.architecture, settings.augmentation)
        places.set_epoch(0)
        if len(places) < settings.batch_size:
            raise InputError(
                f"an epoch has {len(places)} people for each process, fewer than batch_size {settings.batch_size}; "
                "make it smaller"
            )
        loader = training_loader(people, places, settings.batch_size, settings.workers, device.type == "cuda")
        while progress.epoch < settings.epochs:
            places.set_epoch(progress.epoch, progress.steps_of_epoch * settings.batch_size)
            self.network.train()
            for batch in loader:
                if isinstance(batch, InputError):
                    raise batch
                self._step(model, optimiser, batch.to(device), progress)
                progress = replace(progress, step=progress.step + 1, steps_of_epoch=progress.steps_of_epoch + 1)
                if progress.step % settings.checkpoint_every == 0 and ranks.is_first:
                    self.folder.save_state(self.network, optimiser, progress, settings)
            progress = self._end_of_epoch(progress)
            if ranks.is_first:
                self.folder.save_state(self.network, optimiser, progress, settings)
        if ranks.is_first:
            averaged = self.folder.save_average(settings.average_last)
            self._log({"event": "averaged", "files": [path.name for path in averaged]})
        return progress

    def _shared(self, step: PosingStep, device: torch.device) -> nn.Module:
        """The step with gradients averaged over all processes."""
        if self.ranks.world == 1:
            return step
        return DistributedDataParallel(
            step,
            device_ids=[device.index] if device.type == "cuda" else None,
            # The L1 loss of the camera networks leaves their spread of joints untrained.
            find_unused_parameters=self.settings.loss is LossKind.CAMERA_L1,
        )

    def _step(self, model: nn.Module, optimiser: torch.optim.Optimizer, batch: Batch, progress: Progress) -> None:
        settings, began = self.settings, time.perf_counter()
        torch.manual_seed(seed_of_step(settings.seed, progress.step, self.ranks.rank))
        rate = learning_rate(settings, progress.step, progress.epoch)
        for group in optimiser.param_groups:
            group["lr"] = rate
        output, finite = model(batch.images, batch.geometry)
        loss = loss_of(settings.loss, output, batch.targets)
        if not bool(finite.all() & loss.total.isfinite()):
            raise self._not_finite(batch, finite.tolist(), progress, "loss")
        optimiser.zero_grad(set_to_none=True)
        loss.total.backward()
        norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), math.inf))
        if not math.isfinite(norm):
            raise self._not_finite(batch, finite.tolist(), progress, "gradient")
        if settings.clip_norm > 0:
            for parameter in self.network.parameters():
                if parameter.grad is not None:
                    nn.utils.clip_grad_norm_([parameter], settings.clip_norm)
        optimiser.step()
        if progress.step % settings.log_every == 0:
            of_ranks = self.ranks.gathered(_terms(loss))
            means = {name: sum(terms[name] for terms in of_ranks) / len(of_ranks) for name in of_ranks[0]}
            self._log(
                {"event": "step", "step": progress.step, "epoch": progress.epoch, "rate": rate, "gradient_norm": norm,
                 **means, "seconds": round(time.perf_counter() - began, 4)}
            )  # fmt: skip

    def _not_finite(self, batch: Batch, finite: list[bool], progress: Progress, what: str) -> InputError:
        bad = [origin for origin, fine in zip(batch.origins, finite, strict=True) if not fine] or list(batch.origins)
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        return InputError(
            f"the {what} of step {progress.step} (epoch {progress.epoch}) is not a finite number, with {bad[0]}{more}; "
            f"the last good state is {self.folder.state}: look at the labels of this picture, or lower learning_rate"
        )

    def _end_of_epoch(self, progress: Progress) -> Progress:
        """Snapshot and score every few epochs; returns the progress at the start of the next epoch."""
        settings, epoch = self.settings, progress.epoch
        best = progress.best_pa_mm
        if (epoch + 1) % settings.snapshot_every == 0 or epoch + 1 == settings.epochs:
            if self.ranks.is_first:
                self.folder.save_snapshot(self.network, epoch)
            for number, (kind, table) in enumerate(self.validation):
                predictions = predict(
                    self.network, table, settings.batch_size, settings.workers, flip=False, ranks=self.ranks
                )
                score = score_predictions(kind, table, predictions, settings.batch_size)
                self._log({"event": "score", "epoch": epoch, "data": kind.value, **score.row, **score.more})
                if number == 0 and score.pa_mpjpe_mm < best:
                    best = score.pa_mpjpe_mm
                    if self.ranks.is_first:
                        save_checkpoint(self.folder.best, self.network)
        self._log({"event": "epoch", "epoch": epoch, "steps": progress.step})
        return Progress(progress.step, epoch + 1, 0, best)

    def _log(self, entry: dict[str, Any]) -> None:
        if self.ranks.is_first:
            self.folder.write_log(entry)
            self.report(entry)


def _terms(loss: Loss) -> dict[str, float]:
    names = ("total", "betas", "rotations", "twist", "uvd", "camera_scale", "camera_trans")
    terms = {name: getattr(loss, name) for name in names}
    return {
        name if name != "total" else "loss": float(term.detach()) for name, term in terms.items() if term is not None
    }

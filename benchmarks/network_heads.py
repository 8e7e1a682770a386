"""Compares a training step of the transformer head with one of the deconvolution head on the same backbone.

    python benchmarks/network_heads.py [--batch 8] [--repeats 5] [--device cuda]

ResNet-34, 24 joints. "head" takes a stored feature map; "network" is the whole step as the trainer does it: backbone,
head, inverse kinematics, losses, backward, Adam. Programs take turns; the best of the repeats counts. Kept memory is
what the forward pass keeps for the backward pass, counted once per storage, parameters left out: it grows with the
batch. "recomputed" keeps only what enters each block of the transformer, which is not counted (1.4 MB a picture).
States are parameters, gradients and Adam's two moments, which do not. The peak of a process includes torch.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.evaluation import recipe  # noqa: E402
from engine.evaluation.parity_networks import seeded_network  # noqa: E402
from engine.models.architectures import Architecture  # noqa: E402
from engine.models.network import Evidence, PoseNetwork, RayGeometry, tensors_of  # noqa: E402
from engine.models.transformer_head import TransformerHead  # noqa: E402
from engine.training.losses import Predicted, Targets, transformer_loss  # noqa: E402
from engine.training.training_step import PosingStep  # noqa: E402

TRANSFORMER, RECOMPUTED, DECONVOLUTION = "transformer", "recomputed", "deconvolution"
ARCHITECTURES = {
    TRANSFORMER: Architecture.HYBRIK_TRANSFORMER_RESNET34,
    RECOMPUTED: Architecture.HYBRIK_TRANSFORMER_RESNET34,
    DECONVOLUTION: Architecture.HYBRIK_DECONVOLUTION_RESNET34,
}
PUBLISHED_BATCH = 64
"""Pictures on each GPU in the publication."""

MOST_TOKENS, MEAN_TOKENS = 64, 38
"""Of a picture in training, which keeps 12 to 64 of them: memory must hold the most, time is that of the mean."""

Step = Callable[[], Tensor]


def network_of(name: str, device: str) -> PoseNetwork:
    """The network to train; "recomputed" calculates the blocks of its transformer twice instead of keeping them."""
    network = seeded_network(ARCHITECTURES[name], 1).train().to(device)
    if isinstance(network.head, TransformerHead):
        network.head.transformer.recompute = name == RECOMPUTED
    return network


def keep_tokens(network: PoseNetwork, count: int) -> None:
    """Fix how many tokens of each picture a transformer reads in training."""
    if isinstance(network.head, TransformerHead):
        network.head.kept_tokens = count, count


def labels(count: int, device: str) -> Targets:
    """Labels for `count` pictures in which everything is known."""
    draw = torch.Generator().manual_seed(0)

    def values(*shape: int) -> Tensor:
        return (0.3 * torch.randn(count, *shape, generator=draw)).to(device)

    ones = {name: torch.ones(count, *shape, device=device) for name, shape in (
        ("smpl_weight", (1,)), ("rotation_weights", (96,)), ("twist_weights", (23, 2)), ("uvd_weights", (24, 3)),
    )}  # fmt: skip
    return Targets(betas=values(10), rotations=values(96), twist=values(23, 2), uvd=values(24, 3), **ones)


def rays(count: int, device: str) -> RayGeometry:
    """Cameras for `count` pictures."""
    found = {name: torch.from_numpy(array).to(device) for name, array in recipe.cameras(3, count).items()}
    return RayGeometry(found["crop_to_image"], found["inv_intrinsics"], found["root_mm"], found["depth_factor"])


def forward_passes(network: PoseNetwork, batch: int, device: str) -> dict[str, tuple[nn.Module, Step]]:
    """The part that is trained and its forward pass with the loss, for the head alone and the whole network."""
    images = torch.randn(batch, 3, 256, 256, device=device)
    targets, geometry = labels(batch, device), rays(batch, device)
    with torch.no_grad():
        feature_map = network.backbone(images)
    step = PosingStep(network, bfloat16=False)

    def of_head() -> Tensor:
        said: Evidence = network.head(feature_map)
        return torch.stack([tensor.square().mean() for tensor in tensors_of(said).values()]).sum()

    def of_network() -> Tensor:
        output, _ = step(images, geometry)
        return transformer_loss(Predicted.with_quaternions(output), targets).total

    return {"head": (network.head, of_head), "network": (network, of_network)}


@contextmanager
def counted_storage(left_out: nn.Module) -> Iterator[list[int]]:
    """Bytes that graphs made inside keep for their backward pass, as the list's one entry."""
    known = {tensor.untyped_storage().data_ptr() for tensor in left_out.state_dict(keep_vars=True).values()}
    total = [0]

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            known.add(storage.data_ptr())
            kept.append(tensor)  # so that its address is not given to another
            total[0] += storage.nbytes()
        return tensor

    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield total


def train(forward: Step, optimiser: torch.optim.Optimizer, device: str) -> float:
    """Seconds of one whole step."""
    start = time.perf_counter()
    optimiser.zero_grad(set_to_none=True)
    forward().backward()
    optimiser.step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(batch: int, repeats: int, device: str) -> None:
    """Print both tables."""
    networks = {name: network_of(name, device) for name in ARCHITECTURES}
    passes = {name: forward_passes(network, batch, device) for name, network in networks.items()}
    for part in ("head", "network"):
        rows: dict[str, list[float]] = {}
        steps = {}
        for name in ARCHITECTURES:
            module, forward = passes[name][part]
            module.eval()
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                forward()
            module.train()
            keep_tokens(networks[name], MOST_TOKENS)
            with counted_storage(networks[name]) as kept:
                loss = forward()
            del loss
            keep_tokens(networks[name], MEAN_TOKENS)
            weights = sum(parameter.numel() for parameter in module.parameters())
            rows[name] = [
                weights / 1e6,
                counter.get_total_flops() / 2e9 / batch,
                kept[0] / 1e6 / batch,
                16e-6 * weights,
            ]
            optimiser = torch.optim.Adam(module.parameters(), lr=1e-6)
            steps[name] = (forward, optimiser)
            train(forward, optimiser, device)
        best = dict.fromkeys(steps, float("inf"))
        for _ in range(repeats):
            for name, (forward, optimiser) in steps.items():
                best[name] = min(best[name], train(forward, optimiser, device))
        print(f"\n{part}: {'':<12}{'M weights':>10}{'GMAC':>8}{'kept MB':>9}{'states MB':>11}{'step ms':>10}", end="")
        print(f"{f'all of {PUBLISHED_BATCH}, MB':>15}")
        for name, (weights, macs, kept_mb, states) in rows.items():
            whole = states + PUBLISHED_BATCH * kept_mb
            print(
                f"  {name:<17}{weights:>10.1f}{macs:>8.2f}{kept_mb:>9.1f}{states:>11.0f}{1e3 * best[name]:>10.0f}",
                end="",
            )
            print(f"{whole:>15.0f}")
        theirs = rows[DECONVOLUTION]
        for name in (TRANSFORMER, RECOMPUTED):
            ours = rows[name]
            whole = (theirs[3] + PUBLISHED_BATCH * theirs[2]) / (ours[3] + PUBLISHED_BATCH * ours[2])
            print(
                f"  deconvolution / {name}: kept {theirs[2] / ours[2]:.2f}, kept and states at {PUBLISHED_BATCH} "
                f"pictures {whole:.2f}; step {100 * (1 - best[name] / best[DECONVOLUTION]):.0f} % shorter"
            )


def peak_of_process(name: str, batch: int, device: str) -> None:
    """Print the MB that this process needed at most for two steps of the whole network, above what it had before."""
    network = network_of(name, device)
    keep_tokens(network, MOST_TOKENS)
    module, forward = forward_passes(network, batch, device)["network"]
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-6)
    train(forward, optimiser, device)
    train(forward, optimiser, device)
    if device == "cuda":
        print(torch.cuda.max_memory_allocated() / 1e6)
    else:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


def main() -> None:
    """Print parameters, operations, memory and times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8, help="pictures in a step (default 8)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--child", choices=tuple(ARCHITECTURES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("torch finds no CUDA here: nothing was measured")
        return
    if arguments.child:
        peak_of_process(arguments.child, arguments.batch, arguments.device)
        return
    print(f"torch {torch.__version__}, {arguments.device}, {arguments.threads} threads, batch {arguments.batch}")
    # First, because a new process starts with the peak of the one that starts it.
    peaks = {}
    for name in ARCHITECTURES:
        command = [sys.executable, __file__, "--child", name, "--batch", str(arguments.batch)]
        command += ["--device", arguments.device, "--threads", str(arguments.threads)]
        peaks[name] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"peak of a process with the whole network, MB: {peaks}")
    print(", ".join(f"{peaks[DECONVOLUTION] / peaks[name]:.2f}" for name in (TRANSFORMER, RECOMPUTED)), "times less")
    measure(arguments.batch, arguments.repeats, arguments.device)


if __name__ == "__main__":
    main()

"""Measures crops a second, from normalised crop to 24 rotations, against a plain eager forward pass, in the same run.

    python benchmarks/network_throughput.py [--architecture hybrik-transformer-hrnet48] [--threads 2] [--batches 1 16]

The plain program is the network in single precision under no_grad, then inverse kinematics as a torch loop over the
joints. Programs take turns; the best of the repeats counts. Where torch finds CUDA, batches of 1 to 256 are measured
there, with and without inverse kinematics, against the plain program with one crop at a time, and set against what
the device multiplies and moves at most (measured too).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "engine")]

import ik_oracle  # noqa: E402

from engine.body.lbs import rest_vertices_and_joints  # noqa: E402
from engine.errors import MissingTool  # noqa: E402
from engine.evaluation import recipe  # noqa: E402
from engine.evaluation.parity_networks import seeded_network  # noqa: E402
from engine.ik.reference import solve_reference  # noqa: E402
from engine.image_poses.rest_shape import RestShape  # noqa: E402
from engine.models.architectures import Architecture  # noqa: E402
from engine.models.inference import FastNetwork, Precision  # noqa: E402
from engine.models.network import PoseNetwork, RayGeometry  # noqa: E402
from engine.models.onnx_export import export_network  # noqa: E402
from engine.models.onnx_network import OnnxNetwork  # noqa: E402
from engine.models.ray_decode import skeleton_from_rays  # noqa: E402

RAY_NETWORKS = [kind.value for kind in Architecture if not kind.predicts_camera]
GPU_BATCHES = (1, 16, 64, 256)

Program = Callable[[np.ndarray], object]


def rays(count: int) -> RayGeometry:
    """Cameras for `count` crops, as NumPy arrays."""
    found = recipe.cameras(3, count)
    return RayGeometry(found["crop_to_image"], found["inv_intrinsics"], found["root_mm"], found["depth_factor"])


def on_device(geometry: RayGeometry, device: torch.device) -> RayGeometry:
    """The same as torch tensors."""
    return RayGeometry(*(torch.from_numpy(array).to(device) for array in vars(geometry).values()))


def plain(network: PoseNetwork) -> Program:
    """Eager torch, then the loop over the joints on joints of the network's own body at rest."""
    layer = network.hybrik_layer

    def run(crops: np.ndarray) -> Tensor:
        device = layer.v_template.device
        with torch.no_grad():
            said = network.evidence(torch.from_numpy(crops).to(device))
            skeleton = skeleton_from_rays(said.uvd, on_device(rays(len(crops)), device))
            _, rest = rest_vertices_and_joints(layer.body, said.betas)
            return ik_oracle.solve(rest, skeleton, said.twist)

    return run


def by_numpy(said: dict[str, np.ndarray], shape: RestShape) -> np.ndarray:
    """Evidence to local rotations (N, 24, 3, 3) with our inverse kinematics."""
    skeleton = skeleton_from_rays(said["uvd"], rays(len(said["uvd"])))
    rest = shape.rest_joints(said["betas"]).astype(np.float32)
    return solve_reference(rest, skeleton, said["twist"], said["leaf_quats_wxyz"]).local_rotmats


def exported(path: Path, threads: int, shape: RestShape, half: bool = False) -> Program:
    """ONNX Runtime, then our inverse kinematics."""
    network = OnnxNetwork(path, threads=threads, half=half)
    return lambda crops: by_numpy(network.evidence(crops), shape)


def tuned(network: FastNetwork, shape: RestShape) -> Program:
    """Tuned torch, then our inverse kinematics, where the evidence lies."""
    template = torch.from_numpy(shape.template).float().to(network.device)
    directions = torch.from_numpy(shape.directions).float().to(network.device)

    def run(crops: np.ndarray) -> Tensor:
        with torch.inference_mode():
            said = network.evidence(crops)
            skeleton = skeleton_from_rays(said.uvd, on_device(rays(len(crops)), network.device))
            rest = template + torch.einsum("kcb,nb->nkc", directions, said.betas)
            return solve_reference(rest, skeleton, said.twist, said.leaf_quats_wxyz).local_rotmats

    return run


def best_times(programs: dict[str, Program], crops: np.ndarray, repeats: int) -> dict[str, float]:
    """Seconds of one call of each: the best of `repeats` rounds in which they take turns, after one to warm up."""
    best = dict.fromkeys(programs, float("inf"))
    for number in range(repeats + 1):
        for name, program in programs.items():
            start = time.perf_counter()
            program(crops)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def noise(count: int) -> np.ndarray:
    """(count, 3, 256, 256) float32."""
    return np.random.default_rng(0).standard_normal((count, 3, 256, 256), dtype=np.float32)


def shape_of(network: PoseNetwork) -> RestShape:
    """The network's own body at rest."""
    layer = network.hybrik_layer
    arrays = (tensor.double().cpu().numpy() for tensor in (layer.v_template, layer.shapedirs, layer.J_regressor))
    return RestShape.of_body(*arrays, network.architecture.joint_count)


def on_processor(architecture: Architecture, batches: list[int], threads: int, repeats: int) -> None:
    """Print the table of the processor."""
    network = seeded_network(architecture, 1)
    shape = shape_of(network)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_network(network, path)
        programs: dict[str, Program] = {
            "plain eager torch, loop": plain(network),
            "ONNX Runtime, NumPy": exported(path, threads, shape),
            "tuned torch": tuned(FastNetwork(seeded_network(architecture, 1)), shape),
            "tuned torch, bfloat16": tuned(FastNetwork(seeded_network(architecture, 1), Precision.BRAIN), shape),
        }
        try:
            programs["ONNX Runtime, bfloat16"] = exported(path, threads, shape, half=True)
        except MissingTool as missing:
            print(missing)
        print_table(programs, batches, repeats)


def print_table(programs: dict[str, Program], batches: list[int], repeats: int) -> None:
    """Times and ratios to the first program, batch by batch."""
    print(f"{'batch':>6}  {'program':<28}{'ms a crop':>11}{'crops/s':>10}{'x plain':>9}", flush=True)
    for count in batches:
        times = best_times(programs, noise(count), repeats if count == 1 else max(2, repeats // 4))
        first = next(iter(times.values()))
        for name, seconds in times.items():
            row = f"{count:>6}  {name:<28}{1e3 * seconds / count:>11.2f}{count / seconds:>10.1f}{first / seconds:>9.2f}"
            print(row, flush=True)


def on_gpu(architecture: Architecture, repeats: int) -> None:
    """Print the table of the GPU: best of ours at several batches against the plain program, one crop at a time."""
    network = seeded_network(architecture, 1).cuda()
    shape = shape_of(network)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.evidence(torch.zeros(1, 3, 256, 256, device="cuda"))
    flops = counter.get_total_flops()
    weights = sum(parameter.numel() for parameter in network.parameters())
    multiplied, moved = ceilings()
    alone = best_times({"plain": plain(network)}, noise(1), repeats)["plain"]
    print(
        f"\n{torch.cuda.get_device_name()}: {multiplied / 1e12:.0f} TFLOP/s in half precision, {moved / 1e9:.0f} GB/s"
    )
    print(f"plain eager torch, loop, one crop at a time: {1 / alone:.1f} crops/s")
    print(f"{'batch':>6}  {'program':<34}{'crops/s':>10}{'x plain':>9}{'of products':>13}{'of moves':>10}")
    for count in GPU_BATCHES:
        single = FastNetwork(seeded_network(architecture, 1).cuda(), Precision.SINGLE)
        half = FastNetwork(seeded_network(architecture, 1).cuda())
        replayed = FastNetwork(seeded_network(architecture, 1).cuda(), recorded=True)
        programs: dict[str, Program] = {
            "single precision, evidence": single.evidence,
            "half precision, evidence": half.evidence,
            "half, recorded, evidence": replayed.evidence,
            "half precision, with rotations": tuned(half, shape),
            "half, recorded, with rotations": tuned(replayed, shape),
        }
        for name, seconds in best_times(programs, noise(count), repeats).items():
            least_moved = 2 * weights + count * 4 * 3 * 256 * 256  # weights and pictures, once
            print(
                f"{count:>6}  {name:<34}{count / seconds:>10.0f}{count / seconds * alone:>9.1f}"
                f"{flops * count / seconds / multiplied:>13.1%}{least_moved / seconds / moved:>10.1%}",
                flush=True,
            )


def ceilings() -> tuple[float, float]:
    """Operations a second of a large product in half precision, and bytes a second of a large copy, on this GPU."""
    side = 8192
    matrix = torch.randn(side, side, device="cuda", dtype=torch.float16)
    product = best_times({"product": lambda _: matrix @ matrix}, noise(1), 10)["product"]
    copied = best_times({"copy": lambda _: matrix.clone()}, noise(1), 10)["copy"]
    return 2.0 * side**3 / product, 2.0 * matrix.nbytes / copied


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="hybrik-transformer-resnet34", choices=RAY_NETWORKS)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--repeats", type=int, default=20, help="rounds for one crop; a quarter for more (default 20)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch and of ONNX Runtime")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    architecture = Architecture(arguments.architecture)
    print(f"{architecture.value}, torch {torch.__version__}, {arguments.threads} threads")
    on_processor(architecture, arguments.batches, arguments.threads, arguments.repeats)
    if torch.cuda.is_available():
        on_gpu(architecture, arguments.repeats)
    else:
        print("torch finds no CUDA here: the GPU was not measured")


if __name__ == "__main__":
    main()

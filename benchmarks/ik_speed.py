"""Measures the inverse kinematics against a plain torch loop over the 24 joints, in the same run.

    python benchmarks/ik_speed.py [--repeats 20]

Both solve the same poses in single precision. Each time is the best of several repeats, the two programs taking turns.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "engine")]

import ik_oracle  # noqa: E402

from engine.evaluation import recipe  # noqa: E402
from engine.ik.inverse_kinematics import UpperSpine, solve_ik  # noqa: E402
from engine.ik.reference import solve_reference  # noqa: E402
from rig.kinematics import global_rotations, joint_positions  # noqa: E402
from rig.rotations import rotvec_to_rotmat  # noqa: E402
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton  # noqa: E402

BATCHES = (1, 64, 1024, 16384)


def poses(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rest joints (29, 3), noisy targets (count, 29, 3) and twists (count, 23, 2), float32."""
    body = recipe.body(1)
    rest = body["J_regressor"] @ body["v_template"]
    skeleton = Skeleton(SMPL_JOINT_NAMES, SMPL_PARENTS, rest)
    rng = np.random.default_rng(0)
    rotmats = global_rotations(SMPL_PARENTS, rotvec_to_rotmat(recipe.poses(5, count)[0]))
    joints = joint_positions(skeleton, rotmats, np.zeros((count, 3)))
    surface, owners = body["v_template"][list(recipe.SURFACE_VERTICES)], list(recipe.SURFACE_PARENTS)
    points = joints[:, owners] + np.einsum("nkij,kj->nki", rotmats[:, owners], surface - rest[owners])
    targets = np.concatenate([joints, points], axis=1) + 0.005 * rng.standard_normal((count, 29, 3))
    twist = rng.standard_normal((count, 23, 2))
    return tuple(a.astype(np.float32) for a in (np.concatenate([rest, surface]), targets, twist))


def best_times(programs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of one call of each program: the best of `repeats` rounds in which they take turns."""
    best: dict[str, float] = {}
    for name, program in programs.items():
        start = time.perf_counter()
        program()
        best[name] = time.perf_counter() - start
    for _ in range(repeats):
        for name, program in programs.items():
            calls = max(1, int(0.01 / best[name]))
            start = time.perf_counter()
            for _ in range(calls):
                program()
            best[name] = min(best[name], (time.perf_counter() - start) / calls)
    return best


def main() -> None:
    """Print a table of times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="rounds a batch size is measured (default 20)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__} with {arguments.threads} threads, NumPy {np.__version__}, float32")
    print(f"{'batch':>6}  {'program':<36}{'ms':>10}{'frames/s':>12}{'x loop':>8}")
    for count in BATCHES:
        rest, targets, twist = poses(count)
        t_rest, t_targets, t_twist = (torch.from_numpy(array) for array in (rest, targets, twist))
        many_rest = t_rest.expand(count, 29, 3)
        watched = t_targets.clone().requires_grad_()
        numpy_many_rest = np.ascontiguousarray(many_rest.numpy())
        programs: dict[str, Callable[[], object]] = {
            "plain torch loop": partial(ik_oracle.solve, many_rest, t_targets, t_twist),
            "NumPy": partial(solve_ik, rest, targets, twist, upper_spine=UpperSpine.NECK),
            "torch": partial(solve_ik, t_rest, t_targets, t_twist, upper_spine=UpperSpine.NECK),
            "torch, recording gradients": partial(solve_ik, t_rest, watched, t_twist, upper_spine=UpperSpine.NECK),
            "NumPy, Procrustes at spine3 too": partial(solve_ik, rest, targets, twist),
            "NumPy, reference form": partial(solve_reference, numpy_many_rest, targets, twist),
        }
        times = best_times(programs, arguments.repeats if count < 10000 else max(3, arguments.repeats // 4))
        for name, seconds in times.items():
            ratio = times["plain torch loop"] / seconds
            print(f"{count:>6}  {name:<36}{1e3 * seconds:>10.3f}{count / seconds:>12.0f}{ratio:>8.1f}")


if __name__ == "__main__":
    main()

"""A small folder of motion for the tests of the landmark networks' training and evaluation, made by its own program."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.training.landmarks.prepare import main
from rig.array_file import save_arrays
from rig.rotations import rotvec_to_quat_wxyz

FRAMES = 40
LEG = np.array([0.34, -0.94, 0.0]) / np.linalg.norm([0.34, -0.94, 0.0])
"""Rest direction of the left thigh: the source skeleton stands with spread legs."""


def _source_skeleton() -> tuple[list[str], list[int], np.ndarray]:
    """A skeleton of one of the known families, with legs spread at rest and no bone of the hand."""
    rows: list[tuple[str, str, tuple[float, ...]]] = [
        ("root", "", (0, 0, 0)), ("lowerback", "root", (0, 0.05, 0)), ("upperback", "lowerback", (0, 0.11, 0)),
        ("thorax", "upperback", (0, 0.11, 0)), ("lowerneck", "thorax", (0, 0.12, 0)),
        ("upperneck", "lowerneck", (0, 0.05, 0)), ("head", "upperneck", (0, 0.05, 0.01)),
    ]  # fmt: skip
    for side, sign in (("l", 1.0), ("r", -1.0)):
        leg = LEG * [sign, 1.0, 1.0]
        rows += [(f"{side}femur", "root", (sign * 0.09, -0.06, 0)), (f"{side}tibia", f"{side}femur", tuple(0.42 * leg)),
                 (f"{side}foot", f"{side}tibia", tuple(0.4 * leg)), (f"{side}toes", f"{side}foot", (0, -0.06, 0.13)),
                 (f"{side}clavicle", "thorax", (sign * 0.02, 0.1, 0)),
                 (f"{side}humerus", f"{side}clavicle", (sign * 0.16, 0, 0)),
                 (f"{side}radius", f"{side}humerus", (sign * 0.28, 0, 0)),
                 (f"{side}wrist", f"{side}radius", (sign * 0.25, 0, 0))]  # fmt: skip
    names = [name for name, _, _ in rows]
    parents = [names.index(parent) if parent else -1 for _, parent, _ in rows]
    return names, parents, np.array([offset for _, _, offset in rows], dtype=np.float64)


def _write_motion(path: Path, ids: list[str], rng: np.random.Generator) -> None:
    """A file of clips in which every joint swings smoothly; the last clip stands still."""
    names, parents, offsets = _source_skeleton()
    quats, roots = [], []
    for number in range(len(ids)):
        still = number == len(ids) - 1
        frames = 5 * FRAMES if still else FRAMES  # most of the time feet are flat
        phase = np.linspace(0.0, 2.0, frames)[:, None, None]
        waves = rng.uniform(0.5, 2.0, (1, len(names), 3)) * phase + rng.uniform(0, 6, (1, len(names), 3))
        size = np.zeros(3) if still else np.array([0.35, 0.3, 0.3])
        turns = size * np.sin(waves)
        turns[:, [names.index(f"{side}femur") for side in "lr"], 2] += [-0.34, 0.34]
        quats.append(rotvec_to_quat_wxyz(turns))
        roots.append(np.zeros((frames, 3)))
        roots[-1][:, 1] = 0.87 + 0.02 * number * (not still)
        roots[-1][:, 2] = 0.0 if still else np.linspace(0, 1.5, frames)
    ends = np.cumsum([len(root) for root in roots])
    stored = {
        "joint_names": np.array(names), "parents": np.array(parents), "offsets_m": offsets,
        "quats_wxyz": np.concatenate(quats), "root_m": np.concatenate(roots), "clip_id": np.array(ids),
        "clip_category": np.array(["walk"] * len(ids)),
        "clip_start": ends - [len(root) for root in roots], "clip_end": ends,
    }  # fmt: skip
    save_arrays(path, {"skeletons": np.array(["asf_x"])} | {f"asf_x__{name}": array for name, array in stored.items()})


def prepared_folder(root: Path) -> Path:
    """A prepared folder inside `root`: three clips to learn from and one kept back, two of them to test with."""
    rng = np.random.default_rng(5)
    for name, ids in (("train", ["a_1_x", "b_2_x", "b_2_y", "c_3_still"]), ("test", ["t_1_x", "t_1_y"])):
        (root / name).mkdir()
        _write_motion(root / name / "clips.npz", ids, rng)
    arguments = ["--motion", str(root / "train"), "--test", str(root / "test"), "--validation", "b_2_"]
    assert main([*arguments, "--out", str(root / "out")]) == 0
    return root / "out"

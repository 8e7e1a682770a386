"""Recalculates the arrays of a parity folder through the product's own code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from engine.body.lbs import (
    PosedBody,
    body_from_smpl_arrays,
    flat_quaternions,
    forward,
    hybrid_forward,
)
from engine.errors import InputError
from engine.ik.reference import ReferenceForm, solve_reference
from engine.ik.reference_rotations import (
    quat_wxyz_to_rotmat,
    rotmat_to_label_quat_wxyz,
    rotmat_to_quat_wxyz,
    rotvec_to_rotmat,
)

from . import recipe
from .parity_crops import crop_arrays

CHECKED_WEIGHTS: dict[str, tuple[int, ...]] = {
    "preact.conv1.weight": (64, 3, 7, 7),
    "preact.bn1.running_var": (64,),
    "preact.layer2.0.downsample.1.weight": (128,),
    "preact.stage2.0.fuse_layers.0.1.1.weight": (48,),
    "joint_embeddings": (29, 512),
    "pos_embedding.row_embed.weight": (8, 256),
    "transformer.mha_cross.3.linear_q.weight": (512, 512),
    "transformer.mha_cross.3.linear_o.weight": (512, 512),
    "transformer.ffn_src.0.fc_layers.2.weight": (512, 512),
    "transformer.layer_norm_src.0.a_2": (512,),
    "decjoint.weight": (3, 512),
    "decjoint.bias": (3,),
    "final_layer.weight": (1536, 256, 1, 1),
    "preact.final_layer.weight": (1856, 48, 1, 1),
    "decsigma.bias": (29,),
    "deccam.bias": (1,),
    "init_shape": (10,),
    "init_cam": (3,),
}
"""Shape of each weight whose summary recipe_check.npz holds; some names exist in several networks."""


@dataclass(frozen=True)
class ParityFolder:
    """A folder with npz files of inputs and expected outputs, tolerances.json and seed.txt."""

    path: Path
    seed: int

    @classmethod
    def open(cls, path: Path) -> ParityFolder:
        """Raises InputError where the folder has no readable seed."""
        seed_file = path / "seed.txt"
        try:
            text = seed_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise InputError(
                f"{seed_file} cannot be read ({error.strerror}); expected a folder of parity numbers"
            ) from error
        if not text.isdecimal():
            raise InputError(f"{seed_file} holds {text!r}, expected one whole number")
        return cls(path, int(text))

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """All arrays of NAME.npz; empty if the folder has no such file. Raises InputError for an unreadable one."""
        file = self.path / f"{name}.npz"
        if not file.is_file():
            return {}
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{file} cannot be read as an npz file: {error}") from error


def ik_arrays(folder: ParityFolder) -> dict[str, np.ndarray]:
    """The inverse kinematics in all reference forms, and the conversions, in double precision."""
    stored = folder.arrays("ik")
    given = {name: array.astype(np.float64) for name, array in stored.items()}
    result: dict[str, np.ndarray] = {}
    for level in range(len(given["noise_m"])):
        result |= _ik_forms(
            f"n{level}", given["rest_joints"], *(given[f"{kind}_n{level}"] for kind in ("joints", "phi", "leafquat"))
        )
    edges = _ik_forms("", *(given[f"edge_{kind}"] for kind in ("rest", "joints", "phi", "leafquat")))
    result |= {f"edge_{name.rstrip('_')}": array for name, array in edges.items()}
    result["conv_quats"] = rotmat_to_quat_wxyz(given["conv_rotmats"])
    result["conv_label_quats"] = rotmat_to_label_quat_wxyz(given["conv_rotmats"])
    result["conv_rotmats_out"] = quat_wxyz_to_rotmat(given["conv_quats_in"])
    result["conv_aa_rotmats"] = rotvec_to_rotmat(given["conv_aa_in"])
    return result


def _ik_forms(
    suffix: str, rest: np.ndarray, targets: np.ndarray, twist: np.ndarray, leaves: np.ndarray
) -> dict[str, np.ndarray]:
    short = rest[:, :24], targets[:, :24], twist, leaves
    adaptive29 = solve_reference(rest, targets, twist)
    adaptive24 = solve_reference(*short)
    return {
        f"adaptive29_{suffix}": adaptive29.local_rotmats,
        f"adaptive29_recon_{suffix}": adaptive29.joints,
        f"naive29_{suffix}": solve_reference(rest, targets, twist, form=ReferenceForm.NAIVE).local_rotmats,
        f"adaptive24_{suffix}": adaptive24.local_rotmats,
        f"adaptive24_recon_{suffix}": adaptive24.joints,
        f"adaptive24train_{suffix}": solve_reference(*short, ReferenceForm.TRAINING).local_rotmats,
    }


def lbs_arrays(folder: ParityFolder) -> dict[str, np.ndarray]:
    """Skinning and the hybrid layer on the recipe's body, in double precision."""
    stored = folder.arrays("lbs")
    body = body_from_smpl_arrays(recipe.body(folder.seed))
    given = {name: array.astype(np.float64) for name, array in stored.items() if name != "vert_subset"}
    betas, pose = given["betas"], given["aa"]
    hybrid = (body, given["hyb_betas"], given["hyb_joints"], given["hyb_phi"])
    leaves = given["hyb_leafquat"]
    posed = {
        "fwd": forward(body, betas, pose),
        "fwd_transl": forward(body, betas, pose[:, 1:], pose[:, 0], given["transl_in"]),
        "fwd_quat": forward(body, betas, given["quat_in"]),
        "hyb29": hybrid_forward(*hybrid),
        "hyb29naive": hybrid_forward(*hybrid, form=ReferenceForm.NAIVE),
        "hyb24": hybrid_forward(*hybrid, leaves),
        "hyb24train": hybrid_forward(*hybrid, leaves, ReferenceForm.TRAINING),
    }
    result: dict[str, np.ndarray] = {}
    for name, body_out in posed.items():
        full = stored.get(f"{name}_vertices_full")
        result |= {
            f"{name}_vertices_full": body_out.vertices[: 0 if full is None else len(full)],
            f"{name}_vertices_subset": body_out.vertices[:, stored["vert_subset"]],
            f"{name}_joints": body_out.joints,
            f"{name}_joints17": body_out.h36m_joints,
            f"{name}_rot": _rotations_as_stored(name, body_out),
        }
    return result


def _rotations_as_stored(name: str, posed: PosedBody) -> np.ndarray:
    if name.startswith("hyb24"):
        return flat_quaternions(posed.rotmats)
    return posed.rotmats.reshape(-1, 3, 3) if name.startswith("hyb29") else posed.rotmats


def recipe_arrays(folder: ParityFolder) -> dict[str, np.ndarray]:
    """Summaries that tell whether this NumPy draws the same random numbers as the one that made the folder."""
    seed = folder.seed
    result = {f"weight/{name}": _summary(recipe.weight(name, shape, seed)) for name, shape in CHECKED_WEIGHTS.items()}
    result |= {f"body/{name}": _summary(array) for name, array in recipe.body(seed).items()}
    result["images"] = _summary(recipe.images(100 * seed))
    result["picture"] = _summary(recipe.picture(seed, 360, 480))
    result |= {f"cameras/{name}": _summary(array) for name, array in recipe.cameras(100 * seed).items()}
    rotvecs, betas = recipe.poses(seed, 8)
    return result | {"poses/aa": _summary(rotvecs), "poses/betas": _summary(betas)}


def _summary(array: np.ndarray) -> np.ndarray:
    """Sum, sum of squares, the first four values, the last two."""
    flat = np.asarray(array, dtype=np.float64).ravel()
    return np.concatenate([[flat.sum(), (flat * flat).sum()], flat[:4], flat[-2:]])


def torch_arrays(module: str, calculator: str) -> Callable[[ParityFolder], dict[str, np.ndarray]]:
    """The function of that name in a module beside this one, which loads torch only when called; no arrays without."""

    def calculate(folder: ParityFolder) -> dict[str, np.ndarray]:
        if find_spec("torch") is None:
            return {}
        return getattr(import_module(f".{module}", __package__), calculator)(folder)

    return calculate


CALCULATORS: dict[str, Callable[[ParityFolder], dict[str, np.ndarray]]] = {
    "ik": ik_arrays,
    "lbs": lbs_arrays,
    "recipe_check": recipe_arrays,
    "net_hkt_res34": torch_arrays("parity_networks", "transformer_resnet34_arrays"),
    "net_hkt_hrnet48": torch_arrays("parity_networks", "transformer_hrnet48_arrays"),
    "net_smpl24_deconv": torch_arrays("parity_camera_networks", "deconvolution_arrays"),
    "net_cam_res34": torch_arrays("parity_camera_networks", "camera_resnet34_arrays"),
    "net_cam_hrnet48": torch_arrays("parity_camera_networks", "camera_hrnet48_arrays"),
    "crop": crop_arrays,
    "metrics": torch_arrays("parity_training", "metrics_arrays"),
    "camera_train": torch_arrays("parity_training", "camera_train_arrays"),
}
"""What recalculates the arrays of each npz file; files without an entry are reported as missing."""

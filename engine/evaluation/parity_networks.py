"""Recalculates the HybrIK-Transformer arrays of a parity folder with networks of seeded weights. Loads torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from engine.body.lbs import flat_quaternions
from engine.ik.plan import SURFACE_PARENTS
from engine.models.architectures import Architecture, build_network
from engine.models.hybrik_layer import released_children
from engine.models.network import PoseNetwork, PoseOutput, RayGeometry
from engine.models.released_keys import RELEASED_LAYER, network_name, released_name
from engine.models.transformer_head import TransformerHead
from rig.skeleton import SMPL_PARENTS

from . import recipe
from .parity_arrays import ParityFolder

RELEASED_UNIT_M = 2.0
"""The released programs of 24 joints return positions in this unit."""


def transformer_resnet34_arrays(folder: ParityFolder) -> dict[str, np.ndarray]:
    """HybrIK-Transformer on ResNet-34, in single precision."""
    return _transformer_arrays(folder, "net_hkt_res34", Architecture.HYBRIK_TRANSFORMER_RESNET34, channel_step=1)


def transformer_hrnet48_arrays(folder: ParityFolder) -> dict[str, np.ndarray]:
    """HybrIK-Transformer on HRNet-W48, in single precision."""
    return _transformer_arrays(folder, "net_hkt_hrnet48", Architecture.HYBRIK_TRANSFORMER_HRNET48, channel_step=8)


def seeded_network(architecture: Architecture, seed: int) -> PoseNetwork:
    """The network with the recipe's weights and body, loaded through the released names."""
    with torch.device("meta"):  # without drawing weights that are replaced at once
        network = build_network(architecture)
    state = seeded_body_state(seed, architecture.joint_count)
    for own_name, entry in network.state_dict().items():
        name = released_name(own_name, architecture)
        if name not in state:
            state[name] = recipe.weight(name, tuple(entry.shape), seed)
    network.load_state_dict({network_name(name): torch.tensor(array) for name, array in state.items()}, assign=True)
    return network


def seeded_body_state(seed: int, point_count: int) -> dict[str, np.ndarray]:
    """The recipe's body as the `smpl.` entries of a released checkpoint of 24 or 29 points."""
    body = recipe.body(seed)
    single = np.float32
    entries: dict[str, np.ndarray] = {
        "faces_tensor": body["f"].astype(np.int64),
        "v_template": body["v_template"].astype(single),
        "shapedirs": body["shapedirs"].astype(single),
        "posedirs": np.ascontiguousarray(body["posedirs"].reshape(-1, body["posedirs"].shape[2]).T.astype(single)),
        "J_regressor": body["J_regressor"].astype(single),
        "J_regressor_h36m": body["J_regressor_h36m"].astype(single),
        "children_map": np.array(released_children(point_count)),
        "parents": np.array((*SMPL_PARENTS, *SURFACE_PARENTS)[:point_count]),
        "lbs_weights": body["weights"].astype(single),
    }
    return {RELEASED_LAYER + name: array for name, array in entries.items()}


def seeded_images(stored: dict[str, np.ndarray]) -> Tensor:
    """(2, 3, 256, 256), by the seed that the arrays of a network hold."""
    return torch.from_numpy(recipe.images(int(stored["image_seed"])))


def seeded_rays(stored: dict[str, np.ndarray]) -> RayGeometry:
    """The cameras of `seeded_images`, mm."""
    cameras = {name: torch.from_numpy(array) for name, array in recipe.cameras(int(stored["image_seed"])).items()}
    return RayGeometry(cameras["crop_to_image"], cameras["inv_intrinsics"], cameras["root_mm"], cameras["depth_factor"])


def ray_output_as_stored(prefix: str, output: PoseOutput, stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fields under the names, in the units and in the flat shapes of the released programs of 24 joints."""
    rows = {
        "maxvals": output.maxvals,
        "pred_delta_shape": output.delta_betas,
        "pred_shape": output.betas,
        "pred_leaf": output.leaf_quats_wxyz,
        "pred_phi": output.twist,
        "pred_theta_mats": flat_quaternions(output.rotmats),
        "pred_uvd_jts": output.uvd.flatten(1),
        "pred_xyz_jts_17": output.h36m_joints.flatten(1) / RELEASED_UNIT_M,
        "pred_xyz_jts_24": output.skeleton.flatten(1) / RELEASED_UNIT_M,
        "pred_xyz_jts_24_struct": output.joints.flatten(1) / RELEASED_UNIT_M,
        "vertices_full": output.vertices,
        "vertices_subset": output.vertices[:, torch.from_numpy(stored["vert_subset"])],
    }
    return {f"{prefix}/{name}": array.numpy() for name, array in rows.items() if array is not None}


def _transformer_arrays(
    folder: ParityFolder, stem: str, architecture: Architecture, channel_step: int
) -> dict[str, np.ndarray]:
    """channel_step: of the feature map, and of the transformer's output twice as fine, which channels are stored."""
    stored = folder.arrays(stem)
    network = seeded_network(architecture, int(stored["weight_seed"]))
    images, geometry = seeded_images(stored), seeded_rays(stored)
    with torch.no_grad():
        with _taps(network, channel_step) as taps:
            result = ray_output_as_stored("plain", network(images, geometry), stored)
        result |= ray_output_as_stored("flip", network(images, geometry, flip=True), stored)
    return result | taps


@contextmanager
def _taps(network: PoseNetwork, channel_step: int) -> Iterator[dict[str, np.ndarray]]:
    """Gathers what passes between the parts of the network meanwhile, thinned out as stored."""
    head = network.head
    if not isinstance(head, TransformerHead):
        raise TypeError(f"{type(head).__name__} has no tokens")
    taps: dict[str, np.ndarray] = {}

    def of_backbone(_: nn.Module, given: tuple[Tensor, ...], feature_map: Tensor) -> None:
        taps["plain/feat_slice"] = feature_map[:, ::channel_step].numpy()

    def of_transformer(_: nn.Module, given: tuple[Tensor, ...], read: Tensor) -> None:
        sources, templates = given
        taps["plain/src_tokens_slice"] = sources[:, ::7, ::16].numpy()
        taps["plain/tgt_tokens_slice"] = templates[:1, :, ::16].numpy()
        taps["plain/transformer_out"] = read[:, :, :: max(channel_step // 2, 1)].numpy()

    hooks = [
        network.backbone.register_forward_hook(of_backbone),
        head.transformer.register_forward_hook(of_transformer),
    ]
    try:
        yield taps
    finally:
        for hook in hooks:
            hook.remove()

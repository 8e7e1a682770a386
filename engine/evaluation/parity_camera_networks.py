"""Recalculates the heat-map networks' arrays of a parity folder with networks of seeded weights. Loads torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.models.architectures import Architecture
from engine.models.camera_decode import DEPTH_FACTOR_M
from engine.models.camera_networks import CameraNetwork
from engine.models.heatmap_heads import HeatmapHead
from engine.models.network import BoxGeometry, PoseNetwork, PoseOutput

from . import recipe
from .parity_arrays import ParityFolder
from .parity_networks import ray_output_as_stored, seeded_images, seeded_network, seeded_rays

UNSURE_BIAS = 3.0
"""Bias of the spreads in the arrays `unsure/`: so wide that no joint has a weight in the camera's refit."""


def deconvolution_arrays(folder: ParityFolder) -> dict[str, np.ndarray]:
    """The network of 24 joints on ResNet-34, in single precision."""
    stored = folder.arrays("net_smpl24_deconv")
    network = seeded_network(Architecture.HYBRIK_DECONVOLUTION_RESNET34, int(stored["weight_seed"]))
    images, geometry = seeded_images(stored), seeded_rays(stored)
    with torch.no_grad():
        result = ray_output_as_stored("plain", network(images, geometry), stored)
        result |= ray_output_as_stored("flip", network(images, geometry, flip=True), stored)
        feature_map = network.backbone(images)
        result["plain/feat_slice"] = feature_map.numpy()
        return result | _heatmap_taps(network, feature_map)


def camera_resnet34_arrays(folder: ParityFolder) -> dict[str, np.ndarray]:
    """The camera network on ResNet-34, in single precision."""
    return _camera_arrays(folder, "net_cam_res34", Architecture.HYBRIK_CAMERA_RESNET34)


def camera_hrnet48_arrays(folder: ParityFolder) -> dict[str, np.ndarray]:
    """The camera network on HRNet-W48, in single precision."""
    return _camera_arrays(folder, "net_cam_hrnet48", Architecture.HYBRIK_CAMERA_HRNET48)


def seeded_boxes(stored: dict[str, np.ndarray]) -> BoxGeometry:
    """The boxes of `seeded_images`."""
    cameras = recipe.cameras(int(stored["image_seed"]))
    return BoxGeometry(torch.from_numpy(cameras["bboxes"]), torch.from_numpy(cameras["img_center"]))


def camera_output_as_stored(prefix: str, output: PoseOutput, stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fields under the names, in the units and in the flat shapes of the released programs of 29 joints."""
    rows = {
        "maxvals": output.maxvals,
        "pred_delta_shape": output.delta_betas,
        "pred_shape": output.betas,
        "pred_phi": output.twist,
        "pred_theta_mats": output.rotmats.flatten(1),
        "pred_uvd_jts": output.uvd.flatten(1),
        "pred_xyz_jts_17": output.h36m_joints.flatten(1) / DEPTH_FACTOR_M,
        "pred_xyz_jts_24": output.skeleton[:, :24].flatten(1) / DEPTH_FACTOR_M,
        "pred_xyz_jts_24_struct": output.joints.flatten(1) / DEPTH_FACTOR_M,
        "pred_xyz_jts_29": output.skeleton.flatten(1) / DEPTH_FACTOR_M,
        "vertices_full": output.vertices,
        "vertices_subset": output.vertices[:, torch.from_numpy(stored["vert_subset"])],
        "cam_scale": output.camera_scale,
        "cam_trans": output.camera_trans,
        "cam_root": output.root,
        "transl": output.transl,
        "pred_camera": output.predicted_scale,
        "pred_sigma": output.sigma,
        "scores": output.scores,
        "img_feat": output.features,
    }
    return {f"{prefix}/{name}": array.numpy() for name, array in rows.items() if array is not None}


def _camera_arrays(folder: ParityFolder, stem: str, architecture: Architecture) -> dict[str, np.ndarray]:
    stored = folder.arrays(stem)
    network = seeded_network(architecture, int(stored["weight_seed"]))
    images, boxes = seeded_images(stored), seeded_boxes(stored)
    prefixes = {name.split("/")[0] for name in stored}
    if not isinstance(network, CameraNetwork):
        raise TypeError(f"{type(network).__name__} is no camera network")
    with torch.no_grad():
        features = network.features(images)
        evidence = network.head(*features)
        result = camera_output_as_stored("plain", network.decode(evidence, boxes), stored)
        result |= camera_output_as_stored("nobox", network.decode(evidence, None), stored)
        if "flip" in prefixes:
            result |= camera_output_as_stored("flip", network(images, boxes, flip=True), stored)
        if "unsure" in prefixes:
            network.head.decsigma.bias.fill_(UNSURE_BIAS)
            result |= camera_output_as_stored("unsure", network.decode(network.head(*features), boxes), stored)
        return result | _heatmap_taps(network, *features)


def _heatmap_taps(network: PoseNetwork, *features: Tensor) -> dict[str, np.ndarray]:
    """The heat-maps before their soft-max: every 64th channel and 8th cell, and each channel's mean."""
    head = network.head
    if not isinstance(head, HeatmapHead):
        raise TypeError(f"{type(head).__name__} has no heat-maps")
    logits, _ = head.read(*features)
    return {
        "plain/final_layer_slice": logits[:, ::64, ::8, ::8].numpy(),
        "plain/final_layer_mean": logits.mean(dim=(2, 3)).numpy(),
    }

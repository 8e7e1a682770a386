"""Expresses the labels of a person in the coordinates of a crop, as the losses compare them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.models.architectures import Architecture
from engine.models.crops import map_points

from .augmentation import Crop
from .label_turns import turn_positions, turn_root
from .targets import label_quats_wxyz, uvd_targets, xyz_targets


@dataclass(frozen=True)
class CropLabels:
    """uvd, uvd_weights (29, 3); xyz (24, 3) in depth factors, xyz_weights (24, 3); rotvecs (24, 3), quats_wxyz (24, 4).

    The camera networks' are turned with a rotated crop; those of the others, which undo the rotation, are not.
    """

    uvd: np.ndarray
    uvd_weights: np.ndarray
    xyz: np.ndarray
    xyz_weights: np.ndarray
    rotvecs: np.ndarray
    quats_wxyz: np.ndarray


def labels_in_crop(crop: Crop, architecture: Architecture) -> CropLabels:
    """Labels of a crop as this network's loss wants them."""
    sample, turned = crop.sample, architecture.predicts_camera
    joints = np.array(sample.joints_px, np.float64)
    joints[:, :2] = map_points(joints[:, :2], crop.frame.image_to_crop)
    uvd, weights = uvd_targets(
        joints, sample.joint_weights, architecture.depth_factor_m, drop_outside=not architecture.predicts_camera
    )
    positions = turn_positions(sample.positions_m, crop.rotation_deg) if turned else sample.positions_m
    rotvecs = turn_root(sample.rotvecs, crop.rotation_deg) if turned else np.asarray(sample.rotvecs, np.float64)
    return CropLabels(
        uvd=uvd * (sample.joint_weights > 0),
        uvd_weights=weights,
        xyz=xyz_targets(positions, architecture.depth_factor_m),
        xyz_weights=sample.position_weights,
        rotvecs=rotvecs,
        quats_wxyz=label_quats_wxyz(rotvecs),
    )

"""Recalculates the scores and training numbers of a parity folder through the product's own code."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from engine.training import label_flips, losses
from engine.training.averaging import average_states
from engine.training.camera_targets import camera_targets
from engine.training.schedule import inverse_square_root_rate
from engine.training.targets import label_quats_wxyz, uvd_targets, xyz_targets
from engine.training.twist_labels import twist_angles

from . import dataset_metrics
from .parity_arrays import ParityFolder
from .procrustes import align_similarity

Arrays = dict[str, np.ndarray]

FLIPPED_PICTURE_WIDTH = 480
MM = 1000.0


def metrics_arrays(folder: ParityFolder) -> Arrays:
    """Scores, and everything about training that metrics.npz holds."""
    given = folder.arrays("metrics")
    return _scores(given) | _transformer_loss(given) | _labels(given) | _optimisation(given)


def _scores(given: Arrays) -> Arrays:
    depth = 2.0
    predicted17, truth17 = MM * depth * given["pw3d_pred17"], MM * given["pw3d_gt17"]
    predicted24, truth24 = MM * depth * given["pw3d_pred24"], MM * given["pw3d_gt24"]
    all24 = _pair(dataset_metrics.score_all_joints(predicted24, truth24))
    projected = dataset_metrics.back_project(
        given["pw3d_uvd24"], given["pw3d_root"], given["pw3d_f"], given["pw3d_c"], depth
    )
    uvd = np.array([dataset_metrics.score_all_joints(MM * projected, truth24).mpjpe_mm])
    published = dataset_metrics.JointGroups.PUBLISHED
    hp3d = dataset_metrics.score_3dhp(MM * depth * given["hp3d_pred"], given["hp3d_gt"], published)
    keypoints = dataset_metrics.correct_keypoints(given["hp3d_err"], published)
    joint_means = given["hp3d_err"].mean(axis=0)
    return {
        "pa_aligned": align_similarity(given["pa_pred"], given["pa_gt"]),
        "pw3d_xyz17": _pair(dataset_metrics.score_3dpw(predicted17, truth17)),
        "h36m_xyz17": _pair(dataset_metrics.score_human36m(predicted17, truth17)),
        "pw3d_xyz24": all24,
        "h36m_xyz24": all24,
        "pw3d_uvd": uvd,
        "h36m_uvd": uvd,
        "hp3d_result": np.array([*_pair(hp3d.pose), hp3d.keypoints.pck, hp3d.keypoints.auc]),
        "hp3d_err_mpjpe": np.append(joint_means, joint_means.mean()),
        "hp3d_err_pck": np.array([*keypoints.pck_of_group.values(), keypoints.pck]),
        "hp3d_err_auc": np.array([*keypoints.auc_of_group.values(), keypoints.auc]),
        "pve": np.array(MM * dataset_metrics.mean_vertex_error(given["pve_a"], given["pve_b"])),
    }


def _pair(score: dataset_metrics.PoseScore) -> np.ndarray:
    return np.array([score.mpjpe_mm, score.pa_mpjpe_mm])


def _loss_input(given: Arrays) -> dict[str, torch.Tensor]:
    """Arrays of loss_in/, in double precision, with coordinates apart."""
    prefix = "loss_in/"
    tensors = {name[len(prefix) :]: torch.from_numpy(array).double() for name, array in given.items() if prefix in name}
    flat = ("uvd", "xyz", "weight_")
    return {
        name: tensor.reshape(len(tensor), -1, 3) if any(part in name for part in flat) else tensor
        for name, tensor in tensors.items()
    }


def _targets(tensors: dict[str, torch.Tensor], **more: Any) -> losses.Targets:
    return losses.Targets(
        smpl_weight=tensors["target_smpl_weight"],
        betas=tensors["target_beta"],
        rotations=tensors["target_theta"],
        rotation_weights=tensors["target_theta_weight"],
        twist=tensors["target_twist"],
        twist_weights=tensors["target_twist_weight"],
        uvd=tensors["target_uvd_29"],
        uvd_weights=tensors["target_weight_29"],
        **more,
    )


def _predicted(tensors: dict[str, torch.Tensor], **more: Any) -> losses.Predicted:
    return losses.Predicted(
        betas=tensors["pred_shape"],
        rotations=tensors["pred_theta_mats"],
        twist=tensors["pred_phi"],
        uvd=tensors["pred_uvd_jts"],
        **more,
    )


def _transformer_loss(given: Arrays) -> Arrays:
    tensors = _loss_input(given)
    loss = losses.transformer_loss(_predicted(tensors), _targets(tensors))
    xyz24 = losses.l1_term(tensors["pred_xyz_jts_24_struct"], tensors["target_xyz_24"], tensors["target_weight_24"])
    xyz17 = losses.l1_term(tensors["pred_xyz_jts_17"], tensors["target_xyz_17"], tensors["target_weight_17"])
    terms = {
        "tot": loss.total,
        "beta": loss.betas,
        "theta": loss.rotations,
        "uvd": loss.uvd,
        "xyz_smpl24": xyz24,
        "xyz_smpl17": xyz17,
    }
    return {f"loss_out/loss_{name}": term.numpy() for name, term in terms.items()}


def _labels(given: Arrays) -> Arrays:
    joints, weights = given["flip_j_in"][..., 0], given["flip_j_in"][..., 1]
    mirror = label_flips.MIRROR_24
    flipped = label_flips.flip_keypoints(joints, weights, FLIPPED_PICTURE_WIDTH, mirror)
    twist, twist_weights = label_flips.flip_twist(given["flip_twist_in"], given["flip_twist_w"])
    uvd, uvd_weights = uvd_targets(given["tgt_joints"][..., 0], given["tgt_joints"][..., 1], 2.0 * MM)
    return {
        "flip_theta_out": label_flips.flip_rotvecs(given["flip_theta_in"]),
        "flip_j_out": np.stack(flipped, axis=-1),
        "flip_xyz_out": label_flips.flip_positions(given["flip_theta_in"], mirror),
        "flip_twist_out": twist,
        "flip_twist_w_out": twist_weights,
        "theta_quat": label_quats_wxyz(given["flip_theta_in"]),
        "tgt_uvd": uvd.ravel(),
        "tgt_w": uvd_weights.ravel(),
        "tgt_xyz": xyz_targets(given["tgt_xyz_in"], 2.0 * MM).ravel(),
    }


def _optimisation(given: Arrays) -> Arrays:
    names = ("w", "n", "idx")
    states = [
        (f"state {index}", {name: torch.from_numpy(np.asarray(given[f"avg_in{index}_{name}"])) for name in names})
        for index in range(3)
    ]
    averages = {f"avg_out_{name}": mean.numpy() for name, mean in average_states(states).items()}
    return averages | {"lr_value": np.array([inverse_square_root_rate(int(step)) for step in given["lr_step"]])}


def camera_train_arrays(folder: ParityFolder) -> Arrays:
    """Losses, camera targets and twist labels of the camera networks."""
    given = folder.arrays("camera_train")
    tensors = _loss_input(given)
    camera = camera_targets(given["cam_xyz"], given["cam_uvd"], given["cam_w"])
    scale, sigma = tensors["cam_scale"], tensors["pred_sigma"]
    targets = _targets(
        tensors,
        xyz_weights=tensors["target_xyz_weight_24"],
        camera_scale=tensors["camera_scale"],
        camera_trans=tensors["camera_trans"],
    )
    with_trans = _predicted(tensors, sigma=sigma, camera_scale=scale, camera_trans=tensors["cam_trans"])
    return {
        "cam_scale": camera.scale,
        "cam_trans": camera.trans,
        "cam_valid": camera.accurate,
        "cam_err": camera.error_mm,
        "loss_laplace_hrnet": losses.camera_laplace_loss(
            _predicted(tensors, sigma=sigma, camera_scale=scale), targets
        ).total.numpy(),
        "loss_laplace_res34": losses.camera_laplace_loss(with_trans, targets).total.numpy(),
        "loss_l1cam_res34": losses.camera_l1_loss(with_trans, targets).total.numpy(),
        "twist_angle": twist_angles(given["twist_rotmats"], given["twist_joints"]),
    }

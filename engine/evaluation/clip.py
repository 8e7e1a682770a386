"""Scores an estimated motion against the true joint positions of the person in the video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rig.motion import Motion
from rig.motion_file import MotionRecord
from rig.skeleton import Skeleton

from ..errors import InputError
from ..motion_points import camera_points, covers, nearest_index, points_at_times, world_points
from . import metrics
from .clip_scores import ClipScores, format_scores
from .truth_file import Truth, load_truth

__all__ = ["ClipScores", "evaluate_clip", "evaluate_record", "format_scores", "load_truth", "nearest_record"]

_FOOT_POINTS = ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
_FOOT_JOINTS = ("left_ankle", "left_foot", "right_ankle", "right_foot")
_UNSEEN_ANGLE_RAD = 0.5  # what a frame without a prediction costs when the person nearest to the truth is chosen
_SHORT_PATH_M = 0.5  # below this "per metre travelled" says nothing


def evaluate_clip(records: Sequence[MotionRecord], truth: Truth, frames_per_s: float = float("nan")) -> ClipScores:
    """Scores of the person among `records` who is nearest to the truth. Raises InputError when there is nobody."""
    return evaluate_record(nearest_record(records, truth), truth, frames_per_s)


def nearest_record(records: Sequence[MotionRecord], truth: Truth) -> MotionRecord:
    """The person whose mean direction from the camera differs least from the truth's; a frame unseen counts as far.

    Directions, not positions, because a guessed field of view errs in depth first. Raises InputError when there is
    no record.
    """
    if not records:
        raise InputError("there is no motion to evaluate, expected at least one person")
    true_root = _root(truth.names, truth.joints_camera)

    def distance(record: MotionRecord) -> float:
        names, points = camera_points(record)
        root = _root(names, points_at_times(record.motion, points, truth.times_s))
        cosine = np.sum(_unit(root) * _unit(true_root), axis=-1)
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))
        angle = np.where(np.isnan(root).any(-1), _UNSEEN_ANGLE_RAD, angle)
        return float(metrics.mean_present(np.where(np.isnan(true_root).any(-1), np.nan, angle)))

    return min(records, key=distance)


def evaluate_record(record: MotionRecord, truth: Truth, frames_per_s: float = float("nan")) -> ClipScores:
    """Scores of one person's motion against the truth, at the truth's frame times.

    The motion's joints and surface points are taken to the camera's frame and interpolated to the truth's times
    where the motion covers them and saw the person. Raises InputError when the two share no point.
    """
    motion = record.motion
    names, points = camera_points(record)
    common = tuple(name for name in truth.names if name in names)
    if not common:
        raise InputError(f"truth and motion share no point: {', '.join(truth.names)} against {', '.join(names)}")
    pick_predicted = [names.index(name) for name in common]
    pick_true = [truth.names.index(name) for name in common]
    sampled = points_at_times(motion, points, truth.times_s)
    predicted, true = sampled[:, pick_predicted], truth.joints_camera[:, pick_true]
    predicted_root, true_root = _root(names, sampled), _root(truth.names, truth.joints_camera)
    seen = np.isfinite(sampled).all((1, 2)) & truth.present

    aligned = metrics.aligned_errors(predicted, true, predicted_root, true_root)
    drift_m = float(metrics.mean_present(metrics.root_drift(predicted_root, true_root)))
    path_m = metrics.path_length(np.where(seen[:, None], true_root, np.nan))
    relative = (predicted - predicted_root[:, None], true - true_root[:, None])
    angles = _angle_errors(record, truth)
    bones = _bones(motion.skeleton, common)
    lengths = metrics.bone_lengths(predicted, bones), metrics.bone_lengths(true, bones)
    all_points = world_points(motion)[1]
    return ClipScores(
        person_id=record.person_id,
        truth_frames=int(truth.present.sum()),
        compared_frames=int(seen.sum()),
        compared_points=common,
        coverage=float(seen.sum() / max(1, truth.present.sum())),
        mpjpe_mm=1e3 * float(metrics.mean_present(aligned)),
        pa_mpjpe_mm=1e3 * float(metrics.mean_present(metrics.procrustes_errors(predicted, true))),
        root_error_mm=1e3 * float(metrics.mean_present(metrics.position_errors(predicted_root, true_root))),
        root_drift_mm=1e3 * drift_m,
        root_drift_mm_per_m=1e3 * drift_m / path_m if path_m >= _SHORT_PATH_M else float("nan"),
        true_path_m=path_m,
        acceleration_error_m_s2=float(metrics.mean_present(metrics.acceleration_errors(*relative, truth.times_s))),
        jitter=metrics.jitter(all_points[:, pick_predicted], motion.times_s),
        true_jitter=metrics.jitter(truth.joints_still()[:, pick_true], truth.times_s),
        **_foot_skates(motion, truth),
        bone_length_error_mm=1e3 * metrics.bone_length_error(*lengths),
        bone_length_variation_mm=1e3 * metrics.bone_length_variation(lengths[0]),
        joint_angle_error_deg=float(metrics.mean_present(angles["joint"][:, 1:])),
        swing_error_deg=float(metrics.mean_present(angles["swing"][:, 1:])),
        twist_error_deg=float(metrics.mean_present(angles["twist"][:, 1:])),
        root_angle_error_deg=float(metrics.mean_present(angles["joint"][:, 0])),
        frames_per_s=frames_per_s,
        mpjpe_mm_by_point={n: 1e3 * float(e) for n, e in zip(common, metrics.mean_present(aligned, 0), strict=True)},
        joint_angle_error_deg_by_joint={
            name: float(error)
            for name, error in zip(motion.skeleton.joint_names, metrics.mean_present(angles["joint"], 0), strict=True)
            if not np.isnan(error)
        },
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _root(names: tuple[str, ...], points: np.ndarray) -> np.ndarray:
    """(T, 3) middle of the hip joints of (T, P, 3) points, else the pelvis, else NaN."""
    if "left_hip" in names and "right_hip" in names:
        return 0.5 * (points[:, names.index("left_hip")] + points[:, names.index("right_hip")])
    if "pelvis" in names:
        return points[:, names.index("pelvis")]
    return np.full((len(points), 3), np.nan)


def _bones(skeleton: Skeleton, names: tuple[str, ...]) -> np.ndarray:
    """(B, 2) indices into `names` of the bones between joints that are both among them."""
    joints = skeleton.joint_names
    pairs = [(joints[parent], joint) for joint, parent in zip(joints, skeleton.parents, strict=True) if parent >= 0]
    known = [(names.index(a), names.index(b)) for a, b in pairs if a in names and b in names]
    return np.array(known, np.int64).reshape(-1, 2)


def _foot_skates(motion: Motion, truth: Truth) -> dict[str, float]:
    """Foot skate, mm a frame, of the prediction and of the truth itself, each in a world in which the floor stands."""
    names, points = world_points(motion)
    feet: tuple[str, ...] = _FOOT_POINTS
    if not all(name in truth.names and name in names for name in _FOOT_POINTS):
        feet = _FOOT_JOINTS
    feet = tuple(name for name in feet if name in truth.names and name in names)
    predicted = points_at_times(motion, points, truth.times_s)[:, [names.index(name) for name in feet]]
    true = truth.joints_still()[:, [truth.names.index(name) for name in feet]]
    return {
        "foot_skate_mm": 1e3 * metrics.foot_skate(predicted, true),
        "true_foot_skate_mm": 1e3 * metrics.foot_skate(true, true),
    }


def _angle_errors(record: MotionRecord, truth: Truth) -> dict[str, np.ndarray]:
    """(T, 24) errors of local rotations, degrees, at the motion's frame nearest in time: "joint", "swing", "twist"."""
    motion = record.motion
    shape = (len(truth), len(motion.skeleton.joint_names))
    errors = {name: np.full(shape, np.nan) for name in ("joint", "swing", "twist")}
    rows = np.flatnonzero(covers(motion, truth.times_s))
    if truth.local_rotmats is None or not len(rows):
        return errors
    index = nearest_index(motion.times_s, truth.times_s[rows])
    predicted = motion.local_rotmats()[index]
    predicted[:, 0] = record.world_to_camera[index, :3, :3] @ predicted[:, 0]
    true = truth.local_rotmats[rows]
    errors["joint"][rows] = metrics.rotation_errors_deg(predicted, true)
    for joint, axis in enumerate(_bone_axes(motion.skeleton)):
        errors["swing"][rows, joint], errors["twist"][rows, joint] = metrics.swing_twist_errors_deg(
            predicted[:, joint], true[:, joint], axis
        )
    return errors


def _bone_axes(skeleton: Skeleton) -> np.ndarray:
    """(J, 3) unit rest direction of each joint's bone: to the next joint of the chain; a leaf's goes on straight."""
    offsets, names = skeleton.offsets, skeleton.joint_names
    axes = np.empty_like(offsets)
    for joint in range(len(names)):
        children = [child for child, parent in enumerate(skeleton.parents) if parent == joint]
        along = [child for child in children if names[child] in ("spine1", "neck")] or children or [joint]
        axes[joint] = offsets[along[0]]
    return _unit(axes)

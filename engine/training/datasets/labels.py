"""Reads the labels that several data sets keep alike: boxes, cameras, SMPL parameters, twists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import InputError
from engine.models.crops import DEFAULT_MARGIN, xywh_to_clipped_xyxy

from .annotation_file import Record
from .sample import JOINTS, POINTS, REGRESSED, SHAPES, TWISTS, Sample

FILE = ("file_name",)
SEQUENCE = ("sequence", "seq_name")
FOCAL = ("cam_param.f", "cam_param.focal", "f", "focal")
CENTRE = ("cam_param.c", "cam_param.princpt", "c", "princpt")
ROOT = ("root_cam", "root_coord")
ROTVECS = ("thetas", "theta", "smpl_param.pose", "pose")
BETAS = ("betas", "beta", "smpl_param.shape", "shape")
TWIST = ("twist_phi", "phi")
TWIST_WEIGHT = ("twist_weight", "phi_weight")
ANGLE, COSINE, SINE = ("angle_twist", "twist_angle", "angle"), ("cos",), ("sin",)
SMPL_POSITIONS = ("smpl_joints_29", "smpl_joints", "joint_cam_29", "joint_relative_29", "xyz_29")
H36M_POSITIONS = ("h36m_joints", "joint_relative_17", "xyz_17", "joint_cam_17")

VALID_ANGLE = -10.0
"""Twist angles below this, rad, are marks of "unknown" (-999)."""


def picture_size(record: Record) -> tuple[int, int]:
    """Width and height, px."""
    width, height = (int(record.require((name,))) for name in ("width", "height"))
    return width, height


def person_box(record: Record) -> np.ndarray:
    """(4,) x0, y0, x1, y1 px of the annotated x, y, width, height, clipped to the picture."""
    return xywh_to_clipped_xyxy(record.array(("bbox",), 4), picture_size(record))


def picture_paths(record: Record, folder: Path) -> tuple[Path, ...]:
    """Where the picture may lie: under its file name, or in the folder of its sequence."""
    name, sequence = str(record.require(FILE)), record.find(SEQUENCE)
    return (folder / name,) if sequence is None else (folder / str(sequence) / name, folder / name)


def camera(record: Record) -> dict[str, Any]:
    """focal_px and centre_px of a sample; the file may hold one focal length for both axes."""
    focal = np.atleast_1d(record.array(FOCAL, -1))
    return {"focal_px": np.broadcast_to(focal[:2], (2,)), "centre_px": record.array(CENTRE, 2)}


def body_labels(record: Record) -> dict[str, Any]:
    """rotvecs, betas, smpl_weight, twist, twist_weights of a sample with SMPL parameters."""
    twist, weights = _twist(record)
    return {
        "rotvecs": record.array(ROTVECS, JOINTS, 3),
        "betas": record.array(BETAS, -1)[:SHAPES],
        "smpl_weight": 1.0,
        "twist": twist,
        "twist_weights": weights,
    }


def _twist(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """(23, 2) cosine and sine with weights, from either of the ways files keep them; weights 0 without any."""
    pairs = record.optional_array(TWIST, TWISTS, 2)
    weight = record.optional_array(TWIST_WEIGHT, TWISTS, -1)
    angles = record.optional_array(ANGLE, TWISTS)
    if pairs is None:
        cosine, sine = (record.optional_array(names, TWISTS) for names in (COSINE, SINE))
        if cosine is None or sine is None:
            if angles is None:
                return np.zeros((TWISTS, 2)), np.zeros((TWISTS, 2))
            cosine, sine = np.cos(angles), np.sin(angles)
        pairs = np.stack([cosine, sine], axis=1)
    if weight is None:
        known = np.ones(TWISTS) if angles is None else angles > VALID_ANGLE
        weight = np.asarray(known, np.float64)[:, None]
    weights = np.broadcast_to(weight, (TWISTS, 2))
    return np.where(weights > 0, pairs, 0.0), weights


def smpl_sample(record: Record, folder: Path, unit_m: float, margin: float, **more: Any) -> Sample:
    """A person with a whole SMPL body: lengths of the file in units of unit_m metres.

    24 or 29 joints, absolute or relative to the pelvis, whose place is taken from its own key, else from the absolute
    joints. Raises InputError where neither says how far away the person is.
    """
    joints = unit_m * record.array(SMPL_POSITIONS, -1, 3)
    if len(joints) not in (JOINTS, POINTS):
        raise InputError(f"{record.where} holds {len(joints)} SMPL joints, expected 24 or 29")
    root = record.optional_array(ROOT, 3)
    root_m = joints[0] if root is None else unit_m * root
    if not root_m[2] > 0:
        raise InputError(
            f"{record.where}: the pelvis lies {root_m[2]:g} m before the camera, expected more than 0 under "
            f"{' or '.join(ROOT)}"
        )
    relative = np.zeros((POINTS, 3))
    relative[: len(joints)] = joints - joints[0]
    known = (np.arange(POINTS) < len(joints))[:, None] * np.ones(3)
    seen_by = camera(record)
    regressed = record.optional_array(H36M_POSITIONS, REGRESSED, 3)
    return Sample(
        picture=picture_paths(record, folder),
        origin=record.where,
        size_wh=picture_size(record),
        box_xyxy=more.pop("box_xyxy", None) if "box_xyxy" in more else person_box(record),
        margin=margin,
        joints_px=known * projected(relative, root_m, **seen_by),
        joint_weights=known,
        positions_m=relative[:JOINTS],
        position_weights=np.ones((JOINTS, 3)),
        regressed_m=np.zeros((REGRESSED, 3)) if regressed is None else unit_m * (regressed - regressed[0]),
        root_m=root_m,
        **seen_by,
        **body_labels(record),
        **more,
    )


def projected(relative_m: np.ndarray, root_m: np.ndarray, focal_px: np.ndarray, centre_px: np.ndarray) -> np.ndarray:
    """(P, 3) positions relative to the pelvis, m, to picture x, y px and relative depth m."""
    positions = relative_m + root_m
    return np.concatenate([positions[:, :2] / positions[:, 2:] * focal_px + centre_px, relative_m[:, 2:]], axis=1)


def without_body(record: Record, folder: Path, **known: Any) -> Sample:
    """A person without SMPL parameters: zeros and weights of 0 for all that `known` does not hold."""
    values: dict[str, Any] = {
        "picture": picture_paths(record, folder),
        "origin": record.where,
        "size_wh": picture_size(record),
        "margin": DEFAULT_MARGIN,
        "positions_m": np.zeros((JOINTS, 3)),
        "position_weights": np.zeros((JOINTS, 3)),
        "regressed_m": np.zeros((REGRESSED, 3)),
        "rotvecs": np.zeros((JOINTS, 3)),
        "betas": np.zeros(SHAPES),
        "smpl_weight": 0.0,
        "twist": np.zeros((TWISTS, 2)),
        "twist_weights": np.zeros((TWISTS, 2)),
        "focal_px": np.zeros(2),
        "centre_px": np.zeros(2),
        "root_m": np.zeros(3),
    }
    return Sample(**{**values, **known})

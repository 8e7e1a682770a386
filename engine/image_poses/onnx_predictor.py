"""Runs an exported image network with ONNX Runtime; needs no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..body.open_body import load_open_body
from ..models.architectures import Architecture
from ..models.onnx_network import OnnxNetwork
from ..models.registry import InstalledModel
from .evidence import POINTS, NetworkEvidence, NetworkFacts
from .rest_shape import RestShape

_BIG_TOES = (2, 4)
"""Left and right big toe among the open body's landmarks."""


class OnnxPredictor:
    """An export of a network of `engine.models`, as a Predictor. rest: of the body that its evidence is about."""

    def __init__(
        self, network: OnnxNetwork, architecture: Architecture, rest: RestShape, title: str, licence: str
    ) -> None:
        self._network, self._rest = network, rest
        self.facts = NetworkFacts(
            point_count=architecture.joint_count,
            depth_factor_m=architecture.depth_factor_m,
            title=title,
            licence=licence,
            trained_right_hand=network.facts.trained_right_hand == "yes",
        )

    def predict(self, crops: np.ndarray) -> NetworkEvidence:
        """See `Predictor`."""
        said = {name: array.astype(np.float64) for name, array in self._network.evidence(crops).items()}
        points = self.facts.point_count
        maxvals, sigma = said.get("maxvals"), said.get("sigma")
        return NetworkEvidence(
            uvd=said["uvd"],
            twist=said["twist"],
            betas=said["betas"],
            rest_joints=self._rest.rest_joints(said["betas"]),
            maxvals=np.ones((len(crops), points)) if maxvals is None else maxvals[..., 0],
            leaf_quats_wxyz=said.get("leaf_quats_wxyz"),
            camera=said.get("camera"),
            sigma=None if sigma is None else sigma[..., 0],
        )


def exported_rest_shape(model: InstalledModel) -> RestShape:
    """The body that an export's evidence is about: from the user's file that was named when the model was added, else

    the open body of mean shape, for an export holds none. Raises InputError for a file that cannot be used, MissingTool
    for one that needs torch.
    """
    points = model.architecture.joint_count
    if not model.body:
        return open_rest_shape(points)
    from ..models.load import load_rest_arrays

    return RestShape.of_body(*load_rest_arrays(Path(model.body)), points)


def open_rest_shape(point_count: int) -> RestShape:
    """The open body's mean shape, whatever the coefficients: those of the networks are of another shape space.

    29 points are its joints, the top of the head, the fingertips and the big toes.
    """
    body = load_open_body()
    skeleton = body.skeleton(np.zeros(body.shape_count))
    points = [skeleton.rest_joints]
    if point_count == POINTS:
        vertices = body.template
        middle = vertices[np.abs(vertices[:, 0]) < 0.02]
        tips = [middle[middle[:, 1].argmax()], vertices[vertices[:, 0].argmax()], vertices[vertices[:, 0].argmin()]]
        points += [np.array(tips), skeleton.rest_landmarks[list(_BIG_TOES)]]
    template = np.concatenate(points)
    return RestShape(template, np.zeros((*template.shape, 10)))

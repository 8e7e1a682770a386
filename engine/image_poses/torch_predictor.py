"""Runs an image network with PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..ik.plan import TIPS_24
from .evidence import NetworkEvidence, NetworkFacts
from .rest_shape import RestShape

if TYPE_CHECKING:
    import torch

    from ..models.network import PoseNetwork


class TorchPredictor:
    """A network of `engine.models` on its device, as a Predictor; the module serves for nothing else afterwards."""

    def __init__(self, network: PoseNetwork, title: str, licence: str, half: bool = False) -> None:
        """half: in half precision on a processor too."""
        from ..models.inference import FastNetwork, Precision

        on_processor = network.hybrik_layer.v_template.device.type == "cpu"
        self._network = FastNetwork(network, Precision.BRAIN if half and on_processor else None)
        layer = network.hybrik_layer
        architecture = network.architecture
        self.facts = NetworkFacts(
            point_count=architecture.joint_count,
            depth_factor_m=architecture.depth_factor_m,
            title=title,
            licence=licence,
            trained_right_hand=architecture.joint_count == len(TIPS_24) and layer.tips == TIPS_24,
        )
        self._rest = RestShape.of_body(
            _numpy(layer.v_template), _numpy(layer.shapedirs), _numpy(layer.J_regressor), architecture.joint_count
        )

    def predict(self, crops: np.ndarray) -> NetworkEvidence:
        """See `Predictor`."""
        said = self._network.evidence(crops)
        betas = _numpy(said.betas)
        return NetworkEvidence(
            uvd=_numpy(said.uvd),
            twist=_numpy(said.twist),
            betas=betas,
            rest_joints=self._rest.rest_joints(betas),
            maxvals=_numpy(said.maxvals)[..., 0],
            leaf_quats_wxyz=None if said.leaf_quats_wxyz is None else _numpy(said.leaf_quats_wxyz),
            camera=None if said.camera is None else _numpy(said.camera),
            sigma=None if said.sigma is None else _numpy(said.sigma)[..., 0],
        )


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

"""Makes the network that a training starts with: the user's body, a mean shape, a pretrained backbone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import InputError
from engine.models.architectures import build_network
from engine.models.checkpoint import BODY_STRUCTURE, read_checkpoint
from engine.models.load import body_entries
from engine.models.network import PoseNetwork
from engine.models.released_keys import RELEASED_LAYER

from .train_settings import TrainSettings


def initial_network(settings: TrainSettings) -> PoseNetwork:
    """The network with random weights from the seed, its backbone's from the given file, and the user's body.

    Raises InputError for a file that cannot be used and for a body without Human3.6M's joints.
    """
    torch.manual_seed(settings.seed)
    network = build_network(settings.architecture, settings.transformer)
    # The joint tree stays the network's own: the body may come from a checkpoint of a network with another.
    entries = {
        key.removeprefix(RELEASED_LAYER): value
        for key, value in body_entries(settings.body).items()
        if key not in BODY_STRUCTURE
    }
    if settings.h36m_regressor is not None:
        entries["J_regressor_h36m"] = _array(settings.h36m_regressor, "the regressor of Human3.6M's joints")
    if "J_regressor_h36m" not in entries:
        raise InputError(
            f"{settings.body} has no regressor of Human3.6M's joints, which SMPL's own files do not hold; "
            "name it as h36m_regressor, or a released checkpoint as body"
        )
    _fill(network.hybrik_layer, entries, str(settings.body))
    if settings.mean_shape is not None:
        _fill(network.head, {"init_shape": _array(settings.mean_shape, "the mean shape")}, str(settings.mean_shape))
    if settings.backbone_weights is not None:
        copy_matching(network.backbone, read_checkpoint(settings.backbone_weights), str(settings.backbone_weights))
    return network


def copy_matching(backbone: nn.Module, state: Mapping[str, Tensor], source: str) -> int:
    """Copy every entry of the same name and shape and return their number; a classifier, for one, stays behind.

    Raises InputError when less than half of the backbone's entries are there: then it is another network's file.
    """
    own = backbone.state_dict()
    found = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    if 2 * len(found) < len(own):
        raise InputError(
            f"{source} holds {len(found)} of the {len(own)} entries of {type(backbone).__name__}; "
            "give the weights of this backbone"
        )
    backbone.load_state_dict(found, strict=False)
    return len(found)


def _fill(module: nn.Module, entries: Mapping[str, Tensor], source: str) -> None:
    """Copy buffers by name. Raises InputError where the shape is another."""
    for name, value in entries.items():
        buffer = dict(module.named_buffers(recurse=False)).get(name)
        if buffer is None:
            continue
        if buffer.shape != value.shape:
            raise InputError(f"{source}: {name} has the shape {tuple(value.shape)}, expected {tuple(buffer.shape)}")
        with torch.no_grad():
            buffer.copy_(value)


def _array(path: Path, what: str) -> Tensor:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{what}, {path}, cannot be read: {error}; expected a .npy file") from error
    if not isinstance(array, np.ndarray) or not np.isfinite(array).all():
        raise InputError(f"{what}, {path}, is not one array of finite numbers")
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))

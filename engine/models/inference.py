"""Runs image networks with torch as fast as the device allows: folded norms, channels last, half precision on GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .network import Evidence, PoseNetwork, tensors_of


class Precision(Enum):
    """What convolutions and products are calculated in; what they give is single again."""

    SINGLE = None
    HALF = torch.float16
    BRAIN = torch.bfloat16


class FastNetwork:
    """A network made ready to look at many crops; the module is changed and serves for nothing else afterwards.

    precision  None: half precision on CUDA, single elsewhere
    recorded   replay a CUDA graph for each size of batch: saves launches where batches are small and of one size
    """

    def __init__(self, network: PoseNetwork, precision: Precision | None = None, recorded: bool = False) -> None:
        self.network = network.eval()
        self.device = network.hybrik_layer.v_template.device
        on_gpu = self.device.type == "cuda"
        self.precision = precision or (Precision.HALF if on_gpu else Precision.SINGLE)
        self._recorded = recorded and on_gpu
        self._graphs: dict[int, _Recording] = {}
        fold_norms(network)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def evidence(self, crops: np.ndarray) -> Evidence:
        """Normalised crops (N, 3, 256, 256) float32 to evidence in single precision on the network's device."""
        with torch.inference_mode():
            images = torch.from_numpy(crops)
            if self.device.type == "cuda":
                # From pinned memory the copy needs no stop of the processor.
                images = images.pin_memory().to(self.device, non_blocking=True)
            images = images.contiguous(memory_format=torch.channels_last)
            if not self._recorded:
                return Evidence(**self._said(images))
            if len(crops) not in self._graphs:
                self._graphs[len(crops)] = _Recording(self._said, images)
            return Evidence(**self._graphs[len(crops)](images))

    def _said(self, images: Tensor) -> dict[str, Tensor]:
        # Nothing that was cast may be kept while a graph is recorded: it would not be cast again.
        kind = self.precision.value
        cast = torch.autocast(self.device.type, kind, cache_enabled=not self._recorded) if kind else nullcontext()
        with cast:
            said = self.network.evidence(images)
        return {name: tensor.float() for name, tensor in tensors_of(said).items()}


class _Recording:
    """A CUDA graph of one call on pictures of one shape."""

    def __init__(self, call: Any, example: Tensor) -> None:
        self._images = example.clone(memory_format=torch.preserve_format)
        apart = torch.cuda.Stream()
        apart.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(apart):
            for _ in range(3):
                call(self._images)
        torch.cuda.current_stream().wait_stream(apart)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._said = call(self._images)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        self._images.copy_(images)
        self._graph.replay()
        return {name: tensor.clone() for name, tensor in self._said.items()}


def fold_norms(network: nn.Module) -> int:
    """Put each batch norm of a module in evaluation mode into the convolution before it; returns how many.

    The convolution before `bnX` is `convX`, in a `Sequential` the entry before. Only rounding changes what comes out.
    """
    count = 0
    for parent in list(network.modules()):
        for norm_name, convolution_name in _pairs(parent):
            norm, convolution = getattr(parent, norm_name), getattr(parent, convolution_name)
            transposed = isinstance(convolution, nn.ConvTranspose2d)
            setattr(parent, convolution_name, fuse_conv_bn_eval(convolution, norm, transpose=transposed))
            setattr(parent, norm_name, nn.Identity())
            count += 1
    return count


def _pairs(parent: nn.Module) -> Iterator[tuple[str, str]]:
    """(name of a batch norm, name of the convolution right before it) among a module's own parts."""
    names = list(parent._modules)
    for place, name in enumerate(names):
        if not isinstance(parent._modules[name], nn.BatchNorm2d):
            continue
        before = names[place - 1] if isinstance(parent, nn.Sequential) else name.replace("bn", "conv")
        if isinstance(parent._modules.get(before), nn.Conv2d | nn.ConvTranspose2d):
            yield name, before

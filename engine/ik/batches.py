"""Runs an array function on frames in batches that fit the processor's cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

from .components import Array

CACHE_FRAMES = 512
"""Frames NumPy works on at once; a working set of about a megabyte in single precision."""

SMALL_FRAMES = 2048
"""Up to here NumPy is faster than torch on a CPU; beyond, torch's threads win."""


def in_batches(function: Callable[..., tuple[Array, ...]], *arrays: Array | None, frames: int, xp: Any) -> Any:
    """`function(*arrays)`, a tuple of arrays with frames first, calculated batch by batch on a CPU.

    NumPy arrays whose first axis has `frames` entries are split, others (and None) are passed whole. A few frames of
    torch tensors that live in main memory and take part in no gradient, graph or trace are handed to `function` as
    NumPy views of the same memory: NumPy starts each of the many small steps several times faster.
    """
    viewed = frames <= SMALL_FRAMES and _plain_cpu_tensors(arrays)
    if viewed:
        arrays = tuple(None if array is None else array.detach().numpy() for array in arrays)
    if viewed or any(is_numpy_array(array) for array in arrays):
        results = _numpy_batches(function, arrays, frames)
    else:
        results = function(*arrays)
    return tuple(xp.asarray(result) for result in results) if viewed else results


def _numpy_batches(
    function: Callable[..., tuple[np.ndarray, ...]], arrays: tuple[np.ndarray | None, ...], frames: int
) -> tuple[np.ndarray, ...]:
    results: tuple[np.ndarray, ...] = ()
    for start in range(0, max(frames, 1), CACHE_FRAMES):
        part = function(*(_part(array, frames, start) for array in arrays))
        if not results:
            results = tuple(np.empty((frames, *array.shape[1:]), array.dtype) for array in part)
        for result, array in zip(results, part, strict=True):
            result[start : start + CACHE_FRAMES] = array
    return results


def _part(array: Array | None, frames: int, start: int) -> Array | None:
    if array is None or frames <= CACHE_FRAMES or array.shape[0] != frames:
        return array
    return array[start : start + CACHE_FRAMES]


def _plain_cpu_tensors(arrays: tuple[Array | None, ...]) -> bool:
    """Whether all arrays are ordinary torch tensors in main memory that nothing watches."""
    tensors = [array for array in arrays if array is not None]
    if not all(is_torch_array(tensor) for tensor in tensors):
        return False
    import torch

    if torch.jit.is_tracing() or torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return False
    watched = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return not watched and all(
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        and tensor.device.type == "cpu"
        and tensor.dtype in (torch.float32, torch.float64)
        for tensor in tensors
    )

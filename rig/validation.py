"""The one validator of array shapes, used by every dataclass that holds arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import RigError


def check_array(
    name: str,
    value: object,
    shape: Sequence[int | str],
    *,
    sizes: dict[str, int] | None = None,
    dtype: type = np.float64,
    finite: bool = False,
) -> np.ndarray:
    """Return `value` as an array of `dtype` after checking it against a symbolic shape.

    `shape` mixes exact sizes and symbols (``("T", 24, 3)``); a symbol stands for the same size
    wherever it appears with the same `sizes` dictionary, which is filled as symbols are met.
    Raises RigError that names the array, its shape and the shape expected.
    """
    try:
        array: np.ndarray = np.asarray(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise RigError(f"{name} cannot be read as an array of {np.dtype(dtype).name}: {error}") from error
    sizes = {} if sizes is None else sizes
    expected = "(" + ", ".join(str(sizes.get(s, s) if isinstance(s, str) else s) for s in shape) + ")"
    if array.ndim != len(shape):
        raise RigError(f"{name} has shape {array.shape}, expected {expected}")
    for symbol, size in zip(shape, array.shape, strict=True):
        known = sizes.setdefault(symbol, size) if isinstance(symbol, str) else symbol
        if known != size:
            raise RigError(f"{name} has shape {array.shape}, expected {expected}")
    if finite and not np.isfinite(array).all():
        raise RigError(f"{name} holds values that are not finite, expected finite numbers only")
    return array

"""Writes objects as joblib does, arrays outside of the pickle, so that tests need no joblib."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sys
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "zlib": lambda data: zlib.compress(data, 3),
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, lzma.FORMAT_XZ),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


class NumpyArrayWrapper:
    """What joblib pickles in the place of an array."""

    def __init__(self, array: np.ndarray, alignment: int | None) -> None:
        self.subclass = np.ndarray
        self.shape = array.shape
        self.order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        self.dtype = array.dtype
        self.allow_mmap = True
        if alignment is not None:  # joblib before 1.2 did not align
            self.numpy_array_alignment_bytes = alignment


NumpyArrayWrapper.__module__ = "joblib.numpy_pickle"


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]
    def __init__(self, stream: io.BytesIO, alignment: int | None) -> None:
        super().__init__(stream, protocol=4)
        self._stream, self._alignment = stream, alignment

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if type(obj) is not np.ndarray:
            super().save(obj, save_persistent_id)
            return
        wrapper = NumpyArrayWrapper(obj, self._alignment)
        super().save(wrapper)
        self.framer.commit_frame(force=True)
        if obj.dtype.hasobject:
            pickle.dump(obj, self._stream, protocol=2)
            return
        if self._alignment is not None:
            padding = self._alignment - (self._stream.tell() + 1) % self._alignment
            self._stream.write(bytes([padding]) + b"\xff" * padding)
        self._stream.write(obj.tobytes(wrapper.order))


def joblib_bytes(value: Any, compression: str = "plain", alignment: int | None = 16) -> bytes:
    """The bytes of what joblib.dump(value, compress=...) writes."""
    stream = io.BytesIO()
    module = ModuleType("joblib.numpy_pickle")
    module.NumpyArrayWrapper = NumpyArrayWrapper  # type: ignore[attr-defined]
    with mock.patch.dict(sys.modules, {"joblib": ModuleType("joblib"), "joblib.numpy_pickle": module}):
        _Pickler(stream, alignment).dump(value)
    return COMPRESSIONS[compression](stream.getvalue())

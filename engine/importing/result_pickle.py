"""Reads result files that other programs pickled, with joblib or without, compressed or not, and runs nothing."""

from __future__ import annotations

import bz2
import io
import lzma
import math
import pickle
import zlib
from collections.abc import Callable
from typing import Any

from ..errors import InputError
from ..restricted_pickle import ArrayStandin, InertFunction, InertUnpickler, Standin, number_type, unpickle

LARGEST_CONTENT = 1 << 30
"""Bytes that a file may unpack to."""

MOST_READS = 40_000_000
"""Pieces that a pickle may consist of: few bytes could ask for all of the memory otherwise."""

RESULT_KIND = "result file of a motion capture program"

_COMPRESSIONS: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    *((bytes([0x78, level]), zlib.decompressobj) for level in (0x01, 0x5E, 0x9C, 0xDA)),
    (b"\x1f\x8b", lambda: zlib.decompressobj(wbits=31)),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lzma.LZMADecompressor),
    (b"\x5d\x00\x00", lzma.LZMADecompressor),
)
_FOREIGN = {
    b"\x04\x22\x4d\x18": "is compressed with LZ4",
    b"ZF": "was written by a joblib older than 0.10",
}


class _JoblibArray(Standin):
    """joblib's NumpyArrayWrapper: the array's shape and type; its bytes follow in the stream, outside of the pickle."""


def _mapping(*arguments: Any) -> dict[Any, Any]:
    """What OrderedDict and defaultdict become: a plain dictionary of the pairs they are given."""
    pairs = arguments[0] if arguments and isinstance(arguments[0], list) else []
    return {key: value for key, value in pairs}


_ALLOWED: dict[tuple[str, str], Any] = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _JoblibArray,
    ("collections", "OrderedDict"): InertFunction(_mapping),
    ("collections", "defaultdict"): InertFunction(_mapping),
    ("builtins", "dict"): InertFunction(_mapping),
    ("builtins", "list"): InertFunction(lambda *arguments: []),
    # Tensors among the results: they stay unread.
    ("torch._utils", "_rebuild_tensor_v2"): Standin,
    ("torch.storage", "_load_from_bytes"): Standin,
}


class _ResultUnpickler(InertUnpickler):
    """Also knows the containers of result files and the arrays that joblib puts between the pickle's pieces."""

    def __init__(self, stream: io.BytesIO, reads: list[int]) -> None:
        super().__init__(stream, encoding="latin1")
        self._stream = stream
        self._reads = reads

    def find_class(self, module: str, name: str) -> Any:
        known = _ALLOWED.get((module, name))
        return super().find_class(module, name) if known is None else known

    @property
    def read(self) -> Callable[[int], bytes]:
        """The reading function of pickle's loop, which counts the pieces."""
        return self._counted_read

    @read.setter
    def read(self, function: Callable[[int], bytes]) -> None:
        self._plain_read = function

    def _counted_read(self, size: int) -> bytes:
        self._reads[0] += 1
        if self._reads[0] > MOST_READS:
            raise pickle.UnpicklingError(f"it consists of more than {MOST_READS} pieces")
        return self._plain_read(size)

    def load_build(self) -> None:
        pickle._Unpickler.load_build(self)  # type: ignore[attr-defined]
        made = self.stack[-1]  # type: ignore[attr-defined]
        if isinstance(made, _JoblibArray):
            self.stack[-1] = self._array_after(made)  # type: ignore[attr-defined]

    dispatch = {**pickle._Unpickler.dispatch, pickle.BUILD[0]: load_build}  # type: ignore  # noqa: RUF012

    def _array_after(self, wrapper: _JoblibArray) -> Any:
        """The array whose bytes come next in the stream."""
        state = wrapper.state if isinstance(wrapper.state, dict) else {}
        shape, dtype = state.get("shape"), state.get("dtype")
        if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
            raise pickle.UnpicklingError("it holds an array of joblib without a shape")
        if isinstance(dtype, Standin) and dtype.arguments[:1] == ("O8",):
            return _ResultUnpickler(self._stream, self._reads).load()
        size = math.prod(shape) * number_type(dtype, "an array of joblib").itemsize
        if state.get("numpy_array_alignment_bytes") is not None:
            self._stream.read(int.from_bytes(self._stream.read(1), "little"))
        if size > LARGEST_CONTENT:
            raise pickle.UnpicklingError("it breaks off within an array")
        array = ArrayStandin()
        array.state = (1, shape, dtype, state.get("order") == "F", self._stream.read(size))
        return array


def load_result(data: bytes, source: str) -> Any:
    """The content of a pickle in containers of Python, arrays as stand-ins that `plain_value` reads.

    data    the file's bytes, of joblib or pickle, plain or compressed with zlib, gzip, bz2, xz or lzma
    source  what to call the file in messages
    Raises InputError that names what is forbidden or damaged.
    """
    return unpickle(_ResultUnpickler(io.BytesIO(_decompressed(data, source)), [0]), source, RESULT_KIND)


def looks_pickled(start: bytes) -> bool:
    """Whether a file that begins with these bytes may be a pickle, compressed or not."""
    known = (b"\x80", b"(", b"}", *(magic for magic, _ in _COMPRESSIONS), *_FOREIGN)
    return start.startswith(known)


def _decompressed(data: bytes, source: str) -> bytes:
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            raise InputError(f'{source} {what}; save it again with joblib.dump(..., compress=("zlib", 3)).')
    for magic, decompressor in _COMPRESSIONS:
        if data.startswith(magic):
            stream = decompressor()
            try:
                content = bytes(stream.decompress(data, LARGEST_CONTENT + 1))
            except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
                raise InputError(f"{source} is a damaged compressed file: {error}.") from error
            if len(content) > LARGEST_CONTENT:
                raise InputError(f"{source} unpacks to more than {LARGEST_CONTENT} bytes, too much for a result file.")
            if not stream.eof:
                raise InputError(f"{source} is a compressed file that breaks off.")
            return content
    return data

"""Reads the arrays out of a pickle without importing or running anything that the pickle names.

A pickle is a small program that may call any function of any module. Here every global it names becomes an inert
stand-in that only remembers what it was given: NumPy arrays and scalars, SciPy's compressed sparse matrices and
chumpy's arrays, which is all that body model files and result files are made of. Any other global ends the reading.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import InputError

_NUMBER_KINDS = "biufc"
_TEXT_KIND = "U"
_LONGEST_TEXT = 1 << 16


class Standin:
    """What any allowed class becomes: it keeps its arguments and its state and has no behaviour."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class ArrayStandin(Standin):
    """A NumPy array on its way: state is (version, shape, dtype, Fortran order, bytes)."""


class _Buffer(Standin):
    """A NumPy array as protocol 5 writes it: arguments (bytes, dtype, shape, 'C' or 'F')."""


class _Dtype(Standin):
    """A NumPy dtype: arguments ('f8', ...), state (version, byte order, ...)."""


class _Scalar(Standin):
    """A NumPy scalar: arguments (dtype, bytes)."""


class _Sparse(Standin):
    """A SciPy compressed sparse matrix: state is its __dict__."""


class _SparseColumns(_Sparse):
    """csc_matrix."""


class _SparseRows(_Sparse):
    """csr_matrix."""


class _Chumpy(Standin):
    """A chumpy object: state is its __dict__, with the values under 'x'."""


class InertFunction:
    """A callable that a pickle may call but neither change nor look into."""

    __slots__ = ("_call",)
    _call: Callable[..., Any]

    def __init__(self, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_call", call)  # once, before any pickle holds it

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError("it tries to change a function")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it tries to change a function")


def _encode(text: str, encoding: str) -> bytes:
    if str(encoding).lower().replace("-", "") != "latin1":
        raise pickle.UnpicklingError(f"it asks for the text encoding {encoding!r}")
    return text.encode("latin-1")


def _rebuild(kind: Any, base: Any = None, state: Any = None) -> Any:
    if not (isinstance(kind, type) and issubclass(kind, Standin)):
        raise pickle.UnpicklingError("it rebuilds an object of an unknown class")
    return kind()


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): ArrayStandin,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): InertFunction(_encode),
    ("copy_reg", "_reconstructor"): InertFunction(_rebuild),
    ("copyreg", "_reconstructor"): InertFunction(_rebuild),
    ("__builtin__", "object"): Standin,
    ("builtins", "object"): Standin,
}
for _core in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _ALLOWED[_core, "_reconstruct"] = InertFunction(lambda *arguments: ArrayStandin())
    _ALLOWED[_core, "scalar"] = _Scalar
    _ALLOWED[_core.replace("multiarray", "numeric"), "_frombuffer"] = _Buffer
for _module in ("csc", "_csc", "csr", "_csr"):
    _kind = _SparseColumns if "csc" in _module else _SparseRows
    _ALLOWED[f"scipy.sparse.{_module}", f"{_module.strip('_')}_matrix"] = _kind


class InertUnpickler(pickle._Unpickler):
    """Unpickles into stand-ins; `plain_value` turns each into the array it stands for."""

    # The unpickler in Python, not the one in C: there a few bytes can ask for gigabytes of memo.

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a global. Raises ForbiddenGlobal for one that has none."""
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module == "chumpy" or module.startswith("chumpy."):
            return _Chumpy
        raise ForbiddenGlobal(f"{module}.{name}")


class ForbiddenGlobal(pickle.UnpicklingError):
    """The pickle names a global that is not allowed."""


def unpickle(unpickler: InertUnpickler, source: str, kind: str) -> Any:
    """What the unpickler's stream holds, stand-ins included. Raises InputError as `load_pickled_arrays` does."""
    try:
        return unpickler.load()
    except ForbiddenGlobal as error:
        raise InputError(
            f"{source} was refused: it asks to load {error}, which no {kind} needs; nothing in it was run."
        ) from error
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError,
        OverflowError, MemoryError, RecursionError, LookupError, AssertionError, struct.error,
    ) as error:  # fmt: skip
        raise InputError(f"{source} is not a complete pickle ({type(error).__name__}: {error}).") from error


def load_pickled_arrays(
    data: bytes, source: str, kind: str = "body model file", *, text_arrays: bool = False
) -> dict[str, Any]:
    """The dictionary held by a pickle, its arrays as NumPy arrays (sparse ones dense), other values as they are.

    data         the pickle's bytes, of any protocol, written by Python 2 or 3, with NumPy 1 or 2
    source       what to call the file in messages
    kind         what sort of file was expected, in messages
    text_arrays  whether arrays of text are read too; otherwise they are refused like arrays of objects
    Raises InputError that names a forbidden global, or says what else is wrong.
    """
    content = unpickle(InertUnpickler(io.BytesIO(data), encoding="latin1"), source, kind)
    if not isinstance(content, dict):
        raise InputError(f"{source} holds a {type(content).__name__}, expected the dictionary of a {kind}.")
    values = {str(key): plain_value(value, f"{source}: {key}") for key, value in content.items()}
    for key, value in values.items():
        if not text_arrays and isinstance(value, np.ndarray) and value.dtype.kind == _TEXT_KIND:
            raise InputError(f"{source}: {key} holds text, expected an array of numbers.")
    return values


def plain_value(value: Any, name: str) -> Any:
    """A stand-in turned into the array or number it stands for; plain values stay.

    Raises InputError that calls the value `name` when it stands for anything else.
    """
    if isinstance(value, _Chumpy):
        if not isinstance(value.state, dict) or "x" not in value.state:
            raise InputError(f"{name} is a chumpy expression without values, expected a chumpy array.")
        return plain_value(value.state["x"], name)
    if isinstance(value, _Sparse):
        return _dense(value, name)
    if isinstance(value, ArrayStandin):
        return _array(value, name)
    if isinstance(value, _Buffer):
        if len(value.arguments) != 4:
            raise InputError(f"{name} is not an array of numbers.")
        data, dtype, shape, order = value.arguments
        return _from_bytes(shape, dtype, order == "F", bytes(data) if isinstance(data, bytearray) else data, name)
    if isinstance(value, _Scalar):
        if len(value.arguments) != 2 or not isinstance(value.arguments[0], _Dtype):
            raise InputError(f"{name} is not a NumPy scalar that can be read.")
        return _from_bytes((), value.arguments[0], False, value.arguments[1], name)[()]
    if isinstance(value, Standin | InertFunction | type):
        raise InputError(f"{name} is an object, expected an array.")
    return value


def number_type(stored: Any, name: str) -> np.dtype[Any]:
    """The number type that a stand-in describes; never one that holds objects or fields: InputError then."""
    if not isinstance(stored, _Dtype) or not stored.arguments or not isinstance(stored.arguments[0], str):
        raise InputError(f"{name} has a number type that cannot be read.")
    code = stored.arguments[0]
    order = stored.state[1] if isinstance(stored.state, tuple) and len(stored.state) > 1 else "="
    if code[:1] not in _NUMBER_KINDS + _TEXT_KIND or not code[1:].isdigit() or order not in ("<", ">", "|", "="):
        raise InputError(f"{name} holds {code!r}, expected an array of numbers.")
    if (code[:1] == _TEXT_KIND and not 0 < int(code[1:6]) <= _LONGEST_TEXT) or len(code) > 6:
        raise InputError(f"{name} holds {code[:20]!r}, expected an array of numbers.")
    try:
        return np.dtype(code if order == "|" else order + code)
    except TypeError as error:
        raise InputError(f"{name} holds {code!r}, expected an array of numbers.") from error


def _from_bytes(shape: Any, stored: Any, fortran: Any, data: Any, name: str) -> np.ndarray:
    dtype = number_type(stored, name)
    raw = data.encode("latin-1") if isinstance(data, str) else data
    if not isinstance(raw, bytes) or not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise InputError(f"{name} is not an array of numbers.")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise InputError(f"{name} has {len(raw)} bytes, expected {math.prod(shape) * dtype.itemsize} for {shape}.")
    if dtype.kind == _TEXT_KIND and (np.frombuffer(raw, dtype.byteorder + "u4") > sys.maxunicode).any():
        raise InputError(f"{name} holds characters that do not exist; the file is damaged.")
    array = np.frombuffer(raw, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="))


def _array(stored: ArrayStandin, name: str) -> np.ndarray:
    if not isinstance(stored.state, tuple) or len(stored.state) != 5:
        raise InputError(f"{name} is not an array of numbers.")
    _, shape, dtype, fortran, data = stored.state
    return _from_bytes(shape, dtype, fortran, data, name)


def _dense(stored: _Sparse, name: str) -> np.ndarray:
    """A compressed sparse matrix as a full array, its indices checked."""
    state = stored.state if isinstance(stored.state, dict) else {}
    shape = state.get("_shape", state.get("shape"))
    try:
        data, indices, starts = (
            np.atleast_1d(plain_value(state[part], name)) for part in ("data", "indices", "indptr")
        )
    except KeyError as error:
        raise InputError(f"{name} is a sparse matrix without {error}.") from error
    if not isinstance(shape, tuple) or len(shape) != 2 or not all(type(n) is int and 0 < n < 1 << 20 for n in shape):
        raise InputError(f"{name} is a sparse matrix of shape {shape}, expected two sizes.")
    rows, columns = shape if isinstance(stored, _SparseRows) else shape[::-1]
    if (
        rows * columns > 1 << 26
        or not all(part.ndim == 1 and part.dtype.kind in "iuf" for part in (data, indices, starts))
        or indices.dtype.kind == "f"
        or starts.dtype.kind == "f"
        or len(starts) != rows + 1
        or len(indices) != len(data)
        or starts[0] != 0
        or starts[-1] != len(data)
        or (np.diff(starts.astype(np.int64)) < 0).any()
        or (len(indices) > 0 and not (indices.min() >= 0 and indices.max() < columns))
    ):
        raise InputError(f"{name} is a damaged sparse matrix of shape {shape}.")
    full = np.zeros((rows, columns))
    np.add.at(full, (np.repeat(np.arange(rows), np.diff(starts.astype(np.int64))), indices), data)
    return full if isinstance(stored, _SparseRows) else full.T.copy()

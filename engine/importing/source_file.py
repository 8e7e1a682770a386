"""Opens a file of another program and says what kind of container it is, without running anything in it."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, MissingTool
from .result_pickle import LARGEST_CONTENT, load_result, looks_pickled

LARGEST_FILE = 1 << 30
_NUMPY_MAGIC = b"\x93NUMPY"
_DAMAGE = (ValueError, TypeError, KeyError, EOFError, OSError, SyntaxError, MemoryError, OverflowError,
           struct.error, zipfile.BadZipFile, zlib.error, RuntimeError, UnicodeDecodeError)  # fmt: skip


class Container(Enum):
    """How a file stores what it holds."""

    ARRAYS = "npz"
    ARRAY = "npy"
    TENSORS = "PyTorch file"
    PICKLE = "pickle"
    TEXT = "text"
    OTHER = "other"


@dataclass(frozen=True)
class SourceFile:
    """A file's path, container and content.

    values  by name: the arrays of an npz (arrays of objects left out), the tensors of a PyTorch file (nested names
            joined by dots), or the top level of a pickled dictionary (stand-ins, see `restricted_pickle.plain_value`)
    array   of an npy file
    text    of a text file
    """

    path: Path
    container: Container
    values: Mapping[Any, Any] = field(default_factory=dict)
    array: np.ndarray = field(default_factory=lambda: np.zeros(0))
    text: str = ""

    def has(self, *names: str) -> bool:
        """Whether all of these names are among the values."""
        return all(name in self.values for name in names)


def open_source(path: Path) -> SourceFile:
    """Read a file into memory, whatever its name is.

    Raises InputError for a file that cannot be read, is damaged, too large, or asks to run something; MissingTool
    for a PyTorch file where PyTorch is not installed.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} has more than {LARGEST_FILE} bytes, too many for a motion or result file.")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"The result file {path} cannot be read: {error.strerror or error}.") from error
    try:
        if data.startswith(b"PK\x03\x04"):
            return _archive(path, data)
        if data.startswith(_NUMPY_MAGIC):
            return SourceFile(path, Container.ARRAY, array=_array(data))
    except _DAMAGE as error:
        raise InputError(f"{path} is damaged or breaks off ({type(error).__name__}: {error}).") from error
    if looks_pickled(data[:16]):
        content = load_result(data, str(path))
        return SourceFile(path, Container.PICKLE, content if isinstance(content, dict) else {})
    if b"\x00" in data[:4096]:
        return SourceFile(path, Container.OTHER)
    return SourceFile(path, Container.TEXT, text=data.decode("utf-8-sig", errors="replace"))


def _archive(path: Path, data: bytes) -> SourceFile:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > LARGEST_CONTENT:
            raise InputError(f"{path} unpacks to more than {LARGEST_CONTENT} bytes, too much for a result file.")
        if any(member.filename.endswith("/data.pkl") for member in members):
            return SourceFile(path, Container.TENSORS, _tensors(path))
        arrays = {}
        for member in members:
            if member.filename.endswith(".npy"):
                with archive.open(member) as stream:
                    # Reading no more than is declared: the declared sizes were added up.
                    content = stream.read(member.file_size + 1)
                array = _array(content)
                if array is not None:
                    arrays[member.filename[:-4]] = array
    return SourceFile(path, Container.ARRAYS, arrays) if arrays else SourceFile(path, Container.OTHER)


def _array(data: bytes) -> Any:
    """The array of an npy file's bytes; None for one of objects. The header's shape must fit the bytes."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version in ((2, 0), (3, 0)):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"version {version} of the npy format")
    if dtype.hasobject:
        return None
    start = stream.tell()
    if any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise ValueError(f"{len(data) - start} bytes for an array of shape {shape}")
    return np.frombuffer(data, dtype, offset=start).reshape(shape, order="F" if fortran else "C")


def _tensors(path: Path) -> dict[str, Any]:
    """The tensors and numbers of what `torch.save` wrote of nested dictionaries, by names joined with dots."""
    try:
        import torch
    except ImportError as error:
        raise MissingTool(
            f"{path} is a PyTorch file, which needs PyTorch: install it with `pip install torch`, or save the tensors "
            "as an npz with numpy.savez where they were made."
        ) from error
    import pickle

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} was refused: it holds more than tensors and numbers, which no file of results "
            "needs; nothing in it was run."
        ) from error
    except _DAMAGE as error:
        raise InputError(f"{path} is a damaged PyTorch file ({type(error).__name__}).") from error
    found: dict[str, Any] = {}
    # Depth is bounded: results are two levels deep, and nothing else is looked for.
    for key, value in content.items() if isinstance(content, dict) else ():
        inner = value.items() if isinstance(value, dict) else [(None, value)]
        for name, item in inner:
            if isinstance(item, torch.Tensor) and item.layout == torch.strided:
                item = item.detach().to(torch.float64 if item.is_floating_point() else item.dtype).numpy()
                found[str(key) if name is None else f"{key}.{name}"] = item
    return found

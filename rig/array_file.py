"""Writing arrays as one npz, whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .atomic_file import replacing


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Any]) -> None:
    """Write a compressed npz without pickled objects, whole or not at all. Raises OSError naming `path`."""
    # An archive that breaks off on a full disk complains once more when it is forgotten: make it in memory.
    archive = io.BytesIO()
    np.savez_compressed(archive, **arrays)
    with replacing(path) as temporary:
        temporary.write_bytes(archive.getbuffer())

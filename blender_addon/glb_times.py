# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact key times in a GLB file.

Blender's exporter divides frames by fps x fps_base (or by fps alone before 4.0) where fps / fps_base is the scene's
rate, so that a clip at 30000/1001 comes out 0.2 % too fast. The times are put right in the finished file.
"""

import json
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np

_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942
_FLOAT = 5126


def set_frame_times(path: Path, fps: Fraction, frame_count: int) -> None:
    """Rewrite the key times of every animation in the file, of `frame_count` sampled frames, to frame / fps seconds."""
    document, binary = _read(path)
    inputs = {sampler["input"] for animation in document.get("animations", []) for sampler in animation["samplers"]}
    views = {index: _times(document, binary, index) for index in inputs}
    last = max((float(times[-1]) for times in views.values()), default=0.0)
    if frame_count < 2 or last <= 0.0:
        return
    for index, times in views.items():
        frames = np.rint(times.astype(np.float64) * ((frame_count - 1) / last))
        times[:] = frames * fps.denominator / fps.numerator
        accessor = document["accessors"][index]
        accessor["min"], accessor["max"] = [float(times.min())], [float(times.max())]
    _write(path, document, binary)


def _times(document: dict, binary: bytearray, index: int) -> np.ndarray:
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    if accessor["componentType"] != _FLOAT or accessor["type"] != "SCALAR" or "byteStride" in view:
        raise RuntimeError(f"accessor {index} does not hold key times as plain floats")
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    return np.frombuffer(binary, "<f4", accessor["count"], start)


def _read(path: Path) -> tuple[dict, bytearray]:
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    if magic != b"glTF" or version != 2 or length != len(data):
        raise RuntimeError(f"{path.name} is not a GLB 2 file")
    chunks, offset = {}, 12
    while offset < length:
        size, kind = struct.unpack_from("<II", data, offset)
        chunks[kind] = data[offset + 8 : offset + 8 + size]
        offset += 8 + size
    return json.loads(chunks[_JSON_CHUNK]), bytearray(chunks.get(_BINARY_CHUNK, b""))


def _write(path: Path, document: dict, binary: bytearray) -> None:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    with open(path, "wb") as stream:
        stream.write(struct.pack("<4sII", b"glTF", 2, total))
        stream.write(struct.pack("<II", len(text), _JSON_CHUNK) + text)
        stream.write(struct.pack("<II", len(binary), _BINARY_CHUNK) + binary)

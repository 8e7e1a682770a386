# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion a captured armature was keyed from, kept in the .blend file beside it."""

import base64
import tempfile
from pathlib import Path

import bpy

from .core import errors, motion_file

MOTION_PROPERTY = "swingtwist_motion"
"""Custom property of a captured armature that points to the text with its motion.npz."""

_LINE = 120


def store_motion(armature: bpy.types.Object, record: motion_file.MotionRecord, path: Path | None = None) -> None:
    """Keep the record with the armature: capture folders go, and exporters write properties but no texts.

    path: the file that the record was read from, if it was, which is then kept as it is. Raises OSError.
    """
    armature[MOTION_PROPERTY] = bpy.data.texts.new(f"{armature.name}.motion")
    if path is not None:
        replace_stored_motion(armature, path)
        return
    with tempfile.TemporaryDirectory(prefix="swingtwist-") as folder:
        written = Path(folder) / "motion.npz"
        motion_file.save_motion(written, record)
        replace_stored_motion(armature, written)


def replace_stored_motion(armature: bpy.types.Object, path: Path) -> None:
    """Keep the motion of a file in place of the one the armature keeps, if it keeps one. Raises OSError."""
    if has_motion(armature):
        letters = base64.b64encode(path.read_bytes()).decode("ascii")
        text = armature[MOTION_PROPERTY]
        text.clear()
        text.write("\n".join(letters[at : at + _LINE] for at in range(0, len(letters), _LINE)))


def has_motion(thing: bpy.types.Object) -> bool:
    """Whether the object is an armature that keeps its motion."""
    return thing.type == "ARMATURE" and isinstance(thing.get(MOTION_PROPERTY), bpy.types.Text)


def stored_motion(armature: bpy.types.Object) -> motion_file.MotionRecord:
    """The record kept with an armature. Raises RigError when there is none."""
    if not has_motion(armature):
        raise errors.RigError(
            f"{armature.name} keeps no motion, expected an armature captured or imported by this add-on"
        )
    with tempfile.TemporaryDirectory(prefix="swingtwist-") as folder:
        path = Path(folder) / f"{armature.name.replace('/', '_')}.npz"
        try:
            path.write_bytes(base64.b64decode(armature[MOTION_PROPERTY].as_string(), validate=False))
        except ValueError as error:
            raise errors.RigError(f"the motion kept with {armature.name} was changed and cannot be read") from error
        return motion_file.load_motion(path)

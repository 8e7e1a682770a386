# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a character into the scene from a file of any kind that Blender reads."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy

from .character import skins_of
from .core import errors

CHARACTER_SUFFIXES = (".fbx", ".glb", ".gltf", ".vrm", ".blend")


def import_character(context: bpy.types.Context, path: Path) -> list[bpy.types.Object]:
    """The character's objects, its armature first, at rest and without the animation of the file.

    Raises RigError when the file cannot be read or holds no armature.
    """
    readers: dict[str, Callable[[bpy.types.Context, Path], None]] = {
        ".fbx": _read_fbx,
        ".glb": _read_gltf,
        ".gltf": _read_gltf,
        ".vrm": _read_vrm,
        ".blend": _append,
    }
    read = readers.get(path.suffix.lower())
    if read is None:
        raise errors.RigError(f"character {path} ends in {path.suffix!r}, expected one of {', '.join(readers)}")
    if not path.is_file():
        raise errors.RigError(f"character {path} does not exist")
    before = set(bpy.data.objects)
    try:
        read(context, path)
    except (RuntimeError, OSError) as error:
        raise errors.RigError(f"character {path} cannot be read: {_reason(error)}") from error
    objects = [thing for thing in bpy.data.objects if thing not in before]
    armatures = [thing for thing in objects if thing.type == "ARMATURE"]
    if not armatures:
        raise errors.RigError(f"character {path} holds no armature, expected a rigged character")
    armature = max(armatures, key=lambda one: (len(skins_of(one)), len(one.data.bones)))
    for thing in objects:
        thing.animation_data_clear()
    for bone in armature.pose.bones:
        bone.matrix_basis.identity()
        # glTF files show bones as a ball that is no part of the character.
        if bone.custom_shape in objects:
            objects.remove(bone.custom_shape)
            bpy.data.objects.remove(bone.custom_shape)
    above, parent = [], armature.parent
    while parent is not None:
        above.append(parent)
        parent = parent.parent
    return [armature, *above, *skins_of(armature)]


def _reason(error: Exception) -> str:
    """The line of an operator's report that says what went wrong; where in Blender's files comes after it."""
    lines = [line for line in str(error).strip().splitlines() if line.strip() and not line.startswith("Location:")]
    return lines[-1].strip() if lines else type(error).__name__


def _read_fbx(context: bpy.types.Context, path: Path) -> None:
    bpy.ops.import_scene.fbx(filepath=str(path), use_anim=False)


def _read_gltf(context: bpy.types.Context, path: Path) -> None:
    bpy.ops.import_scene.gltf(filepath=str(path))


def _read_vrm(context: bpy.types.Context, path: Path) -> None:
    # A VRM file is a GLB with more in it; the importer goes by the ending.
    with tempfile.TemporaryDirectory(prefix="swingtwist-") as folder:
        copy = Path(folder) / f"{path.stem}.glb"
        shutil.copyfile(path, copy)
        _read_gltf(context, copy)


def _append(context: bpy.types.Context, path: Path) -> None:
    with bpy.data.libraries.load(str(path)) as (found, wanted):
        wanted.objects = list(found.objects)
    for thing in wanted.objects:
        if thing is not None:
            context.scene.collection.objects.link(thing)

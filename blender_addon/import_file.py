# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing files of other programs: the engine reads them in the background, its people are keyed."""

import zipfile
from pathlib import Path
from typing import Any

import bpy

from . import person
from .cleanup_settings import ROOT_MOTION_ITEMS, cleanup_arguments
from .core import bone_maps, root_motion
from .engine_run import EngineOperator, EngineRun, RunFailed
from .properties import BONE_NAME_ITEMS, SwingtwistSettings, settings_of

FILE_PATTERN = "*.npz;*.pt;*.pk;*.pkl;*.bvh;*.npy"
"""What the file browser shows; what a file holds decides how it is read."""

UP_ITEMS = [
    ("file", "As in the File", "What files of its kind have"),
    ("y", "Y Up", "The file's world has y up"),
    ("z", "Z Up", "The file's world has z up"),
]


def choices() -> dict[str, Any]:
    """What an import asks, as annotations of an operator."""
    return {
        "root_motion": bpy.props.EnumProperty(
            name="Root Motion", description="What the root bone carries", items=ROOT_MOTION_ITEMS, default="planar+yaw"
        ),
        "bone_names": bpy.props.EnumProperty(
            name="Bone Names", description="Names of the bones", items=BONE_NAME_ITEMS
        ),
        "start_frame": bpy.props.IntProperty(
            name="First Frame", description="Scene frame of the first pose", default=1
        ),
        "fps": bpy.props.StringProperty(
            name="Frame Rate",
            description="Frames a second, such as 25 or 29.97, for files of other programs that do not hold it; "
            "empty takes the file's own",
        ),
        "up": bpy.props.EnumProperty(
            name="Up Axis", description="Where up is in files of other programs", items=UP_ITEMS
        ),
    }


def is_motion_file(path: Path) -> bool:
    """Whether a file is a motion.npz, which needs no engine."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"schema.npy", "rest_joints.npy", "global_orient.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


class MOCAP_OT_import_foreign(EngineOperator, bpy.types.Operator):
    """Let the engine read a file of another program and add its people as keyed armatures"""

    bl_idname = "mocap.import_foreign"
    bl_label = "Import"
    bl_options = {"UNDO", "INTERNAL"}  # noqa: RUF012
    _done = "Imported"

    __annotations__ = {
        **choices(),
        "filepath": bpy.props.StringProperty(name="File", description="The file to read", subtype="FILE_PATH"),
    }

    def _begin(self, context: bpy.types.Context) -> EngineRun:
        path = Path(bpy.path.abspath(self.filepath))
        if not path.is_file():
            raise RunFailed(f"the file {path} does not exist")
        placement = person.Placement(
            object_name=path.stem,
            clip_name=path.stem,
            naming=bone_maps.BoneNaming(self.bone_names),
            root_mode=root_motion.RootMode(self.root_motion),
            start_frame=self.start_frame,
        )
        settings = settings_of(context)
        return EngineRun(context, lambda folder: import_arguments(settings, path, self.fps, self.up, folder), placement)


def import_arguments(settings: SwingtwistSettings, path: Path, fps: str, up: str, folder: Path) -> list[str]:
    """The engine's command line for a file; its people go into a folder in `folder`."""
    rate = ["--fps", fps.strip()] if fps.strip() else []
    return [
        "import",
        str(path),
        *rate,
        *("--up", up),
        *("--out", str(folder / "motion.npz")),
        *("--people-folder", str(folder / "people")),
        *("--progress", "json"),
        *cleanup_arguments(settings),
    ]


def register() -> None:
    bpy.utils.register_class(MOCAP_OT_import_foreign)


def unregister() -> None:
    bpy.utils.unregister_class(MOCAP_OT_import_foreign)

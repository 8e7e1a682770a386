# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that reads motions into the scene."""

from dataclasses import replace
from pathlib import Path

import bpy
from bpy_extras.io_utils import ImportHelper

from . import person
from .core import bone_maps, errors, root_motion
from .import_file import FILE_PATTERN, choices, is_motion_file
from .panel_text import sentence


class MOCAP_OT_import_motion(bpy.types.Operator, ImportHelper):
    """Add the people of motion files as keyed armatures: motion.npz, AMASS, GVHMR, WHAM, 4D-Humans, HybrIK, BVH, ..."""

    bl_idname = "mocap.import_motion"
    bl_label = "Import Motion"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filename_ext = ".npz"
    __annotations__ = {
        **choices(),
        "filter_glob": bpy.props.StringProperty(default=FILE_PATTERN, options={"HIDDEN"}),
        "files": bpy.props.CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"}),
    }

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = Path(self.filepath).parent
        paths = [folder / item.name for item in self.files if item.name] or [Path(self.filepath)]
        if not all(is_motion_file(path) for path in paths):
            return self._import_foreign(paths)
        placement = person.Placement(
            object_name=paths[0].stem,
            clip_name=paths[0].stem,
            naming=bone_maps.BoneNaming(self.bone_names),
            root_mode=root_motion.RootMode(self.root_motion),
            start_frame=self.start_frame,
        )
        if paths[0].stem.startswith("motion_") and paths[0].parent.suffix == ".mocap":
            clip = paths[0].parent.stem
            placement = replace(placement, object_name=clip, clip_name=clip)
        try:
            armatures, note = person.add_motion_files(context, paths, placement)
        except (errors.RigError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Imported {len(armatures)} motion file(s){note}")
        return {"FINISHED"}

    def _import_foreign(self, paths: list[Path]) -> set[str]:
        """Hand a file of another program to the operator that runs the engine."""
        if len(paths) > 1:
            self.report({"ERROR"}, f"{len(paths)} files are chosen; choose files of other programs one at a time")
            return {"CANCELLED"}
        try:
            outcome = bpy.ops.mocap.import_foreign(
                "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT",
                filepath=str(paths[0]),
                fps=self.fps,
                up=self.up,
                root_motion=self.root_motion,
                bone_names=self.bone_names,
                start_frame=self.start_frame,
            )
        except RuntimeError as error:  # how the other operator's error report arrives here
            self.report({"ERROR"}, str(error).strip().removeprefix("Error: "))
            return {"CANCELLED"}
        # While the other one works there is nothing here to be undone or redone.
        return {"FINISHED"} if "FINISHED" in outcome else {"CANCELLED"}


def register() -> None:
    bpy.utils.register_class(MOCAP_OT_import_motion)


def unregister() -> None:
    bpy.utils.unregister_class(MOCAP_OT_import_motion)

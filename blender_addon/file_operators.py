# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for files: motion.npz in, FBX, GLB, USD and .blend out."""

from dataclasses import replace
from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from . import person, scene_files
from .core import bone_maps, errors, root_motion
from .import_file import FILE_PATTERN, UP_ITEMS, is_motion_file
from .properties import BONE_NAME_ITEMS, ROOT_MOTION_ITEMS


class SWINGTWIST_OT_import_motion(bpy.types.Operator, ImportHelper):
    """Add the people of motion files as keyed armatures: motion.npz, AMASS, GVHMR, WHAM, 4D-Humans, HybrIK, BVH, ..."""

    bl_idname = "swingtwist.import_motion"
    bl_label = "Import Motion"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filename_ext = ".npz"
    filter_glob: bpy.props.StringProperty(default=FILE_PATTERN, options={"HIDDEN"})
    files: bpy.props.CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    root_motion: bpy.props.EnumProperty(name="Root Motion", items=ROOT_MOTION_ITEMS, default="planar+yaw")
    bone_names: bpy.props.EnumProperty(name="Bone Names", items=BONE_NAME_ITEMS)
    start_frame: bpy.props.IntProperty(name="First Frame", default=1)
    fps: bpy.props.StringProperty(
        name="Frame Rate",
        description="Frames a second, such as 25 or 29.97, for files of other programs that do not hold it; "
        "empty takes the file's own",
    )
    up: bpy.props.EnumProperty(name="Up Axis", description="For files of other programs", items=UP_ITEMS)

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
            armatures = person.add_motion_files(context, paths, placement)
        except errors.RigError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Imported {len(armatures)} motion file(s)")
        return {"FINISHED"}

    def _import_foreign(self, paths: list[Path]) -> set[str]:
        """Hand a file of another program to the operator that runs the engine."""
        if len(paths) > 1:
            self.report({"ERROR"}, f"{len(paths)} files are chosen; choose files of other programs one at a time")
            return {"CANCELLED"}
        try:
            outcome = bpy.ops.swingtwist.import_foreign(
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


class SWINGTWIST_OT_export(bpy.types.Operator, ExportHelper):
    """Write the selected captured armatures with their bodies for game engines; the ending decides the format"""

    bl_idname = "swingtwist.export"
    bl_label = "Export Character"

    filename_ext = ".fbx"
    check_extension = False
    filter_glob: bpy.props.StringProperty(default="*.fbx;*.glb;*.usdc;*.blend", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(_animated_armatures(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = bpy.path.clean_name(_animated_armatures(context)[0].name) + self.filename_ext
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(self.filepath)
        armatures = _animated_armatures(context)
        bodies = [child for one in armatures for child in one.children if child.type == "MESH"]
        ranges = [one.animation_data.action.frame_range for one in armatures]
        frame_count = round(max(last for _, last in ranges) - min(first for first, _ in ranges)) + 1
        try:
            with scene_files.named_for_engines(armatures):
                scene_files.export_file(context, path, [*armatures, *bodies], path.stem, frame_count)
        except (scene_files.ExportFailed, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Wrote {path.name}")
        return {"FINISHED"}


def _animated_armatures(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected armatures that have an action; a selected body stands for its armature."""
    chosen = {thing if thing.type == "ARMATURE" else thing.parent for thing in context.selected_objects}
    return sorted(
        (
            thing
            for thing in chosen
            if thing and thing.type == "ARMATURE" and thing.animation_data and thing.animation_data.action
        ),
        key=lambda thing: thing.name,
    )


_CLASSES = (SWINGTWIST_OT_import_motion, SWINGTWIST_OT_export)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

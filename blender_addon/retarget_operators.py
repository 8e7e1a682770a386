# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that put a captured motion on the user's own character and keep corrections of its bones."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from . import character_animation, character_follow, character_mapping, character_table, held_bones, stored_motion
from .character import check_editable, read_character
from .core import bone_mapping, character_retarget, errors, key_reduction, motion_file, root_motion

_MOST_NAMED = 5


class MOCAP_OT_recognise_character(bpy.types.Operator):
    """Find out which bones of the armature are which part of the body"""

    bl_idname = "mocap.recognise_character"
    bl_label = "Recognise Bones"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    target: bpy.props.StringProperty(name="Character", description="Name of the armature; empty for the active one")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            armature = _target(context, self.target)
            mapping = character_mapping.find_mapping(armature, read_character(armature))
        except errors.RigError as error:
            return _refuse(self, error)
        character_table.fill_table(armature, mapping)
        self.report({"INFO"}, f"{armature.name}: {mapping.kind.value}")
        return {"FINISHED"}


class MOCAP_OT_retarget(character_table.RetargetChoices, bpy.types.Operator):
    """Put a captured motion on the active character as a new action"""

    bl_idname = "mocap.retarget"
    bl_label = "Retarget Motion"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    target: bpy.props.StringProperty(name="Character", description="Name of the armature; empty for the active one")
    source: bpy.props.StringProperty(
        name="Motion of", description="Name of the captured armature; empty for the only one in the scene"
    )
    motion: bpy.props.StringProperty(
        name="Motion File", description="A motion.npz in place of a captured armature", subtype="FILE_PATH"
    )
    preset: bpy.props.StringProperty(
        name="Bone Mapping", description="A saved mapping in place of the table or recognition", subtype="FILE_PATH"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            armature = _target(context, self.target)
            record, name, source = self._motion(context, armature)
            chosen = self._preset(armature)
            settings = character_animation.BakeSettings(
                retarget=character_retarget.RetargetSettings(
                    root_motion.RootMode(self.root_motion), self.plant_feet, self.place_feet, self.place_hands
                ),
                mapping=chosen or character_table.mapping_of(armature),
                posed_reference=self.posed_reference,
                action_name=f"{armature.name}_{name}",
                start_frame=self.start_frame,
                tolerance=self._tolerance(),
                as_strip=self.as_strip,
            )
            baked = character_animation.bake_motion(context, armature, record, settings)
        except errors.RigError as error:
            return _refuse(self, error)
        if chosen or not armature.swingtwist_character.rows:
            character_table.fill_table(armature, baked.mapping)
        character_follow.remember(armature, source, baked.action, settings)
        if baked.released:
            self.report(
                {"WARNING"}, f"Constraints are off that held bones of {armature.name}: {_listed(baked.released)}"
            )
        driven = held_bones.driven(armature, baked.mapping)
        if driven:
            self.report({"WARNING"}, f"Drivers move bones of {armature.name} in place of the motion: {_listed(driven)}")
        missing = baked.mapping.missing()
        if missing:
            self.report({"WARNING"}, f"No bone of {armature.name} plays {', '.join(missing)}")
        self.report({"INFO"}, f"{armature.name} ({baked.mapping.kind.value}) moves by {baked.action.name}")
        return {"FINISHED"}

    def _preset(self, armature: bpy.types.Object) -> bone_mapping.BoneMapping | None:
        if not self.preset:
            return None
        return character_mapping.load_mapping(Path(bpy.path.abspath(self.preset)), read_character(armature))

    def _tolerance(self) -> key_reduction.KeyTolerance | None:
        if not self.reduce_keys:
            return None
        return key_reduction.KeyTolerance(self.rotation_tolerance, self.location_tolerance)

    def _motion(
        self, context: bpy.types.Context, armature: bpy.types.Object
    ) -> tuple[motion_file.MotionRecord, str, bpy.types.Object | None]:
        """The motion to use, its name, and the captured armature that keeps it."""
        if self.motion:
            path = Path(bpy.path.abspath(self.motion))
            return motion_file.load_motion(path), path.stem, None
        if self.source:
            source = character_animation.armature_named(self.source)
        else:
            captured = [thing for thing in context.scene.objects if stored_motion.has_motion(thing)]
            others = [thing for thing in captured if thing != armature] or captured
            if len(others) != 1:
                raise errors.RigError(f"{len(others)} captured armatures are in the scene; choose whose motion to use")
            source = others[0]
        if source == armature:
            raise errors.RigError(f"{armature.name} is the captured armature itself; choose your character's armature")
        return stored_motion.stored_motion(source), source.name, source


class MOCAP_OT_update_characters(bpy.types.Operator):
    """Put the cleaned-up motion on the active character, or on all characters of the active captured armature"""

    bl_idname = "mocap.update_characters"
    bl_label = "Update Characters"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    target: bpy.props.StringProperty(name="Armature", description="Name of the armature; empty for the active one")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            armature = _target(context, self.target)
            characters = character_follow.followers(armature) or [armature]
            for character in characters:
                character_follow.update(context, character)
        except errors.RigError as error:
            return _refuse(self, error)
        self.report({"INFO"}, f"Updated {_listed([character.name for character in characters])}")
        return {"FINISHED"}


class MOCAP_OT_save_bone_mapping(bpy.types.Operator, ExportHelper):
    """Save the table of the active character's bones as a file"""

    bl_idname = "mocap.save_bone_mapping"
    bl_label = "Save Bone Mapping"

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})
    target: bpy.props.StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            armature = _target(context, self.target)
            mapping = character_table.mapping_of(armature) or character_mapping.find_mapping(
                armature, read_character(armature)
            )
            bone_mapping.save_preset(self.filepath, mapping)
        except (errors.RigError, OSError) as error:
            return _refuse(self, error)
        self.report({"INFO"}, f"Wrote {Path(self.filepath).name}")
        return {"FINISHED"}


class MOCAP_OT_load_bone_mapping(bpy.types.Operator, ImportHelper):
    """Read a saved table of bones for the active character, or the human bones of its .vrm file"""

    bl_idname = "mocap.load_bone_mapping"
    bl_label = "Load Bone Mapping"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json;*.vrm;*.glb;*.gltf", options={"HIDDEN"})
    target: bpy.props.StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            armature = _target(context, self.target)
            mapping = character_mapping.load_mapping(Path(self.filepath), read_character(armature))
        except errors.RigError as error:
            return _refuse(self, error)
        character_table.fill_table(armature, mapping)
        return {"FINISHED"}


def _target(context: bpy.types.Context, name: str) -> bpy.types.Object:
    armature = character_animation.armature_named(name) if name else context.object
    check_editable(armature)
    return armature


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown


def _refuse(operator: bpy.types.Operator, error: Exception) -> set[str]:
    text = str(error)
    operator.report({"ERROR"}, text[:1].upper() + text[1:])
    return {"CANCELLED"}


_CLASSES = (
    MOCAP_OT_recognise_character,
    MOCAP_OT_retarget,
    MOCAP_OT_update_characters,
    MOCAP_OT_save_bone_mapping,
    MOCAP_OT_load_bone_mapping,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

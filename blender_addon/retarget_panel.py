# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the sidebar that puts a motion on the active character."""

import bpy

from .panel_text import translated

_UNSURE = 0.6
_CHOICES = (
    "root_motion", "plant_feet", "place_feet", "place_hands", "posed_reference", "as_strip", "start_frame",
    "reduce_keys",
)  # fmt: skip
_TOLERANCES = ("rotation_tolerance", "location_tolerance")


class SWINGTWIST_UL_bones(bpy.types.UIList):
    """Parts and their bones; the one that is picked is changed in a field of the panel's whole width below."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        row = layout.split(factor=0.5)
        row.label(text=translated("{part} twist" if item.twist else "{part}", part=translated(_words(item.part))))
        right = row.row()
        right.alert = bool(item.bone) and (item.confidence < _UNSURE or item.bone not in data.id_data.data.bones)
        # Prefixes such as mixamorig: are the same in every row, and in a narrow sidebar all that could be read.
        right.label(text=item.bone.rpartition(":")[2])


class SWINGTWIST_PT_retarget(bpy.types.Panel):
    bl_label = "Retarget to Character"
    bl_idname = "SWINGTWIST_PT_retarget"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mocap"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        layout, armature = self.layout, context.object
        layout.use_property_split = True
        layout.use_property_decorate = False
        if armature is None or armature.type != "ARMATURE":
            layout.label(text="Select your character's armature", icon="ARMATURE_DATA")
            return
        table = armature.swingtwist_character
        layout.prop(table, "source")
        if table.source is None:
            layout.prop(table, "motion")
        for name in _CHOICES:
            layout.prop(table, name)
        if table.reduce_keys:
            for name in _TOLERANCES:
                layout.prop(table, name)
        row = layout.row()
        row.scale_y = 1.5
        button = row.operator("mocap.retarget", icon="ARMATURE_DATA")
        button.target = armature.name
        button.source = table.source.name if table.source else ""
        button.motion = "" if table.source else table.motion
        for name in (*_CHOICES, *_TOLERANCES):
            setattr(button, name, getattr(table, name))
        if table.behind:
            column = layout.column(align=True)
            column.label(text=translated("Not as cleaned up: {reason}", reason=translated(table.behind)), icon="INFO")
            column.operator("mocap.update_characters", icon="FILE_REFRESH").target = armature.name
        layout.separator()
        layout.operator("mocap.recognise_character", icon="VIEWZOOM").target = armature.name
        if table.rows:
            layout.label(text=table.kind)
            layout.template_list("SWINGTWIST_UL_bones", "", table, "rows", table, "row", rows=8)
            if table.row < len(table.rows):
                layout.prop_search(table.rows[table.row], "bone", armature.data, "bones", text="")
        files = layout.row(align=True)
        files.operator("mocap.load_bone_mapping", text="Load", icon="IMPORT").target = armature.name
        files.operator("mocap.save_bone_mapping", text="Save", icon="EXPORT").target = armature.name


def _words(part: str) -> str:
    return part.replace("_", " ").capitalize()


_CLASSES = (SWINGTWIST_UL_bones, SWINGTWIST_PT_retarget)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

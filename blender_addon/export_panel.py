# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the sidebar that reads and writes files."""

import bpy

from . import scene_files
from .export_operators import ExportPurpose
from .panel_text import draw_text
from .properties import settings_of
from .queue_layout import draw_jobs


class SWINGTWIST_PT_files(bpy.types.Panel):
    bl_label = "Import and Export"
    bl_idname = "SWINGTWIST_PT_files"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mocap"

    def draw(self, context: bpy.types.Context) -> None:
        layout, choices = self.layout, context.window_manager.swingtwist_export
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.enabled = not settings_of(context).running
        layout.operator("mocap.import_motion", icon="IMPORT")
        layout.separator()
        for name in ("preset", "kind", "people"):
            layout.prop(choices, name)
        if choices.kind == ".usdc" and not scene_files.has_usd():
            draw_text(layout, context, "this Blender was built without USD", "ERROR")
            return
        for operator, icon in (("mocap.export", "EXPORT"), ("mocap.export_jobs", "FILE_FOLDER")):
            button = layout.operator(operator, icon=icon)
            button.preset, button.kind, button.people = choices.preset, choices.kind, choices.people
        draw_jobs(layout, context, ExportPurpose)


def register() -> None:
    bpy.utils.register_class(SWINGTWIST_PT_files)


def unregister() -> None:
    bpy.utils.unregister_class(SWINGTWIST_PT_files)

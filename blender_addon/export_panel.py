# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the sidebar that reads and writes files."""

import bpy

from .properties import settings_of


class SWINGTWIST_PT_files(bpy.types.Panel):
    bl_label = "Import and Export"
    bl_idname = "SWINGTWIST_PT_files"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mocap"

    def draw(self, context: bpy.types.Context) -> None:
        files = self.layout.row(align=True)
        files.enabled = not settings_of(context).running
        files.operator("swingtwist.import_motion", text="Import", icon="IMPORT")
        files.operator("swingtwist.export", text="Export", icon="EXPORT")


def register() -> None:
    bpy.utils.register_class(SWINGTWIST_PT_files)


def unregister() -> None:
    bpy.utils.unregister_class(SWINGTWIST_PT_files)

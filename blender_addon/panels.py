# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in the 3D view's sidebar."""

import textwrap

import bpy

from . import setup_layout
from .person import LICENCE_PROPERTY
from .preferences import engine_path
from .properties import settings_of


class SWINGTWIST_PT_capture(bpy.types.Panel):
    bl_label = "Mocap from Video"
    bl_idname = "SWINGTWIST_PT_capture"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mocap"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = settings_of(context), self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        choices = layout.column()
        choices.enabled = not settings.running
        choices.prop(settings, "video")
        choices.prop(settings, "people")
        if settings.people == "ID":
            choices.prop(settings, "person_id")
        choices.separator()
        for name in ("smoothing", "foot_lock", "root_motion", "bone_names", "start_frame"):
            choices.prop(settings, name)
        layout.separator()
        if settings.running:
            _draw_progress(layout, settings)
        else:
            row = layout.row()
            row.scale_y = 1.5
            row.enabled = bool(settings.video)
            row.operator("swingtwist.capture", icon="PLAY")
            if settings.message:
                layout.label(text=settings.message)
            if not engine_path(context):
                setup_layout.draw_reminder(layout.box(), context)
        files = layout.row(align=True)
        files.enabled = not settings.running
        files.operator("swingtwist.import_motion", text="Import", icon="IMPORT")
        files.operator("swingtwist.export", text="Export", icon="EXPORT")
        licence = context.object.get(LICENCE_PROPERTY) if context.object else None
        if licence:
            # Labels do not wrap; about eight pixels hold a letter.
            letters = max(16, int(context.region.width / (8 * context.preferences.system.ui_scale)))
            lines = layout.column(align=True)
            for line in textwrap.wrap(f"Body licence: {licence}", letters):
                lines.label(text=line)


def _draw_progress(layout: bpy.types.UILayout, settings) -> None:
    if hasattr(layout, "progress"):  # 4.0
        layout.progress(factor=settings.progress, text=settings.message)
    else:
        layout.label(text=settings.message)
        row = layout.row()
        row.use_property_split = False
        row.prop(settings, "progress", text="", slider=True)
    row = layout.row()
    row.enabled = not settings.stopping
    row.operator("swingtwist.cancel", icon="X")


def register() -> None:
    bpy.utils.register_class(SWINGTWIST_PT_capture)


def unregister() -> None:
    bpy.utils.unregister_class(SWINGTWIST_PT_capture)

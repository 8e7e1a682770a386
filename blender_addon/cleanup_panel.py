# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the sidebar that says how motions are cleaned up: the active armature's, or those of new captures."""

import bpy

from . import cleanup
from .cleanup_settings import FACTORS
from .cleanup_state import read_state
from .panel_text import draw_text, translated
from .properties import settings_of

_ON_FLOOR = {"left": "Left foot at {moment}", "right": "Right foot at {moment}"}


class SWINGTWIST_PT_cleanup(bpy.types.Panel):
    bl_label = "Clean-up"
    bl_idname = "SWINGTWIST_PT_cleanup"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mocap"

    def draw(self, context: bpy.types.Context) -> None:
        layout, state = self.layout, read_state(context.object)
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = settings_of(context) if state is None else context.window_manager.swingtwist_cleanup
        if state is None:
            draw_text(layout, context, "for new captures; select a captured armature to change its own", "INFO")
        layout.prop(settings, "smoothing")
        regions = layout.column(align=True)
        regions.enabled = settings.smoothing != "off"
        for name in FACTORS:
            regions.prop(settings, name, slider=True)
        layout.prop(settings, "outliers", slider=True)
        gaps = layout.column(align=True)
        gaps.prop(settings, "gaps")
        gaps.prop(settings, "fill")
        layout.separator()
        layout.prop(settings, "foot_lock")
        if state is not None:
            contacts = layout.row(align=True)
            contacts.operator("mocap.apply_contacts", icon="KEYINGSET")
            contacts.operator("mocap.reset_contacts", text="", icon="LOOP_BACK")
            layout.label(text="Contacts are yours" if state.given_contacts else "Contacts are detected")
            layout.separator()
            _draw_floor(layout, settings, state)
        layout.separator()
        layout.prop(settings, "root_motion")
        layout.prop(settings, "height")
        if state is None:
            return
        row = layout.row(align=True)
        row.operator("mocap.reset_cleanup", icon="LOOP_BACK")
        row.operator("mocap.keep_cleanup", icon="FILE_TICK")
        busy, message = cleanup.status(context.object)
        if busy:
            layout.label(text="Working", icon="SORTTIME")
        if message:
            draw_text(layout, context, message, "ERROR")


def _draw_floor(layout: bpy.types.UILayout, settings, state) -> None:
    column = layout.column(align=True)
    column.label(text="On the floor at this frame:")
    feet = column.row(align=True)
    feet.operator("mocap.floor_here", text="Left Foot").side = "left"
    feet.operator("mocap.floor_here", text="Right Foot").side = "right"
    row = column.row(align=True)
    row.operator("mocap.level_here", text="Upright Here")
    row.operator("mocap.reset_floor", text="", icon="LOOP_BACK")
    for word in settings.floor_at.split():
        side, _, moment = word.partition("@")
        column.label(
            text=translated(_ON_FLOOR[side], moment=_seconds(moment)) if side in _ON_FLOOR else word, icon="CHECKMARK"
        )
    if settings.level_at:
        column.label(text=translated("Upright at {moment}", moment=_seconds(settings.level_at)), icon="CHECKMARK")


def _seconds(moment: str) -> str:
    """A moment such as 0.6333#1 as the panel shows it."""
    number = moment.partition("#")[0]
    try:
        return f"{float(number):.2f} s"
    except ValueError:
        return number


def register() -> None:
    bpy.utils.register_class(SWINGTWIST_PT_cleanup)


def unregister() -> None:
    bpy.utils.unregister_class(SWINGTWIST_PT_cleanup)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: where the engine is."""

import shutil

import bpy


class SwingtwistPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    engine: bpy.props.StringProperty(
        name="Engine",
        description="The Python that swingtwist is installed in, or its mocap program; empty looks for mocap on PATH",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.prop(self, "engine")
        if not engine_path(context):
            layout.label(text="No engine found: install it as its README says, then name its Python here", icon="ERROR")


def engine_path(context: bpy.types.Context) -> str:
    """The engine's Python or program: the preference, else mocap on PATH, else an empty text."""
    addon = context.preferences.addons.get(__package__)
    chosen = addon.preferences.engine if addon and addon.preferences else ""
    return bpy.path.abspath(chosen) if chosen else shutil.which("mocap") or ""


def register() -> None:
    bpy.utils.register_class(SwingtwistPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(SwingtwistPreferences)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: which engine is used, and what a set-up is to use."""

import bpy

from . import setup_layout
from .engine_location import engine_path

__all__ = ["SwingtwistPreferences", "engine_path"]


class SwingtwistPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    engine: bpy.props.StringProperty(
        name="Engine of Your Own",
        description="A Python that swingtwist is installed in, its folder, or a mocap program; "
        "empty takes the one set up here, else mocap on PATH",
        subtype="FILE_PATH",
    )
    setup_python: bpy.props.StringProperty(
        name="Python",
        description="The Python to make the environment from; empty looks for one",
        subtype="FILE_PATH",
    )
    wheels_folder: bpy.props.StringProperty(
        name="Folder of Wheels",
        description="Install from the packages in this folder, without the network; empty downloads them",
        subtype="DIR_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        setup_layout.draw_preferences(self, context, self.layout)
        self.layout.operator("mocap.remove_captures", icon="TRASH")


def register() -> None:
    bpy.utils.register_class(SwingtwistPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(SwingtwistPreferences)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Mocap from Video: captures people from video and keys them as armatures."""

from . import (
    capture,
    character_table,
    cleanup,
    cleanup_operators,
    cleanup_panel,
    cleanup_properties,
    export_operators,
    export_panel,
    headless,
    import_file,
    import_operators,
    old_captures,
    panels,
    people_operators,
    preferences,
    properties,
    retarget_operators,
    retarget_panel,
    setup_operators,
    user_defaults,
    video_camera,
)

bl_info = {
    "name": "Mocap from Video (Swingtwist)",
    "author": "Swingtwist contributors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > Mocap",
    "description": "Capture people from video as animated armatures and export them to game engines",
    "category": "Animation",
}

_MODULES = (
    setup_operators, preferences, properties, character_table, cleanup, cleanup_properties, capture, import_file,
    people_operators, video_camera, user_defaults, import_operators, export_operators, cleanup_operators,
    retarget_operators, old_captures, panels, cleanup_panel, retarget_panel, export_panel, headless,
)  # fmt: skip


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()

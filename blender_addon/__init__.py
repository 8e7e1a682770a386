# SPDX-License-Identifier: GPL-3.0-or-later
"""Mocap from Video: captures people from video and keys them as armatures."""

from . import capture, file_operators, panels, preferences, properties

bl_info = {
    "name": "Mocap from Video (Swingtwist)",
    "author": "Swingtwist contributors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > Mocap",
    "description": "Capture people from video as animated armatures and export them to game engines",
    "category": "Animation",
}

_MODULES = (preferences, properties, capture, file_operators, panels)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()

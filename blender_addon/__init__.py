# SPDX-License-Identifier: GPL-3.0-or-later
"""Mocap from Video: captures people from video and keys them as armatures."""

bl_info = {
    "name": "Mocap from Video (Swingtwist)",
    "author": "Swingtwist contributors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > Mocap",
    "description": "Capture people from video as animated armatures and export them to game engines",
    "category": "Animation",
}

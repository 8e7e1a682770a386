# SPDX-License-Identifier: GPL-3.0-or-later
"""The clean-up's settings as Blender's properties: they show what the active armature has and ask for changes."""

from typing import Any

import bpy

from . import cleanup
from .cleanup_settings import ITEMS, annotations


def _active() -> bpy.types.Object | None:
    # Timers have no `context.object`.
    return bpy.context.view_layer.objects.active


def _accessors(name: str) -> dict[str, Any]:
    """Access to a setting of the active armature: what it has is remembered there, what is asked for is not yet."""
    values = [item[0] for item in ITEMS.get(name, ())]

    def get(self: Any) -> Any:
        value = cleanup.shown_settings(_active())[name]
        return (values.index(value) if value in values else 0) if values else value

    def put(self: Any, value: Any) -> None:
        wanted = values[value] if values else value
        if name == "height" and 0.0 < wanted < 0.5:
            wanted = 0.0
        if wanted != cleanup.shown_settings(_active())[name]:
            cleanup.want(_active(), {name: wanted})

    return {"get": get, "set": put}


class SwingtwistCleanup(bpy.types.PropertyGroup):
    __annotations__ = annotations(_accessors)


def register() -> None:
    bpy.utils.register_class(SwingtwistCleanup)
    bpy.types.WindowManager.swingtwist_cleanup = bpy.props.PointerProperty(type=SwingtwistCleanup)


def unregister() -> None:
    del bpy.types.WindowManager.swingtwist_cleanup
    bpy.utils.unregister_class(SwingtwistCleanup)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The clean-up's settings as Blender's properties: they show what the active armature has and ask for changes."""

from collections.abc import Callable
from typing import Any

import bpy

from . import cleanup
from .properties import ROOT_MOTION_ITEMS

_FACTOR = {"default": 1.0, "min": 0.0, "max": 10.0, "soft_max": 4.0, "step": 10, "precision": 2}
_ITEMS: dict[str, list[tuple[str, str, str]]] = {
    "smoothing": [
        ("off", "Off", "The raw capture"),
        ("light", "Light", "Keeps the fastest movement"),
        ("default", "Default", "For most clips"),
        ("heavy", "Heavy", "For slow movement or a shaky picture"),
    ],
    "gaps": [
        ("hold", "Hold", "Hold the last pose in longer gaps, then ease into the next"),
        ("fill", "Fill All", "Ease from pose to pose over gaps of any length"),
        ("leave", "Leave", "Keep what the estimate has in longer gaps"),
    ],
    "foot_lock": [
        ("auto", "Auto", "Pin feet while they stand, but where that would move them far"),
        ("always", "Always", "Pin feet whenever they are near the floor"),
        ("off", "Never", "Leave feet as they are"),
        ("grounding", "Grounding", "Bring standing feet to the floor's height, but let them slide"),
    ],
    "root_motion": ROOT_MOTION_ITEMS,
}

FACTORS = ("smooth_torso", "smooth_head", "smooth_arms", "smooth_legs", "smooth_root")
"""The settings that say how much each region is smoothed."""

_ENUMS: dict[str, dict[str, Any]] = {
    "smoothing": {"name": "Smoothing", "description": "How much jitter is removed"},
    "gaps": {"name": "Gaps", "description": "What happens where the person is hidden for longer"},
    "foot_lock": {"name": "Foot Lock", "description": "Pin feet to the floor"},
    "root_motion": {"name": "Root Motion", "description": "What the root bone carries"},
}
_FLOATS: dict[str, dict[str, Any]] = {
    "smooth_torso": {"name": "Torso", "description": "Factor on the smoothing of hips and spine", **_FACTOR},
    "smooth_head": {"name": "Head", "description": "Factor on the smoothing of neck and head", **_FACTOR},
    "smooth_arms": {"name": "Arms", "description": "Factor on the smoothing of arms and hands", **_FACTOR},
    "smooth_legs": {"name": "Legs", "description": "Factor on the smoothing of legs and feet", **_FACTOR},
    "smooth_root": {"name": "Path", "description": "Factor on the smoothing of the path", **_FACTOR},
    "outliers": {
        "name": "Outliers",
        "description": "How strictly single wild poses are replaced; 0 keeps them",
        **{**_FACTOR, "soft_max": 3.0},
    },
    "fill": {
        "name": "Bridge (s)",
        "description": "Longest gap that is bridged from pose to pose, seconds",
        "default": 1.0, "min": 0.0, "soft_max": 5.0, "step": 10, "precision": 2,
    },
    "height": {
        "name": "Height (m)",
        "description": "The person's height in metres; 0 estimates it",
        "default": 0.0, "min": 0.0, "max": 2.6, "step": 1, "precision": 2,
    },
}  # fmt: skip
_TEXTS: dict[str, dict[str, Any]] = {
    "floor_at": {"name": "Feet on the Floor", "description": "Feet that stand on the floor: left@3.2 right@7.5, in s"},
    "level_at": {"name": "Upright At", "description": "When the person stands upright, s"},
}


def annotations(accessors: Callable[[str], dict[str, Any]] = lambda name: {}) -> dict[str, Any]:
    """Every setting as an annotation of a Blender class; `accessors` may add `get` and `set`."""
    enums = {
        name: bpy.props.EnumProperty(items=_ITEMS[name], default=cleanup.DEFAULTS[name], **told, **accessors(name))
        for name, told in _ENUMS.items()
    }
    floats = {name: bpy.props.FloatProperty(**told, **accessors(name)) for name, told in _FLOATS.items()}
    texts = {name: bpy.props.StringProperty(**told, **accessors(name)) for name, told in _TEXTS.items()}
    return {**enums, **floats, **texts}


def _active() -> bpy.types.Object | None:
    # Timers have no `context.object`.
    return bpy.context.view_layer.objects.active


def _accessors(name: str) -> dict[str, Any]:
    """Access to a setting of the active armature: what it has is remembered there, what is asked for is not yet."""
    values = [item[0] for item in _ITEMS.get(name, ())]

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

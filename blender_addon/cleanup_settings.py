# SPDX-License-Identifier: GPL-3.0-or-later
"""What the clean-up can be told: names, choices and defaults, said once for new captures and for captured armatures."""

from collections.abc import Callable
from typing import Any

import bpy

from .core import root_motion

ROOT_MOTION_ITEMS = [
    (root_motion.RootMode.OFF.value, "In Place", "The character stays on the spot"),
    (root_motion.RootMode.PLANAR.value, "Path", "The root bone follows the path over the floor"),
    (root_motion.RootMode.PLANAR_YAW.value, "Path, Turns", "The root bone follows path and heading"),
    (root_motion.RootMode.FULL.value, "Full", "The root bone carries heights too"),
]
DEFAULTS: dict[str, Any] = {
    "smoothing": "default", "smooth_root": 1.0, "smooth_torso": 1.0, "smooth_head": 1.0, "smooth_arms": 1.0,
    "smooth_legs": 1.0, "outliers": 1.0, "gaps": "hold", "fill": 1.0, "foot_lock": "auto", "floor_at": "",
    "level_at": "", "contacts": "", "height": 0.0, "root_motion": "planar+yaw",
}  # fmt: skip
"""The engine's settings that the clean-up changes."""

_FACTOR = {"default": 1.0, "min": 0.0, "max": 10.0, "soft_max": 4.0, "step": 10, "precision": 2}
ITEMS: dict[str, list[tuple[str, str, str]]] = {
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
        name: bpy.props.EnumProperty(items=ITEMS[name], default=DEFAULTS[name], **told, **accessors(name))
        for name, told in _ENUMS.items()
    }
    floats = {name: bpy.props.FloatProperty(**told, **accessors(name)) for name, told in _FLOATS.items()}
    texts = {name: bpy.props.StringProperty(**told, **accessors(name)) for name, told in _TEXTS.items()}
    return {**enums, **floats, **texts}


OF_A_CAPTURE = (*_ENUMS, *_FLOATS)
"""The settings that a new capture can be given; the others name moments of one motion."""


class NewCaptureCleanup:
    """The settings for new captures, for a group of properties to be made from."""

    __annotations__ = {name: value for name, value in annotations().items() if name in OF_A_CAPTURE}


def cleanup_arguments(settings: Any) -> list[str]:
    """The engine's arguments for the clean-up that a group of properties says."""
    given = ((name, getattr(settings, name)) for name in OF_A_CAPTURE)
    changed = {name: value for name, value in given if name in _ENUMS or value != DEFAULTS[name]}
    return [
        word
        for name, value in changed.items()
        for word in (f"--{name.replace('_', '-')}", value if name in _ENUMS else f"{value:g}")
    ]

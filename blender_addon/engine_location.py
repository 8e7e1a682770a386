# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the engine is: the one the user names, the one set up here, or one on PATH."""

import os
import shutil
import sys
from pathlib import Path

import bpy

from .engine_check import named_engine
from .engine_home import EngineHome, Stage


def preferences_of(context: bpy.types.Context) -> "bpy.types.AddonPreferences | None":
    """The add-on's preferences; None while it is not enabled."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def engine_home() -> EngineHome:
    """The folder of the engine's own environment: beside the user's data, never beside the code."""
    if hasattr(bpy.utils, "extension_path_user"):  # 4.2
        try:
            return EngineHome(Path(bpy.utils.extension_path_user(__package__, path="engine")))
        except ValueError:
            pass  # installed as an add-on of the old kind
    return EngineHome(Path(bpy.utils.user_resource("DATAFILES")) / "swingtwist" / "engine")


def engine_path(context: bpy.types.Context) -> str:
    """The engine's Python or program: the one named, else the one set up here, else mocap on PATH, else nothing."""
    preferences = preferences_of(context)
    if preferences is not None and preferences.engine:
        return named_engine(bpy.path.abspath(preferences.engine))
    home = engine_home()
    state = home.read()
    if state is not None and state.stage is Stage.VERIFIED and home.python.is_file():
        return str(home.python)
    return shutil.which("mocap") or ""


def python_of_blender() -> tuple[str, ...]:
    """Blender's own Python, to make an environment from where there is no other; nothing is installed into it."""
    name = Path(sys.executable).name.lower()
    return (sys.executable,) if name.startswith("python") and os.path.isfile(sys.executable) else ()


def this_blender() -> dict[str, str]:
    """The variable that lets the engine write files with this Blender; empty where one is named or none can be."""
    program = bpy.app.binary_path or ""
    # A loader that starts Blender (of an AppImage, say) is named in its place: the engine then finds one by itself.
    if "SWINGTWIST_BLENDER" in os.environ or not Path(program).stem.lower().startswith("blender"):
        return {}
    return {"SWINGTWIST_BLENDER": program}

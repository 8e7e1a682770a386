# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's command line from Blender without a window: `blender --command mocap run dance.mp4 --out dance.fbx`."""

import os
import subprocess
from collections.abc import Sequence

import bpy

from .engine_location import engine_path, this_blender
from .engine_process import EngineMissing, child_environment, engine_command

_COMMAND = "mocap"


def run_engine(arguments: Sequence[str]) -> int:
    """Run the engine with these arguments in this terminal; its exit code. Files of Blender's are written by this one.

    Raises EngineMissing.
    """
    environment = {**child_environment(), **this_blender()}
    return subprocess.run(engine_command(engine_path(bpy.context), arguments), env=environment, check=False).returncode


def _command(arguments: list[str]) -> int:
    try:
        return run_engine(arguments)
    except EngineMissing as error:
        os.write(2, f"{_COMMAND}: {error}\n".encode())
        return 2


class _Registered:
    """The command that Blender knows, from 4.2 on."""

    handle = None


def register() -> None:
    if hasattr(bpy.utils, "register_cli_command"):
        _Registered.handle = bpy.utils.register_cli_command(_COMMAND, _command)


def unregister() -> None:
    if _Registered.handle is not None:
        bpy.utils.unregister_cli_command(_Registered.handle)
        _Registered.handle = None

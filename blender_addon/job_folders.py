# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that keep captures, so that they can be cleaned up later without the video."""

import time
from pathlib import Path

import bpy


def jobs_folder() -> Path:
    """The folder of all captures: beside the user's data, never beside the code."""
    if hasattr(bpy.utils, "extension_path_user"):  # 4.2
        try:
            return Path(bpy.utils.extension_path_user(__package__, path="jobs"))
        except ValueError:
            pass  # installed as an add-on of the old kind
    return Path(bpy.utils.user_resource("DATAFILES")) / "swingtwist" / "jobs"


def new_job_folder(clip_name: str) -> Path:
    """A folder for one capture that does not exist yet; its parents do. Raises OSError."""
    folder = jobs_folder()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{bpy.path.clean_name(clip_name)}-{time.strftime('%Y%m%d-%H%M%S')}"
    paths = (folder / f"{name}{ending}.mocap" for ending in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(path for path in paths if not path.exists())

# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture operator: runs the engine on a video, shows its poses live and keys its result."""

import shutil
from pathlib import Path

import bpy

from . import engine_process, person
from .core import bone_maps, root_motion
from .engine_run import EngineOperator, EngineRun, RunFailed
from .job_folders import new_job_folder
from .properties import SwingtwistSettings, settings_of


class Capture(EngineRun):
    """One capture of the video of the settings."""

    def __init__(self, context: bpy.types.Context) -> None:
        settings = settings_of(context)
        video = bpy.path.abspath(settings.video)
        if not settings.video:
            raise RunFailed("no video is chosen")
        if not Path(video).exists():
            raise RunFailed(f"the video {video} does not exist")
        placement = person.Placement(
            object_name=Path(video).stem,
            clip_name=Path(video).stem,
            naming=bone_maps.BoneNaming(settings.bone_names),
            root_mode=root_motion.RootMode(settings.root_motion),
            start_frame=settings.start_frame,
        )
        try:
            self._job = new_job_folder(placement.clip_name)
        except OSError as error:
            raise RunFailed(f"the folder of captures {error.filename} cannot be made: {error.strerror}") from error
        super().__init__(context, lambda folder: _arguments(settings, video, folder, self._job), placement)

    def close(self, context: bpy.types.Context, message: str) -> None:
        """End what still runs and clear up, a job without a result included; safe to call twice."""
        super().close(context, message)
        if self._result is None:
            shutil.rmtree(self._job, ignore_errors=True)


class SWINGTWIST_OT_capture(EngineOperator, bpy.types.Operator):
    """Capture the people of the video as keyed armatures"""

    bl_idname = "swingtwist.capture"
    bl_label = "Capture Motion"
    bl_options = {"UNDO"}  # noqa: RUF012
    _done = "Captured"

    def _begin(self, context: bpy.types.Context) -> Capture:
        return Capture(context)


class SWINGTWIST_OT_cancel(bpy.types.Operator):
    """Stop the running capture"""

    bl_idname = "swingtwist.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return settings_of(context).running

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings_of(context).stopping = True
        return {"FINISHED"}


def _arguments(settings: SwingtwistSettings, video: str, folder: Path, job: Path) -> list[str]:
    people = {
        "LARGEST": ["--person", "largest"],
        "ID": ["--person", str(settings.person_id)],
        "ALL": ["--all-people"],
    }[settings.people]
    return [
        "run",
        video,
        *("--out", str(folder / "motion.npz")),
        *("--job", str(job)),
        *("--progress", "json", "--progress-poses"),
        *people,
        *("--smoothing", settings.smoothing),
        *("--foot-lock", settings.foot_lock),
        *("--root-motion", settings.root_motion),
    ]


_CLASSES = (SWINGTWIST_OT_capture, SWINGTWIST_OT_cancel)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    # Blender does not call `cancel` of a modal operator whose add-on is switched off.
    engine_process.kill_all()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of captures that were kept: how much they take, and their removal."""

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import bpy

from . import engine_jobs
from .capture import CapturePurpose
from .cleanup_state import read_state
from .job_folders import jobs_folder
from .panel_text import sentence, translated

_DELETED = "{count} captures will be deleted, {size}."


@dataclass(frozen=True)
class KeptCaptures:
    """Folders below the folder of all captures and their bytes; `used` are those that the open file's people need."""

    free: tuple[Path, ...]
    used: tuple[Path, ...]
    free_bytes: int
    used_bytes: int

    @property
    def text(self) -> str:
        """How many there are and how much they take."""
        told = f"{len(self.free)} captures, {size_text(self.free_bytes)}"
        if self.used:
            told += f"; {len(self.used)} more of people in this file, {size_text(self.used_bytes)}"
        return told


def find_captures(folder: Path, used: Collection[Path]) -> KeptCaptures:
    """The captures in a folder, apart from those in use."""
    found = sorted(path for path in folder.glob("*.mocap") if path.is_dir() and not path.is_symlink())
    needed = {path.resolve() for path in used}
    groups = [[path for path in found if (path.resolve() in needed) == is_used] for is_used in (False, True)]
    sizes = [sum(_bytes_of(path) for path in group) for group in groups]
    return KeptCaptures(tuple(groups[0]), tuple(groups[1]), sizes[0], sizes[1])


def size_text(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def captures_of_this_blender() -> KeptCaptures:
    """Those in the folder of all captures; people of the open file and open jobs of the queue need theirs."""
    states = (read_state(thing) for thing in bpy.data.objects)
    used = [Path(state.job) for state in states if state is not None]
    open_jobs = (job.purpose for job in engine_jobs.queue.jobs if job.is_open)
    used += [purpose.folder for purpose in open_jobs if isinstance(purpose, CapturePurpose)]
    return find_captures(jobs_folder(), used)


def _bytes_of(folder: Path) -> int:
    paths = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size for path in paths if path.exists())


class MOCAP_OT_remove_captures(bpy.types.Operator):
    """Delete the folders of earlier captures. Their people, in whatever file, can then not be cleaned up any more"""

    bl_idname = "mocap.remove_captures"
    bl_label = "Remove Old Captures"

    also_used: bpy.props.BoolProperty(
        name="Also of This File",
        description="Those too that people of the open file came from; they keep their motion but cannot be cleaned up",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Wait until nothing runs")
        return not engine_jobs.queue.is_busy

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._told = captures_of_this_blender()
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.label(text=translated(_DELETED, count=len(self._told.free), size=size_text(self._told.free_bytes)))
        column.label(text="Files that are not open may have people who came from them:", icon="INFO")
        column.label(text="these keep their motion, but cannot be cleaned up any more.", icon="BLANK1")
        if self._told.used:
            self.layout.prop(
                self, "also_used", text=translated("Also {count} of people in this file", count=len(self._told.used))
            )

    def execute(self, context: bpy.types.Context) -> set[str]:
        found = captures_of_this_blender()
        wanted = [*found.free, *(found.used if self.also_used else ())]
        freed = found.free_bytes + (found.used_bytes if self.also_used else 0)
        try:
            for path in wanted:
                shutil.rmtree(path)
        except OSError as error:
            self.report({"ERROR"}, sentence(f"cannot delete {error.filename} ({error.strerror}); close what uses it"))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Removed {len(wanted)} captures, {size_text(freed)}")
        return {"FINISHED"}


def register() -> None:
    bpy.utils.register_class(MOCAP_OT_remove_captures)


def unregister() -> None:
    bpy.utils.unregister_class(MOCAP_OT_remove_captures)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that write files: the selected people, or a folder of captures at once."""

from pathlib import Path
from typing import Any

import bpy
from bpy_extras.io_utils import ExportHelper

from . import engine_jobs, person_files, scene_files
from .capture import report_end, watch_escape
from .core import errors
from .engine_process import EngineMissing
from .job_folders import jobs_folder
from .job_queue import Job
from .panel_text import sentence

PRESET_ITEMS = [
    ("generic", "Generic", "Bones are called as in the scene; metres"),
    ("unreal", "Unreal", "Bones of the mannequin; FBX in centimetres, so that 1.7 m are 170 units"),
    ("unity", "Unity", "Bones of Mixamo, which Unity takes for a humanoid; metres"),
    ("godot", "Godot", "Bones of Mixamo, which Godot takes for a humanoid; metres"),
]
KIND_ITEMS = [
    (".fbx", "FBX", "Bones, body and motion"),
    (".glb", "GLB", "Bones, body and motion (glTF)"),
    (".usdc", "USD", "Bones, body and motion"),
    (".bvh", "BVH", "Bones and motion of a captured person"),
    (".amass.npz", "AMASS", "SMPL poses of a captured person, in AMASS' layout"),
    (".npz", "motion.npz", "A captured person for this add-on and the mocap command"),
    (".blend", "Blend", "The whole scene"),
]
PEOPLE_ITEMS = [
    ("together", "One File", "Several people share a file; BVH, AMASS and motion.npz always hold one person"),
    ("each", "One File Each", "Every person gets a file, with the armature's name behind the file's"),
]


def choices() -> dict[str, Any]:
    """What the panel and the operators ask, as annotations of a Blender class."""
    return {
        "preset": bpy.props.EnumProperty(name="Preset", description="Who reads the file", items=PRESET_ITEMS),
        "kind": bpy.props.EnumProperty(name="File", description="Kind of file", items=KIND_ITEMS),
        "people": bpy.props.EnumProperty(name="People", description="Several people", items=PEOPLE_ITEMS),
    }


class SwingtwistExport(bpy.types.PropertyGroup):
    __annotations__ = choices()


class MOCAP_OT_export(bpy.types.Operator, ExportHelper):
    """Write the selected animated armatures with their bodies; the ending of the name decides the kind of file"""

    bl_idname = "mocap.export"
    bl_label = "Export"

    __annotations__ = {
        **choices(),
        "kind": bpy.props.EnumProperty(name="File", description="Kind of file", items=KIND_ITEMS, options={"HIDDEN"}),
        "filter_glob": bpy.props.StringProperty(default="*.fbx;*.glb;*.usdc;*.bvh;*.npz;*.blend", options={"HIDDEN"}),
        "filepath": bpy.props.StringProperty(name="File", description="The file to write", subtype="FILE_PATH"),
    }
    filename_ext = ""
    check_extension = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(animated_armatures(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = bpy.path.clean_name(animated_armatures(context)[0].name) + self.kind
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        path, armatures = Path(self.filepath), animated_armatures(context)
        groups = [armatures]
        if self.people == "each" or person_files.is_person_file(path):
            groups = [[armature] for armature in armatures]
        wishes, targets = scene_files.Wishes.of_preset(self.preset), []
        try:
            for group in groups:
                targets.append(path if len(groups) == 1 else _named_after(path, group[0].name))
                _write(context, targets[-1], group, wishes)
        except (scene_files.ExportFailed, errors.RigError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Wrote {', '.join(target.name for target in targets)}")
        return {"FINISHED"}


def animated_armatures(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected armatures that have an action; a selected body stands for its armature."""
    chosen = {thing if thing.type == "ARMATURE" else thing.parent for thing in context.selected_objects}
    return sorted(
        (
            thing
            for thing in chosen
            if thing and thing.type == "ARMATURE" and thing.animation_data and thing.animation_data.action
        ),
        key=lambda thing: thing.name,
    )


def _write(
    context: bpy.types.Context, path: Path, armatures: list[bpy.types.Object], wishes: scene_files.Wishes
) -> None:
    """Write armatures to one file. Raises ExportFailed, RigError and OSError."""
    if person_files.is_person_file(path):
        person_files.write_person(context, path, armatures[0], wishes.naming)
        return
    bodies = [child for one in armatures for child in one.children if child.type == "MESH"]
    ranges = [one.animation_data.action.frame_range for one in armatures]
    frame_count = round(max(last for _, last in ranges) - min(first for first, _ in ranges)) + 1
    with scene_files.named_for_engines(armatures):
        scene_files.export_file(context, path, [*armatures, *bodies], path.stem, frame_count, wishes)


def _named_after(path: Path, name: str) -> Path:
    ending = next((one for one in person_files.ENDINGS if path.name.lower().endswith(one)), path.suffix)
    stem = path.name[: len(path.name) - len(ending)]
    return path.with_name(f"{stem}_{bpy.path.clean_name(name)}{path.name[len(stem) :]}")


class ExportPurpose(engine_jobs.Purpose):
    """A capture's folder that is written to files."""

    failures = (KeyError, TypeError)

    def finish(self, context: bpy.types.Context, job: Job, prepared: Any) -> str:
        return f"Wrote {', '.join(Path(file).name for file in job.answer['files'])}"


class MOCAP_OT_export_jobs(bpy.types.Operator):
    """Write every capture of a folder of captures, as it was cleaned up last; the engine works in the background"""

    bl_idname = "mocap.export_jobs"
    bl_label = "Export All Captures"

    __annotations__ = {
        **choices(),
        "directory": bpy.props.StringProperty(
            name="Captures", description="Folder that holds folders of captures", subtype="DIR_PATH"
        ),
        "out": bpy.props.StringProperty(
            name="Into", description="Folder for the files; empty is that of the captures", subtype="DIR_PATH"
        ),
    }

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        self.directory = str(jobs_folder())
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = Path(bpy.path.abspath(self.directory))
        out = Path(bpy.path.abspath(self.out)) if self.out else folder
        captures = sorted(path for path in folder.glob("*.mocap") if any(path.glob("motion_*.npz")))
        try:
            if not captures:
                raise scene_files.ExportFailed(f"{folder} holds no finished captures (folders named .mocap)")
            out.mkdir(parents=True, exist_ok=True)
            jobs = [self._start(context, capture, out / f"{capture.stem}{self.kind}") for capture in captures]
        except (scene_files.ExportFailed, EngineMissing, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        if not bpy.app.background:
            watch_escape()
            return {"FINISHED"}
        for job in jobs:
            engine_jobs.wait(context, job)
        ends = [report_end(self, job) for job in jobs]
        return {"FINISHED"} if {"CANCELLED"} not in ends else {"CANCELLED"}

    def _start(self, context: bpy.types.Context, capture: Path, target: Path) -> Job:
        wishes = scene_files.Wishes.of_preset(self.preset)
        naming = ["--bones", wishes.naming.value] if wishes.naming else []
        arguments = ["refine", str(capture), "--out", str(target), "--progress", "json", *naming]
        arguments += ["--fbx-unit", wishes.fbx_unit.value, "--people-files", self.people]
        return engine_jobs.start(context, target.name, arguments, ExportPurpose())


_CLASSES = (SwingtwistExport, MOCAP_OT_export, MOCAP_OT_export_jobs)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.WindowManager.swingtwist_export = bpy.props.PointerProperty(type=SwingtwistExport)


def unregister() -> None:
    del bpy.types.WindowManager.swingtwist_export
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The upper half of the sidebar's tab, in the order of the work: video, people, capture, and what runs."""

from pathlib import Path

import bpy

from . import engine_jobs
from .engine_location import engine_path
from .export_operators import ExportPurpose
from .panel_text import BOX_PX, draw_bar, draw_line, draw_text, translated
from .people_operators import PeoplePurpose, current_job, thumbnails
from .person import LICENCE_PROPERTY
from .properties import LANDMARKS, settings_of
from .queue_layout import draw_jobs
from .setup_layout import draw_reminder
from .video_camera import OverlayPurpose
from .video_source import NoVideo, info_key, shown_clip, video_path


class _Sidebar:
    """Where all parts of the panel are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mocap"


class SWINGTWIST_PT_capture(_Sidebar, bpy.types.Panel):
    bl_label = "Mocap from Video"
    bl_idname = "SWINGTWIST_PT_capture"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = settings_of(context), self.layout
        if not engine_path(context):
            draw_reminder(layout, context)
        if settings.running:
            draw_bar(layout, settings, "progress", settings.message)
            row = layout.row()
            row.enabled = not settings.stopping
            row.operator("mocap.cancel", icon="X")
        elif settings.message:
            draw_text(layout, context, settings.message)
        licence = context.object.get(LICENCE_PROPERTY) if context.object else None
        if licence:
            draw_text(layout, context, translated("Body licence: {licence}", licence=licence))


class SWINGTWIST_PT_video(_Sidebar, bpy.types.Panel):
    bl_label = "Video"
    bl_parent_id = "SWINGTWIST_PT_capture"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = settings_of(context), self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "source")
        if settings.source == "FILE":
            layout.prop(settings, "video")
        elif settings.source == "SEQUENCE":
            layout.prop(settings, "sequence")
            layout.prop(settings, "sequence_rate")
        else:
            layout.prop_search(settings, "clip", bpy.data, "movieclips")
            shown = shown_clip(context)
            if not settings.clip and shown is not None:
                layout.label(text=shown.name, icon="TRACKER")
        _draw_facts(layout, context)
        layout.prop(settings, "range_unit")
        if settings.range_unit != "ALL":
            names = (
                ("first_video_frame", "last_video_frame") if settings.range_unit == "FRAMES" else ("start_s", "end_s")
            )
            column = layout.column(align=True)
            for name in names:
                column.prop(settings, name)
        layout.prop(settings, "slow_motion")
        layout.prop(settings, "lens")
        if settings.lens == "FOV":
            layout.prop(settings, "fov")
        elif settings.lens == "FOCAL":
            column = layout.column(align=True)
            column.prop(settings, "focal_mm")
            column.prop(settings, "sensor_mm")
        elif context.scene.camera is None:
            draw_text(layout, context, "The scene has no camera", "ERROR")


class SWINGTWIST_UL_people(bpy.types.UIList):
    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        row = layout.row(align=True)
        row.use_property_split = False
        row.prop(item, "chosen", text="")
        parts = row.split(factor=0.32)
        parts.label(text=str(item.person_id), icon_value=thumbnails.icon(item.thumbnail))
        parts.label(text=f"{item.start_s:.1f}-{item.end_s:.1f} s  {100 * item.score:.0f} %")


class SWINGTWIST_PT_people(_Sidebar, bpy.types.Panel):
    bl_label = "People"
    bl_parent_id = "SWINGTWIST_PT_capture"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = settings_of(context), self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "max_people")
        layout.operator("mocap.find_people", icon="VIEWZOOM")
        draw_jobs(layout, context, PeoplePurpose)
        if not settings.tracks_job:
            return
        if not settings.tracks:
            layout.label(text="Nobody was found", icon="INFO")
            return
        if settings.tracks_job != current_job(context):
            draw_text(layout, context, "Of another video or range", "ERROR")
        row = layout.row()
        row.template_list("SWINGTWIST_UL_people", "", settings, "tracks", settings, "track", rows=3)
        if settings.track < len(settings.tracks):
            track = settings.tracks[settings.track]
            picture = thumbnails.icon(track.thumbnail)
            if picture:
                layout.template_icon(picture, scale=5.0)
            facts = {"number": track.person_id, "count": track.frames, "score": f"{track.score:.2f}"}
            draw_text(layout, context, translated("Person {number}: {count} frames, score {score}", **facts))
        row = layout.row(align=True)
        row.operator("mocap.split_track", icon="UNLINKED")
        row.operator("mocap.merge_tracks", text="Merge", icon="LINKED")
        if settings.track_edits:
            row = layout.row(align=True)
            row.operator("mocap.undo_track_edit", text="Undo", icon="LOOP_BACK")
            row.operator(
                "mocap.undo_track_edit", text=translated("Undo All {count}", count=settings.track_edits)
            ).everything = True


class SWINGTWIST_PT_run(_Sidebar, bpy.types.Panel):
    bl_label = "Capture"
    bl_parent_id = "SWINGTWIST_PT_capture"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = settings_of(context), self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "people")
        if settings.people == "ID":
            layout.prop(settings, "person_id")
        row = layout.row(align=True)
        row.prop(settings, "model")
        row.operator("mocap.refresh_models", text="", icon="FILE_REFRESH")
        words = "free for commercial use" if settings.model in (LANDMARKS, "") else "see the list for its licence"
        for name, _, told in _chosen_model(settings):
            words = told.split(";")[-1].split(":")[0].strip() if name != LANDMARKS else words
        draw_text(layout, context, translated("Model: {licence}", licence=translated(words)))
        layout.prop(settings, "body")
        if settings.body == "SMPL":
            layout.prop(settings, "body_file")
            layout.prop(settings, "gender")
            draw_text(layout, context, "Body: as your SMPL licence says", "INFO")
        else:
            draw_text(layout, context, "Body: free for commercial use")
        layout.prop(settings, "device")
        layout.separator()
        for name in ("bone_names", "start_frame", "jobs_folder"):
            layout.prop(settings, name)
        row = layout.row()
        row.scale_y = 1.5
        row.operator("mocap.capture", icon="PLAY")
        draw_jobs(layout, context, PeoplePurpose, ExportPurpose, OverlayPurpose, others=True)
        row = layout.row(align=True)
        row.operator("mocap.save_defaults", text="Keep", icon="FILE_TICK")
        row.operator("mocap.restore_defaults", icon="LOOP_BACK")
        layout.separator()
        layout.operator("mocap.add_camera", icon="CAMERA_DATA").overlay = False
        layout.operator("mocap.add_camera", text="Camera with Overlay", icon="ARMATURE_DATA").overlay = True
        draw_jobs(layout, context, OverlayPurpose)


def _chosen_model(settings) -> list[tuple[str, str, str]]:
    items = settings.bl_rna.properties["model"].enum_items
    return [(item.identifier, item.name, item.description) for item in items if item.identifier == settings.model]


def _draw_facts(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    try:
        path = video_path(context)
    except NoVideo as problem:
        draw_text(layout, context, problem, "INFO")
        return
    answer = engine_jobs.questions.known(info_key(path))
    box = layout.box()
    draw_line(box, context, Path(path).name, BOX_PX)  # a field of this width shows where its path begins
    picture = thumbnails.icon(path, "MOVIE")
    if picture:
        box.template_icon(picture, scale=6.0)
    facts = None
    if answer is not None and answer.value is not None:
        facts = engine_jobs.VideoFacts.parse(answer.value)
    if facts is None:
        text = "Looking at the video" if answer is not None and answer.is_open else "Show what it is"
        if answer is not None and answer.error:
            draw_text(box, context, answer.error, "ERROR", BOX_PX)
        elif answer is not None and answer.is_open:
            box.label(text=text, icon="SORTTIME")
        else:
            box.operator("mocap.look_at_video", text=text, icon="VIEWZOOM")
        return
    draw_text(box, context, f"{facts.width} x {facts.height} px, {facts.rate_text}", taken_px=BOX_PX)
    draw_text(box, context, facts.length_text, taken_px=BOX_PX)


_CLASSES = (
    SWINGTWIST_PT_capture, SWINGTWIST_PT_video, SWINGTWIST_UL_people, SWINGTWIST_PT_people, SWINGTWIST_PT_run,
)  # fmt: skip


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

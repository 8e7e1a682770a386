# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the jobs of the queue, each kind below the button that starts it, so that buttons stay where they are."""

import bpy

from . import engine_jobs
from .job_queue import Job, State
from .panel_text import BOX_PX, draw_bar, draw_text
from .properties import settings_of

_STATE_ICONS = {
    State.WAITING: "SORTTIME",
    State.RUNNING: "PLAY",
    State.DONE: "CHECKMARK",
    State.FAILED: "ERROR",
    State.CANCELLED: "X",
}


def draw_jobs(
    layout: bpy.types.UILayout, context: bpy.types.Context, *purposes: type[engine_jobs.Purpose], others: bool = False
) -> None:
    """The jobs of some purposes, or with `others` those of all but these: progress and Cancel, or how they ended."""
    for job in engine_jobs.queue.jobs:
        if isinstance(job.purpose, purposes) != others:
            _draw_job(layout.box(), context, job)


def _draw_job(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    row = box.row(align=True)
    row.label(text=job.title, icon=_STATE_ICONS[job.state])
    if job.state is State.RUNNING:
        draw_bar(box, settings_of(context), "job_progress", job.message)
        row = box.row()
        row.enabled = not job.stopping
        row.operator("mocap.cancel", icon="X").number = job.number
        return
    row.operator("mocap.remove_job", text="", icon="X", emboss=False).number = job.number
    draw_text(box, context, job.message, taken_px=BOX_PX)
    for warning in job.warnings[:3]:
        draw_text(box, context, warning, "INFO", BOX_PX)
    if job.state is State.DONE and not job.purpose.is_of_this_file:
        box.operator("mocap.add_result", icon="IMPORT").number = job.number

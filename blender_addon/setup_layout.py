# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the engine's state and set-up: in the preferences whole, in the sidebar short."""

import bpy

from . import setup_operators
from .doctor_report import Report
from .engine_home import Stage
from .engine_location import engine_home, engine_path
from .engine_setup import Setup, Step, needs_update
from .engine_wheel import EngineWheel
from .panel_text import BOX_PX, draw_bar, draw_line, draw_text, translated

_READY = "Engine {version} is set up, made from {python}"


def draw_preferences(preferences, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """The engine's part of the preferences."""
    run, state = setup_operators.run, setup_operators.setup_state()
    box = layout.box()
    if state.running:
        _draw_running(box, context, run.job, state)
    else:
        _draw_resting(box, context, preferences, state)
    choices = layout.column()
    choices.enabled = not state.running
    choices.use_property_split = True
    choices.use_property_decorate = False
    choices.prop(preferences, "setup_python")
    choices.prop(preferences, "wheels_folder")
    choices.separator()
    choices.prop(preferences, "engine")
    if run.report is not None and not state.running:
        _draw_report(layout, context, run.report)


def draw_reminder(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sidebar's way to the set-up, or its progress."""
    state = setup_operators.setup_state()
    if state.running:
        draw_bar(layout, state, "progress", state.message)
        layout.operator("mocap.cancel_setup", icon="X")
        return
    layout.label(text="There is no engine yet", icon="INFO")
    layout.operator("mocap.setup_engine", icon="IMPORT")
    layout.operator("preferences.addon_show", text="Open Preferences", icon="PREFERENCES").module = __package__
    if state.failed:
        draw_text(layout, context, state.message, "ERROR")


def _draw_running(layout: bpy.types.UILayout, context: bpy.types.Context, job, state) -> None:
    if isinstance(job, Setup):
        steps = list(Step)
        now = steps.index(job.step_now)
        column = layout.column(align=True)
        for number, step in enumerate(steps):
            icon = "CHECKMARK" if number < now else "PLAY" if number == now else "BLANK1"
            column.label(text=step.title, icon=icon)
    draw_bar(layout, state, "progress", state.message)
    if isinstance(job, Setup):
        log = layout.column(align=True)
        log.scale_y = 0.75
        log.active = False
        for line in job.log_tail:
            draw_line(log, context, line)
    layout.operator("mocap.cancel_setup", icon="X")


def _draw_resting(layout: bpy.types.UILayout, context: bpy.types.Context, preferences, state) -> None:
    home, wheel = engine_home(), setup_operators.wheel_of_this_addon()
    kept, used = home.read(), engine_path(bpy.context)
    ready = kept is not None and kept.stage is Stage.VERIFIED and home.python.is_file()
    if ready:
        layout.label(text=translated(_READY, version=kept.version, python=kept.python), icon="CHECKMARK")
    elif not used:
        how = "Its set-up is not finished" if kept else "There is none yet; setting it up takes a few minutes"
        told = translated("Captures are made by an engine outside of Blender. {state}", state=translated(how))
        draw_text(layout, context, told, "INFO")
    if used and used != str(home.python):
        draw_text(layout, context, translated("The engine used is {engine}", engine=used), "INFO")
    if state.message:
        draw_text(layout, context, state.message, "ERROR" if state.failed else "NONE")
    if isinstance(wheel, str):
        draw_text(layout, context, wheel, "INFO")
    elif not preferences.wheels_folder and not getattr(bpy.app, "online_access", True):
        told = "Blender may not use the network. Allow it here or under System > Network, or choose a folder of wheels"
        draw_text(layout, context, told, "INFO")
        layout.operator("extensions.userpref_allow_online", text="Allow Online Access", icon="INTERNET")
    row = layout.row(align=True)
    row.scale_y = 1.3
    if isinstance(wheel, EngineWheel) and not (ready and not needs_update(kept, wheel)):
        text = "Go On" if kept else "Set Up the Engine"
        if ready:
            text = translated("Update the Engine to {version}", version=wheel.version)
        can = row.row(align=True)
        can.enabled = bool(preferences.wheels_folder) or getattr(bpy.app, "online_access", True)
        can.operator("mocap.setup_engine", text=text, icon="IMPORT")
    if used:
        row.operator("mocap.check_engine", icon="VIEWZOOM")
    if kept is not None:
        row.operator("mocap.remove_engine", text="Remove", icon="TRASH")
        if home.log.is_file():
            row.operator("wm.path_open", text="Log", icon="TEXT").filepath = str(home.log)


def _draw_report(layout: bpy.types.UILayout, context: bpy.types.Context, report: Report) -> None:
    for problem in report.problems:
        box = layout.box()
        draw_text(box, context, problem.text, "ERROR" if problem.stops else "INFO", taken_px=BOX_PX)
        if problem.fix:
            row = box.row()
            mends = translated("What mends it: {step}", step=problem.fix)
            draw_text(row.column(align=True), context, mends, taken_px=3 * BOX_PX)
            row.operator("mocap.copy_text", text="", icon="COPYDOWN").text = problem.fix
    if report.extras:
        column = layout.column(align=True)
        column.active = False
        column.label(text="Not needed, but could be added to the engine:")
        for extra in report.extras:
            draw_text(column, context, extra, "DOT")

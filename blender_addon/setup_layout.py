# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the engine's state and set-up: in the preferences whole, in the sidebar short."""

import textwrap

import bpy

from . import setup_operators
from .doctor_report import Report
from .engine_home import Stage
from .engine_location import engine_home, engine_path
from .engine_setup import Setup, Step, needs_update
from .engine_wheel import EngineWheel

_LETTER_PX = 7.5


def draw_preferences(preferences, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """The engine's part of the preferences."""
    run, state = setup_operators.run, setup_operators.setup_state()
    letters = max(40, int(context.region.width / (_LETTER_PX * context.preferences.system.ui_scale)) - 12)
    box = layout.box()
    if state.running:
        _draw_running(box, run.job, state, letters)
    else:
        _draw_resting(box, preferences, state, letters)
    choices = layout.column()
    choices.enabled = not state.running
    choices.use_property_split = True
    choices.use_property_decorate = False
    choices.prop(preferences, "setup_python")
    choices.prop(preferences, "wheels_folder")
    choices.separator()
    choices.prop(preferences, "engine")
    if run.report is not None and not state.running:
        _draw_report(layout, run.report, letters)


def draw_reminder(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sidebar's way to the set-up, or its progress."""
    state = setup_operators.setup_state()
    if state.running:
        _draw_bar(layout, state)
        layout.operator("swingtwist.cancel_setup", icon="X")
        return
    layout.label(text="There is no engine yet", icon="INFO")
    layout.operator("swingtwist.setup_engine", icon="IMPORT")
    layout.operator("preferences.addon_show", text="Open Preferences", icon="PREFERENCES").module = __package__
    if state.failed:
        _draw_text(layout, state.message, max(16, int(context.region.width / 9)), "ERROR")


def _draw_running(layout: bpy.types.UILayout, job, state, letters: int) -> None:
    if isinstance(job, Setup):
        steps = list(Step)
        now = steps.index(job.step_now)
        column = layout.column(align=True)
        for number, step in enumerate(steps):
            icon = "CHECKMARK" if number < now else "PLAY" if number == now else "BLANK1"
            column.label(text=step.title, icon=icon)
    _draw_bar(layout, state)
    if isinstance(job, Setup):
        log = layout.column(align=True)
        log.scale_y = 0.75
        log.active = False
        for line in job.log_tail:
            log.label(text=textwrap.shorten(line, letters, placeholder=" ..."))
    layout.operator("swingtwist.cancel_setup", icon="X")


def _draw_resting(layout: bpy.types.UILayout, preferences, state, letters: int) -> None:
    home, wheel = engine_home(), setup_operators.wheel_of_this_addon()
    kept, used = home.read(), engine_path(bpy.context)
    ready = kept is not None and kept.stage is Stage.VERIFIED and home.python.is_file()
    if ready:
        layout.label(text=f"Engine {kept.version} is set up, made from {kept.python}", icon="CHECKMARK")
    elif not used:
        how = "Its set-up is not finished" if kept else "There is none yet; setting it up takes a few minutes"
        _draw_text(layout, f"Captures are made by an engine outside of Blender. {how}", letters, "INFO")
    if used and used != str(home.python):
        _draw_text(layout, f"The engine used is {used}", letters, "INFO")
    if state.message:
        _draw_text(layout, state.message, letters, "ERROR" if state.failed else "NONE")
    if isinstance(wheel, str):
        _draw_text(layout, wheel, letters, "INFO")
    elif not preferences.wheels_folder and not getattr(bpy.app, "online_access", True):
        told = "Blender may not use the network. Allow it here or under System > Network, or choose a folder of wheels"
        _draw_text(layout, told, letters, "INFO")
        layout.operator("extensions.userpref_allow_online", text="Allow Online Access", icon="INTERNET")
    row = layout.row(align=True)
    row.scale_y = 1.3
    if isinstance(wheel, EngineWheel) and not (ready and not needs_update(kept, wheel)):
        text = f"Update the Engine to {wheel.version}" if ready else "Go On" if kept else "Set Up the Engine"
        can = row.row(align=True)
        can.enabled = bool(preferences.wheels_folder) or getattr(bpy.app, "online_access", True)
        can.operator("swingtwist.setup_engine", text=text, icon="IMPORT")
    if used:
        row.operator("swingtwist.check_engine", icon="VIEWZOOM")
    if kept is not None:
        row.operator("swingtwist.remove_engine", text="Remove", icon="TRASH")
        if home.log.is_file():
            row.operator("wm.path_open", text="Log", icon="TEXT").filepath = str(home.log)


def _draw_report(layout: bpy.types.UILayout, report: Report, letters: int) -> None:
    for problem in report.problems:
        box = layout.box()
        _draw_text(box, setup_operators.sentence(problem.text), letters, "ERROR" if problem.stops else "INFO")
        if problem.fix:
            row = box.row()
            _draw_text(row.column(align=True), f"What mends it: {problem.fix}", letters - 6, "NONE")
            row.operator("swingtwist.copy_text", text="", icon="COPYDOWN").text = problem.fix
    if report.extras:
        column = layout.column(align=True)
        column.active = False
        column.label(text="Not needed, but could be added to the engine:")
        for extra in report.extras:
            column.label(text=textwrap.shorten(extra, letters, placeholder=" ..."), icon="DOT")


def _draw_bar(layout: bpy.types.UILayout, state) -> None:
    if hasattr(layout, "progress"):  # 4.0
        layout.progress(factor=state.progress, text=state.message)
    else:
        layout.label(text=state.message)
        layout.prop(state, "progress", text="", slider=True)


def _draw_text(layout: bpy.types.UILayout, text: str, letters: int, icon: str) -> None:
    # Labels do not wrap.
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, letters)):
        column.label(text=line, icon=icon if number == 0 else "NONE" if icon == "NONE" else "BLANK1")

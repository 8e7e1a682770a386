# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts as Blender shows them: errors as sentences, notes over several lines, and bars of progress."""

from collections.abc import Callable

import blf
import bpy

from .text_lines import first_line_within, lines_within

_MARGIN_PX = 66.0
"""What frames, tabs and the scroll bar beside a panel's text take of a region at scale 1, and each icon and box."""
_ICON_PX = 20.0
BOX_PX = 14.0
_NARROWEST_PX = 80.0


def sentence(error: object) -> str:
    """An error's text as a sentence begins."""
    text = str(error)
    return text[:1].upper() + text[1:]


def translated(text: str, **values: object) -> str:
    """A text of the interface in the user's language, with values put into its {places} afterwards."""
    told = str(bpy.app.translations.pgettext_iface(text))
    return told.format(**values) if values else told


def draw_text(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: object, icon: str = "NONE", taken_px: float = 0.0
) -> None:
    """A text over as many lines as the region needs, `taken_px` of which what stands beside it takes at scale 1."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    width = _width_px(context, taken_px + (_ICON_PX if icon != "NONE" else 0.0))
    for number, line in enumerate(lines_within(sentence(translated(str(text))), width, _measure(context))):
        column.label(text=line, icon=icon if number == 0 else "NONE" if icon == "NONE" else "BLANK1")


def draw_line(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, taken_px: float = 0.0) -> None:
    """A text on one line, cut with dots where the region ends."""
    layout.label(text=first_line_within(translated(text), _width_px(context, taken_px), _measure(context)))


def draw_bar(layout: bpy.types.UILayout, owner: bpy.types.bpy_struct, name: str, message: str) -> None:
    """How far something is: a property of `owner` from 0 to 1, with what is being done."""
    if hasattr(layout, "progress"):  # 4.0
        layout.progress(factor=getattr(owner, name), text=message)
        return
    layout.label(text=message)
    row = layout.row()
    row.use_property_split = False
    row.prop(owner, name, text="", slider=True)


def _width_px(context: bpy.types.Context, taken_px: float) -> float:
    scale = context.preferences.system.ui_scale
    return max(_NARROWEST_PX * scale, context.region.width - (_MARGIN_PX + taken_px) * scale)


def _measure(context: bpy.types.Context) -> Callable[[str], float]:
    """How wide a text of the interface is, in pixels of the window."""
    style = context.preferences.ui_styles[0].widget
    blf.size(0, style.points * context.preferences.system.ui_scale)
    return lambda text: blf.dimensions(0, text)[0]

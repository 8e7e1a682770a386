# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts as Blender shows them: errors as sentences, notes over several lines, and bars of progress."""

import textwrap

import bpy

_LETTER_PX = 8.0
_FEWEST = 16


def sentence(error: object) -> str:
    """An error's text as a sentence begins."""
    text = str(error)
    return text[:1].upper() + text[1:]


def letters_across(context: bpy.types.Context) -> int:
    """About how many letters a line of the region holds."""
    return max(_FEWEST, int(context.region.width / (_LETTER_PX * context.preferences.system.ui_scale)) - 2)


def draw_text(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: object, icon: str = "NONE", taken: int = 0
) -> None:
    """A text over as many lines as the region needs, `taken` of whose letters are used by what stands beside it."""
    lines = layout.column(align=True)
    lines.scale_y = 0.8
    # The icon stands where two or three letters would.
    across = max(_FEWEST, letters_across(context) - taken - (3 if icon != "NONE" else 0))
    for number, line in enumerate(textwrap.wrap(sentence(text), across)):
        lines.label(text=line, icon=icon if number == 0 else "NONE" if icon == "NONE" else "BLANK1")


def draw_bar(layout: bpy.types.UILayout, owner: bpy.types.bpy_struct, name: str, message: str) -> None:
    """How far something is: a property of `owner` from 0 to 1, with what is being done."""
    if hasattr(layout, "progress"):  # 4.0
        layout.progress(factor=getattr(owner, name), text=message)
        return
    layout.label(text=message)
    row = layout.row()
    row.use_property_split = False
    row.prop(owner, name, text="", slider=True)

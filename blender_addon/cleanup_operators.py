# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of the clean-up: refine with given settings, correct the floor and what is upright, and go back."""

import re
from typing import Any

import bpy

from . import cleanup
from .cleanup_settings import DEFAULTS, OF_A_CAPTURE, annotations
from .cleanup_state import read_state
from .properties import settings_of


class _CleanupOperator:
    """Changes settings of the active armature's capture: at once without a window or where asked for, else soon."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return read_state(context.object) is not None

    def _change(
        self, context: bpy.types.Context, changes: dict[str, Any], *, detect_contacts: bool = False
    ) -> set[str]:
        cleanup.want(context.object, changes, detect_contacts=detect_contacts)
        if not bpy.app.background:
            return {"FINISHED"}
        return self._refine(context, {})

    def _refine(self, context: bpy.types.Context, changes: dict[str, Any]) -> set[str]:
        try:
            cleanup.refine_now(context, context.object, changes)
        except cleanup.CleanupFailed as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class MOCAP_OT_refine(_CleanupOperator, bpy.types.Operator):
    """Clean the motion up again with these settings and the contacts of the dope sheet; what is not given stays"""

    bl_idname = "mocap.refine"
    bl_label = "Clean Up Motion"
    bl_options = {"UNDO"}  # noqa: RUF012

    __annotations__ = annotations()

    def execute(self, context: bpy.types.Context) -> set[str]:
        names = [name for name in DEFAULTS if name != "contacts" and self.properties.is_property_set(name)]
        return self._refine(context, {name: getattr(self, name) for name in names})


class MOCAP_OT_floor_here(_CleanupOperator, bpy.types.Operator):
    """This foot stands on the floor at the current frame: one foot shifts the floor, several tilt it"""

    bl_idname = "mocap.floor_here"
    bl_label = "Foot on Floor Here"

    side: bpy.props.EnumProperty(
        name="Foot",
        description="Which foot stands",
        items=[("left", "Left", "Left foot"), ("right", "Right", "Right foot")],
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        words = cleanup.shown_settings(context.object)["floor_at"].split()
        word = f"{self.side}@{_moment(context)}"
        return self._change(context, {"floor_at": " ".join([*(one for one in words if one != word), word])})


class MOCAP_OT_level_here(_CleanupOperator, bpy.types.Operator):
    """The person stands upright at the current frame, which says where up is"""

    bl_idname = "mocap.level_here"
    bl_label = "Level to This Frame"

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, {"level_at": _moment(context)})


class MOCAP_OT_reset_floor(_CleanupOperator, bpy.types.Operator):
    """Take the floor and the direction of up from the capture again"""

    bl_idname = "mocap.reset_floor"
    bl_label = "Reset Floor"

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, {"floor_at": "", "level_at": ""})


class MOCAP_OT_reset_contacts(_CleanupOperator, bpy.types.Operator):
    """Forget edited foot contacts and detect them again"""

    bl_idname = "mocap.reset_contacts"
    bl_label = "Detect Contacts Again"

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, {"contacts": ""}, detect_contacts=True)


class MOCAP_OT_apply_contacts(_CleanupOperator, bpy.types.Operator):
    """Plant the feet by the Foot Contacts curves as they are in the dope sheet now"""

    bl_idname = "mocap.apply_contacts"
    bl_label = "Apply Contacts"

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, {})


class MOCAP_OT_reset_cleanup(_CleanupOperator, bpy.types.Operator):
    """Every clean-up setting back to its default, detected contacts included"""

    bl_idname = "mocap.reset_cleanup"
    bl_label = "Reset All"

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._change(context, dict(DEFAULTS), detect_contacts=True)


class MOCAP_OT_keep_cleanup(_CleanupOperator, bpy.types.Operator):
    """Clean new captures up as this one"""

    bl_idname = "mocap.keep_cleanup"
    bl_label = "For New"

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown, settings = cleanup.shown_settings(context.object), settings_of(context)
        for name in OF_A_CAPTURE:
            if name != "height":  # is this person's own
                setattr(settings, name, shown[name])
        self.report({"INFO"}, "New captures are cleaned up like this one")
        return {"FINISHED"}


def _moment(context: bpy.types.Context) -> str:
    """The current frame as the engine's settings name it: seconds of the motion, and whose."""
    state = read_state(context.object)
    time_s = f"{state.time_s(context.scene.frame_current_final):.4f}"
    return f"{re.sub('0+$', '', time_s).rstrip('.')}#{state.person_id}"


_CLASSES = (
    MOCAP_OT_refine, MOCAP_OT_floor_here, MOCAP_OT_level_here, MOCAP_OT_reset_floor,
    MOCAP_OT_reset_contacts, MOCAP_OT_apply_contacts, MOCAP_OT_reset_cleanup,
    MOCAP_OT_keep_cleanup,
)  # fmt: skip


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

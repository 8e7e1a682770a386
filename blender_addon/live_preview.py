# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures that move while a capture works, before its final motion is known."""

import time
from typing import Any

import bpy
import numpy as np

from . import armature as armatures
from . import keyframes
from .core import retarget, skeleton
from .shown_again import ShownAgain

_MARK = "swingtwist_live"
"""Custom property of a preview, by which one is known that was saved or came back with an undo."""


def remove_left_previews() -> None:
    """Take previews out of the scene that no capture moves any more."""
    for armature in [thing for thing in bpy.data.objects if thing.get(_MARK)]:
        _remove(armature)


class LivePreview:
    """One armature per person, posed as poses arrive; holds names, never Blender's objects, which undo replaces."""

    def __init__(self) -> None:
        self._rest: dict[int, np.ndarray] = {}
        self._rigs: dict[int, retarget.RigDefinition] = {}
        self._names: dict[int, str] = {}
        self._start: np.ndarray | None = None
        self._shown: dict[int, ShownAgain] = {}

    def show(self, context: bpy.types.Context, events: list[dict[str, Any]]) -> None:
        """Show the last pose of each person among the engine's pose events; without any for a while, all again."""
        latest: dict[int, dict[str, Any]] = {}
        for event in events:
            person = int(event["person_id"])
            if "rest_joints" in event:
                self._rest[person] = np.asarray(event["rest_joints"], dtype=np.float64)
            if person in self._rest:
                latest[person] = event
                self._shown.setdefault(person, ShownAgain()).add(float(event["time_s"]), event)
        if not latest:
            now = time.monotonic()
            again = {person: shown.at(now) for person, shown in self._shown.items()}
            latest = {person: event for person, event in again.items() if event is not None}
        for person, event in latest.items():
            rig = self._rigs.get(person)
            if rig is None:
                bones = skeleton.Skeleton(skeleton.SMPL_JOINT_NAMES, skeleton.SMPL_PARENTS, self._rest[person])
                rig = self._rigs[person] = retarget.build_rig(bones)
            armature = self._armature(context, person, rig)
            pelvis = np.asarray(event["transl"], dtype=np.float64) + self._rest[person][0]
            if self._start is None:
                # The floor is not known yet: the first pelvis seen stands at its rest height over the origin.
                self._start = pelvis - [0.0, rig.heads[1][2], 0.0]
            pose = retarget.pose_rig(rig, np.asarray(event["rotations_wxyz"]), pelvis - self._start)
            keyframes.show_pose(armature, rig, pose)

    def remove(self) -> None:
        """Take the preview out of the scene."""
        for name in self._names.values():
            armature = bpy.data.objects.get(name)
            if armature is not None:
                _remove(armature)
        self._names.clear()
        self._shown.clear()

    def _armature(self, context: bpy.types.Context, person: int, rig: retarget.RigDefinition) -> bpy.types.Object:
        found = bpy.data.objects.get(self._names.get(person, ""))
        if found is None:
            found = armatures.build_armature(context, rig, f"Live {person}")
            found[_MARK] = True
            self._names[person] = found.name
        return found


def _remove(armature: bpy.types.Object) -> None:
    data = armature.data
    bpy.data.objects.remove(armature)
    if data.users == 0:
        bpy.data.armatures.remove(data)

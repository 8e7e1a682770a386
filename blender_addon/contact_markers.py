# SPDX-License-Identifier: GPL-3.0-or-later
"""Foot contacts as curves that the dope sheet edits, and markers where the capture is unsure."""

import bpy
import numpy as np

from . import keyframes

CONTACT_PROPERTIES = ("Left Heel Stands", "Left Toe Stands", "Right Heel Stands", "Right Toe Stands")
"""Custom properties of the armature, 0 or 1, in the order of the motion's contacts."""

GROUP = "Foot Contacts"
_UNSURE, _SURE = "Unsure", "Sure"

Ranges = list[list[int]]
"""Frames [start, stop) of the motion."""


def frame_ranges(state: np.ndarray) -> Ranges:
    """(T,) bool to the ranges in which it is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], state, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2).tolist()


def contact_ranges(contacts: np.ndarray) -> list[Ranges]:
    """Contacts (T, 4), 0..1, to ranges in which each point stands."""
    return [frame_ranges(column >= 0.5) for column in contacts.T]


def write_contacts(armature: bpy.types.Object, ranges: list[Ranges], frame_count: int, start_frame: int) -> None:
    """Key the contacts: 1 where a foot point begins to stand, 0 where it lifts."""
    for name, stands in zip(CONTACT_PROPERTIES, ranges, strict=True):
        armature[name] = 0
        values = np.zeros(frame_count)
        for start, stop in stands:
            values[start:stop] = 1.0
        keyed = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
        frames = (start_frame + keyed).astype(np.float32)
        path = f'["{bpy.utils.escape_identifier(name)}"]'
        keyframes.write_steps(armature, path, frames, values[keyed], GROUP)


def read_contacts(armature: bpy.types.Object, frame_count: int, start_frame: int) -> list[Ranges] | None:
    """The ranges that the armature's curves say, edited or not; None where it has none."""
    ranges = []
    for name in CONTACT_PROPERTIES:
        curve = keyframes.find_curve(armature, f'["{bpy.utils.escape_identifier(name)}"]')
        if curve is None:
            return None
        values = np.array([curve.evaluate(frame) for frame in range(start_frame, start_frame + frame_count)])
        ranges.append(frame_ranges(values >= 0.5))
    return ranges


def mark_unsure(scene: bpy.types.Scene, name: str, ranges: Ranges, start_frame: int) -> None:
    """Put markers around the ranges in which the capture of the armature `name` is unsure, in place of earlier ones."""
    labels = [f"{word}: {name}" for word in (_UNSURE, _SURE)]
    for marker in [marker for marker in scene.timeline_markers if marker.name in labels]:
        scene.timeline_markers.remove(marker)
    for start, stop in ranges:
        scene.timeline_markers.new(labels[0], frame=start_frame + start)
        scene.timeline_markers.new(labels[1], frame=start_frame + stop)


def unsure_ranges(confidence: np.ndarray, fps: float, limit: float = 0.3, least_s: float = 0.2) -> Ranges:
    """Confidence (T, J) to the ranges of at least `least_s`, s, in which the body as a whole is hardly seen.

    Interruptions shorter than that are bridged.
    """
    least = max(1, round(least_s * fps))
    unsure = confidence.mean(axis=1) < limit
    for start, stop in frame_ranges(~unsure):
        if stop - start < least and start > 0 and stop < len(unsure):
            unsure[start:stop] = True
    return [[start, stop] for start, stop in frame_ranges(unsure) if stop - start >= least]

# SPDX-License-Identifier: GPL-3.0-or-later
"""What an armature remembers of its capture: the job folder, how it was placed, and its clean-up settings."""

import json
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

CLEANUP_PROPERTY = "swingtwist_cleanup"
"""Custom property of an armature that came from a job folder, as JSON."""


@dataclass(frozen=True)
class CleanupState:
    """job: its folder; first_s and fps: the clock of the motion whose first frame lies on start_frame.

    settings are the engine's that the clean-up changes, all of them. written_contacts are the frames [start, stop)
    in which each foot point stood when its curves were last written; given_contacts: the user changed them.
    """

    job: str
    person_id: int
    first_s: float
    fps: str
    frame_count: int
    start_frame: int
    bone_names: str
    settings: dict[str, Any] = field(default_factory=dict)
    written_contacts: list[list[list[int]]] = field(default_factory=list)
    given_contacts: bool = False

    def time_s(self, scene_frame: float) -> float:
        """The motion's own time at a frame of the scene, s."""
        return self.first_s + (scene_frame - self.start_frame) / float(Fraction(self.fps))


def read_state(armature: bpy.types.Object | None) -> CleanupState | None:
    """What the armature remembers, or None where it came from no job."""
    told = armature.get(CLEANUP_PROPERTY) if armature is not None else None
    if not isinstance(told, str):
        return None
    try:
        return CleanupState(**json.loads(told))
    except (ValueError, TypeError):
        return None


def write_state(armature: bpy.types.Object, state: CleanupState) -> None:
    """Let the armature remember."""
    armature[CLEANUP_PROPERTY] = json.dumps(asdict(state), ensure_ascii=False)


def job_of(motion_path: Path) -> Path | None:
    """The job folder that a motion file belongs to, or None."""
    folder = motion_path.absolute().parent
    return folder if (folder / "job.json").is_file() else None


def armatures_of(job: str) -> list[bpy.types.Object]:
    """The armatures that came from one job."""
    found = []
    for thing in bpy.data.objects:
        state = read_state(thing)
        if state is not None and state.job == job and thing.type == "ARMATURE" and thing.library is None:
            found.append(thing)
    return found

# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the people of the video, choosing some, and splitting and merging their tracks."""

from pathlib import Path
from typing import Any

import bpy

from . import engine_jobs
from .capture import FAILURES, QueueOperator
from .job_queue import Job
from .properties import choices, settings_of
from .video_facts import VideoFacts
from .video_source import NoVideo, job_folders, range_s, source_arguments, video_path


class PeoplePurpose(engine_jobs.Purpose):
    """A search: who was found fills the list."""

    failures = (KeyError, TypeError, ValueError)
    keeps_its_line = False

    @property
    def is_of_this_file(self) -> bool:
        return True  # the list belongs to the window, not to a file

    def finish(self, context: bpy.types.Context, job: Job, prepared: Any) -> str:
        people, edits = job.answer["people"], job.answer["edits"]
        settings = settings_of(context)
        chosen = {track.person_id for track in settings.tracks if track.chosen}
        same = settings.tracks_job == job.answer["job"]
        settings.tracks.clear()
        for told in people:
            track = settings.tracks.add()
            track.person_id, track.frames = int(told["id"]), int(told["frames"])
            track.start_s, track.end_s, track.score = (float(told[key]) for key in ("start_s", "end_s", "mean_score"))
            track.thumbnail = str(told["thumbnail"])
            track.chosen = track.person_id in chosen if same else len(settings.tracks) == 1
        settings.tracks_job, settings.track_edits = str(job.answer["job"]), len(edits)
        settings.track = min(settings.track, max(0, len(people) - 1))
        if people and settings.people == "LARGEST":
            settings.people = "CHOSEN"
        return f"Found {len(people)} {'person' if len(people) == 1 else 'people'}"


def start_search(context: bpy.types.Context, *more: str) -> Job:
    """Queue a search for people, with edits of tracks. Raises what FAILURES names."""
    settings = settings_of(context)
    path = video_path(context)
    facts = engine_jobs.video_facts(context, wait_for_them=settings.range_unit == "FRAMES")
    source = source_arguments(context, facts)
    folder = job_folders(context, path, source).search
    folder.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["people", path, "--job", str(folder), "--progress", "json", *source, *more]
    return engine_jobs.start(context, f"People in {Path(path).stem}", arguments, PeoplePurpose())


def current_job(context: bpy.types.Context) -> str:
    """The job folder that the settings mean now; empty where they mean none."""
    try:
        path = video_path(context)
        facts = engine_jobs.video_facts(context)
        return str(job_folders(context, path, source_arguments(context, facts)).search.absolute())
    except FAILURES:
        return ""


def time_of_scene(context: bpy.types.Context, facts: VideoFacts | None) -> float:
    """The second of the video at the scene's present frame, the capture's first frame being the video's range's.

    Raises NoVideo where the rate is not known.
    """
    if facts is None:
        raise NoVideo("the video's frame rate is not known yet; wait a moment, or give the time")
    settings = settings_of(context)
    frame = context.scene.frame_current_final - settings.start_frame
    return range_s(context, facts)[0] + frame / float(facts.fps)


class _Search(QueueOperator):
    """What the operators that run a search share."""

    def _more(self, context: bpy.types.Context) -> list[str]:
        """The search's own arguments. Raises what FAILURES names."""
        return []

    def _queue(self, context: bpy.types.Context) -> Job:
        return start_search(context, *self._more(context))


class MOCAP_OT_find_people(_Search, bpy.types.Operator):
    """Find the people of the video and list them; the capture goes on from there"""

    bl_idname = "mocap.find_people"
    bl_label = "Find People"

    __annotations__ = choices()
    choices = tuple(__annotations__)


class _Edit(_Search):
    """What the operators that edit tracks share."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return len(settings_of(context).tracks) > 0 and not engine_jobs.queue.is_busy


class MOCAP_OT_split_track(_Edit, bpy.types.Operator):
    """From the present frame on, the selected person is somebody else"""

    bl_idname = "mocap.split_track"
    bl_label = "Split Here"

    person: bpy.props.IntProperty(name="Person", description="Number of the person; 0 is the selected one")
    time_s: bpy.props.FloatProperty(
        name="Time", description="Second of the video; below 0 is the scene's present frame", default=-1.0
    )

    def _more(self, context: bpy.types.Context) -> list[str]:
        settings = settings_of(context)
        person = self.person or settings.tracks[settings.track].person_id
        time_s = self.time_s if self.time_s >= 0 else time_of_scene(context, engine_jobs.video_facts(context))
        return ["--split", f"{person}@{time_s:.6f}"]


class MOCAP_OT_merge_tracks(_Edit, bpy.types.Operator):
    """The ticked people are one and the same"""

    bl_idname = "mocap.merge_tracks"
    bl_label = "Merge Ticked"

    people: bpy.props.StringProperty(
        name="People", description="Numbers such as 1,3; empty takes the people ticked in the list"
    )

    def _more(self, context: bpy.types.Context) -> list[str]:
        ids = [word for word in self.people.replace(" ", "").split(",") if word]
        ids = ids or [str(track.person_id) for track in settings_of(context).tracks if track.chosen]
        if len(ids) < 2:
            raise NoVideo("tick at least two people that are one and the same")
        return [word for other in ids[1:] for word in ("--merge", f"{ids[0]},{other}")]


class MOCAP_OT_undo_track_edit(_Edit, bpy.types.Operator):
    """Take the last split or merge back"""

    bl_idname = "mocap.undo_track_edit"
    bl_label = "Undo Last Edit"

    everything: bpy.props.BoolProperty(name="All", description="Take all splits and merges back")

    def _more(self, context: bpy.types.Context) -> list[str]:
        return ["--reset-edits" if self.everything else "--undo-edit"]


class Thumbnails:
    """Pictures of the people as icons."""

    def __init__(self) -> None:
        self._icons: Any = None

    def icon(self, path: str, kind: str = "IMAGE") -> int:
        """The icon of a picture or movie; 0 where there is none."""
        if not path or not Path(path).is_file():
            return 0
        if self._icons is None:
            import bpy.utils.previews

            self._icons = bpy.utils.previews.new()
        if path not in self._icons:
            self._icons.load(path, path, kind)
        return self._icons[path].icon_id

    def clear(self) -> None:
        """Let all icons go."""
        if self._icons is not None:
            bpy.utils.previews.remove(self._icons)
            self._icons = None


thumbnails = Thumbnails()

_CLASSES = (
    MOCAP_OT_find_people, MOCAP_OT_split_track, MOCAP_OT_merge_tracks, MOCAP_OT_undo_track_edit,
)  # fmt: skip


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    thumbnails.clear()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

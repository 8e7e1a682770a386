# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel asks the user, with the state of a running import; kept on the window manager, away from undo."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from . import engine_jobs
from .cleanup_settings import ROOT_MOTION_ITEMS, NewCaptureCleanup
from .core import bone_maps

BONE_NAME_ITEMS = [
    (bone_maps.BoneNaming.SMPL.value, "SMPL", "Pelvis, L_Hip, Spine1, ..."),
    (bone_maps.BoneNaming.MIXAMO.value, "Mixamo", "mixamorig:Hips, mixamorig:LeftUpLeg, ..."),
    (bone_maps.BoneNaming.UNREAL.value, "Unreal", "pelvis, thigh_l, spine_02, ..."),
]


__all__ = ["BONE_NAME_ITEMS", "LANDMARKS", "ROOT_MOTION_ITEMS", "choices", "given_choices", "settings_of"]

LANDMARKS = "landmarks"
"""The model that needs nothing added."""

_model_items: dict[str, list[tuple[str, str, str]]] = {}
"""The model list shown last: Blender needs its words to stay where they are."""


def licence_in_words(licence: str) -> str:
    """What a licence means for whoever wants to sell the result."""
    told = licence.lower()
    if any(word in told for word in ("non-commercial", "noncommercial", "research", "scientific", "smpl")):
        return "non-commercial use only"
    if any(word in told for word in ("apache", "mit", "bsd", "cc0", "public domain")):
        return "free for commercial use"
    return "see its licence"


def _models(self: Any, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    items = [(LANDMARKS, "Landmarks", "Built in; free for commercial use (Apache-2.0)")]
    for row in engine_jobs.known_models():
        words = licence_in_words(row["licence"])
        items.append((row["name"], f"{row['name']} ({words})", f"A network you added; {words}: {row['licence']}"))
    if items != _model_items.get("shown"):
        _model_items["shown"] = items
    return _model_items["shown"]


def _video_changed(self: Any, context: bpy.types.Context) -> None:
    engine_jobs.ask_about_video(context)


class SwingtwistTrack(bpy.types.PropertyGroup):
    """Somebody who was found in the video."""

    chosen: bpy.props.BoolProperty(name="Capture", description="Capture this person")
    person_id: bpy.props.IntProperty()
    frames: bpy.props.IntProperty()
    start_s: bpy.props.FloatProperty()
    end_s: bpy.props.FloatProperty()
    score: bpy.props.FloatProperty()
    thumbnail: bpy.props.StringProperty()


class SwingtwistSettings(NewCaptureCleanup, bpy.types.PropertyGroup):
    source: bpy.props.EnumProperty(
        name="Source",
        description="Where the pictures come from",
        items=[
            ("FILE", "Video File", "A video file"),
            ("SEQUENCE", "Image Sequence", "A folder of numbered images, or one of them"),
            ("CLIP", "Movie Clip", "A clip of this file, such as the one open in the Movie Clip Editor"),
        ],
        update=_video_changed,
    )
    video: bpy.props.StringProperty(
        name="Video", description="The video to capture", subtype="FILE_PATH", update=_video_changed
    )
    sequence: bpy.props.StringProperty(
        name="Images",
        description="The folder of the images, or one of them",
        subtype="FILE_PATH",
        update=_video_changed,
    )
    sequence_rate: bpy.props.FloatProperty(
        name="Rate",
        description="Images a second",
        default=30.0,
        min=1.0,
        max=1000.0,
        precision=3,
        update=_video_changed,
    )
    clip: bpy.props.StringProperty(
        name="Clip",
        description="The movie clip to capture; empty takes the one in the Movie Clip Editor",
        update=_video_changed,
    )
    range_unit: bpy.props.EnumProperty(
        name="Range",
        description="What part of the video is captured",
        items=[
            ("ALL", "Whole Video", "From the first frame to the last"),
            ("FRAMES", "Frames", "Frames of the video, counted from 1"),
            ("SECONDS", "Seconds", "Seconds of the video as it plays"),
        ],
    )
    first_video_frame: bpy.props.IntProperty(
        name="Start", description="First frame of the video to capture", default=1, min=1
    )
    last_video_frame: bpy.props.IntProperty(
        name="End", description="Last frame of the video to capture; 0 is the video's last", default=0, min=0
    )
    start_s: bpy.props.FloatProperty(
        name="Start", description="Second of the video at which the capture starts", default=0.0, min=0.0, precision=3
    )
    end_s: bpy.props.FloatProperty(
        name="End",
        description="Second of the video at which the capture ends; 0 is the video's end",
        default=0.0,
        min=0.0,
        precision=3,
    )
    slow_motion: bpy.props.FloatProperty(
        name="Slowed",
        description="How many times slower than life the video plays: 240 fps footage shown at 30 is 8",
        default=1.0,
        min=0.05,
        max=100.0,
    )
    lens: bpy.props.EnumProperty(
        name="Lens",
        description="How wide the camera saw",
        items=[
            ("FOV", "Field of View", "Degrees along the longer side of the picture"),
            ("FOCAL", "Focal Length", "Millimetres, with the width of the sensor"),
            ("CAMERA", "Scene Camera", "The lens of this scene's camera"),
        ],
    )
    fov: bpy.props.FloatProperty(
        name="View (°)",
        description="Degrees along the longer side of the picture; 55 suits a phone's main camera",
        default=55.0,
        min=5.0,
        max=150.0,
    )
    focal_mm: bpy.props.FloatProperty(
        name="Focal", description="Focal length of the lens, millimetres", default=35.0, min=1.0, max=1000.0
    )
    sensor_mm: bpy.props.FloatProperty(
        name="Sensor",
        description="Longer side of the sensor, millimetres; 36 for focal lengths as on 35 mm film",
        default=36.0,
        min=1.0,
        max=100.0,
    )
    max_people: bpy.props.IntProperty(
        name="At Most", description="Most people looked for in a picture", default=4, min=1, max=20
    )
    people: bpy.props.EnumProperty(
        name="Capture",
        description="Whom to capture",
        items=[
            ("LARGEST", "Largest Person", "The person who fills most of the picture"),
            ("CHOSEN", "Chosen People", "Those ticked in the list of people found"),
            ("ALL", "Everybody", "All people, in one world"),
            ("ID", "One by Number", "The person with a number of an earlier capture"),
        ],
    )
    person_id: bpy.props.IntProperty(name="Number", description="Number of the person", default=1, min=0)
    tracks: bpy.props.CollectionProperty(type=SwingtwistTrack)
    track: bpy.props.IntProperty(name="Person", description="The person that is split or merged", min=0)
    tracks_job: bpy.props.StringProperty()
    track_edits: bpy.props.IntProperty()
    model: bpy.props.EnumProperty(
        name="Model", description="What poses people; see mocap models for those that can be added", items=_models
    )
    body: bpy.props.EnumProperty(
        name="Body",
        description="Which body the motion moves",
        items=[
            ("OPEN", "Open Body", "Comes with the engine; free for commercial use"),
            (
                "SMPL",
                "My SMPL File",
                "Your own SMPL model file, under its licence (non-commercial unless you bought one)",
            ),
        ],
    )
    body_file: bpy.props.StringProperty(
        name="SMPL File", description="Your SMPL model as downloaded: zip, pkl or npz", subtype="FILE_PATH"
    )
    gender: bpy.props.EnumProperty(
        name="Gender",
        description="Which model of an SMPL zip to use",
        items=[
            ("neutral", "Neutral", "The model for anybody"),
            ("female", "Female", "The model of women"),
            ("male", "Male", "The model of men"),
        ],
    )
    device: bpy.props.EnumProperty(
        name="Device",
        description="Where the networks run",
        items=[
            ("cpu", "CPU", "The processor; works everywhere"),
            ("gpu", "GPU", "The graphics card: CUDA for added models, OpenGL ES for the detector"),
        ],
    )
    jobs_folder: bpy.props.StringProperty(
        name="Folder",
        description="Where captures keep their work for clean-up and going on; empty is beside the video",
        subtype="DIR_PATH",
    )
    bone_names: bpy.props.EnumProperty(name="Bones", description="Names of the bones", items=BONE_NAME_ITEMS)
    start_frame: bpy.props.IntProperty(name="Frame", description="Scene frame of the first pose", default=1)

    running: bpy.props.BoolProperty()
    stopping: bpy.props.BoolProperty()
    progress: bpy.props.FloatProperty(name="Progress", subtype="FACTOR", min=0.0, max=1.0)
    job_progress: bpy.props.FloatProperty(
        name="Progress",
        description="How far the running job's stage is",
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        get=lambda self: engine_jobs.queue.fraction,
        set=lambda self, value: None,
    )
    message: bpy.props.StringProperty()


_STATE = ("tracks", "track", "tracks_job", "track_edits", "running", "stopping", "progress", "job_progress", "message")
"""What the settings hold that is no choice of the user's."""


def choices() -> dict[str, Any]:
    """Every choice of the panel as an annotation of an operator, which can then be given it for once."""
    told = {**NewCaptureCleanup.__annotations__, **SwingtwistSettings.__annotations__}
    return {
        name: one.function(
            **{key: value for key, value in one.keywords.items() if key != "update"}, options={"SKIP_SAVE"}
        )
        for name, one in told.items()
        if name not in _STATE
    }


@contextmanager
def given_choices(operator: Any, context: bpy.types.Context) -> Iterator[None]:
    """The settings with those of its `choices` that an operator was given; the panel's own again afterwards."""
    settings = settings_of(context)
    given = [name for name in operator.choices if operator.properties.is_property_set(name)]
    before = {name: getattr(settings, name) for name in given}
    for name in given:
        setattr(settings, name, getattr(operator, name))
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)


def settings_of(context: bpy.types.Context) -> SwingtwistSettings:
    """The panel's settings."""
    return context.window_manager.swingtwist


def register() -> None:
    bpy.utils.register_class(SwingtwistTrack)
    bpy.utils.register_class(SwingtwistSettings)
    bpy.types.WindowManager.swingtwist = bpy.props.PointerProperty(type=SwingtwistSettings)


def unregister() -> None:
    del bpy.types.WindowManager.swingtwist
    bpy.utils.unregister_class(SwingtwistSettings)
    bpy.utils.unregister_class(SwingtwistTrack)

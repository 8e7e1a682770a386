# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene camera that sees a captured armature as the video's camera saw the person, with the video behind it."""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from . import engine_jobs, stored_motion
from .capture import report_end, watch_escape
from .cleanup_state import CleanupState, read_state
from .core import errors, frames, motion_file
from .engine_process import EngineMissing
from .job_queue import Job
from .panel_text import sentence

_CAMERA_AXES = np.diag([1.0, -1.0, -1.0, 1.0])
"""From a Blender camera's axes (y up, looks along -z) to those of `motion.npz` (y down, looks along z)."""

_SENSOR_MM = 36.0


@dataclass(frozen=True)
class Footage:
    """A video, and how many of its frames lie before the motion's first."""

    path: Path
    frames_before: int


def add_camera(context: bpy.types.Context, armature: bpy.types.Object) -> bpy.types.Object:
    """A camera with the lens and the place that the armature's motion was seen from; the scene's own from now on.

    It follows the armature as it is now; a camera that moved is keyed. The render size becomes the picture's. Raises
    RigError where the armature keeps no motion.
    """
    record = stored_motion.stored_motion(armature)
    data = bpy.data.cameras.new(f"{armature.name} Camera")
    camera = bpy.data.objects.new(data.name, data)
    context.scene.collection.objects.link(camera)
    _set_lens(data, record)
    render = context.scene.render
    render.resolution_x, render.resolution_y = record.image_size
    render.resolution_percentage = 100
    squeeze = record.intrinsics[1, 1] / record.intrinsics[0, 0]
    render.pixel_aspect_x, render.pixel_aspect_y = (1.0, 1 / squeeze) if squeeze <= 1 else (squeeze, 1.0)
    poses = camera_poses(record)
    camera.rotation_mode = "QUATERNION"
    state = read_state(armature)
    first = state.start_frame if state is not None else context.scene.frame_start
    moves = float(np.ptp(poses, axis=0).max()) > 1e-6
    # The armature may be keyed at another rate than the motion's own.
    keyed = float(record.motion.fps / Fraction(state.fps)) if state is not None else 1.0
    for row in range(round(len(poses) / keyed) if moves else 1):
        camera.matrix_world = armature.matrix_world @ Matrix(poses[min(round(row * keyed), len(poses) - 1)].tolist())
        if moves:
            camera.keyframe_insert("location", frame=first + row)
            camera.keyframe_insert("rotation_quaternion", frame=first + row)
    context.scene.camera = camera
    return camera


def camera_poses(record: motion_file.MotionRecord) -> np.ndarray:
    """(T, 4, 4) places of a Blender camera in the armature's space."""
    world_to_armature = frames.rigid_transform(frames.WORLD_TO_ARMATURE, np.zeros(3))
    return world_to_armature @ frames.rigid_inverse(record.world_to_camera) @ _CAMERA_AXES


def _set_lens(data: bpy.types.Camera, record: motion_file.MotionRecord) -> None:
    """Focal length and shift from the intrinsics; Blender counts the shift in widths, also downwards."""
    width, height = record.image_size
    k = record.intrinsics
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = _SENSOR_MM
    data.lens = float(k[0, 0]) * _SENSOR_MM / width
    data.shift_x = (width / 2 - float(k[0, 2])) / width
    data.shift_y = (float(k[1, 2]) - height / 2) / width * float(k[0, 0] / k[1, 1])


def show_footage(camera: bpy.types.Object, footage: Footage, start_frame: int) -> bpy.types.MovieClip:
    """Put a video behind the camera so that it runs with a motion that begins on start_frame. Raises RuntimeError."""
    # A clip of its own: the user's may start elsewhere.
    path = min(file for file in footage.path.iterdir() if file.is_file()) if footage.path.is_dir() else footage.path
    clip = bpy.data.movieclips.load(str(path), check_existing=False)
    clip.frame_start = start_frame - footage.frames_before
    backgrounds = camera.data.background_images
    backgrounds.clear()
    background = backgrounds.new()
    background.source = "MOVIE_CLIP"
    background.clip = clip
    background.alpha = 1.0
    background.display_depth = "BACK"
    background.frame_method = "FIT"
    camera.data.show_background_images = True
    return clip


def footage_of(state: CleanupState, *, overlay: bool) -> Footage:
    """The video of the armature's job, or the overlay made of it. Raises OSError, KeyError, ValueError."""
    folder = Path(state.job)
    told = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    settings = told["settings"]
    slow = float(settings["slow_motion"])
    fps = float(Fraction(told["clip"]["fps"])) / slow
    first_s = state.first_s * slow
    if overlay:
        return Footage(folder / "overlay.mp4", round((first_s - _first_frame_s(float(settings["start"]), fps)) * fps))
    return Footage(Path(told["video"]), round(first_s * fps))


def _first_frame_s(start_s: float, fps: float) -> float:
    """The time of the first frame at or after a start, of a video at an even rate."""
    return float(np.ceil(start_s * fps - 1e-4)) / fps


class OverlayPurpose(engine_jobs.Purpose):
    """An overlay video: it goes behind the camera that waits for it."""

    failures = (OSError, KeyError, TypeError, ValueError, RuntimeError, errors.RigError)
    undo_message = "Show Overlay"

    def __init__(self, camera: str, state: CleanupState) -> None:
        super().__init__()
        self._camera, self._state = camera, state

    def finish(self, context: bpy.types.Context, job: Job, prepared: Any) -> str:
        camera = bpy.data.objects.get(self._camera)
        if camera is None:
            return "The camera is gone; the overlay is in the job folder"
        show_footage(camera, footage_of(self._state, overlay=True), self._state.start_frame)
        return "The overlay is behind the camera"


class MOCAP_OT_add_camera(bpy.types.Operator):
    """Add a camera that sees the active armature as the video's camera did, with the video behind it"""

    bl_idname = "mocap.add_camera"
    bl_label = "Camera with Video"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    overlay: bpy.props.BoolProperty(
        name="Overlay",
        description="Show the video with skeleton, box and contacts drawn on it; made where it is missing",
    )
    look_through: bpy.props.BoolProperty(name="Look Through", description="Show the view of the camera", default=True)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.object is not None and stored_motion.has_motion(context.object)

    def execute(self, context: bpy.types.Context) -> set[str]:
        armature = context.object
        state = read_state(armature)
        try:
            camera = add_camera(context, armature)
        except errors.RigError as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        if self.look_through:
            _look_through(context)
        if state is None:
            self.report({"WARNING"}, "The armature came from no job, so there is no video to show")
            return {"FINISHED"}
        try:
            footage = footage_of(state, overlay=self.overlay)
            if self.overlay and _is_outdated(footage.path, state):
                return self._make_overlay(context, camera, state)
            if not footage.path.exists():
                self.report({"WARNING"}, f"The video {footage.path} is gone; the camera has no picture")
                return {"FINISHED"}
            clip = show_footage(camera, footage, state.start_frame)
        except (OSError, KeyError, ValueError, TypeError, RuntimeError, EngineMissing) as error:
            self.report({"WARNING"}, f"The camera has no picture: {error}")
            return {"FINISHED"}
        width, height = clip.size
        shape = context.scene.render.resolution_x / context.scene.render.resolution_y
        if height and abs(width / height / shape - 1) > 0.02:
            self.report({"WARNING"}, "Blender shows this video in another shape, without its turn; use the overlay")
        return {"FINISHED"}

    def _make_overlay(self, context: bpy.types.Context, camera: bpy.types.Object, state: CleanupState) -> set[str]:
        arguments = ["preview", state.job, "--progress", "json"]
        purpose = OverlayPurpose(camera.name, state)
        job = engine_jobs.start(context, f"Overlay of {Path(state.job).stem}", arguments, purpose)
        if bpy.app.background:
            engine_jobs.wait(context, job)
            report_end(self, job)
        else:
            watch_escape()
        return {"FINISHED"}


def _is_outdated(overlay: Path, state: CleanupState) -> bool:
    motion = Path(state.job) / f"motion_{state.person_id}.npz"
    return not overlay.is_file() or (motion.is_file() and motion.stat().st_mtime > overlay.stat().st_mtime)


def _look_through(context: bpy.types.Context) -> None:
    areas: list[Any] = [area for window in context.window_manager.windows for area in window.screen.areas]
    for area in areas:
        if area.type == "VIEW_3D":
            area.spaces.active.region_3d.view_perspective = "CAMERA"
            break


def register() -> None:
    bpy.utils.register_class(MOCAP_OT_add_camera)


def unregister() -> None:
    bpy.utils.unregister_class(MOCAP_OT_add_camera)

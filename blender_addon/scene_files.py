# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing captured armatures to FBX, GLB, USD and .blend files with settings that game engines take as they are."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy

from . import engine_copies, glb_times, keyframes
from .core import bone_maps, game_engines, timing

ENGINE_NAME = "Armature"
SUFFIXES = (".fbx", ".glb", ".usdc", ".blend")
"""The formats that Blender writes."""


class ExportFailed(Exception):
    """Blender could not write a file; the message says which and why."""


def has_usd() -> bool:
    """Whether this Blender was built with its USD exporter."""
    try:
        bpy.ops.wm.usd_export.get_rna_type()
    except (KeyError, RuntimeError, AttributeError):
        return False
    return True


@dataclass(frozen=True)
class Wishes:
    """What a game engine wants: names for captured armatures' bones (None: as they are), and the unit of an FBX."""

    naming: bone_maps.BoneNaming | None = None
    fbx_unit: game_engines.FileUnit = game_engines.FileUnit.METRE

    @classmethod
    def of_preset(cls, preset: str) -> "Wishes":
        """Those of a game engine; the generic preset leaves names as they are."""
        told = game_engines.PRESETS[preset]
        naming = None if preset == "generic" else bone_maps.BoneNaming(told["bones"])
        return cls(naming, game_engines.FileUnit(told["fbx_unit"]))


def export_file(
    context: bpy.types.Context,
    path: Path,
    objects: Sequence[bpy.types.Object],
    clip_name: str,
    frame_count: int,
    wishes: Wishes | None = None,
) -> None:
    """Write the objects and one take of `frame_count` frames, named `clip_name` and starting at time 0.

    The scene's rate is the file's. A .blend holds the whole scene, as it is. Raises ExportFailed.
    """
    wishes = wishes or Wishes()
    writers: dict[str, Callable[..., None]] = {
        ".fbx": _write_fbx,
        ".glb": _write_glb,
        ".usdc": _write_usd,
        ".blend": _write_blend,
    }
    suffix = path.suffix.lower()
    if suffix not in writers:
        expected = ", ".join(SUFFIXES)
        raise ExportFailed(f"the file {path.name} ends in {suffix or 'nothing'!r}, expected one of {expected}")
    in_cm = suffix == ".fbx" and wishes.fbx_unit is game_engines.FileUnit.CENTIMETRE
    metre = 100.0 if in_cm else 1.0
    try:
        with ExitStack() as stack:
            stack.enter_context(_only_selected(context, objects))
            if suffix != ".blend":
                stack.enter_context(_unit(context.scene, 1.0 / metre))
                objects = stack.enter_context(engine_copies.fitted(context, objects, wishes.naming, metre))
            stack.enter_context(_scene_is_the_take(context.scene, objects, clip_name, frame_count))
            writers[suffix](context, path, clip_name, frame_count)
    except RuntimeError as error:  # what a failing operator raises
        raise ExportFailed(f"Blender could not write {path.name}: {_last_line(error)}") from error
    if not path.is_file():
        raise ExportFailed(f"Blender wrote no {path.name}")


@contextmanager
def named_for_engines(armatures: Sequence[bpy.types.Object]) -> Iterator[None]:
    """A single armature called "Armature", which Unreal takes for Blender's own and adds no bone for."""
    if len(armatures) != 1 or ENGINE_NAME in bpy.data.objects:
        yield
        return
    name = armatures[0].name
    armatures[0].name = ENGINE_NAME
    try:
        yield
    finally:
        armatures[0].name = name


def _write_fbx(context: bpy.types.Context, path: Path, clip_name: str, frame_count: int) -> None:
    with _resting_skin(context.selected_objects):
        _call_fbx(path)


def _call_fbx(path: Path) -> None:
    # Neither NLA strips nor all actions: the exporter then writes the scene as its one take, named after the scene.
    _call(
        bpy.ops.export_scene.fbx,
        filepath=str(path),
        use_selection=True,
        object_types={"ARMATURE", "MESH"},
        apply_scale_options="FBX_SCALE_ALL",
        axis_forward="-Z",
        axis_up="Y",
        mesh_smooth_type="FACE",
        add_leaf_bones=False,
        use_armature_deform_only=False,
        bake_anim=True,
        bake_anim_use_all_bones=True,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_force_startend_keying=True,
        bake_anim_step=1.0,
        bake_anim_simplify_factor=0.0,
    )


def _write_glb(context: bpy.types.Context, path: Path, clip_name: str, frame_count: int) -> None:
    with _resting_skin(context.selected_objects):
        _call_gltf(path, clip_name)
    render = context.scene.render
    glb_times.set_frame_times(path, timing.rate_from_blender(render.fps, render.fps_base), frame_count)


def _call_gltf(path: Path, clip_name: str) -> None:
    _call(
        bpy.ops.export_scene.gltf,
        filepath=str(path),
        export_format="GLB",
        use_selection=True,
        export_yup=True,
        export_animations=True,
        export_animation_mode="ACTIVE_ACTIONS",
        export_nla_strips=False,
        export_nla_strips_merged_animation_name=clip_name,
        export_frame_range=True,
        export_force_sampling=True,
        export_optimize_animation_size=False,
        export_anim_single_armature=False,
        export_reset_pose_bones=True,
        export_morph=False,
        export_def_bones=False,
    )


def _write_usd(context: bpy.types.Context, path: Path, clip_name: str, frame_count: int) -> None:
    if not has_usd():
        raise ExportFailed(
            f"this Blender {bpy.app.version_string} was built without USD, so it cannot write {path.name}"
        )
    _call(
        bpy.ops.wm.usd_export,
        filepath=str(path),
        selected_objects_only=True,
        export_animation=True,
        export_armatures=True,
        only_deform_bones=False,
        export_materials=True,
    )


def _write_blend(context: bpy.types.Context, path: Path, clip_name: str, frame_count: int) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, check_existing=False)


@contextmanager
def _resting_skin(objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Skins not evaluated: the exporters visit every frame for the bones and need none of the posed vertices."""
    modifiers = [
        modifier
        for thing in objects
        for modifier in thing.modifiers
        if modifier.type == "ARMATURE" and modifier.show_viewport
    ]
    for modifier in modifiers:
        modifier.show_viewport = False
    try:
        yield
    finally:
        for modifier in modifiers:
            modifier.show_viewport = True


@contextmanager
def _only_selected(context: bpy.types.Context, objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    layer = context.view_layer
    if layer.objects.active is not None and layer.objects.active.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    before, active = [other for other in layer.objects if other.select_get()], layer.objects.active
    for other in before:
        other.select_set(False)
    for wanted in objects:
        wanted.select_set(True)
    layer.objects.active = objects[0]
    try:
        yield
    finally:
        for wanted in objects:
            wanted.select_set(False)
        for other in before:
            other.select_set(True)
        layer.objects.active = active


@contextmanager
def _unit(scene: bpy.types.Scene, metres: float) -> Iterator[None]:
    """What the scene's numbers mean, which the FBX exporter writes as the file's unit."""
    settings = scene.unit_settings
    before = (settings.system, settings.scale_length)
    settings.system, settings.scale_length = "METRIC", metres
    try:
        yield
    finally:
        settings.system, settings.scale_length = before


@contextmanager
def _scene_is_the_take(
    scene: bpy.types.Scene, objects: Sequence[bpy.types.Object], clip_name: str, frame_count: int
) -> Iterator[None]:
    """The scene named after the clip, with the objects' keys beginning at frame 0, for the time of an export."""
    actions = {thing.animation_data.action for thing in objects if thing.animation_data and thing.animation_data.action}
    first = min((action.frame_range[0] for action in actions), default=0.0)
    before = (scene.name, scene.frame_start, scene.frame_end, scene.frame_current)
    scene.name = clip_name
    _shift(actions, -first)
    scene.frame_start, scene.frame_end = 0, frame_count - 1
    scene.frame_set(0)
    try:
        yield
    finally:
        _shift(actions, first)
        scene.name, scene.frame_start, scene.frame_end = before[:3]
        scene.frame_set(before[3])


def _shift(actions: set[bpy.types.Action], frames: float) -> None:
    if frames:
        for action in actions:
            keyframes.shift_keys(action, frames)


def _call(operator, **settings) -> None:
    """Call an operator with those of the settings that this Blender's version of it knows."""
    known = operator.get_rna_type().properties.keys()
    operator(check_existing=False, **{name: value for name, value in settings.items() if name in known})


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("Location:")]
    return lines[-1] if lines else type(error).__name__

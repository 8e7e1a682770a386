"""Inside Blender: answers where things are and how they stand, one JSON object a line; `-- SOCKET`.

It presses nothing. The one thing it makes is a character to retarget to, which an animator brings along.
"""

import hashlib
import json
import socket
import sys
import time
import traceback

import bpy
from bpy_extras import view3d_utils
from mathutils import Vector

_TICK_S, _NEXT_TICK_S = 0.02, 0.002
_FAILURES = (AttributeError, LookupError, ReferenceError, RuntimeError, StopIteration, TypeError, ValueError)

draws = {}

preferences = bpy.context.preferences
preferences.view.show_splash = False
preferences.view.filebrowser_display_type = "SCREEN"  # no window manager would place a second window's
preferences.view.use_save_prompt = False
preferences.system.viewport_aa = "OFF"  # the processor draws


class Answering:
    """The socket that asks, and how long Blender's main loop was away at most since it was asked."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.setblocking(False)
        self.received, self.waiting = b"", None
        self.last, self.longest_s = time.perf_counter(), 0.0

    def tick(self):
        now = time.perf_counter()
        self.longest_s, self.last = max(self.longest_s, now - self.last), now
        if self.waiting is not None:
            question, self.waiting = self.waiting, None
            self._answer(question)
        try:
            arrived = self.socket.recv(65536)
            if not arrived:
                bpy.ops.wm.quit_blender()
            self.received += arrived
        except BlockingIOError:
            pass
        line, found, rest = self.received.partition(b"\n")
        if found:
            # Answered one turn later: until then Blender has handled what the mouse did before.
            self.waiting, self.received = json.loads(line), rest
        return _TICK_S if self.waiting is None else _NEXT_TICK_S

    def _answer(self, question):
        try:
            answer = {"is": QUESTIONS[question.pop("ask")](**question)}
        except _FAILURES as error:
            traceback.print_exc()
            answer = {"error": repr(error)}
        self.socket.setblocking(True)
        self.socket.sendall(json.dumps(answer).encode() + b"\n")
        self.socket.setblocking(False)


def areas(screen_height):
    """Every area with its regions as [left, top, width, height] in pixels of the screen."""
    told = []
    for number, window in enumerate(bpy.context.window_manager.windows):
        top = screen_height - window.y if number else window.height  # the first fills the screen
        left = window.x if number else 0
        for area in window.screen.areas:
            regions = {
                region.type: [left + region.x, top - region.y - region.height, region.width, region.height]
                for region in area.regions
                if region.width > 1 and region.height > 1
            }
            told.append({"type": area.type, "window": number, "regions": regions})
    return told


def hovered(area, region):
    """The property or the operator of the button under the mouse, as Blender's own "Copy ..." of buttons words it."""
    manager = bpy.context.window_manager
    with _override(area, region):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
            return manager.clipboard
        if bpy.ops.ui.copy_data_path_button.poll():
            try:
                bpy.ops.ui.copy_data_path_button(full_path=True)
                return manager.clipboard
            except RuntimeError:
                pass
        return "a property" if bpy.ops.ui.reset_default_button.poll() else ""


def scroll(area, region):
    """How far a region is scrolled, in pixels."""
    return _find(area, region)[2].view2d.region_to_view(0, 0)[1]


def value(path):
    """What the context has at a path such as window_manager.swingtwist.video."""
    found = bpy.context.path_resolve(path)
    return found if isinstance(found, (bool, int, float, str)) else getattr(found, "name", None)


def count(path):
    """How many things a collection of the context has."""
    return len(bpy.context.path_resolve(path))


def addon(module):
    """Whether an add-on is switched on."""
    return module in bpy.context.preferences.addons


def offline():
    """Whether this Blender knows that add-ons have to ask for the network, and does not allow it."""
    return not getattr(bpy.app, "online_access", True)


def drawn(panel):
    """How often a panel was drawn since this was asked first: only while its tab is shown and it is open."""
    if panel not in draws:
        draws[panel] = 0
        getattr(bpy.types, panel).append(_counts(panel))
    return draws[panel]


def _counts(name):
    def count_one(panel, context):
        draws[name] += 1

    return count_one


def facts():
    """What the panel knows of the video, in words; empty while it knows nothing."""
    told = _module("engine_jobs").video_facts(bpy.context)
    return f"{told.width} x {told.height} px, {told.rate_text}, {told.length_text}" if told else ""


def engine(module):
    """The engine's preferences and how far its set-up is."""
    chosen = bpy.context.preferences.addons[module].preferences
    state = bpy.context.window_manager.swingtwist_setup
    told = {name: getattr(chosen, name) for name in ("engine", "setup_python", "wheels_folder")}
    told.update({name: getattr(state, name) for name in ("running", "failed", "progress", "message")})
    told["used"] = _module("engine_location").engine_path(bpy.context)
    return told


def jobs():
    """The queue as it is."""
    return [
        {"number": job.number, "state": job.state.value, "open": job.is_open, "message": job.message}
        for job in _module("engine_jobs").queue.jobs
    ]


def objects():
    """What is in the scene."""
    active = bpy.context.view_layer.objects.active
    return [
        {
            "name": thing.name,
            "type": thing.type,
            "active": thing == active,
            "selected": thing.select_get(),
            "captured": "swingtwist_cleanup" in thing,
            "animated": bool(thing.animation_data and thing.animation_data.action),
        }
        for thing in bpy.context.scene.objects
    ]


def pose(name):
    """Where the bones' heads are in the world now, metres, one after the other."""
    thing = bpy.data.objects[name].evaluated_get(bpy.context.evaluated_depsgraph_get())
    return [round(number, 5) for bone in thing.pose.bones for number in thing.matrix_world @ bone.head]


def live():
    """The pose of the armature that shows what the engine works on; empty where there is none."""
    return next((pose(thing.name) for thing in bpy.context.scene.objects if thing.get("swingtwist_live")), [])


def motion(name):
    """An armature's keys: a digest that tells one motion from another, how rough they are, and frames and rate."""
    action, scene = bpy.data.objects[name].animation_data.action, bpy.context.scene
    digest, rough, count = hashlib.md5(), 0.0, 0
    for curve in _module("keyframes").curves_of(action):
        keys = [0.0] * (2 * len(curve.keyframe_points))
        curve.keyframe_points.foreach_get("co", keys)
        values = keys[1::2]
        digest.update(json.dumps([curve.data_path, curve.array_index, [round(one, 5) for one in values]]).encode())
        if "pose.bones" in curve.data_path:
            rough += sum(abs(a - 2 * b + c) for a, b, c in zip(values, values[1:], values[2:], strict=False))
            count += max(len(values) - 2, 0)
    return {
        "digest": digest.hexdigest(),
        "rough": rough / max(count, 1),
        "frames": action.frame_range[1] - action.frame_range[0] + 1,
        "fps": scene.render.fps / scene.render.fps_base,
        "first": action.frame_range[0],
    }


def spot(name, bone):
    """The middle of a bone in the 3D view, pixels of the first window's screen."""
    _, area, region = _find("VIEW_3D", "WINDOW")
    thing = bpy.data.objects[name]
    posed = thing.pose.bones[bone]
    place = thing.matrix_world @ ((posed.head + posed.tail) / 2)
    x, y = view3d_utils.location_3d_to_region_2d(region, area.spaces.active.region_3d, place)
    return [region.x + x, bpy.context.window_manager.windows[0].height - region.y - y]


def browser():
    """The file browser that is open, or None: its folder, the name in it, and for what."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "FILE_BROWSER" and area.spaces.active.params is not None:
                space = area.spaces.active
                folder = space.params.directory
                operator = space.active_operator.bl_idname if space.active_operator else ""
                return {
                    "folder": folder.decode() if isinstance(folder, bytes) else folder,
                    "name": space.params.filename,
                    "operator": operator,
                }
    return None


def character(name, bones, x):
    """Make the character's armature beside the captured person."""
    scene, data = bpy.context.scene, bpy.data.armatures.new(name)
    thing, before = bpy.data.objects.new(name, data), bpy.context.view_layer.objects.active
    scene.collection.objects.link(thing)
    with _override("VIEW_3D", "WINDOW"):
        bpy.context.view_layer.objects.active = thing
        bpy.ops.object.mode_set(mode="EDIT")
        for bone, parent, head, tail in bones:
            made = data.edit_bones.new(bone)
            made.head, made.tail = Vector(head), Vector(tail)
            made.parent = data.edit_bones[parent] if parent else None
        bpy.ops.object.mode_set(mode="OBJECT")
        thing.location.x = x
        thing.select_set(False)
        bpy.context.view_layer.objects.active = before
        bpy.ops.ed.undo_push(message="Bring a Character")


def longest_s():
    """The longest the main loop was away since this was asked last, seconds."""
    told, answering.longest_s = answering.longest_s, 0.0
    return told


def version():
    return bpy.app.version_string.split()[0]


QUESTIONS = {
    one.__name__: one
    for one in (areas, hovered, scroll, value, count, addon, offline, drawn, facts, engine, jobs, objects, pose, live,
                motion, spot, browser, character, longest_s, version)
}  # fmt: skip


def _find(area_type, region_type):
    for window in reversed(bpy.context.window_manager.windows):
        for area in window.screen.areas:
            if area.type == area_type:
                return window, area, next(one for one in area.regions if one.type == region_type)
    raise LookupError(f"no {area_type} is open")


def _override(area_type, region_type):
    window, area, region = _find(area_type, region_type)
    return bpy.context.temp_override(window=window, area=area, region=region)


def _module(name):
    return next(module for key, module in sys.modules.items() if key.endswith(f"swingtwist.{name}"))


answering = Answering(sys.argv[sys.argv.index("--") + 1])
bpy.app.timers.register(answering.tick, first_interval=1.0, persistent=True)

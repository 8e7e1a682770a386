# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleaning a captured motion up: asks the engine's worker for it with other settings and keys what comes back."""

import contextlib
import json
import os
import time
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from . import armature as armatures
from . import character_follow, contact_markers, engine_process, keyframes, scene_rate, stored_motion
from .cleanup_settings import DEFAULTS
from .cleanup_state import CleanupState, armatures_of, job_of, read_state, write_state
from .core import body_mesh, bone_maps, errors, motion, motion_file, retarget, root_motion, skeleton
from .preferences import engine_path
from .refine_process import RefineProcess

_CONTACTS_FILE = "contacts.json"
_DEBOUNCE_S = 0.15
_TICK_S = 0.05


class CleanupFailed(Exception):
    """The motion stays as it was; the message says why."""


@dataclass
class _Session:
    """What goes on with one job; in plain Python, out of reach of undo, and without Blender's objects."""

    process: RefineProcess | None = None
    wanted: dict[str, Any] = field(default_factory=dict)
    detect_contacts: bool = False
    due_at: float | None = None
    sent: dict[str, Any] | None = None
    sent_given: frozenset[int] = frozenset()
    message: str = ""


_sessions: dict[str, _Session] = {}


def remember_job(
    armature: bpy.types.Object,
    path: Path,
    record: motion_file.MotionRecord,
    keyed: motion.Motion,
    start_frame: int,
    naming: bone_maps.BoneNaming,
    root_mode: root_motion.RootMode,
) -> None:
    """Let an armature keyed from a job's motion file be cleaned up later; files of no job are left alone.

    keyed: the record's motion at the rate of the keys.
    """
    job = job_of(path)
    if job is None:
        return
    told = record.provenance.get("settings", {})
    settings = {name: told.get(name, default) for name, default in DEFAULTS.items()}
    settings["root_motion"] = root_mode.value
    ranges = contact_markers.contact_ranges(keyed.contacts)
    state = CleanupState(
        job=str(job),
        person_id=record.person_id,
        first_s=float(keyed.times_s[0]),
        fps=str(keyed.fps),
        frame_count=len(keyed),
        start_frame=start_frame,
        bone_names=naming.value,
        settings=settings,
        written_contacts=ranges,
        given_contacts=bool(settings["contacts"]),
    )
    write_state(armature, state)
    contact_markers.write_contacts(armature, ranges, len(keyed), start_frame)
    _mark(bpy.context.scene, armature, keyed.confidence, state)


def shown_settings(armature: bpy.types.Object | None) -> dict[str, Any]:
    """The settings that hold for the armature, with those that are asked for but not there yet."""
    state = read_state(armature)
    if state is None:
        return DEFAULTS
    session = _sessions.get(state.job)
    return {**DEFAULTS, **state.settings, **(session.wanted if session else {})}


def status(armature: bpy.types.Object | None) -> tuple[bool, str]:
    """(a change is being worked on, what went wrong last) for the armature's job."""
    state = read_state(armature)
    session = _sessions.get(state.job) if state else None
    return (False, "") if session is None else (session.due_at is not None or session.sent is not None, session.message)


def want(armature: bpy.types.Object | None, changes: dict[str, Any], *, detect_contacts: bool = False) -> None:
    """Ask for changed settings; they are applied soon, together with those that follow at once.

    Without a window nothing happens by itself: `refine_now` takes them along.
    """
    state = read_state(armature)
    if state is None:
        return
    session = _sessions.setdefault(state.job, _Session())
    session.wanted.update(changes)
    session.detect_contacts |= detect_contacts
    session.due_at = time.monotonic() + _DEBOUNCE_S
    session.message = ""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK_S, persistent=True)


def refine_now(context: bpy.types.Context, armature: bpy.types.Object, changes: dict[str, Any]) -> None:
    """Change settings and wait until the armatures of the job have them. Raises CleanupFailed."""
    state = read_state(armature)
    if state is None:
        raise CleanupFailed(f"{armature.name} came from no capture that can be refined; capture or import one first")
    session = _sessions.setdefault(state.job, _Session())
    session.wanted.update(changes)
    try:
        _send(context, state.job, session)
        while not _take_answer(context, state.job, session):
            time.sleep(0.01)
    except (CleanupFailed, errors.RigError, OSError, RuntimeError) as error:
        _give_up(session, error)
        raise CleanupFailed(session.message) from error


def stop_all() -> None:
    """End every worker and forget what was asked."""
    for session in _sessions.values():
        if session.process is not None:
            session.process.kill()
    _sessions.clear()


def _tick() -> float | None:
    """Called by Blender's timer: send what is due, take in what came, until nothing is going on."""
    context, busy = bpy.context, False
    for job, session in list(_sessions.items()):
        try:
            if session.due_at is not None and time.monotonic() >= session.due_at:
                _send(context, job, session)
            if session.sent is not None and _take_answer(context, job, session):
                _push_undo(context)
                _redraw(context)
        except (CleanupFailed, errors.RigError, OSError, RuntimeError) as error:
            _give_up(session, error)
            _redraw(context)
        busy |= session.due_at is not None or session.sent is not None
    return _TICK_S if busy else None


def warm_up(context: bpy.types.Context, armature: bpy.types.Object) -> None:
    """Let a worker get ready in the background for the changes that may follow; nothing happens where none can."""
    state = read_state(armature)
    if state is None or bpy.app.background:
        return
    session = _sessions.setdefault(state.job, _Session())
    with contextlib.suppress(CleanupFailed, OSError):
        _send(context, state.job, session)
    # Nobody waits for this answer: it is what the armature shows already.
    session.sent = None


def _send(context: bpy.types.Context, job: str, session: _Session) -> None:
    session.due_at = None
    found = armatures_of(job)
    if not found:
        raise CleanupFailed("the armature is gone")
    if job_of(Path(job) / "job.json") is None:
        raise CleanupFailed(f"the capture's folder {job} is gone; capture the video again to clean it up")
    if session.process is None or session.process.ended:
        try:
            session.process = RefineProcess(engine_path(context), Path(job))
        except engine_process.EngineMissing as error:
            raise CleanupFailed(str(error)) from error
    given = {} if session.detect_contacts else _given_contacts(found)
    settings = {**DEFAULTS, **read_state(found[0]).settings, **session.wanted}
    settings["contacts"] = _CONTACTS_FILE if given else ""
    if given:
        _write_contacts_file(Path(job) / _CONTACTS_FILE, given)
    session.sent, session.sent_given = settings, frozenset(given)
    session.process.ask(settings)


def _take_answer(context: bpy.types.Context, job: str, session: _Session) -> bool:
    """Whether the answer to the newest request came, which is then on the armatures. Raises CleanupFailed."""
    ended = session.process.ended
    event = session.process.answer()
    if event is None:
        if ended:
            told = session.process.last_error or "it said nothing"
            raise CleanupFailed(f"the engine ended with status {session.process.exit_code}: {told}")
        return False
    if event["event"] == "error":
        raise CleanupFailed(str(event.get("message")))
    settings, session.sent = session.sent, None
    for armature in armatures_of(job):
        _apply(context, armature, Path(job), settings, session.sent_given)
    if session.due_at is None:
        session.wanted, session.detect_contacts = {}, False
        for armature in armatures_of(job):
            character_follow.follow(context, armature)
    session.message = ""
    return True


def _apply(
    context: bpy.types.Context, armature: bpy.types.Object, job: Path, settings: dict[str, Any], given: frozenset[int]
) -> None:
    """Key the armature with its person's motion as it is in the job folder now."""
    state = read_state(armature)
    path = job / f"motion_{state.person_id}.npz"
    if not path.is_file():
        return
    keyed = scene_rate.at_rate(motion_file.load_motion(path).motion, Fraction(state.fps))
    rig = retarget.build_rig(keyed.skeleton, bone_maps.BoneNaming(state.bone_names))
    if armatures.rest_differs(armature, rig):
        body = job / f"body_{state.person_id}.npz"
        armatures.reshape(context, armature, rig, body_mesh.load_body_mesh(body) if body.is_file() else None)
    animation = retarget.animate_rig(rig, keyed, root_motion.RootMode(settings["root_motion"]))
    keyframes.rewrite_keyframes(armature, rig, animation, state.start_frame)
    is_given = state.person_id in given
    if not is_given:
        ranges = contact_markers.contact_ranges(keyed.contacts)
        if ranges != state.written_contacts or not _same_contacts(armature, state):
            contact_markers.write_contacts(armature, ranges, len(keyed), state.start_frame)
        state = replace(state, written_contacts=ranges)
    state = replace(
        state,
        settings=settings,
        given_contacts=is_given,
        frame_count=len(keyed),
        first_s=float(keyed.times_s[0]),
        fps=str(keyed.fps),
    )
    write_state(armature, state)
    stored_motion.replace_stored_motion(armature, path)
    _mark(context.scene, armature, keyed.confidence, state)
    armature.update_tag()


def _same_contacts(armature: bpy.types.Object, state: CleanupState) -> bool:
    """Whether the armature's curves say what was last written."""
    found = contact_markers.read_contacts(armature, state.frame_count, state.start_frame)
    return found is not None and found == state.written_contacts


def _given_contacts(found: list[bpy.types.Object]) -> dict[int, dict[str, list[list[float]]]]:
    """By person, for those whose contacts the user changed: seconds in which each foot point stands."""
    people = {}
    for armature in found:
        state = read_state(armature)
        ranges = contact_markers.read_contacts(armature, state.frame_count, state.start_frame)
        if ranges is None or (ranges == state.written_contacts and not state.given_contacts):
            continue
        frame_s = 1.0 / float(Fraction(state.fps))
        people[state.person_id] = {
            name: [[state.first_s + start * frame_s, state.first_s + stop * frame_s] for start, stop in stands]
            for name, stands in zip(skeleton.CONTACT_NAMES, ranges, strict=True)
        }
    return people


def _write_contacts_file(path: Path, people: dict[int, Any]) -> None:
    temporary = path.with_suffix(".part")
    told = {"schema": 1, "people": {str(number): contacts for number, contacts in people.items()}}
    temporary.write_text(json.dumps(told), encoding="utf-8")
    os.replace(temporary, path)


def _mark(scene: bpy.types.Scene, armature: bpy.types.Object, confidence: Any, state: CleanupState) -> None:
    ranges = contact_markers.unsure_ranges(confidence, float(Fraction(state.fps)))
    contact_markers.mark_unsure(scene, armature.name, ranges, state.start_frame)


def _give_up(session: _Session, error: Exception) -> None:
    text = str(error)
    session.message = text[:1].upper() + text[1:]
    session.due_at, session.sent, session.wanted, session.detect_contacts = None, None, {}, False


def _push_undo(context: bpy.types.Context) -> None:
    window = context.window_manager.windows[0] if context.window_manager.windows else None
    if window is not None:
        with context.temp_override(window=window):
            bpy.ops.ed.undo_push(message="Clean Up Motion")


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            area.tag_redraw()


@bpy.app.handlers.persistent
def _before_load(*_: Any) -> None:
    stop_all()


def register() -> None:
    bpy.app.handlers.load_pre.append(_before_load)


def unregister() -> None:
    bpy.app.handlers.load_pre.remove(_before_load)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    stop_all()

"""The steps of an animator's work in the sidebar: from a video to a character's FBX."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seat import Failed, Seat

if TYPE_CHECKING:
    from session import Visit

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "rig")]

from made_characters import humanoid  # noqa: E402

_PANEL = "window_manager.swingtwist"
_CAPTURE_LIMIT_S, _CANCEL_LIMIT_S, _CLEAN_UP_LIMIT_S = 600.0, 2.0, 30.0
_LIVE_POSES = 4
_HERO = "Hero"
_SIDED = {"collar": "Shoulder", "shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand", "hip": "UpLeg", "knee": "Leg",
          "ankle": "Foot", "foot": "ToeBase"}  # fmt: skip
_BONES = {
    "pelvis": ["mixamorig:Hips"], "spine": ["mixamorig:Spine", "mixamorig:Spine1", "mixamorig:Spine2"],
    "neck": ["mixamorig:Neck"], "head": ["mixamorig:Head"],
    **{f"{side}_{part}": [f"mixamorig:{side.capitalize()}{bone}"]
       for side in ("left", "right") for part, bone in _SIDED.items()},
}  # fmt: skip


def choose_video(visit: Visit) -> None:
    """Empty the scene, open the sidebar on the add-on's tab, and type the video's path."""
    seat = visit.seat
    seat.hover("VIEW_3D")
    seat.key("a", "Delete")
    seat.wait("empty scene", lambda: not seat.ask("objects"), 5.0)
    seat.key("n")
    time.sleep(0.5)
    _turn_to_tab(visit)
    visit.shoot("sidebar")
    seat.fill(seat.find(".swingtwist.video"), str(visit.video))
    told = seat.ask("value", path=f"{_PANEL}.video")
    if told != str(visit.video):
        raise Failed(f"the panel has the video {told!r}")
    seat.wait("facts about the video", lambda: seat.ask("facts"), 60.0)
    time.sleep(0.5)
    visit.shoot("facts")
    visit.say(f"{visit.video.name}: {seat.ask('facts')}")


def find_people(visit: Visit) -> None:
    """Press Find People and wait for the list."""
    seat = visit.seat
    seat.press("swingtwist.find_people")
    start = time.monotonic()
    seat.wait("search for people", lambda: any(job["open"] for job in seat.ask("jobs")), 10.0)
    time.sleep(1.5)
    visit.shoot("searching")
    seat.wait("end of the search", lambda: not _open_jobs(seat), _CAPTURE_LIMIT_S)
    found = seat.wait("person in the list", lambda: seat.ask("count", path=f"{_PANEL}.tracks"), 10.0)
    seat.find("swingtwist.split_track", across=(0.3,))
    visit.shoot("found")
    visit.say(f"{found} found in {time.monotonic() - start:.0f} s")


def capture(visit: Visit) -> None:
    """Press Capture Motion; the live armature has to move while the engine works, and a keyed one to be left."""
    seat = visit.seat
    start = _begin_capture(visit)
    poses: list[list[float]] = []
    said: list[str] = []
    while jobs := _open_jobs(seat):
        if time.monotonic() - start > _CAPTURE_LIMIT_S:
            raise Failed(f"the capture did not end within {_CAPTURE_LIMIT_S:g} s: {jobs}")
        said += [] if jobs[0]["message"] in said else [jobs[0]["message"]]
        pose = seat.ask("live")
        if pose and (not poses or pose != poses[-1]):
            poses.append(pose)
            if len(poses) in (2, 4, 6, 12, 24):
                visit.shoot(f"moving pose {len(poses)}", at_once=False)
        time.sleep(0.02)
    longest = seat.ask("longest_s")
    took = time.monotonic() - start
    person = seat.wait("captured armature", lambda: next((t for t in seat.ask("objects") if t["captured"]), None), 60.0)
    visit.person = person["name"]
    visit.say(f"progress: {' | '.join(said[:: max(1, len(said) // 6)])}")
    if len(poses) < _LIVE_POSES:
        raise Failed(f"the live armature had {len(poses)} poses, fewer than {_LIVE_POSES}: {seat.ask('jobs')}")
    furthest = max(max(abs(a - b) for a, b in zip(one, other, strict=True)) for one, other in pairwise(poses))
    if furthest < 0.01:
        raise Failed(f"the live armature hardly moved: {furthest:.4f} m from pose to pose")
    visit.say(
        f"{took:.0f} s; {len(poses)} live poses seen, up to {furthest:.2f} m from one to the next; "
        f"longest stall of the window meanwhile {1000 * longest:.0f} ms"
    )
    told = seat.ask("motion", name=visit.person)
    visit.say(f"{visit.person}: {told['frames']:.0f} frames at {told['fps']:.3f}/s")
    if told["frames"] < 10:
        raise Failed("that is no motion of the video")
    seat.hover("VIEW_3D", x=0.4)
    seat.key("Home", *["Right"] * 40)
    time.sleep(1.0)
    visit.shoot("captured")


def cancel(visit: Visit) -> None:
    """Capture again with another range, and stop it: once with Esc and a yes, once with the button."""
    seat = visit.seat
    before = [thing["name"] for thing in seat.ask("objects")]
    seat.choose(f"{_PANEL}.range_unit", "SECONDS", visit.shoot)
    for way, number in (("Esc", 0), ("Cancel", 1)):
        # Of another range nothing is known yet, so that there is enough to do.
        seat.fill(seat.find(".swingtwist.end_s"), f"{4.5 + 0.1 * number:.1f}")
        _begin_capture(visit)
        seat.wait("live armature", lambda: seat.ask("live"), 120.0)
        engines = _capturing(seat)
        if not engines:
            raise Failed("no process of the engine runs while a capture is shown")
        if way == "Esc":
            seat.hover("VIEW_3D", x=0.4)
            seat.key("Escape")
            time.sleep(0.6)
            visit.shoot("asks")
            if not _open_jobs(seat):
                raise Failed("Esc stopped the capture without asking")
            seat.ask("longest_s")
            start = time.monotonic()
            seat.screen.key("Return")
        else:
            seat.find("swingtwist.cancel")
            seat.ask("longest_s")
            start = time.monotonic()
            seat.screen.click()
        seat.wait("end of the job", lambda: not _open_jobs(seat), 10 * _CANCEL_LIMIT_S, 0.02)
        seat.wait("end of the engine", lambda old=engines: not set(old) & set(_capturing(seat)), 20.0, 0.02)
        took, stall = time.monotonic() - start, seat.ask("longest_s")
        states = [job["state"] for job in seat.ask("jobs")]
        time.sleep(0.5)
        visit.shoot(f"stopped by {way}")
        visit.say(
            f"{way}: {took:.2f} s until the job was {states[-1]} and the engine's processes gone; "
            f"longest stall of the window meanwhile {1000 * stall:.0f} ms"
        )
        # On a computer that is busy otherwise the window cannot be faster than it is drawn.
        if took > _CANCEL_LIMIT_S + 3 * stall or states[-1] != "cancelled":
            raise Failed(f"the capture was not cancelled within {_CANCEL_LIMIT_S:g} s by {way}")
    left = [thing["name"] for thing in seat.ask("objects")]
    if left != before:
        raise Failed(f"the scene had {before} and has {left}")


def clean_up(visit: Visit) -> None:
    """Smooth heavily and take it back; then let feet slide, which stays."""
    seat = visit.seat
    _select(visit, visit.person, "Spine2")
    raw = seat.ask("motion", name=visit.person)
    seat.choose("window_manager.swingtwist_cleanup.smoothing", "heavy", visit.shoot)
    took, heavy = _wait_for_motion(seat, visit.person, raw["digest"])
    visit.shoot("heavy")
    visit.say(f"Heavy: roughness {raw['rough']:.5f} to {heavy['rough']:.5f}, {took:.2f} s after the choice")
    if heavy["rough"] >= raw["rough"]:
        raise Failed("heavy smoothing did not make the motion smoother")
    seat.hover("VIEW_3D", x=0.4)
    seat.key("ctrl+z")
    time.sleep(1.0)
    back = seat.ask("motion", name=visit.person)
    visit.shoot("undone")
    if back["digest"] != raw["digest"]:
        raise Failed("one Ctrl Z did not bring the motion back")
    if seat.ask("value", path="window_manager.swingtwist_cleanup.smoothing") == "heavy":
        raise Failed("after Ctrl Z the panel still says Heavy")
    visit.say("one Ctrl Z brought the motion and the panel back")
    seat.choose("window_manager.swingtwist_cleanup.foot_lock", "off")
    took, _ = _wait_for_motion(seat, visit.person, raw["digest"])
    visit.shoot("feet free")
    visit.say(f"Foot Lock Never: another motion {took:.2f} s after the choice")


def retarget(visit: Visit) -> None:
    """Select a character by a click in the view, open the panel, and press Retarget Motion."""
    seat = visit.seat
    bones = [(name, parent, list(head), list(tail)) for name, parent, head, tail in humanoid(_BONES, 0.0)]
    seat.ask("character", name=_HERO, bones=bones, x=1.5)
    visit.not_by_hand.append(f"the character {_HERO} with {len(bones)} bones of Mixamo's names was made by Python")
    seat.hover("VIEW_3D", x=0.4)
    seat.key("Home")
    time.sleep(1.0)
    _select(visit, _HERO, "mixamorig:Spine1")
    _open_retarget(visit)
    visit.shoot("panel")
    if seat.ask("value", path="object.swingtwist_character.source") is None:
        seat.press("swingtwist_character.source")
        time.sleep(0.5)
        seat.type(visit.person[:6])
        time.sleep(0.5)
        visit.shoot("choice of motion")
        seat.key("Return")
        time.sleep(0.5)
    told = seat.ask("value", path="object.swingtwist_character.source")
    if told != visit.person:
        raise Failed(f"the panel's motion is {told!r}, not {visit.person!r}")
    before = seat.ask("pose", name=_HERO)
    start = time.monotonic()
    seat.press("bpy.ops.swingtwist.retarget(")
    seat.wait(
        "keyed character",
        lambda: next(thing for thing in seat.ask("objects") if thing["name"] == _HERO)["animated"],
        60.0,
    )
    time.sleep(1.0)
    visit.shoot("retargeted")
    after = seat.ask("pose", name=_HERO)
    moved = max(abs(a - b) for a, b in zip(before, after, strict=True))
    seat.hover("VIEW_3D", x=0.4)
    seat.key(*["Right"] * 25)
    time.sleep(1.0)
    visit.shoot("25 frames on")
    later = seat.ask("pose", name=_HERO)
    moves = max(abs(a - b) for a, b in zip(later, after, strict=True))
    motion = seat.ask("motion", name=_HERO)
    visit.say(
        f"{motion['frames']:.0f} frames; bones {moved:.2f} m from the rest pose, {moves:.2f} m further 25 frames on "
        f"({time.monotonic() - start:.0f} s)"
    )
    if moved < 0.1 or moves < 0.02:
        raise Failed("the character does not move")
    if motion["frames"] != seat.ask("motion", name=visit.person)["frames"]:
        raise Failed("the character's motion has another length than the person's")


def export(visit: Visit) -> None:
    """Export the character with the preset for Unreal through the file browser, and read the file."""
    seat, path = visit.seat, visit.package.parent / "hero.fbx"
    seat.choose("window_manager.swingtwist_export.preset", "unreal", visit.shoot)
    seat.press("bpy.ops.swingtwist.export(")
    seat.name_file(path)
    visit.shoot("file browser")
    seat.confirm_file()
    seat.wait("exported file", path.is_file, 60.0)
    time.sleep(1.0)
    visit.shoot("written")
    motion = seat.ask("motion", name=_HERO)
    command = [sys.executable, str(ROOT / "tests" / "blender" / "read_fbx.py"), str(path), str(motion["fps"]), "2"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise Failed(f"the FBX cannot be read: {told.stderr[-300:]}")
    scene = json.loads(told.stdout)
    length = [take["end"] - take["begin"] for take in scene["takes"]]
    visit.say(
        f"{path.name}: {path.stat().st_size // 1000} kB, {len(scene['takes'])} take of {length[0]:.3f} s, "
        f"{len(scene['tree'])} nodes, a unit is {scene['unit_meters']:g} m"
    )
    if len(length) != 1 or abs(length[0] - (motion["frames"] - 1) / motion["fps"]) > 0.5 / motion["fps"]:
        raise Failed(f"the file's takes last {length} s where the motion has {motion['frames']:.0f} frames")
    missing = [bone for bones in _BONES.values() for bone in bones if bone not in scene["tree"]]
    if missing:
        raise Failed(f"the file lacks bones: {missing}")


def _turn_to_tab(visit: Visit) -> None:
    """Click down the tabs at the sidebar's edge until the add-on's panel is there."""
    seat = visit.seat
    left, top, width, height = seat.box("VIEW_3D", "UI")
    y = top + 20
    while y < top + min(height, 500):
        seat.click(left + width - 11, y)
        if _draws(seat, "SWINGTWIST_PT_capture"):
            return
        y += 25
    raise Failed("the sidebar has no tab of the add-on")


def _begin_capture(visit: Visit) -> float:
    """Press Capture Motion; the moment of it."""
    seat = visit.seat
    before = max((job["number"] for job in seat.ask("jobs")), default=0)
    seat.press("swingtwist.capture(")
    start = time.monotonic()
    seat.ask("longest_s")
    seat.wait("job", lambda: any(job["number"] > before and job["open"] for job in seat.ask("jobs")), 10.0, 0.02)
    seat.hover("VIEW_3D", x=0.4)
    return start


def _open_jobs(seat: Seat) -> list[dict[str, Any]]:
    return [job for job in seat.ask("jobs") if job["open"]]


def _capturing(seat: Seat) -> list[int]:
    """The processes of the engine that capture for this Blender; others of its may wait for a clean-up."""
    told = subprocess.run(["ps", "-eo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 3) for line in told.splitlines()]
    alive = {int(pid): (int(above), words) for pid, above, state, words in rows if not state.startswith("Z")}
    found = [seat.blender.pid]
    for parent in found:
        found += [pid for pid, (above, words) in alive.items() if above == parent and "--progress-poses" in words]
    return found[1:]


def _select(visit: Visit, name: str, bone: str) -> None:
    """Click an armature in the view where one of its bones is."""
    seat = visit.seat
    for _ in range(3):  # a click where several things lie takes the next one
        if any(thing["active"] and thing["name"] == name and thing["selected"] for thing in seat.ask("objects")):
            break
        seat.click(*seat.ask("spot", name=name, bone=bone))
        time.sleep(0.6)
    else:
        raise Failed(f"a click on {bone} does not select {name}: {seat.ask('objects')}")


def _open_retarget(visit: Visit) -> None:
    """Open the panel that is closed at first, by its header, the second one above Import Motion."""
    seat = visit.seat
    y = seat.find("swingtwist.import_motion")[1]
    for above in (54, 50, 58, 46, 62):
        seat.click(seat.box("VIEW_3D", "UI")[0] + 60, y - above)
        time.sleep(0.5)
        if _draws(seat, "SWINGTWIST_PT_retarget"):
            return
        y = seat.find("swingtwist.import_motion")[1]
    raise Failed("the panel Retarget to Character does not open")


def _draws(seat: Seat, panel: str) -> bool:
    """Whether the sidebar draws a panel when the mouse moves over it."""
    before = seat.ask("drawn", panel=panel)
    for share in (0.3, 0.5, 0.4, 0.6):
        seat.hover("VIEW_3D", "UI", 0.6, share)
        seat.settle()
    return bool(seat.ask("drawn", panel=panel) > before)


def _wait_for_motion(seat: Seat, name: str, digest: str) -> tuple[float, dict[str, Any]]:
    """Wait until an armature's keys are others; the seconds that took, and what `motion` says."""
    start = time.monotonic()
    told = seat.wait(
        "change of the motion",
        lambda: (now := seat.ask("motion", name=name))["digest"] != digest and now,
        _CLEAN_UP_LIMIT_S,
    )
    return time.monotonic() - start, told

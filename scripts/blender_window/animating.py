"""The steps in the lower half of the sidebar: from a captured person to a character's FBX."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seat import Failed, Seat

if TYPE_CHECKING:
    from session import Visit

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "rig")]

from made_characters import humanoid  # noqa: E402

_CLEAN_UP_LIMIT_S = 30.0
_HERO = "Hero"
_SIDED = {"collar": "Shoulder", "shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand", "hip": "UpLeg", "knee": "Leg",
          "ankle": "Foot", "foot": "ToeBase"}  # fmt: skip
_BONES = {
    "pelvis": ["mixamorig:Hips"], "spine": ["mixamorig:Spine", "mixamorig:Spine1", "mixamorig:Spine2"],
    "neck": ["mixamorig:Neck"], "head": ["mixamorig:Head"],
    **{f"{side}_{part}": [f"mixamorig:{side.capitalize()}{bone}"]
       for side in ("left", "right") for part, bone in _SIDED.items()},
}  # fmt: skip


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
    seat.press("bpy.ops.mocap.retarget(")
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
    seat.press("bpy.ops.mocap.export(")
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
    y = seat.find("mocap.import_motion")[1]
    for above in (54, 50, 58, 46, 62):
        seat.click(seat.box("VIEW_3D", "UI")[0] + 60, y - above)
        time.sleep(0.5)
        if seat.draws("SWINGTWIST_PT_retarget"):
            return
        y = seat.find("mocap.import_motion")[1]
    raise Failed("the panel Retarget to Character does not open")


def _wait_for_motion(seat: Seat, name: str, digest: str) -> tuple[float, dict[str, Any]]:
    """Wait until an armature's keys are others; the seconds that took, and what `motion` says."""
    start = time.monotonic()
    told = seat.wait(
        "change of the motion",
        lambda: (now := seat.ask("motion", name=name))["digest"] != digest and now,
        _CLEAN_UP_LIMIT_S,
    )
    return time.monotonic() - start, told

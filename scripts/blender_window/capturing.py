"""The steps in the upper half of the sidebar: from a video to a captured person."""

from __future__ import annotations

import subprocess
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from seat import Failed, Seat

if TYPE_CHECKING:
    from session import Visit

_PANEL = "window_manager.swingtwist"
_CAPTURE_LIMIT_S, _CANCEL_LIMIT_S = 600.0, 2.0
_LIVE_POSES = 4


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
    seat.press("mocap.find_people")
    start = time.monotonic()
    seat.wait("search for people", lambda: any(job["open"] for job in seat.ask("jobs")), 10.0)
    time.sleep(1.5)
    visit.shoot("searching")
    seat.wait("end of the search", lambda: not _open_jobs(seat), _CAPTURE_LIMIT_S)
    found = seat.wait("person in the list", lambda: seat.ask("count", path=f"{_PANEL}.tracks"), 10.0)
    seat.find("mocap.split_track", across=(0.3,))
    visit.shoot("found")
    visit.say(f"{found} found in {time.monotonic() - start:.0f} s")


def capture(visit: Visit) -> None:
    """Press Capture Motion; the live armature has to move while the engine works, and a keyed one to be left."""
    seat = visit.seat
    # Of a range that nobody was looked for in nothing is known yet: the engine has to see the video again.
    seat.choose(f"{_PANEL}.range_unit", "SECONDS", visit.shoot)
    seat.fill(seat.find(".swingtwist.end_s"), "4.8")
    start, _ = _begin_capture(visit)
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
    for way, number in (("Esc", 0), ("Cancel", 1)):
        # Of another range nothing is known yet, so that there is enough to do.
        seat.fill(seat.find(".swingtwist.end_s"), f"{4.5 + 0.1 * number:.1f}")
        _, pressed = _begin_capture(visit)
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
            # It is there for seconds only, below the jobs that ended.
            ended = sum(not job["open"] for job in seat.ask("jobs"))
            seat.find("mocap.cancel", below=pressed + 90 + 50 * ended)
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


def _turn_to_tab(visit: Visit) -> None:
    """Click down the tabs at the sidebar's edge until the add-on's panel is there."""
    seat = visit.seat
    left, top, width, height = seat.box("VIEW_3D", "UI")
    y = top + 20
    while y < top + min(height, 500):
        seat.click(left + width - 11, y)
        if seat.draws("SWINGTWIST_PT_capture"):
            return
        y += 25
    raise Failed("the sidebar has no tab of the add-on")


def _begin_capture(visit: Visit) -> tuple[float, float]:
    """Press Capture Motion; the moment of it, and how far down the screen the button is."""
    seat = visit.seat
    before = max((job["number"] for job in seat.ask("jobs")), default=0)
    _, height = seat.press("mocap.capture(")
    start = time.monotonic()
    seat.ask("longest_s")
    seat.wait("job", lambda: any(job["number"] > before and job["open"] for job in seat.ask("jobs")), 10.0, 0.02)
    seat.hover("VIEW_3D", x=0.4)
    return start, height


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

"""The steps from the zip to a working engine, in the window of the preferences."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from seat import Failed, Seat

if TYPE_CHECKING:
    from session import Visit

_SET_UP_LIMIT_S = 1500.0
_ARROW_PX, _CHECKBOX_PX = (22.0,), (44.0,)
"""Where in an add-on's row are what opens it and what switches it on."""


def install(visit: Visit) -> None:
    """Install the zip from the preferences, switch it on, and open its part of the preferences."""
    seat = visit.seat
    _open_addons(visit)
    visit.shoot("add-ons")
    extension = tuple(map(int, seat.ask("version").split("."))) >= (4, 2)
    visit.module = "bl_ext.user_default.swingtwist" if extension else "swingtwist"
    if extension:
        _press_in_menu(seat)
    else:
        seat.press("preferences.addon_install(", "PREFERENCES", "WINDOW")
    seat.name_file(visit.package)
    visit.shoot("file browser")
    seat.confirm_file()
    time.sleep(1.0)
    if not extension:
        # It is alone in the list, which is searched for its name.
        seat.press("preferences.addon_enable(", "PREFERENCES", "WINDOW", _CHECKBOX_PX)
    seat.wait("add-on that is switched on", lambda: seat.ask("addon", module=visit.module), 15.0)
    visit.shoot("installed")
    visit.say(f"{visit.package.name} is on as {visit.module}")


def set_up_engine(visit: Visit) -> None:
    """Set the engine up, or name one; it must be ready at the end."""
    seat = visit.seat
    seat.press(f'addon_expand(module="{visit.module}"', "PREFERENCES", "WINDOW", _ARROW_PX)
    time.sleep(0.5)
    visit.shoot("preferences")
    if visit.engine is not None:
        end = seat.find("mocap.remove_captures", "PREFERENCES", "WINDOW")
        _fill_preference(visit, end, "engine", str(visit.engine))
        visit.say(f"an engine that is there was named: {visit.engine}; none was set up")
        check = seat.press("mocap.check_engine", "PREFERENCES", "WINDOW")
    else:
        if visit.wheels is not None:
            end = seat.find("mocap.remove_captures", "PREFERENCES", "WINDOW")
            _fill_preference(visit, end, "wheels_folder", str(visit.wheels))
        elif seat.ask("offline"):
            seat.press("userpref_allow_online", "PREFERENCES", "WINDOW")
            visit.say("Allow Online Access was pressed")
        seat.press("mocap.setup_engine", "PREFERENCES", "WINDOW")
    start = time.monotonic()
    state = _wait_for_engine(visit)
    if state["failed"] and visit.engine is not None:
        visit.say(f"pressed Check again after: {state['message']}")
        seat.click(*check)
        state = _wait_for_engine(visit)
    time.sleep(0.5)
    visit.shoot("ready")
    if state["failed"] or not state["used"]:
        raise Failed(f"the engine is not ready: {state['message']}")
    visit.say(f"{state['message']} ({time.monotonic() - start:.0f} s; {state['used']})")
    longest = seat.ask("longest_s")
    visit.say(f"longest stall of the window so far {1000 * longest:.0f} ms")
    # There is no window manager to close it: it goes to where a second monitor would be.
    seat.screen.place_window("Preferences", seat.screen.width, 0)
    seat.screen.focus(*seat.hover("VIEW_3D"))


def _wait_for_engine(visit: Visit) -> dict[str, Any]:
    """Wait for the end of a set-up or check that was begun, with pictures of it; how the engine is."""
    seat, start, pictures = visit.seat, time.monotonic(), 0

    def begun() -> bool:
        told = seat.ask("engine", module=visit.module)
        return bool(told["running"] or told["message"])  # what fails at once is over before anybody asks

    seat.wait("begin of the engine's work", begun, 10.0, 0.02)
    while (state := seat.ask("engine", module=visit.module))["running"]:
        if time.monotonic() - start > _SET_UP_LIMIT_S:
            raise Failed(f"the engine's set-up did not end within {_SET_UP_LIMIT_S:g} s: {state['message']}")
        if time.monotonic() - start > (3, 20, 60, 150, 300, 600, 1e9)[pictures]:
            visit.shoot("at work")
            pictures += 1
        time.sleep(0.5)
    return state


def _open_addons(visit: Visit) -> None:
    """Open Edit > Preferences and go to the add-ons."""
    seat = visit.seat
    seat.click(85, 12)  # Edit, in the bar on top, whose buttons Blender tells nothing of
    time.sleep(0.5)
    visit.shoot("edit menu")
    seat.key("Up")  # from the top to the last entry
    seat.key("Return")
    seat.wait("window of the preferences", lambda: _has_preferences(seat), 10.0)
    time.sleep(1.0)
    seat.screen.place_window("Preferences", 60, 60)
    time.sleep(1.0)
    left, top, width, height = _navigation(seat)
    y = top + 10.0
    while seat.ask("value", path="preferences.active_section") != "ADDONS":
        if y > top + height:
            raise Failed("the preferences have no Add-ons")
        seat.click(left + width / 2, y)
        time.sleep(0.25)
        y += 18
    time.sleep(1.0)


def _press_in_menu(seat: Seat) -> None:
    """Take Install from Disk from the menu in the upper right corner of the add-ons."""
    left, top, width, _ = seat.box("PREFERENCES", "WINDOW")
    corner = left + width - 19, top + 18
    seat.click(*corner)
    time.sleep(0.6)
    for number in range(1, 8):
        seat.key(*["Down"] * number, "Return")
        time.sleep(0.6)
        told = seat.ask("browser")
        if told and told["operator"].endswith("package_install_files"):
            return
        if told:
            seat.key("Escape")
            time.sleep(0.5)
        seat.click(*corner)
        time.sleep(0.6)
    raise Failed("the add-ons' menu has no Install from Disk")


def _fill_preference(visit: Visit, end: tuple[float, float], name: str, text: str) -> None:
    """Type into a field of the preferences; Blender tells their names of nothing that is no data-block."""
    seat = visit.seat
    above = {"engine": 1, "wheels_folder": 2, "setup_python": 3}[name]
    place = seat.find_above(end, above, "PREFERENCES", "WINDOW")
    seat.fill(place, text)
    told = seat.ask("engine", module=visit.module)
    if told[name] != text:
        raise Failed(f"the field of {name} was not filled: {told}")


def _navigation(seat: Seat) -> list[float]:
    for region in ("NAVIGATION_BAR", "UI"):
        try:
            return seat.box("PREFERENCES", region)
        except Failed:
            continue
    raise Failed("the preferences have no list of sections")


def _has_preferences(seat: Seat) -> bool:
    return any(one["type"] == "PREFERENCES" for one in seat.ask("areas", screen_height=seat.screen.height))

"""Which of the tracked people to keep: everybody, one id, the largest, or whoever is at a point."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from ..errors import InputError, NobodyFound
from .track import Track


class Who(Enum):
    """The ways to choose."""

    ALL = "all"
    LARGEST = "largest"
    BY_ID = "id"
    AT_POINT = "point"


@dataclass(frozen=True)
class PersonSelection:
    """Whom to keep; `person_ids` counts for BY_ID, `point_px` (x, y) and `time_s` for AT_POINT."""

    who: Who = Who.LARGEST
    person_ids: tuple[int, ...] = ()
    point_px: tuple[float, float] = (0.0, 0.0)
    time_s: float = 0.0

    @classmethod
    def parse(cls, text: str) -> PersonSelection:
        """From "all", "largest", ids such as "2" or "1,3", or a point "640,360@2.5" (x,y px @ s); else InputError."""
        text = text.strip().lower()
        if text in ("all", "largest"):
            return cls(Who(text))
        number = r"\s*(\d+(?:\.\d*)?|\.\d+)\s*"
        if match := re.fullmatch(f"{number},{number}@{number}", text):
            x, y, time_s = (float(part) for part in match.groups())
            return cls(Who.AT_POINT, point_px=(x, y), time_s=time_s)
        if re.fullmatch(r"\d+(\s*,\s*\d+)*", text):
            return cls(Who.BY_ID, person_ids=tuple(int(part) for part in text.split(",")))
        raise InputError(f'person is {text!r}, expected "largest", "all", an id such as 2, or a point as 640,360@2.5')


def select_people(tracks: Sequence[Track], selection: PersonSelection) -> list[Track]:
    """The chosen tracks; NobodyFound when there are none at all, InputError when the choice fits none."""
    if not tracks:
        raise NobodyFound("no person was found in the video; try a larger or brighter view of the person")
    if selection.who is Who.ALL:
        return list(tracks)
    if selection.who is Who.LARGEST:
        return [max(tracks, key=lambda track: track.prominence)]
    if selection.who is Who.BY_ID:
        known = {track.person_id: track for track in tracks}
        for person_id in selection.person_ids:
            if person_id not in known:
                raise InputError(f"person {person_id} does not exist, expected one of {', '.join(map(str, known))}")
        return [known[person_id] for person_id in selection.person_ids]
    return [_at_point(tracks, selection)]


def _at_point(tracks: Sequence[Track], selection: PersonSelection) -> Track:
    """The track whose box at the nearest time within half a second holds the point, else the InputError."""
    point = np.array(selection.point_px)
    best: tuple[float, Track] | None = None
    near: list[str] = []
    for track in tracks:
        row = int(np.argmin(np.abs(track.times_s - selection.time_s)))
        if abs(track.times_s[row] - selection.time_s) > 0.5:
            continue
        box = track.people.boxes_xyxy[row]
        margin = 0.1 * np.linalg.norm(box[2:] - box[:2])
        near.append(f"person {track.person_id} in ({box[0]:.0f}, {box[1]:.0f})-({box[2]:.0f}, {box[3]:.0f})")
        if (point >= box[:2] - margin).all() and (point <= box[2:] + margin).all():
            distance = float(np.linalg.norm(track.people.landmarks_2d[row] - point, axis=1).min())
            if best is None or distance < best[0]:
                best = distance, track
    if best is not None:
        return best[1]
    there = "there is " + ", ".join(near) if near else "nobody is seen within half a second of that time"
    place = f"pixel ({point[0]:g}, {point[1]:g}) at {selection.time_s:g} s"
    raise InputError(f"nobody is at {place}, expected a point on a person; {there}")

"""Writes one picture of a whole capture: a few instants, each as the camera saw it and in space from aside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from rig.atomic_file import replacing
from rig.motion_file import MotionRecord

from ..errors import InputError, OutputError
from ..poses import LandmarkSequence
from ..video import Frame
from .drawing import FILLED, Canvas, draw_contacts, draw_lines, draw_person, draw_skeleton, person_colour, write_text
from .person_view import PersonTrace, PersonView, PosedView, person_traces

_CELL_HEIGHT = 320
_PICTURE_WIDTH = 300
_SPACE_WIDTH = 200
_SPACE_HEIGHT_M = 2.5  # what a view in space shows from bottom to top
_FOLLOW_M = 0.35  # how far the pelvis may be from its usual height before the view follows it
_COLUMNS = 2
_BACKGROUND = (32, 34, 38)
_VIEWS = (("from the side, camera left", 90.0), ("three quarters", 45.0))
"""Title of each view in space, and its turn about the vertical away from the camera's own view, degrees."""


def write_contact_sheet(
    frames: Iterable[Frame],
    landmarks: Sequence[LandmarkSequence],
    records: Sequence[MotionRecord],
    path: str | os.PathLike[str],
    count: int = 12,
) -> None:
    """Write a PNG of `count` evenly spaced instants of every person, one group of rows a person.

    Each cell holds the picture around the person with everything drawn over it, and the skeleton in space from two
    sides, where errors of depth show. One frame is in memory at a time. Raises InputError when there is nobody or no
    frame, OutputError when the file cannot be written.
    """
    import cv2

    traces = person_traces(landmarks, records)
    if not traces:
        raise InputError("there is nobody to draw on a contact sheet, expected at least one person")
    groups: list[list[np.ndarray]] = [[] for _ in traces]
    for group, frame in _instants(frames, [_wanted_times(trace, count) for trace in traces]):
        groups[group].append(_cell(frame, traces[group]))
    if not any(groups):
        raise InputError("the video has no frames to draw on")
    rows = [row for trace, cells in zip(traces, groups, strict=True) for row in _rows(trace, cells)]
    ok, coded = cv2.imencode(".png", np.concatenate(rows)[..., ::-1])
    if not ok:
        raise OutputError(f"{path} cannot be written: the picture cannot be coded as PNG")
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(coded.tobytes())
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def _wanted_times(trace: PersonTrace, count: int) -> np.ndarray:
    """(count,) middles of equal parts of the time the person is there, s."""
    start, end = trace.span_s
    return start + (end - start) * (np.arange(count) + 0.5) / count


def _instants(frames: Iterable[Frame], wanted: Sequence[np.ndarray]) -> Iterator[tuple[int, Frame]]:
    """(group, frame nearest to each wanted time of the group) in the order of time; a frame once a group."""
    queue = sorted((float(time), group) for group, times in enumerate(wanted) for time in times)
    used: set[tuple[int, int]] = set()
    before: Frame | None = None
    for frame in frames:
        while queue and queue[0][0] <= frame.time_s:
            time, group = queue.pop(0)
            nearest = frame if before is None or frame.time_s - time < time - before.time_s else before
            if (group, nearest.index) not in used:
                used.add((group, nearest.index))
                yield group, nearest
        before = frame
        if not queue:
            return
    while queue and before is not None:
        group = queue.pop(0)[1]
        if (group, before.index) not in used:
            used.add((group, before.index))
            yield group, before


def _rows(trace: PersonTrace, cells: list[np.ndarray]) -> Iterator[np.ndarray]:
    width = _COLUMNS * (_PICTURE_WIDTH + len(_VIEWS) * _SPACE_WIDTH)
    title = np.full((28, width, 3), _BACKGROUND, np.uint8)
    start, end = trace.span_s
    write_text(title, f"person {trace.person_id}   {start:.2f} to {end:.2f} s", (8, 20), person_colour(trace.person_id))
    yield title
    for start_cell in range(0, len(cells), _COLUMNS):
        row = np.full((_CELL_HEIGHT, width, 3), _BACKGROUND, np.uint8)
        for column, cell in enumerate(cells[start_cell : start_cell + _COLUMNS]):
            row[:, column * cell.shape[1] : (column + 1) * cell.shape[1]] = cell
        yield row


def _cell(frame: Frame, trace: PersonTrace) -> np.ndarray:
    view = trace.at(frame.time_s)
    parts = [_picture(frame, trace, view)]
    parts += [_space(trace, view.posed, title, turn_deg) for title, turn_deg in _VIEWS]
    cell = np.concatenate(parts, axis=1)
    cell[:, -1] = cell[-1] = (70, 72, 78)
    return cell


def _picture(frame: Frame, trace: PersonTrace, view: PersonView) -> np.ndarray:
    """The part of the frame around the person, with everything drawn over it."""
    import cv2

    low, high = _region(view, frame.size)
    scale = min(_PICTURE_WIDTH / (high[0] - low[0]), _CELL_HEIGHT / (high[1] - low[1]))
    middle = 0.5 * (low + high)
    shift = np.array([_PICTURE_WIDTH, _CELL_HEIGHT]) / 2 - scale * middle
    stored = scale * frame.size[0] / frame.image_rgb.shape[1]
    matrix = np.array([[stored, 0, shift[0]], [0, stored, shift[1]]])
    quality = cv2.INTER_AREA if stored < 1 else cv2.INTER_LINEAR
    image = cv2.warpAffine(frame.image_rgb, matrix, (_PICTURE_WIDTH, _CELL_HEIGHT), flags=quality)
    draw_person(Canvas(image, scale, (float(shift[0]), float(shift[1]))), trace, view)
    write_text(image, f"{frame.time_s:.2f} s  frame {frame.index}", (6, _CELL_HEIGHT - 8))
    return image


def _region(view: PersonView, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Corners, px of the full picture, of the part that holds the person with a margin; all of it without one."""
    whole = np.zeros(2), np.array(size, np.float64)
    clouds = [view.keypoints_px, view.posed.points_px if view.posed is not None else None]
    points = np.concatenate([cloud for cloud in clouds if cloud is not None] or [np.zeros((0, 2))])
    # A bad fit far outside of the picture must not shrink the person to a dot.
    near = np.isfinite(points).all(-1) & (np.abs(points - whole[1] / 2) < whole[1]).all(-1)
    points = points[near]
    if len(points) < 2:
        return whole
    low, high = points.min(0), points.max(0)
    margin = 0.12 * float((high - low).max()) + 8.0
    return low - margin, high + margin


def _space(trace: PersonTrace, posed: PosedView | None, title: str, turn_deg: float) -> np.ndarray:
    """The skeleton without perspective, seen from a direction turned about the vertical from the camera's own."""
    image = np.full((_CELL_HEIGHT, _SPACE_WIDTH, 3), _BACKGROUND, np.uint8)
    write_text(image, title, (6, 16), FILLED)
    if posed is None:
        write_text(image, "no motion here", (6, 40), FILLED)
        return image
    right, forward = posed.camera_rotmat[0] * [1, 0, 1], posed.camera_rotmat[2] * [1, 0, 1]
    turn = np.radians(turn_deg)
    # Turning the viewer to the camera's left brings what is far from the camera to the picture's left.
    across = np.cos(turn) * _unit(right) - np.sin(turn) * _unit(forward)
    px_per_m = _CELL_HEIGHT / _SPACE_HEIGHT_M
    pelvis = posed.points_world[0]
    # One height for the whole clip shows crouching and jumps; who leaves the picture that way is followed.
    level = float(np.clip(trace.pelvis_height_m, pelvis[1] - _FOLLOW_M, pelvis[1] + _FOLLOW_M))
    offset = posed.points_world - [pelvis[0], level, pelvis[2]]
    points = np.stack([_SPACE_WIDTH / 2 + px_per_m * (offset @ across), _CELL_HEIGHT / 2 - px_per_m * offset[:, 1]], -1)
    floor = _CELL_HEIGHT / 2 + px_per_m * level
    draw_lines(image, np.array([[0, floor], [_SPACE_WIDTH, floor]]), [(0, 1)], [FILLED], 1)
    draw_skeleton(image, points, trace, seen=posed.seen, thickness=2)
    draw_contacts(image, points, trace, posed, 4)
    return image


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)

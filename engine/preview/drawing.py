"""Draws people onto a picture: landmarks, boxes, ids, the reprojected skeleton and its foot contacts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .person_view import PersonTrace, PersonView, PosedView

Colour = tuple[int, int, int]

LEFT: Colour = (255, 150, 40)
RIGHT: Colour = (60, 160, 255)
MIDDLE: Colour = (235, 235, 235)
CONTACT: Colour = (60, 230, 90)
FILLED: Colour = (130, 130, 130)
_PEOPLE: tuple[Colour, ...] = (
    (255, 210, 60), (190, 120, 255), (90, 230, 230), (255, 120, 150), (160, 230, 90), (250, 250, 250),
)  # fmt: skip
_SEEN_SCORE = 0.5
_FAR_PX = 20_000.0  # cv2 draws with 16 bits of fraction; points farther out are not drawn


@dataclass(frozen=True)
class Canvas:
    """A picture (H, W, 3) uint8 RGB to draw into; a full-picture pixel p lands on scale * p + shift."""

    image: np.ndarray
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def place(self, points_px: np.ndarray) -> np.ndarray:
        """(..., 2) px of the full picture to (..., 2) px of this one."""
        return self.scale * np.asarray(points_px, np.float64) + np.asarray(self.shift)

    @property
    def thickness(self) -> int:
        """A line width that suits the picture's size, px."""
        return max(2, round(min(self.image.shape[:2]) / 320))


def side_colour(name: str) -> Colour:
    """Orange for the person's left, blue for the right, white between."""
    return LEFT if name.startswith("left_") else RIGHT if name.startswith("right_") else MIDDLE


def person_colour(person_id: int) -> Colour:
    """The same colour for the same id everywhere."""
    return _PEOPLE[person_id % len(_PEOPLE)]


def draw_person(canvas: Canvas, trace: PersonTrace, view: PersonView) -> None:
    """Draw everything known of one person: box and id, landmarks, skeleton, feet."""
    colour = person_colour(view.person_id)
    if view.box_xyxy is not None:
        low, high = canvas.place(view.box_xyxy.reshape(2, 2))
        corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
        draw_lines(canvas.image, corners, [(0, 1), (1, 2), (2, 3), (3, 0)], [colour] * 4, max(1, canvas.thickness // 2))
        write_text(canvas.image, f"id {view.person_id}", (low[0] + 3, low[1] - 5), colour)
    if view.keypoints_px is not None and view.scores is not None:
        for point, score in zip(canvas.place(view.keypoints_px), view.scores, strict=True):
            shade = colour if score >= _SEEN_SCORE else FILLED
            draw_dot(canvas.image, point, canvas.thickness, shade, filled=True)
    if view.posed is not None:
        points = canvas.place(view.posed.points_px)
        draw_skeleton(canvas.image, points, trace, seen=view.posed.seen, thickness=canvas.thickness)
        draw_contacts(canvas.image, points, trace, view.posed, 2 * canvas.thickness + 1)


def draw_skeleton(image: np.ndarray, points: np.ndarray, trace: PersonTrace, *, seen: bool, thickness: int) -> None:
    """Draw the bones between (P, 2) points, px of this image; grey where the motion is filled in."""
    colours = [side_colour(trace.names[point]) if seen else FILLED for _, point in trace.edges]
    draw_lines(image, points, trace.edges, colours, thickness)


def draw_contacts(image: np.ndarray, points: np.ndarray, trace: PersonTrace, posed: PosedView, radius: int) -> None:
    """Mark heels and toes: a full green dot in contact, a ring otherwise."""
    for point, contact in zip(trace.contact_points, posed.contacts, strict=True):
        if point is not None:
            touching = bool(contact > 0.5)
            draw_dot(image, points[point], radius, CONTACT if touching else FILLED, filled=touching)


def draw_lines(
    image: np.ndarray,
    points: np.ndarray,
    edges: np.ndarray | list[tuple[int, int]],
    colours: list[Colour],
    thickness: int,
) -> None:
    """Draw lines between pairs of (P, 2) points, px; edges with a missing end are left out."""
    import cv2

    drawable = np.isfinite(points).all(-1) & (np.abs(np.nan_to_num(points)) < _FAR_PX).all(-1)
    for (start, end), colour in zip(edges, colours, strict=True):
        if drawable[start] and drawable[end]:
            cv2.line(image, _whole(points[start]), _whole(points[end]), colour, thickness, cv2.LINE_AA)


def draw_dot(image: np.ndarray, point: np.ndarray, radius: int, colour: Colour, *, filled: bool) -> None:
    """Draw a dot or a ring around a point (2,), px; nothing where it is missing."""
    import cv2

    if np.isfinite(point).all() and (np.abs(point) < _FAR_PX).all():
        cv2.circle(image, _whole(point), radius, colour, -1 if filled else 1, cv2.LINE_AA)


def write_text(image: np.ndarray, text: str, at: tuple[float, float], colour: Colour = MIDDLE) -> None:
    """Write ASCII text with a dark edge, its lower left corner at (x, y) px, kept inside the picture."""
    import cv2

    size = max(0.4, min(image.shape[:2]) / 1100)
    stroke = 2 if size >= 0.6 else 1
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, stroke)
    x = int(np.clip(at[0], 2, max(2, image.shape[1] - width - 2)))
    y = int(np.clip(at[1], height + 2, max(height + 2, image.shape[0] - 4)))
    for shade, thickness in (((0, 0, 0), stroke + 2), (colour, stroke)):
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, shade, thickness, cv2.LINE_AA)


def _whole(point: np.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))

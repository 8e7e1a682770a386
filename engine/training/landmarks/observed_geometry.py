"""Measures of a batch that the detector's errors depend on: size, upright, view, and how each landmark is seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from engine.poses import BLAZEPOSE, BLAZEPOSE_NAMES

LANDMARKS = len(BLAZEPOSE_NAMES)
VIEW_TERMS = 9
"""Numbers that describe the view: see `view_terms`."""


class Seen(IntEnum):
    """How a landmark is seen."""

    PLAINLY = 0
    BEHIND_OWN_BODY = 1
    COVERED = 2
    OUTSIDE = 3


def _other_side() -> list[int]:
    swap = {"left": "right", "right": "left"}
    return [BLAZEPOSE["_".join(swap.get(word, word) for word in name.split("_"))] for name in BLAZEPOSE_NAMES]


OTHER_SIDE = _other_side()
"""For each landmark its left/right counterpart."""


def _named(*ends: str) -> list[int]:
    return [i for i, name in enumerate(BLAZEPOSE_NAMES) if any(name in (f"left_{e}", f"right_{e}") for e in ends)]


ARMS = _named("shoulder", "elbow", "wrist", "pinky", "index", "thumb")
LEGS = _named("hip", "knee", "ankle", "heel", "foot_index")
_FACE = [i for i, n in enumerate(BLAZEPOSE_NAMES) if n.startswith(("nose", "mouth")) or "eye" in n]
_EARS = [BLAZEPOSE["left_ear"], BLAZEPOSE["right_ear"]]
_SHOULDERS = [BLAZEPOSE["left_shoulder"], BLAZEPOSE["right_shoulder"]]
_HIPS = [BLAZEPOSE["left_hip"], BLAZEPOSE["right_hip"]]
_BODY = [BLAZEPOSE["nose"], *_named("shoulder", "elbow", "wrist", "hip", "knee", "ankle")]
_TURNED_AWAY = (
    0.15  # cosine between a face landmark's way from the skull's middle and the sight from which it is hidden
)


@dataclass(frozen=True)
class Geometry:
    """Per frame of n windows of T frames.

    points_px (n, T, 33, 2) true landmarks, held near the picture;  scale_px (n, T) root mean square distance of the
    body's landmarks from their middle;  axes (n, T, 2, 2) rows: to the right of the upright of the trunk as it is seen,
    and up it;  view (n, T, VIEW_TERMS);  facing (n, T) 1 where the trunk faces the camera, -1 where it shows its back
    """

    points_px: np.ndarray
    scale_px: np.ndarray
    axes: np.ndarray
    view: np.ndarray
    facing: np.ndarray

    def to_local(self, errors_px: np.ndarray) -> np.ndarray:
        """(n, T, 33, 2) px to the same along the trunk's axes in units of the person's size."""
        return (errors_px @ np.swapaxes(self.axes, -1, -2)) / self.scale_px[..., None, None]

    def to_upright(self, places: np.ndarray) -> np.ndarray:
        """(n, T, 33, 3) m, x and y as in the picture, to the same with x and y along the trunk's axes."""
        return np.concatenate([places[..., :2] @ np.swapaxes(self.axes, -1, -2), places[..., 2:]], axis=-1)

    def from_upright(self, places: np.ndarray) -> np.ndarray:
        """The inverse of `to_upright`."""
        return np.concatenate([places[..., :2] @ self.axes, places[..., 2:]], axis=-1)

    def to_pixels(self, local: np.ndarray) -> np.ndarray:
        """The inverse of `to_local`."""
        return (local @ self.axes) * self.scale_px[..., None, None]


def measure(batch: dict[str, np.ndarray]) -> Geometry:
    """Geometry of a batch of `windows.BATCH_FIELDS`."""
    size = batch["image_size"][:, None, None, :]
    points = np.clip(batch["landmarks_2d_px"], -1.5 * size, 2.5 * size)
    body = points[:, :, _BODY]
    middle = body.mean(axis=2, keepdims=True)
    scale = np.sqrt(((body - middle) ** 2).sum(-1).mean(-1))
    scale = np.maximum(scale, 0.01 * batch["image_size"].max(axis=1)[:, None])
    up = points[:, :, _SHOULDERS].mean(2) - points[:, :, _HIPS].mean(2)
    up = up / np.maximum(np.linalg.norm(up, axis=-1, keepdims=True), 1e-6)
    right = np.stack([-up[..., 1], up[..., 0]], axis=-1)
    view, facing = view_terms(batch["landmarks_camera"])
    return Geometry(points, scale, np.stack([right, up], axis=-2), view, facing)


def view_terms(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, T, 33, 3) m, camera axes, to (n, T, VIEW_TERMS) and the facing (n, T).

    With f, g, p the cosines between the trunk's front, left and top and the way to the camera:
    1, f, g, p, f g, g p, f p, g^2, p^2.
    """
    shoulders, hips = landmarks[:, :, _SHOULDERS], landmarks[:, :, _HIPS]
    left = shoulders[:, :, 0] - shoulders[:, :, 1] + hips[:, :, 0] - hips[:, :, 1]
    up = shoulders.mean(2) - hips.mean(2)
    left, up = _unit(left), _unit(up)
    front = _unit(np.cross(left, up))
    sight = _unit(0.5 * (shoulders.mean(2) + hips.mean(2)))
    f, g, p = (-(axis * sight).sum(-1) for axis in (front, left, up))
    return np.stack([np.ones_like(f), f, g, p, f * g, g * p, f * p, g * g, p * p], axis=-1), f


def seen_state(batch: dict[str, np.ndarray], covered: np.ndarray) -> np.ndarray:
    """(n, T, 33) `Seen` of each landmark; covered (n, T, 33) bool where something else is before the landmark."""
    hidden = batch["hidden"] > 0.5
    points = batch["landmarks_camera"]
    skull = points[:, :, _EARS].mean(2, keepdims=True)
    away = _unit(points[:, :, _FACE + _EARS] - skull)
    hidden[:, :, _FACE + _EARS] |= (away * _unit(skull)).sum(-1) > _TURNED_AWAY
    state = np.where(hidden, Seen.BEHIND_OWN_BODY, Seen.PLAINLY)
    state = np.where(covered, Seen.COVERED, state)
    return np.where(batch["inside"] > 0.5, state, Seen.OUTSIDE).astype(np.int64)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None], 1e-9)

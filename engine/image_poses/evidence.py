"""What an image network says about crops, and the Protocol that every way of running one fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from rig.validation import check_array

from ..errors import InputError

JOINTS, POINTS = 24, 29
"""Joints of SMPL, and these with the five surface points that end head, hands and feet."""


@dataclass(frozen=True)
class NetworkFacts:
    """What must be known of a network to understand its evidence.

    point_count         24 joints with leaf rotations, or 29 points without
    depth_factor_m      metres per unit of predicted depth
    title, licence      which network it is, and under which licence its weights are
    trained_right_hand  the fifth leaf rotation turns the right hand; released networks never trained it
    """

    point_count: int
    depth_factor_m: float
    title: str = ""
    licence: str = ""
    trained_right_hand: bool = False

    def __post_init__(self) -> None:
        if self.point_count not in (JOINTS, POINTS):
            raise InputError(f"a network has {self.point_count} points, expected {JOINTS} or {POINTS}")


@dataclass(frozen=True)
class NetworkEvidence:
    """What a network says about N crops, before any camera; K is 24 or 29 points.

    uvd              (N, K, 3) u, v in -0.5..0.5 of the crop; d: depth from the pelvis / depth factor
    twist            (N, 23, 2) raw (cos, sin) of joints 1..23
    betas            (N, 10) shape coefficients of the network's own body
    rest_joints      (N, K, 3) m, that body's points at rest with these coefficients
    maxvals          (N, K) height of the heat-map's peak; ones where there is no heat-map
    leaf_quats_wxyz  (N, 5, 4) raw local rotations of left foot, right foot, head, left hand, right hand; for K = 24
    camera           (N, 1 or 3) scale, and shift, of a weak-perspective camera, where the network estimates one
    sigma            (N, K) spread of u, v, d, where the network estimates it
    """

    uvd: np.ndarray
    twist: np.ndarray
    betas: np.ndarray
    rest_joints: np.ndarray
    maxvals: np.ndarray
    leaf_quats_wxyz: np.ndarray | None = None
    camera: np.ndarray | None = None
    sigma: np.ndarray | None = None

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        shapes: tuple[tuple[str, tuple[int | str, ...]], ...] = (
            ("uvd", ("N", "K", 3)), ("twist", ("N", JOINTS - 1, 2)), ("betas", ("N", 10)),
            ("rest_joints", ("N", "K", 3)), ("maxvals", ("N", "K")), ("leaf_quats_wxyz", ("N", 5, 4)),
            ("camera", ("N", "C")), ("sigma", ("N", "K")),
        )  # fmt: skip
        for name, shape in shapes:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check_array(name, value, shape, sizes=sizes))

    def __len__(self) -> int:
        return len(self.uvd)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that are there, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}

    def take(self, rows: slice | np.ndarray) -> NetworkEvidence:
        """Only some crops: a slice, (M,) indices or (N,) booleans."""
        return NetworkEvidence(**{name: array[rows] for name, array in self.arrays().items()})


def nothing_seen(facts: NetworkFacts) -> NetworkEvidence:
    """Evidence of a network about no crop."""
    points = facts.point_count
    return NetworkEvidence(
        uvd=np.empty((0, points, 3)),
        twist=np.empty((0, JOINTS - 1, 2)),
        betas=np.empty((0, 10)),
        rest_joints=np.empty((0, points, 3)),
        maxvals=np.empty((0, points)),
    )


def joined(parts: Sequence[NetworkEvidence]) -> NetworkEvidence:
    """Evidence of one network about several batches of crops, in order; at least one part."""
    names = parts[0].arrays()
    return NetworkEvidence(**{name: np.concatenate([part.arrays()[name] for part in parts]) for name in names})


class Predictor(Protocol):
    """A loaded network, whatever library runs it."""

    @property
    def facts(self) -> NetworkFacts:
        """What its evidence means."""
        ...

    def predict(self, crops: np.ndarray) -> NetworkEvidence:
        """Evidence about normalised crops (N, 3, 256, 256) float32, N at least 1."""
        ...


@dataclass(frozen=True)
class PersonEvidence:
    """What the network said about one person over a clip.

    rows          (N,) row of each crop in the person's LandmarkSequence, increasing
    squares_xyxy  (N, 4) px, the square of the picture that each crop shows
    network       what it said; facts: what that means
    """

    rows: np.ndarray
    squares_xyxy: np.ndarray
    network: NetworkEvidence
    facts: NetworkFacts

    def __post_init__(self) -> None:
        sizes = {"N": len(self.network)}
        put = object.__setattr__
        put(self, "rows", check_array("rows", self.rows, ("N",), sizes=sizes, dtype=np.int64))
        put(self, "squares_xyxy", check_array("squares_xyxy", self.squares_xyxy, ("N", 4), sizes=sizes, finite=True))

    def finite(self) -> PersonEvidence:
        """Without the crops about which the network said something that is not a number."""
        sound = np.ones(len(self.rows), dtype=bool)
        for array in self.network.arrays().values():
            sound &= np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
        return PersonEvidence(self.rows[sound], self.squares_xyxy[sound], self.network.take(sound), self.facts)

    def keypoints_px(self) -> np.ndarray:
        """(N, K, 2) px, where the network sees its points in the picture."""
        corner, side = self.squares_xyxy[:, None, :2], self.sides_px[:, None, None]
        return corner + (self.network.uvd[..., :2] + 0.5) * side

    @property
    def sides_px(self) -> np.ndarray:
        """(N,) side of each square, px."""
        return self.squares_xyxy[:, 2] - self.squares_xyxy[:, 0]

"""How the points of a network's own body lie at rest, by its shape coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.validation import check_array

from ..body.lbs import SURFACE_VERTICES
from .evidence import POINTS


@dataclass(frozen=True)
class RestShape:
    """template (K, 3) m and directions (K, 3, 10) m per unit of each coefficient."""

    template: np.ndarray
    directions: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        put = object.__setattr__
        put(self, "template", check_array("template", self.template, ("K", 3), sizes=sizes, finite=True))
        put(self, "directions", check_array("directions", self.directions, ("K", 3, "B"), sizes=sizes, finite=True))

    @classmethod
    def of_body(
        cls, template: np.ndarray, shape_directions: np.ndarray, joint_regressor: np.ndarray, point_count: int
    ) -> RestShape:
        """From SMPL's arrays: (V, 3), (V, 3, B), (24, V); 29 points are the joints and five vertices (top of the

        head, middle fingertips, big toes).
        """
        surface = list(SURFACE_VERTICES) if point_count == POINTS else []
        directions = np.einsum("jv,vcb->jcb", joint_regressor, shape_directions)
        return cls(
            np.concatenate([joint_regressor @ template, template[surface]]),
            np.concatenate([directions, shape_directions[surface]]),
        )

    def rest_joints(self, betas: np.ndarray) -> np.ndarray:
        """(N, B) coefficients to (N, K, 3) m."""
        return self.template + np.einsum("kcb,nb->nkc", self.directions, betas)

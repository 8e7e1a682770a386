"""The hybrid layer that turns joints, twists and a shape into a posed SMPL body, inside all networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from engine.body.lbs import PosedBody, SkinnedBody, hybrid_forward
from engine.errors import InputError
from engine.ik.plan import SURFACE_PARENTS, TIPS_24, TIPS_29
from engine.ik.reference import RELEASED_TIPS_24, ReferenceForm
from rig.skeleton import SMPL_PARENTS

VERTICES, FACES, SHAPES, JOINTS = 6890, 13776, 10, 24
"""Sizes of SMPL."""


class HybrIKLayer(nn.Module):
    """A SMPL body as buffers named as the released checkpoints name them, and the inverse kinematics that poses it.

    point_count: 24 joints with predicted leaf rotations, or 29 with surface points instead. The body is zero until a
    state is loaded. `children_map` of that state decides the tree: its length, and whether the right hand of the 24
    aims at the pelvis (see `engine.models.compatibility`) or is a leaf.
    """

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    J_regressor: Tensor
    J_regressor_h36m: Tensor
    lbs_weights: Tensor
    children_map: Tensor

    def __init__(self, point_count: int) -> None:
        super().__init__()
        self.point_count = point_count
        children = released_children(point_count)
        parents = (*SMPL_PARENTS, *SURFACE_PARENTS)[:point_count]
        self.register_buffer("faces_tensor", torch.zeros(FACES, 3, dtype=torch.int64))
        self.register_buffer("v_template", torch.zeros(VERTICES, 3))
        self.register_buffer("shapedirs", torch.zeros(VERTICES, 3, SHAPES))
        self.register_buffer("posedirs", torch.zeros(9 * (JOINTS - 1), 3 * VERTICES))
        self.register_buffer("J_regressor", torch.zeros(JOINTS, VERTICES))
        self.register_buffer("J_regressor_h36m", torch.zeros(17, VERTICES))
        self.register_buffer("children_map", torch.tensor(children))
        self.register_buffer("parents", torch.tensor(parents))
        self.register_buffer("lbs_weights", torch.zeros(VERTICES, JOINTS))
        self.tips = children[:JOINTS]

    def _load_from_state_dict(self, *args: Any, **options: Any) -> None:
        super()._load_from_state_dict(*args, **options)
        if self.children_map.device.type != "meta":
            self.tips = _tips(self.children_map.tolist())

    @property
    def body(self) -> SkinnedBody:
        """The buffers under the names of `engine.body.lbs`."""
        return SkinnedBody(
            template=self.v_template,
            shape_directions=self.shapedirs,
            pose_directions=self.posedirs,
            joint_regressor=self.J_regressor,
            h36m_regressor=self.J_regressor_h36m,
            skin_weights=self.lbs_weights,
        )

    def forward(
        self,
        betas: Tensor,
        targets: Tensor,
        twist: Tensor,
        leaf_quats_wxyz: Tensor | None = None,
        form: ReferenceForm | None = None,
    ) -> PosedBody:
        """Pose the body; differentiable in all arguments.

        betas (N, 10); targets (N, K, 3) m, moved to the pelvis here; twist (N, 23, 2) raw (cos, sin); leaf_quats_wxyz
        (N, 5, 4) raw, for 24 joints only. form: None for the one the released programs use: adaptive in evaluation,
        in training `TRAINING` for 24 joints and `NAIVE` for 29. Raises InputError where shapes disagree.
        """
        if (leaf_quats_wxyz is None) != (self.point_count == 29):
            expected = "none" if self.point_count == 29 else "(N, 5, 4) of them"
            raise InputError(f"a hybrid layer of {self.point_count} points takes leaf rotations: {expected}")
        if form is None:
            training = ReferenceForm.TRAINING if self.point_count == JOINTS else ReferenceForm.NAIVE
            form = training if self.training else ReferenceForm.ADAPTIVE
        return hybrid_forward(self.body, betas, targets, twist, leaf_quats_wxyz, form, self.tips)


def released_children(point_count: int) -> tuple[int, ...]:
    """`children_map` of the released checkpoints of 24 or 29 points: -1 for leaves, the right hand of 24 wrapped to 0.

    Raises InputError for another number of points.
    """
    if point_count == 29:
        return (*TIPS_29, -1, -1, -1, -1, -1)
    if point_count != JOINTS:
        raise InputError(f"a hybrid layer has 24 or 29 points, not {point_count}")
    return RELEASED_TIPS_24


def _tips(children: list[float]) -> tuple[int, ...]:
    """What each of the 24 bones points to. Raises InputError for a tree that no released program has."""
    found = tuple(int(child) for child in children)
    known = (released_children(24), TIPS_24, released_children(29))
    if found not in known:
        raise InputError(f"children_map is {found}, expected the tree of a released checkpoint, such as {known[0]}")
    return found[:JOINTS]

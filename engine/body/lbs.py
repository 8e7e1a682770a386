"""Linear blend skinning of SMPL bodies, differentiable, for NumPy and torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from engine.errors import InputError
from engine.ik.components import Array
from engine.ik.reference import ReferenceForm, solve_reference
from engine.ik.reference_rotations import quat_wxyz_to_rotmat, rotmat_to_quat_wxyz, rotvec_to_rotmat
from rig.skeleton import SMPL_PARENTS

SURFACE_VERTICES = (411, 2445, 5905, 3216, 6617)
"""SMPL's vertices that serve as joints 24..28: head top, left and right middle fingertip, left and right big toe."""


@dataclass(frozen=True)
class SkinnedBody:
    """A SMPL body as arrays of one library, dtype and device.

    template         (V, 3) m
    shape_directions (V, 3, B) m
    pose_directions  (207, 3 V) m per entry of R_1..23 - 1, row by row; column 3 v + axis
    joint_regressor  (24, V);  h36m_regressor (17, V), the Human3.6M joints
    skin_weights     (V, 24)
    """

    template: Array
    shape_directions: Array
    pose_directions: Array
    joint_regressor: Array
    h36m_regressor: Array
    skin_weights: Array


class Origin(Enum):
    """Where posed bodies are put."""

    RECENTRED = "recentred"
    """Vertices and Human3.6M joints relative to the Human3.6M pelvis, joints relative to the SMPL pelvis."""

    REST = "rest"
    """The pelvis on its rest position, as SMPL has it."""


@dataclass(frozen=True)
class PosedBody:
    """vertices (N, V, 3), joints (N, 24, 3), h36m_joints (N, 17, 3), all m; local rotmats (N, 24, 3, 3)."""

    vertices: Array
    joints: Array
    h36m_joints: Array
    rotmats: Array


def body_from_smpl_arrays(arrays: dict[str, Any], like: Array | None = None) -> SkinnedBody:
    """The body held by the arrays of a SMPL file: v_template, shapedirs, posedirs (V, 3, 207), J_regressor,
    J_regressor_h36m, weights; in the library, dtype and device of `like` (default: NumPy, double precision)."""
    posedirs = np.asarray(arrays["posedirs"], dtype=np.float64)
    fields = {
        "template": arrays["v_template"],
        "shape_directions": arrays["shapedirs"],
        "pose_directions": posedirs.reshape(-1, posedirs.shape[-1]).T,
        "joint_regressor": arrays["J_regressor"],
        "h36m_regressor": arrays["J_regressor_h36m"],
        "skin_weights": arrays["weights"],
    }
    reference = np.zeros(0) if like is None else like
    xp = array_namespace(reference)
    return SkinnedBody(
        **{
            name: xp.asarray(
                np.ascontiguousarray(value, dtype=np.float64), dtype=reference.dtype, device=device(reference)
            )
            for name, value in fields.items()
        }
    )


def rest_vertices_and_joints(body: SkinnedBody, betas: Array) -> tuple[Array, Array]:
    """(N, B) coefficients to rest vertices (N, V, 3) and joints (N, 24, 3), m (SMPL, Loper et al. 2015, eq. 8, 10)."""
    xp = array_namespace(betas)
    vertices = body.template + xp.tensordot(betas, body.shape_directions, axes=([1], [2]))
    return vertices, body.joint_regressor @ vertices


def surface_joints(rest_vertices: Array, rest_joints: Array) -> Array:
    """(N, V, 3) vertices of SMPL's own mesh and (N, 24, 3) joints to the 29-joint set (N, 29, 3), m."""
    xp = array_namespace(rest_joints)
    return xp.concat([rest_joints, rest_vertices[:, list(SURFACE_VERTICES)]], axis=1)


def skin(
    body: SkinnedBody, rest_vertices: Array, rest_joints: Array, rotmats: Array, origin: Origin = Origin.REST
) -> PosedBody:
    """Pose rest shapes by local rotations (N, 24, 3, 3) (SMPL, Loper et al. 2015, eq. 2-4, 9)."""
    xp = array_namespace(rotmats)
    frames = rotmats.shape[0]
    identity = xp.eye(3, dtype=rotmats.dtype, device=device(rotmats))
    features = xp.reshape(rotmats[:, 1:] - identity, (frames, -1))
    shaped = rest_vertices + xp.reshape(features @ body.pose_directions, rest_vertices.shape)

    globals_ = _global_transforms(rotmats, rest_joints)
    turns, joints = globals_[..., :3], globals_[..., 3]
    moves = joints - (turns @ rest_joints[..., None])[..., 0]
    affine = xp.reshape(xp.concat([turns, moves[..., None]], axis=-1), (frames, 24, 12))
    # Vertices last: three long rows of each are many times quicker to add up than one small product a vertex.
    blended = xp.reshape(xp.permute_dims(affine, (0, 2, 1)) @ body.skin_weights.T, (frames, 3, 4, -1))
    terms = blended[:, :, :3] * xp.permute_dims(shaped, (0, 2, 1))[:, None]
    by_axis = terms[:, :, 0] + terms[:, :, 1] + terms[:, :, 2] + blended[:, :, 3]
    vertices = xp.permute_dims(by_axis, (0, 2, 1))
    h36m = xp.permute_dims(by_axis @ body.h36m_regressor.T, (0, 2, 1))
    if origin is Origin.RECENTRED:
        vertices, joints, h36m = vertices - h36m[:, :1], joints - joints[:, :1], h36m - h36m[:, :1]
    return PosedBody(vertices, joints, h36m, rotmats)


def _global_transforms(rotmats: Array, rest_joints: Array) -> Array:
    """Local rotations (N, 24, 3, 3) and rest joints (N, 24, 3) m to rotation and position of each joint (N, 24, 3, 4).

    One product of homogeneous matrices a joint: at the few frames of one network step it is the number of operations
    that costs, not their size. (Solving joints of the same depth together needs as many, for the gathering.)
    """
    xp = array_namespace(rotmats)
    bones = xp.concat([rest_joints[:, :1], rest_joints[:, 1:] - rest_joints[:, list(SMPL_PARENTS[1:])]], axis=1)
    steps = xp.concat([rotmats, bones[..., None]], axis=-1)
    last_row = xp.zeros_like(steps[..., :1, :]) + xp.asarray([0, 0, 0, 1], dtype=steps.dtype, device=device(steps))
    steps = xp.concat([steps, last_row], axis=-2)
    transforms = [steps[:, 0]]
    for joint in range(1, len(SMPL_PARENTS)):
        transforms.append(transforms[SMPL_PARENTS[joint]] @ steps[:, joint])
    return xp.stack(transforms, axis=1)[:, :, :3]


def pose_rotmats(pose: Array, global_orient: Array | None = None) -> Array:
    """Local rotations (N, 24, 3, 3) from a pose in any of SMPL's forms, by the reference's own conversions.

    pose           (N, J, 3, 3) matrices, (N, J, 3) rotation vectors in rad, (N, J, 4) quaternions (w, x, y, z) of any
                   length, or the last two flat, (N, 72) and (N, 96)
    global_orient  the root's, (N, 3) rotation vectors, where `pose` holds the other 23 joints only

    Raises InputError for other shapes.
    """
    xp = array_namespace(pose)
    shape = tuple(pose.shape)
    if len(shape) == 2 and shape[1] in (69, 72, 92, 96):
        width = 3 if shape[1] in (69, 72) else 4
        pose = xp.reshape(pose, (shape[0], -1, width))
    if pose.ndim == 3 and pose.shape[2] == 4:
        rotmats = quat_wxyz_to_rotmat(pose)
    elif pose.ndim == 3 and pose.shape[2] == 3:
        rotmats = rotvec_to_rotmat(pose)
    else:
        rotmats = pose
    if global_orient is not None:
        rotmats = xp.concat([rotvec_to_rotmat(global_orient)[:, None], rotmats], axis=1)
    if tuple(rotmats.shape[1:]) != (24, 3, 3):
        raise InputError(f"pose has shape {shape}, expected (N, 24, 3, 3), (N, 24, 3), (N, 24, 4), (N, 72) or (N, 96)")
    return rotmats


def forward(
    body: SkinnedBody, betas: Array, pose: Array, global_orient: Array | None = None, transl: Array | None = None
) -> PosedBody:
    """Posed body of shapes (N, B) and poses (see `pose_rotmats`): recentred, or moved by `transl` (N, 3) m if given."""
    vertices, joints = rest_vertices_and_joints(body, betas)
    rotmats = pose_rotmats(pose, global_orient)
    if transl is None:
        return skin(body, vertices, joints, rotmats, Origin.RECENTRED)
    posed = skin(body, vertices, joints, rotmats)
    move = transl[:, None]
    return PosedBody(posed.vertices + move, posed.joints + move, posed.h36m_joints + move, rotmats)


def hybrid_forward(
    body: SkinnedBody,
    betas: Array,
    targets: Array,
    twist: Array,
    leaf_quats_wxyz: Array | None = None,
    form: ReferenceForm = ReferenceForm.ADAPTIVE,
    tips: tuple[int, ...] | None = None,
) -> PosedBody:
    """The hybrid layer of HybrIK and HybrIK-Transformer: joint targets and twists to a recentred posed body.

    betas (N, B); targets (N, 29, 3) m, or (N, 24 or more, 3) of which 24 count when leaf_quats_wxyz (N, 5, 4) is given;
    twist (N, 23, 2); form and tips as in `solve_reference`. Rest bone lengths rule: the joints returned are the body's
    own.
    """
    vertices, joints = rest_vertices_and_joints(body, betas)
    if leaf_quats_wxyz is None:
        solved = solve_reference(surface_joints(vertices, joints), targets, twist, None, form, tips)
    else:
        solved = solve_reference(joints, targets[:, :24], twist, leaf_quats_wxyz, form, tips)
    return skin(body, vertices, joints, solved.local_rotmats, Origin.RECENTRED)


def flat_quaternions(rotmats: Array) -> Array:
    """(N, 24, 3, 3) to (N, 96), the form in which HybrIK-Transformer returns rotations."""
    xp = array_namespace(rotmats)
    return xp.reshape(rotmat_to_quat_wxyz(rotmats), (rotmats.shape[0], -1))

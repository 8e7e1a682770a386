"""A made-up body of boxes along the bones, for the tests that need something skinned."""

from __future__ import annotations

import numpy as np

from rig.body_mesh import BodyMesh
from rig.skeleton import Skeleton

_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (0, 1) for z in (-1, 1)], float)
_QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def box_body(skeleton: Skeleton) -> BodyMesh:
    """One box from each joint to its last child (leaves: a short one onward), rigid but for a blend at its start."""
    vertices, faces, joints, weights, materials = [], [], [], [], []
    for joint, parent in enumerate(skeleton.parents):
        start = skeleton.rest_joints[joint]
        children = [child for child, p in enumerate(skeleton.parents) if p == joint]
        if children:
            end = skeleton.rest_joints[children[-1]]
        else:
            end = start + 0.9 * (start - skeleton.rest_joints[parent])
        along = end - start
        side = np.cross(along, [0.31, 0.17, 0.93])
        side /= np.linalg.norm(side)
        up = np.cross(side, along / np.linalg.norm(along))
        box = start + _CORNERS @ np.stack([0.04 * side, along, 0.04 * up])
        faces += [[len(vertices) + c for c in quad] for quad in _QUADS]
        materials += [joint % 2] * len(_QUADS)
        for corner, point in zip(_CORNERS, box, strict=True):
            vertices.append(point)
            joints.append([joint, max(parent, 0)])
            weights.append([1.0, 0.0] if corner[1] or parent < 0 else [0.6, 0.4])
    return BodyMesh(
        vertices=np.array(vertices),
        faces=np.array(faces),
        skin_joints=np.array(joints),
        skin_weights=np.array(weights),
        face_materials=np.array(materials),
        material_names=("skin", "shirt"),
        material_colors=np.array([[0.6, 0.4, 0.3], [0.1, 0.2, 0.5]]),
    )

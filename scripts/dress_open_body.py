"""Choose the clothes of the open body: which faces are skin, hair, shirt, trousers and shoes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, diags, identity, lil_matrix

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rig.skeleton import JOINT

MATERIAL_NAMES = ("skin", "hair", "shirt", "trousers", "shoes")
MATERIAL_COLORS = (
    (0.60, 0.37, 0.26),
    (0.055, 0.032, 0.020),
    (0.06, 0.25, 0.45),
    (0.045, 0.048, 0.060),
    (0.62, 0.62, 0.60),
)  # linear RGB
FINE_EDGE_M = 0.011  # mean edge below which the body's mesh shows a detail that cloth hides
FINE_RINGS = 3  # of coarser faces around it that give way with it


def face_materials(template: np.ndarray, faces: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(F,) index into MATERIAL_NAMES, from where a face lies in the T-pose: (V, 3) m, (F, 4), (24, 3) m, (V, 24)."""
    centre = template[faces].mean(axis=1)
    side = np.abs(centre[:, 0])
    y, z = centre[:, 1], centre[:, 2]

    def share(*names: str) -> np.ndarray:
        return weights[:, [JOINT[name] for name in names]].sum(axis=1)[faces].mean(axis=1)

    def at(name: str) -> np.ndarray:
        return joints[JOINT[name]]

    skin, hair, shirt, trousers, shoes = range(len(MATERIAL_NAMES))
    head = share("head", "neck") > 0.5
    arm = side > at("left_shoulder")[0] + 0.66 * (at("left_elbow") - at("left_shoulder"))[0]
    out = np.full(len(faces), skin)
    torso = ~arm & (y > at("pelvis")[1] + 0.005)
    # Round neckline: outside a ball around the throat.
    collar = at("neck") + np.array([0.0, 0.045, 0.035])
    out[torso & ~(share("head") > 0.5) & (np.linalg.norm(centre - collar, axis=1) > 0.105)] = shirt
    out[~arm & ~torso & ~head] = trousers
    out[y < at("left_ankle")[1] + 0.015] = shoes

    # Short hair: behind a line that climbs from the nape over the ears to the forehead.
    skull_vertices = template[weights[:, JOINT["head"]] > 0.9]
    low, high = skull_vertices.min(axis=0), skull_vertices.max(axis=0)
    up = (y - at("head")[1]) / (high[1] - at("head")[1])
    front = (z - low[2]) / (high[2] - low[2])
    ear = (side > 0.88 * high[0]) & (up < 0.52) & (front > 0.34)
    line = np.interp(up, [0.10, 0.30, 0.45, 0.62, 0.70, 0.80, 1.0], [0.0, 0.30, 0.52, 0.58, 0.74, 1.2, 1.2])
    out[(share("head") > 0.5) & (front < line) & ~ear] = hair
    return _without_specks(out, faces)


def _edge_neighbours(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of faces (E,), (E,) that share an edge."""
    corners = faces.shape[1]
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    owner = np.repeat(np.arange(len(faces)), corners)
    order = np.lexsort((owner, edges[:, 1], edges[:, 0]))
    same = (edges[order][1:] == edges[order][:-1]).all(axis=1)
    return owner[order][:-1][same], owner[order][1:][same]


def _without_specks(materials: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Give faces that at least three neighbours outvote their neighbours' material."""
    first, second = _edge_neighbours(faces)
    for _ in range(6):
        votes = np.zeros((len(faces), len(MATERIAL_NAMES)))
        np.add.at(votes, (first, materials[second]), 1)
        np.add.at(votes, (second, materials[first]), 1)
        winner = votes.argmax(axis=1)
        materials = np.where(votes.max(axis=1) >= 3, winner, materials)
    return materials


def border_smoothing(faces: np.ndarray, materials: np.ndarray, vertex_count: int) -> csr_matrix:
    """(V, V) sparse matrix that slides vertices between two materials along the border, so that hems run smoothly.

    Six steps of six tenths of the way to the middle of the two border neighbours; other vertices stay.
    """
    borders: dict[int, set[int]] = {}
    owners: dict[tuple[int, int], int] = {}
    for face, material in zip(faces.tolist(), materials.tolist(), strict=True):
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            edge = (min(a, b), max(a, b))
            if a != b and owners.setdefault(edge, material) != material:
                borders.setdefault(a, set()).add(b)
                borders.setdefault(b, set()).add(a)
    step = lil_matrix((vertex_count, vertex_count))
    step.setdiag(1.0)
    for vertex, others in borders.items():
        if len(others) == 2:
            step[vertex, vertex] = 0.4
            for other in others:
                step[vertex, other] = 0.3
    once = step.tocsr()
    return once @ once @ once @ once @ once @ once


def cloth_smoothing(template: np.ndarray, faces: np.ndarray, materials: np.ndarray) -> csr_matrix:
    """(V, V) sparse matrix that lets shirt and trousers hang over small hollows and bumps of the body (V, 3).

    Where the mesh is fine, which is where the bare body has its details, the cloth becomes a membrane held by its
    rim (256 steps to the mean of the edge neighbours); then sixteen half steps everywhere inside the cloth.
    """
    count = len(template)
    cloth = np.isin(materials, [MATERIAL_NAMES.index("shirt"), MATERIAL_NAMES.index("trousers")])
    inside = np.ones(count, dtype=bool)
    inside[faces[~cloth]] = False
    ends = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)
    ends = ends[ends[:, 0] != ends[:, 1]]
    ends = np.unique(np.concatenate([ends, ends[:, ::-1]]), axis=0)
    links = csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    mean = diags(1.0 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1.0)) @ links

    lengths = np.linalg.norm(template[ends[:, 0]] - template[ends[:, 1]], axis=1)
    edge = np.bincount(ends[:, 0], weights=lengths, minlength=count) / np.maximum(np.bincount(ends[:, 0]), 1)
    fine = inside & (edge < FINE_EDGE_M) & (template[:, 1] > 0.5 * template[:, 1].max())
    for _ in range(FINE_RINGS):
        fine = inside & (fine | (links @ fine > 0))

    def steps(free: np.ndarray, amount: float, doublings: int) -> csr_matrix:
        part = diags(np.where(free, amount, 0.0))
        step = (identity(count) - part + part @ mean).tocsr()
        for _ in range(doublings):
            step = step @ step
        return step

    return steps(inside, 0.5, 4) @ steps(fine, 0.9, 8)

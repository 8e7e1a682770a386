"""Makes every input of the parity numbers from seeds: weights, bodies, pictures, poses, cameras.

The numbers in a parity folder were calculated from these inputs, so each random draw below is fixed for good: the
order and size of the draws matter, not only their distribution. Nothing here is a real body or a trained weight.
"""

from __future__ import annotations

import zlib

import numpy as np

from rig.skeleton import SMPL_PARENTS

VERTICES = 6890
FACES = 13776
SURFACE_VERTICES = (411, 2445, 5905, 3216, 6617)
SURFACE_PARENTS = (15, 22, 23, 10, 11)

WEIGHT_GAINS = (
    (".linear_q.weight", 3.00),
    (".linear_k.weight", 3.00),
    (".linear_o.weight", 0.50),
    (".fc_layers.", 1.30),
    ("decjoint.weight", 0.20),
    ("decshape.weight", 0.30),
    ("decphi.weight", 1.00),
    ("decleaf.weight", 1.00),
    ("deccam.weight", 0.03),
    ("decsigma.weight", 0.50),
    ("fc_coord.weight", 0.15),
    ("preact.final_layer.weight", 1.00),
    ("final_layer.weight", 60.00),
)
"""Factor on the standard deviation of a weight by a part of its name; the first that fits counts."""

_LEFT_AND_MIDDLE = {
    0: (0.00, -0.22, 0.02), 1: (0.07, -0.31, 0.01), 3: (0.00, -0.11, -0.01),
    4: (0.11, -0.69, 0.01), 6: (0.00, 0.03, 0.00), 7: (0.09, -1.09, -0.03),
    9: (0.00, 0.08, 0.02), 10: (0.12, -1.15, 0.09), 12: (0.00, 0.29, -0.02),
    13: (0.08, 0.20, -0.01), 15: (0.01, 0.37, 0.03), 16: (0.18, 0.23, -0.02),
    18: (0.44, 0.21, -0.05), 20: (0.70, 0.22, -0.06), 22: (0.79, 0.21, -0.07),
    24: (0.00, 0.56, 0.03), 25: (0.88, 0.20, -0.08), 27: (0.13, -1.18, 0.18),
}  # fmt: skip
_RIGHT_OF = {2: 1, 5: 4, 8: 7, 11: 10, 14: 13, 17: 16, 19: 18, 21: 20, 23: 22, 26: 25, 28: 27}
_H36M_SOURCES = (0, 1, 4, 7, 2, 5, 8, 6, 12, 15, 15, 16, 18, 20, 17, 19, 21)
_POSE_SIGMA = np.array(
    [0.0, 0.5, 0.5, 0.2, 0.6, 0.6, 0.2, 0.3, 0.3, 0.2, 0.2, 0.2, 0.3, 0.2, 0.2, 0.3, 0.6, 0.6, 0.6, 0.6, 0.4, 0.4, 0.3,
     0.3]
)  # fmt: skip


def weight(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """The entry `name` of a network's state, float32 (counters int64)."""
    rng = np.random.default_rng([zlib.crc32(name.encode("utf-8")), seed])
    last = name.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if last == "init_cam":
        value = np.zeros(shape)
        value[0] = 0.9
    elif last == "running_var":
        value = 0.8 + 0.4 * rng.random(shape)
    elif name.startswith("pos_embedding."):
        value = rng.random(shape)
    elif last in _NORMAL_BY_LAST:
        mean, deviation = _NORMAL_BY_LAST[last]
        value = mean + deviation * rng.standard_normal(shape)
    elif len(shape) >= 2:
        deviation = float(np.prod(shape[1:])) ** -0.5
        deviation *= next((gain for part, gain in WEIGHT_GAINS if part in name), 1.0)
        value = deviation * rng.standard_normal(shape)
    elif last == "bias":
        value = _bias(name, rng.standard_normal(shape))
    else:  # the scale of a batch normalisation
        gain = 0.25 if ".fuse_layers." in name else 1.0
        value = gain * (0.7 + 0.2 * rng.random(shape))
    return value.astype(np.float32)


_NORMAL_BY_LAST = {
    "init_shape": (0.0, 0.5),
    "running_mean": (0.0, 0.05),
    "a_2": (1.0, 0.1),
    "b_2": (0.0, 0.1),
    "joint_embeddings": (0.0, 3.0),
    "type_embeddings": (0.0, 3.0),
}
"""Mean and standard deviation by the last part of the name."""


def _bias(name: str, normal: np.ndarray) -> np.ndarray:
    if name.endswith("decsigma.bias"):
        return -3.0 + 0.5 * normal
    if name.endswith(("deccam.bias", "decjoint.bias")):
        return 0.02 * normal
    return 0.1 * normal


def images(seed: int, count: int = 2, size: int = 256) -> np.ndarray:
    """(count, 3, size, size) float32 in the networks' normalised units."""
    rng = np.random.default_rng([77, seed])
    coarse = rng.standard_normal((count, 3, 16, 16))
    fine = rng.standard_normal((count, 3, size, size))
    tint = 1.5 * rng.standard_normal((count, 3, 1, 1))
    cell = np.ones((1, 1, size // 16, size // 16))
    return (np.kron(coarse, cell) + 0.3 * fine + tint).astype(np.float32)


def picture(seed: int, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB, blocks of 8 px with a little noise."""
    rng = np.random.default_rng([78, seed])
    rows, columns = -(-height // 8), -(-width // 8)
    coarse = rng.integers(0, 256, (rows, columns, 3))
    blocks = np.kron(coarse, np.ones((8, 8, 1), np.int64))[:height, :width]
    return np.clip(blocks + rng.integers(-12, 13, (height, width, 3)), 0, 255).astype(np.uint8)


def body(seed: int) -> dict[str, np.ndarray]:
    """The fields of a SMPL file, float64, with the 17 joint regressor of Human3.6M beside them."""
    rest = np.zeros((29, 3))
    for joint, position in _LEFT_AND_MIDDLE.items():
        rest[joint] = position
    for joint, left in _RIGHT_OF.items():
        rest[joint] = np.array(_LEFT_AND_MIDDLE[left]) * [-1.0, 1.0, 1.0]

    def rng(stream: int) -> np.random.Generator:
        return np.random.default_rng([4242, seed, stream])

    owner = np.arange(VERTICES) % 24
    template = rest[owner] + 0.04 * rng(0).standard_normal((VERTICES, 3))
    template[list(SURFACE_VERTICES)] = rest[24:]
    by_joint = 0.012 * rng(1).standard_normal((24, 3, 10))
    shape_directions = by_joint[owner] + 0.002 * rng(2).standard_normal((VERTICES, 3, 10))
    pose_directions = 0.002 * rng(3).standard_normal((VERTICES, 3, 207))

    parents = np.array(SMPL_PARENTS, np.int64)
    vertex = np.arange(VERTICES)
    weights = np.zeros((VERTICES, 24))
    weights[vertex, owner] += 0.7
    weights[vertex, np.maximum(parents[owner], 0)] += 0.2
    weights[vertex, rng(4).integers(0, 24, VERTICES)] += 0.1
    weights[list(SURFACE_VERTICES)] = np.eye(24)[list(SURFACE_PARENTS)]

    return {
        "v_template": template,
        "shapedirs": shape_directions,
        "posedirs": pose_directions,
        "J_regressor": _regressor(range(24), 12, rng(5)),
        "weights": weights,
        "kintree_table": np.stack([np.where(parents < 0, 4294967295, parents), np.arange(24)]).astype(np.int64),
        "f": rng(6).integers(0, VERTICES, (FACES, 3)).astype(np.uint32),
        "J_regressor_h36m": _regressor(_H36M_SOURCES, 6, rng(7)),
    }


def _regressor(sources: range | tuple[int, ...], count: int, rng: np.random.Generator) -> np.ndarray:
    """(len(sources), V) rows that average `count` random vertices owned by each source joint."""
    rows = np.zeros((len(sources), VERTICES))
    for row, joint in zip(rows, sources, strict=True):
        pool = np.array([vertex for vertex in range(joint, VERTICES, 24) if vertex not in SURFACE_VERTICES])
        chosen = pool[rng.permutation(len(pool))[:count]]
        shares = 0.2 + rng.random(count)
        row[chosen] = shares / shares.sum()
    return rows


def poses(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, 24, 3) rotation vectors, rad, and (count, 10) shape coefficients."""
    rng = np.random.default_rng([99, seed])
    rotvecs = rng.standard_normal((count, 24, 3)) * _POSE_SIGMA[None, :, None]
    axis = rng.standard_normal((count, 3))
    axis /= np.sqrt((axis**2).sum(axis=1, keepdims=True))
    rotvecs[:, 0] = axis * (np.pi * 0.98) * rng.random((count, 1))
    return rotvecs, np.clip(rng.standard_normal((count, 10)), -2.5, 2.5)


def cameras(seed: int, count: int = 2) -> dict[str, np.ndarray]:
    """Per-image arguments of the networks, float32.

    crop_to_image (N, 2, 3) from network input px to picture px, inv_intrinsics (N, 3, 3), root_mm (N, 3) the pelvis in
    the camera frame, depth_factor (N, 1) mm, bboxes (N, 4) x0 y0 x1 y1 px, img_center (N, 2) px.
    """
    rng = np.random.default_rng([55, seed])
    side = 300.0 + 400.0 * rng.random(count)
    x = 700.0 + 400.0 * rng.random(count)
    y = 400.0 + 300.0 * rng.random(count)
    focal = 1000.0 + 600.0 * rng.random(count)
    centre_x = 960.0 + 20.0 * rng.standard_normal(count)
    centre_y = 540.0 + 20.0 * rng.standard_normal(count)
    depth = 3500.0 + 2500.0 * rng.random(count)
    left, top = x - side / 2, y - side / 2
    crop_to_image = np.zeros((count, 2, 3))
    crop_to_image[:, 0, 0] = crop_to_image[:, 1, 1] = side / 256.0
    crop_to_image[:, 0, 2], crop_to_image[:, 1, 2] = left, top
    inverse = np.zeros((count, 3, 3))
    inverse[:, 0, 0] = inverse[:, 1, 1] = 1.0 / focal
    inverse[:, 0, 2], inverse[:, 1, 2] = -centre_x / focal, -centre_y / focal
    inverse[:, 2, 2] = 1.0
    arrays = {
        "crop_to_image": crop_to_image,
        "inv_intrinsics": inverse,
        "root_mm": np.stack([(x - centre_x) / focal * depth, (y - centre_y) / focal * depth, depth], axis=1),
        "depth_factor": np.full((count, 1), 2000.0),
        "bboxes": np.stack([left, top, x + side / 2, y + side / 2], axis=1),
        "img_center": np.tile([[960.0, 540.0]], (count, 1)),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}

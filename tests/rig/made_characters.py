"""Made-up characters for the tests of retargeting: a body's places under the bone names of well-known rigs."""

from __future__ import annotations

import numpy as np

from rig.character import Character
from rig.rotations import rotvec_to_rotmat

SIDES = {"left": 1.0, "right": -1.0}
_CENTRE = {"root": (0.0, 0.0, 0.0), "pelvis": (0.0, 0.0, 0.95), "head": (0.0, -0.02, 1.6)}
_LIMB = {
    "collar": (0.03, 0.0, 1.42), "shoulder": (0.17, 0.02, 1.41), "elbow": (0.44, 0.03, 1.41),
    "wrist": (0.69, 0.02, 1.41),
    "hip": (0.09, 0.0, 0.9), "knee": (0.1, -0.01, 0.49), "ankle": (0.1, 0.03, 0.09), "foot": (0.11, -0.1, 0.02),
}  # fmt: skip
_ENDS = {"wrist": (0.08, 0.0, 0.0), "foot": (0.0, -0.07, 0.0)}
_PARENT = {
    "collar": "chest", "shoulder": "collar", "elbow": "shoulder", "wrist": "elbow", "hip": "pelvis", "knee": "hip",
    "ankle": "knee", "foot": "ankle",
}  # fmt: skip

Bones = list[tuple[str, str | None, np.ndarray, np.ndarray]]


def humanoid(
    parts: dict[str, list[str]],
    arms_down_deg: float = 0.0,
    height: float = 1.0,
    places: dict[str, tuple[float, float, float]] | None = None,
) -> Bones:
    """(name, parent, head, tail) of a T-posed person, or one with lowered arms; z up, facing -y.

    parts: part of the body -> names of its bones, sides in the part's name ("left_hip"); missing parts have no bone.
    places: part of a limb without its side -> where its left bone begins, for other proportions than a usual person's.
    """
    bones: Bones = []
    ends: dict[str, str] = {}

    def put(part: str, heads: list[np.ndarray], tail: np.ndarray, parent: str | None) -> None:
        names = parts.get(part, [])
        for number, name in enumerate(names):
            following = heads[number + 1] if number + 1 < len(names) else tail
            bones.append((name, parent, heads[number] * height, following * height))
            parent = name
        if parent is not None:
            ends[part] = parent

    root, pelvis, head = (np.array(_CENTRE[part]) for part in ("root", "pelvis", "head"))
    put("root", [root], root + np.array([0.0, 0.2, 0.0]), None)
    spine, neck = len(parts.get("spine", [])), len(parts.get("neck", []))
    low, high, top = pelvis + np.array([0.0, 0.0, 0.1]), np.array([0.0, 0.01, 1.45]), head
    centre = max(len(parts["pelvis"]), 1)
    put("pelvis", [pelvis + (low - pelvis) * k / centre for k in range(centre)], low, ends.get("root"))
    put("spine", [low + (high - low) * k / max(spine, 1) for k in range(spine)], high, ends["pelvis"])
    chest = ends.get("spine", ends["pelvis"])
    put("neck", [high + (top - high) * k / max(neck, 1) for k in range(neck)], top, chest)
    put("head", [head], head + np.array([0.0, 0.0, 0.2]), ends.get("neck", chest))
    for side, sign in SIDES.items():
        mirror = np.array([sign, 1.0, 1.0])
        at = {part: np.array(place) for part, place in {**_LIMB, **(places or {})}.items()}
        lower = rotvec_to_rotmat(np.radians(arms_down_deg) * np.array([0.0, 1.0, 0.0]))
        for part in ("elbow", "wrist"):
            at[part] = at["shoulder"] + lower @ (at[part] - at["shoulder"])
        order = list(_LIMB)
        for part in order:
            follows = order[order.index(part) + 1] if part not in ("wrist", "foot") else ""
            tail = at[follows] if follows and part != "collar" else at[part] + _ENDS.get(part, (0.14, 0.02, -0.01))
            if part == "wrist":
                tail = at[part] + lower @ np.array(_ENDS[part])
            count = max(len(parts.get(f"{side}_{part}", [])), 1)
            heads = [(at[part] + (tail - at[part]) * k / count) * mirror for k in range(count)]
            above = _PARENT[part]
            parent = (
                chest if above == "chest" else ends.get("pelvis") if above == "pelvis" else ends.get(f"{side}_{above}")
            )
            put(f"{side}_{part}", heads, tail * mirror, parent or chest)
    return bones


def as_character(bones: Bones, to_armature: np.ndarray | None = None, roll_seed: int | None = None, scale: float = 1.0):
    """The bones as a Character with axes like Blender's, in an armature turned by `to_armature`, of random rolls."""
    turn = np.eye(3) if to_armature is None else to_armature
    rng = np.random.default_rng(roll_seed)
    names = [bone[0] for bone in bones]
    rest, lengths = [], []
    for _, _, head, tail in bones:
        along = tail - head
        y = along / np.linalg.norm(along)
        x = np.cross(y, [0.0, -1.0, 0.0] if abs(y[1]) < 0.9 else [0.0, 0.0, 1.0])
        x = x / np.linalg.norm(x)
        axes = np.stack([x, y, np.cross(x, y)], axis=-1)
        if roll_seed is not None:
            axes = axes @ rotvec_to_rotmat(rng.uniform(-np.pi, np.pi) * np.array([0.0, 1.0, 0.0]))
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = turn @ axes, turn @ head * scale
        rest.append(matrix)
        lengths.append(np.linalg.norm(along) * scale)
    world = np.eye(4)
    world[:3, :3] = turn.T / scale
    parents = tuple(names.index(parent) if parent else -1 for _, parent, _, _ in bones)
    return Character(tuple(names), parents, np.array(rest), np.array(lengths), world)

"""Put a clip of the CMU motion capture database onto a 24-joint skeleton by its rotations."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rig.frames import rotate
from rig.kinematics import global_rotations, joint_positions, landmark_positions, local_rotations
from rig.rotations import quat_wxyz_to_rotmat, rotmat_to_quat_wxyz, rotmat_to_rotvec
from rig.skeleton import JOINT, SMPL_JOINT_NAMES, Skeleton

SOURCE = {
    "pelvis": "hip", "spine1": "hip", "spine2": "abdomen", "spine3": "chest", "neck": "neck", "head": "head",
    "left_hip": "lThigh", "left_knee": "lShin", "left_ankle": "lFoot", "left_foot": "lFoot",
    "right_hip": "rThigh", "right_knee": "rShin", "right_ankle": "rFoot", "right_foot": "rFoot",
    "left_collar": "lCollar", "left_shoulder": "lShldr", "left_elbow": "lForeArm", "left_wrist": "lHand",
    "left_hand": "lHand", "right_collar": "rCollar", "right_shoulder": "rShldr", "right_elbow": "rForeArm",
    "right_wrist": "rHand", "right_hand": "rHand",
}  # fmt: skip
"""The joint of the clip's skeleton that turns each of our joints."""

ALIGNED = {
    "hip": ("lThigh", "lShin"), "knee": ("lShin", "lFoot"),
    "shoulder": ("lShldr", "lForeArm"), "elbow": ("lForeArm", "lHand"), "wrist": ("lHand", "lHandMid"),
}  # fmt: skip
"""Our joints whose rest bone must point as the clip's rest bone does, with that bone's ends (left side)."""

CHILD = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist", "wrist": "hand"}


@dataclass(frozen=True)
class CmuClip:
    """One clip: names and parents of J joints, offsets (J, 3) m, local quats_wxyz (T, J, 4), root (T, 3) m, 30 fps."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    quats_wxyz: np.ndarray
    root: np.ndarray


def load_clip(path: Path, clip_id: str, skeleton: str = "daz") -> CmuClip:
    """Read one clip by its id from an npz that holds many (arrays `<skeleton>__quats_wxyz` and so on)."""
    with np.load(path, allow_pickle=False) as stored:
        ids = [str(name) for name in stored[f"{skeleton}__clip_id"]]
        if clip_id not in ids:
            raise SystemExit(f"{path} holds no clip {clip_id!r} on the skeleton {skeleton!r}")
        part = slice(*(int(stored[f"{skeleton}__clip_{end}"][ids.index(clip_id)]) for end in ("start", "end")))
        return CmuClip(
            names=tuple(str(name) for name in stored[f"{skeleton}__joint_names"]),
            parents=tuple(int(parent) for parent in stored[f"{skeleton}__parents"]),
            offsets=stored[f"{skeleton}__offsets_m"].astype(np.float64),
            quats_wxyz=stored[f"{skeleton}__quats_wxyz"][part].astype(np.float64),
            root=stored[f"{skeleton}__root_m"][part].astype(np.float64),
        )


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3, 3) smallest rotation that takes one direction (3,) to another."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    x, y, z = np.cross(start, end)
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + k + k @ k / (1.0 + start @ end)


def _halfway(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(T, 3, 3) rotations in the middle between two that are less than half a turn apart."""
    quats = rotmat_to_quat_wxyz(np.swapaxes(first, -1, -2) @ second)
    quats[..., 0] += 1.0  # the bisector of a quaternion and the identity
    return first @ quat_wxyz_to_rotmat(quats)


def _lay_feet_flat(globals_: np.ndarray, skeleton: Skeleton, transl: np.ndarray) -> None:
    """Tilt each foot of (T, 24, 3, 3) by one constant angle, in place, so that it lies flat while it stands.

    The clip's skeleton keeps heel and toe of its shoes at heights of its own.
    """
    joints = joint_positions(skeleton, globals_, transl)
    points = landmark_positions(skeleton, globals_, joints)
    for side in ("left", "right"):
        heel, toe = (skeleton.landmark_names.index(f"{side}_{part}") for part in ("heel", "big_toe"))
        rest = skeleton.rest_landmarks[toe] - skeleton.rest_landmarks[heel]
        sole = points[:, toe] - points[:, heel]
        moved = np.linalg.norm(np.gradient(points[:, heel] + points[:, toe], axis=0), axis=1)
        standing = moved <= np.percentile(moved, 35)
        slope = np.arcsin(sole[standing, 1] / np.linalg.norm(rest)) - np.arcsin(rest[1] / np.linalg.norm(rest))
        angle = np.median(slope)  # a turn about x by a positive angle lowers the toes
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        for part in ("ankle", "foot"):
            globals_[:, JOINT[f"{side}_{part}"]] = globals_[:, JOINT[f"{side}_{part}"]] @ turn


def retarget_clip(clip: CmuClip, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Global rotations (T, 24, 3, 3), local rotation vectors (T, 24, 3) rad and transl (T, 3) m for a skeleton.

    Every joint takes its source's global rotation, twist included, after the smallest rotation that lays our rest
    bone on the source's rest bone; feet keep their flat rest. The middle of the hips follows the source's, scaled by
    the length of the legs.
    """
    index = {name: i for i, name in enumerate(clip.names)}
    turned = global_rotations(clip.parents, quat_wxyz_to_rotmat(clip.quats_wxyz))
    globals_ = np.stack([turned[:, index[SOURCE[name]]] for name in SMPL_JOINT_NAMES], axis=1)
    globals_[:, JOINT["spine1"]] = _halfway(turned[:, index["hip"]], turned[:, index["abdomen"]])
    for side, letter in (("left", "l"), ("right", "r")):
        for part, (_, tail) in ALIGNED.items():
            joint = JOINT[f"{side}_{part}"]
            ours = skeleton.rest_joints[JOINT[f"{side}_{CHILD[part]}"]] - skeleton.rest_joints[joint]
            globals_[:, joint] = globals_[:, joint] @ _swing(ours, clip.offsets[index[letter + tail[1:]]])
        globals_[:, JOINT[f"{side}_hand"]] = globals_[:, JOINT[f"{side}_wrist"]]

    places = np.zeros((len(clip.root), len(clip.names), 3))
    for joint, parent in enumerate(clip.parents):
        if parent < 0:
            places[:, joint] = clip.root
        else:
            places[:, joint] = places[:, parent] + rotate(turned[:, parent], clip.offsets[joint])
    their_leg = sum(np.linalg.norm(clip.offsets[index[name]]) for name in ("lShin", "lFoot"))
    our_leg = skeleton.bone_lengths[JOINT["left_knee"]] + skeleton.bone_lengths[JOINT["left_ankle"]]
    goal = 0.5 * (places[:, index["lThigh"]] + places[:, index["rThigh"]]) * (our_leg / their_leg)
    joints = joint_positions(skeleton, globals_, np.zeros((len(goal), 3)))
    transl = goal - 0.5 * (joints[:, JOINT["left_hip"]] + joints[:, JOINT["right_hip"]])
    _lay_feet_flat(globals_, skeleton, transl)
    return globals_, rotmat_to_rotvec(local_rotations(skeleton.parents, globals_)), transl

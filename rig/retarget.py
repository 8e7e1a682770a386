"""Bones for a skeleton, with the pose of those bones that reproduces a motion.

All positions and matrices here are in the armature frame (Blender: z up, the subject faces -y, left is +x).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .bone_maps import ROOT_BONE, BoneNaming, bone_name
from .errors import RigError
from .frames import WORLD_TO_ARMATURE, rotate
from .motion import Motion
from .root_motion import RootMode, RootMotion, split_root_motion
from .rotations import make_sign_continuous, quat_wxyz_to_rotmat, rotmat_to_quat_wxyz
from .skeleton import Skeleton
from .validation import check_array

_MAIN_CHILD = {
    "pelvis": "spine1", "spine1": "spine2", "spine2": "spine3", "spine3": "neck", "neck": "head",
    **{f"{side}_{parent}": f"{side}_{child}" for side in ("left", "right") for parent, child in (
        ("hip", "knee"), ("knee", "ankle"), ("ankle", "foot"), ("collar", "shoulder"), ("shoulder", "elbow"),
        ("elbow", "wrist"), ("wrist", "hand"),
    )},
}  # fmt: skip
"""The child whose head a bone's tail touches."""

_ARM_JOINTS = ("collar", "shoulder", "elbow", "wrist", "hand")
_LEFT, _FRONT, _UP = np.array([1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])
_ROOT_LENGTH = 0.2
_SHORTEST_BONE = 1e-3


@dataclass(frozen=True)
class RigDefinition:
    """B bones in rest pose, the root on the floor first and parents before children.

    bone_names   B names
    parents      B indices, -1 for the root
    heads, tails (B, 3) m
    rest_rotmats (B, 3, 3) bone axes in columns (bone -> armature); y runs along the bone
    connected    (B,) bool: the head sits on the parent's tail and cannot move away from it
    bone_joints  (B,) index of the skeleton joint each bone turns with, -1 for the root
    joint_bones  (J,) index of the bone that carries each joint's skin
    origin       (3,) point of the skeleton's rest pose (world frame, y up) that lies at the armature's origin:
                 on the floor under the pelvis
    """

    bone_names: tuple[str, ...]
    parents: tuple[int, ...]
    heads: np.ndarray
    tails: np.ndarray
    rest_rotmats: np.ndarray
    connected: np.ndarray
    bone_joints: np.ndarray
    joint_bones: np.ndarray
    origin: np.ndarray

    def __post_init__(self) -> None:
        sizes = {"B": len(self.bone_names)}
        put = object.__setattr__
        put(self, "heads", check_array("heads", self.heads, ("B", 3), sizes=sizes, finite=True))
        put(self, "tails", check_array("tails", self.tails, ("B", 3), sizes=sizes, finite=True))
        put(self, "rest_rotmats", check_array("rest_rotmats", self.rest_rotmats, ("B", 3, 3), sizes=sizes, finite=True))
        put(self, "connected", check_array("connected", self.connected, ("B",), sizes=sizes, dtype=np.bool_))
        put(self, "bone_joints", check_array("bone_joints", self.bone_joints, ("B",), sizes=sizes, dtype=np.int64))
        put(self, "joint_bones", check_array("joint_bones", self.joint_bones, ("J",), sizes=sizes, dtype=np.int64))
        put(self, "origin", check_array("origin", self.origin, (3,), sizes=sizes, finite=True))

    def to_armature(self, rest_points: np.ndarray) -> np.ndarray:
        """(..., 3) points of the skeleton's rest pose (world frame) to the armature frame, m."""
        return rotate(WORLD_TO_ARMATURE, np.asarray(rest_points, dtype=np.float64) - self.origin)


@dataclass(frozen=True)
class RigAnimation:
    """The pose of every bone over T frames, relative to its rest pose and in its own axes (Blender's basis).

    fps             exact rate; frame k is shown at k / fps
    rotations_wxyz  (T, B, 4) unit quaternions, signs continuous over time
    root_location   (T, 3) m, location of the root bone
    pelvis_location (T, 3) m, location of the pelvis bone (the second bone)
    """

    fps: Fraction
    rotations_wxyz: np.ndarray
    root_location: np.ndarray
    pelvis_location: np.ndarray

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for name, shape in (
            ("rotations_wxyz", ("T", "B", 4)),
            ("root_location", ("T", 3)),
            ("pelvis_location", ("T", 3)),
        ):
            object.__setattr__(self, name, check_array(name, getattr(self, name), shape, sizes=sizes, finite=True))

    def __len__(self) -> int:
        return len(self.root_location)


def build_rig(skeleton: Skeleton, naming: BoneNaming = BoneNaming.SMPL) -> RigDefinition:
    """Bones for a skeleton with SMPL's joint names, standing on the floor with the `root` bone under the pelvis.

    A bone's tail lies at its main child's head. Rolls follow one rule: on torso, head and legs the bone's x axis
    is the hinge that points to the subject's left, on arms the z axis points to the front, so that left and
    right are mirror images. Raises RigError for joint names outside SMPL's.
    """
    names = [bone_name(joint, naming) for joint in skeleton.joint_names]
    floor_points = np.concatenate([skeleton.rest_joints, skeleton.rest_landmarks])
    pelvis = skeleton.rest_joints[0]
    origin = np.array([pelvis[0], floor_points[:, 1].min(), pelvis[2]])
    joints = rotate(WORLD_TO_ARMATURE, skeleton.rest_joints - origin)

    kept = [joint for joint, name in enumerate(names) if name is not None]
    joint_bones = np.full(len(names), -1)
    for bone, joint in enumerate(kept, start=1):
        joint_bones[joint] = bone
    for joint, parent in enumerate(skeleton.parents):
        if joint_bones[joint] < 0:
            joint_bones[joint] = joint_bones[parent]

    tails = _tails(skeleton, joints, origin)
    bone_names, parents, connected = [ROOT_BONE], [-1], [False]
    heads, ends, rotmats = [np.zeros(3)], [np.array([0.0, _ROOT_LENGTH, 0.0])], [np.eye(3)]
    for joint in kept:
        parent = skeleton.parents[joint]
        bone_names.append(str(names[joint]))
        parents.append(int(joint_bones[parent]) if parent >= 0 else 0)
        connected.append(parent >= 0 and bool(np.allclose(tails[parent], joints[joint], rtol=0, atol=1e-9)))
        heads.append(joints[joint])
        ends.append(tails[joint])
        rotmats.append(_bone_axes(skeleton.joint_names[joint], tails[joint] - joints[joint]))
    return RigDefinition(
        bone_names=tuple(bone_names),
        parents=tuple(parents),
        heads=np.array(heads),
        tails=np.array(ends),
        rest_rotmats=np.array(rotmats),
        connected=np.array(connected),
        bone_joints=np.array([-1, *kept]),
        joint_bones=joint_bones,
        origin=origin,
    )


def animate_rig(rig: RigDefinition, motion: Motion, mode: RootMode) -> RigAnimation:
    """The bones' pose that reproduces `motion`, its travel split between the root and pelvis bones by `mode`.

    With B the bone's rest rotation, C the world -> armature rotation and R the joint's local rotation, the
    bone's rotation relative to rest is B^T (C R C^T) B.
    """
    split = split_root_motion(motion, mode)
    return _animation(rig, motion.fps, motion.local_rotmats(), split)


def pose_rig(rig: RigDefinition, rotations_wxyz: np.ndarray, pelvis_position: np.ndarray) -> RigAnimation:
    """One frame of bones' pose with the root bone on the floor under the pelvis.

    rotations_wxyz (J, 4) local rotations, the pelvis' in the world; pelvis_position (3,) m in the world.
    """
    local = quat_wxyz_to_rotmat(np.asarray(rotations_wxyz, dtype=np.float64))[None]
    pelvis = np.asarray(pelvis_position, dtype=np.float64)[None]
    under = pelvis * [1.0, 0.0, 1.0]
    still = RootMotion(
        root_positions=under,
        root_rotmats=np.eye(3)[None],
        pelvis_positions=pelvis - under,
        pelvis_rotmats=local[:, 0],
    )
    return _animation(rig, Fraction(1), local, still)


def bone_heads(rig: RigDefinition, animation: RigAnimation) -> np.ndarray:
    """(T, B, 3) posed bone heads in the armature frame, m: what Blender must evaluate to."""
    basis = quat_wxyz_to_rotmat(animation.rotations_wxyz)
    heads = np.empty((len(animation), len(rig.bone_names), 3))
    turned = np.empty((len(animation), len(rig.bone_names), 3, 3))
    locations = {0: animation.root_location, 1: animation.pelvis_location}
    for bone, parent in enumerate(rig.parents):
        rest = rig.rest_rotmats[bone]
        # `turn` takes the bone's rest pose to its pose, in armature axes.
        turn = rest @ basis[:, bone] @ rest.T
        moved = rig.heads[bone] + rotate(rest, locations.get(bone, np.zeros(3)))
        if parent < 0:
            turned[:, bone], heads[:, bone] = turn, moved
        else:
            turned[:, bone] = turned[:, parent] @ turn
            heads[:, bone] = heads[:, parent] + rotate(turned[:, parent], moved - rig.heads[parent])
    return heads


def _animation(rig: RigDefinition, fps: Fraction, local_rotmats: np.ndarray, split: RootMotion) -> RigAnimation:
    if local_rotmats.shape[1] != len(rig.joint_bones):
        raise RigError(f"the motion has {local_rotmats.shape[1]} joints, expected the rig's {len(rig.joint_bones)}")
    to_armature = WORLD_TO_ARMATURE
    local = np.empty((len(local_rotmats), len(rig.bone_names), 3, 3))
    local[:, 0] = split.root_rotmats
    local[:, 1:] = local_rotmats[:, rig.bone_joints[1:]]
    local[:, 1] = split.pelvis_rotmats
    rest = rig.rest_rotmats
    basis = np.swapaxes(rest, -1, -2) @ (to_armature @ local @ to_armature.T) @ rest
    root_location = rotate(rest[0].T, rotate(to_armature, split.root_positions) - rig.heads[0])
    pelvis_location = rotate(rest[1].T, rotate(to_armature, split.pelvis_positions) - rig.heads[1])
    return RigAnimation(fps, make_sign_continuous(rotmat_to_quat_wxyz(basis)), root_location, pelvis_location)


def _tails(skeleton: Skeleton, joints: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """(J, 3) bone tails: the main child's head, or for leaves a length taken from their surroundings."""
    index = {name: joint for joint, name in enumerate(skeleton.joint_names)}
    landmarks = dict(
        zip(skeleton.landmark_names, rotate(WORLD_TO_ARMATURE, skeleton.rest_landmarks - origin), strict=True)
    )
    height = float(np.ptp(joints[:, 2]))
    tails = np.empty_like(joints)
    for joint, name in enumerate(skeleton.joint_names):
        child = index.get(_MAIN_CHILD.get(name, ""))
        if child is not None:
            tails[joint] = joints[child]
        elif name == "head":
            tails[joint] = joints[joint] + 0.12 * height * _UP
        elif name.endswith("_foot"):
            toe = landmarks.get(name.replace("_foot", "_big_toe"))
            reach = 0.04 * height if toe is None else float((toe - joints[joint]) @ _FRONT)
            tails[joint] = joints[joint] + max(reach, 0.02 * height) * _FRONT
        else:
            along = joints[joint] - joints[skeleton.parents[joint]]
            tails[joint] = joints[joint] + along
        if np.linalg.norm(tails[joint] - joints[joint]) < _SHORTEST_BONE:
            tails[joint] = joints[joint] + 0.03 * _UP
    return tails


def _bone_axes(joint_name: str, along: np.ndarray) -> np.ndarray:
    """(3, 3) bone axes in columns: y along the bone, x or z as near as can be to the joint's reference."""
    y = along / np.linalg.norm(along)
    if joint_name.rpartition("_")[2] in _ARM_JOINTS:
        x = np.cross(y, _FRONT)
        if np.linalg.norm(x) < 1e-3:
            x = np.cross(y, _UP)
    else:
        x = _LEFT - y * (y @ _LEFT)
        if np.linalg.norm(x) < 1e-3:
            x = np.cross(y, _FRONT)
    x = x / np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


__all__ = ["RigAnimation", "RigDefinition", "RootMode", "animate_rig", "bone_heads", "build_rig", "pose_rig"]

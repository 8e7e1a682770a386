"""Puts clips of other skeletons onto SMPL's 24 joints by their rotations, twist included."""

from __future__ import annotations

import numpy as np

from engine.lifting.limb_frames import swing_between
from rig.kinematics import joint_positions, landmark_positions, local_rotations
from rig.rotations import quat_wxyz_to_rotmat, rotmat_to_quat_wxyz
from rig.skeleton import JOINT, Skeleton

from .motion_clips import MotionClip
from .source_skeletons import SourceSkeleton, Turn, family_of

_LIMB_TIPS = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist", "wrist": "hand"}
"""Our joints whose rest bone must point as the clip's rest bone does, with the other end of it."""

_STANDING_PERCENT = 35


def retarget_rotations(clip: MotionClip, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations (T, 24, 3, 3) and transl (T, 3) m of a clip on our skeleton, feet as the clip has them.

    Every joint takes its source's global rotation after the smallest rotation that lays our rest bone on the source's
    rest bone, so limbs point exactly as the clip's and twist with them. The middle of the hips follows the source's,
    scaled by the length of the legs. Raises InputError for a skeleton of no known family.
    """
    family = family_of(clip.skeleton, clip.names)
    index = {name: i for i, name in enumerate(clip.names)}
    turned, places = clip.pose()
    rest = _rest_places(clip)

    def source(turn: Turn) -> np.ndarray:
        first = turned[:, index[turn[0]]]
        return first if len(turn) == 1 else _halfway(first, turned[:, index[turn[1]]])

    globals_ = np.empty((len(turned), len(skeleton.joint_names), 3, 3))
    trunk = {"pelvis": (family.pelvis,), "spine1": family.spine1, "spine2": family.spine2, "spine3": family.spine3,
             "neck": family.neck, "head": (family.head,)}  # fmt: skip
    for name, turn in trunk.items():
        globals_[:, JOINT[name]] = source(turn)
    for side in ("left", "right"):
        for part in ("collar", "ankle"):
            globals_[:, JOINT[f"{side}_{part}"]] = source((family.limb(part, side),))
        globals_[:, JOINT[f"{side}_foot"]] = globals_[:, JOINT[f"{side}_ankle"]]
        for part, tip in _LIMB_TIPS.items():
            joint = JOINT[f"{side}_{part}"]
            end = family.hand_end(side, clip.names) if tip == "hand" else family.limb(tip, side)
            start = family.limb(part, side)
            if end is None:  # no bone of the hand: straight on from the forearm's rest
                start, end = family.limb("elbow", side), start
            ours = skeleton.rest_joints[JOINT[f"{side}_{tip}"]] - skeleton.rest_joints[joint]
            theirs = rest[index[end]] - rest[index[start]]
            globals_[:, joint] = source((family.limb(part, side),)) @ swing_between(ours, theirs)
        globals_[:, JOINT[f"{side}_hand"]] = globals_[:, JOINT[f"{side}_wrist"]]
    return globals_, _follow_hips(places, index, family, rest, globals_, skeleton)


def foot_slopes(globals_: np.ndarray, transl: np.ndarray, skeleton: Skeleton) -> tuple[float, float]:
    """How far the left and the right foot slope down towards the heel while they stand, radians.

    A source skeleton keeps heel and toe of its shoes at heights of its own; this is the constant that is left.
    """
    joints = joint_positions(skeleton, globals_, transl)
    points = landmark_positions(skeleton, globals_, joints)
    slopes = []
    for side in ("left", "right"):
        heel, toe = (skeleton.landmark_names.index(f"{side}_{part}") for part in ("heel", "big_toe"))
        rest = skeleton.rest_landmarks[toe] - skeleton.rest_landmarks[heel]
        sole = points[:, toe] - points[:, heel]
        moved = np.linalg.norm(np.gradient(points[:, heel] + points[:, toe], axis=0), axis=1)
        standing = moved <= np.percentile(moved, _STANDING_PERCENT)
        level = np.arcsin(rest[1] / np.linalg.norm(rest))
        slopes.append(float(np.median(np.arcsin(sole[standing, 1] / np.linalg.norm(rest)) - level)))
    return slopes[0], slopes[1]


def tilt_feet(globals_: np.ndarray, slopes: tuple[float, float]) -> np.ndarray:
    """(T, 24, 3, 3) global rotations with the toes of each foot lowered by a constant angle, radians."""
    result = globals_.copy()
    for side, angle in zip(("left", "right"), slopes, strict=True):
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        for part in ("ankle", "foot"):
            result[:, JOINT[f"{side}_{part}"]] = globals_[:, JOINT[f"{side}_{part}"]] @ turn
    return result


def retarget_clip(clip: MotionClip, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Global (T, 24, 3, 3) and local rotations (T, 24, 3, 3) and transl (T, 3) m, feet flat while the clip stands."""
    globals_, transl = retarget_rotations(clip, skeleton)
    globals_ = tilt_feet(globals_, foot_slopes(globals_, transl, skeleton))
    return globals_, local_rotations(skeleton.parents, globals_), transl


def _halfway(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(T, 3, 3) rotations in the middle between two that are less than half a turn apart."""
    quats = rotmat_to_quat_wxyz(np.swapaxes(first, -1, -2) @ second)
    quats[..., 0] += 1.0  # the bisector of a quaternion and the identity
    return first @ quat_wxyz_to_rotmat(quats)


def _rest_places(clip: MotionClip) -> np.ndarray:
    """(J, 3) places of the joints in the clip's zero pose, m."""
    rest = np.zeros_like(clip.offsets)
    for joint, parent in enumerate(clip.parents):
        if parent >= 0:
            rest[joint] = rest[parent] + clip.offsets[joint]
    return rest


def _follow_hips(
    places: np.ndarray,
    index: dict[str, int],
    family: SourceSkeleton,
    rest: np.ndarray,
    globals_: np.ndarray,
    skeleton: Skeleton,
) -> np.ndarray:
    """(T, 3) transl, m, that brings the middle of our hips to the clip's, scaled by the length of the left leg."""
    hip, knee, ankle = (rest[index[family.limb(part, "left")]] for part in ("hip", "knee", "ankle"))
    their_leg = np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee)
    our_leg = skeleton.bone_lengths[JOINT["left_knee"]] + skeleton.bone_lengths[JOINT["left_ankle"]]
    hips = [places[:, index[family.limb("hip", side)]] for side in ("left", "right")]
    goal = 0.5 * (hips[0] + hips[1]) * (our_leg / their_leg)
    joints = joint_positions(skeleton, globals_, np.zeros((len(goal), 3)))
    return goal - 0.5 * (joints[:, JOINT["left_hip"]] + joints[:, JOINT["right_hip"]])

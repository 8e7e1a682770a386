"""Lifts BlazePose landmarks to SMPL joints and twists by geometry alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rig.frames import rotate
from rig.kinematics import local_rotations
from rig.local_regression import smooth_series
from rig.rotations import rotmat_to_rotvec, rotvec_to_rotmat, swing_twist
from rig.skeleton import JOINT, SMPL_JOINT_NAMES, Skeleton

from ..camera import Camera
from ..ik.plan import TIPS_24
from ..poses import BLAZEPOSE, LandmarkSequence, PoseSequence
from .landmark_anatomy import FACE, FACE_SHAPE, rest_landmarks
from .landmark_scores import joint_scores, landmark_scores, twist_scores
from .limb_frames import (
    ELBOW_HINGE,
    KNEE_HINGE,
    across,
    frame_rotation,
    likely_hinge,
    swing_between,
    unit,
)
from .placement import TORSO, PlacementConfig, place_landmarks, turn_to_bearing

_DIRECT = {
    f"{side}_{part}": f"{side}_{part}"
    for side in ("left", "right")
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
}
"""Joints that a landmark of the same name marks."""

UNSEEN_IN_PICTURE = ("spine1", "spine2", "spine3", "left_collar", "right_collar")
"""Joints that nothing in the picture shows the place of."""
_Put = Callable[[str, np.ndarray], None]
_LEAVES = ("head", "left_hand", "right_hand", "left_foot", "right_foot")


@dataclass(frozen=True)
class LiftingConfig:
    """How bend planes that say little are completed.

    hip_tilt, shoulder_tilt  part of the seen tilt of the lines against the torso that is believed
    hip_follow               weight of the shoulders' heading in the hips', whose line is short
    elbow_prior, knee_prior  weight of the likely hinge against the sine of the bend
    knee_foot                weight of the foot's direction in the same sum
    shin_foot                weight of the foot's direction in the shin's twist against the knee's
    hand_prior               weight of an untwisted forearm against the width of the palm, m
    hand_straight            weight of the forearm's direction in the hand's, m
    face_bandwidth_s         of the smoothing in time of the face that the head is turned by, s
    head_limit_deg           farthest that the head turns against the chest: seen from behind, faces are guessed
    min_score                landmarks below it are missing; above it even hidden ones are guessed well enough to use
    """

    hip_tilt: float = 0.5
    hip_follow: float = 0.4
    shoulder_tilt: float = 0.7
    elbow_prior: float = 0.5
    knee_prior: float = 0.2
    knee_foot: float = 0.2
    shin_foot: float = 0.3
    hand_prior: float = 0.025
    hand_straight: float = 0.05
    face_bandwidth_s: float = 0.06
    head_limit_deg: float = 70.0
    min_score: float = 0.02
    placement: PlacementConfig = field(default_factory=PlacementConfig)


class GeometricLifter:
    """Landmarks to joints and twists for one body; see `lift`."""

    def __init__(self, skeleton: Skeleton, config: LiftingConfig | None = None) -> None:
        self.skeleton = skeleton
        self.config = config or LiftingConfig()
        self._rest = rest_landmarks(skeleton)

    def lift(self, landmarks: LandmarkSequence, camera: Camera) -> PoseSequence:
        """One person's joints (camera axes, relative to the pelvis, m), twists, keypoints and scores.

        The landmarks are placed in space (`place_landmarks`); hip and shoulder lines give pelvis and chest, the planes
        of elbow, knee, palm and foot the rotations of the limbs, the face that of the head. Joints lie at the body's
        own offsets from the landmarks. Landmarks with a score below `min_score`, and frames in which the person was
        not seen, are missing: NaN with score 0.
        """
        points = place_landmarks(landmarks, camera, self._rest, self.config.placement)
        seen = np.isfinite(points).all(axis=(1, 2))
        scores = landmark_scores(landmarks, camera)
        filled = np.where(seen[:, None, None], points, self._rest * [1, -1, -1] + [0, 0, 5.0])
        rotmats = self.rotations(filled, self._face_points(landmarks, camera, seen))
        joints = self._joints(filled, rotmats)
        keypoints = self._keypoints(joints, filled, landmarks, camera)
        confidence = joint_scores(scores)
        confidence[(confidence < self.config.min_score) | ~seen[:, None]] = 0.0
        present = confidence > 0
        twist_present = (twist_scores(scores) >= self.config.min_score) & seen[:, None]
        twist = np.where(twist_present[..., None], self._twist(rotmats), np.nan)
        is_leaf = np.isin(SMPL_JOINT_NAMES, _LEAVES)
        rotmats[~(present & is_leaf)] = np.nan
        relative = joints - joints[:, :1]
        return PoseSequence(
            person_id=landmarks.person_id,
            times_s=landmarks.times_s,
            joints=np.where(present[..., None], relative, np.nan),
            twist=twist,
            keypoints_2d=np.where(present[..., None], keypoints, np.nan),
            scores=confidence,
            leaf_rotmats=rotmats,
        )

    def _face_points(self, landmarks: LandmarkSequence, camera: Camera, seen: np.ndarray) -> np.ndarray:
        """(T, 11, 3) the detector's own face, camera axes; its shape is truer than bearings of single points."""
        face = np.where(seen[:, None, None], landmarks.landmarks_3d[:, FACE], FACE_SHAPE * [1, -1, -1])
        bearing = camera.rays(landmarks.landmarks_2d[:, list(TORSO)]).mean(axis=1)
        face = turn_to_bearing(face, np.where(seen[:, None], bearing, 0.0))
        face[seen] = smooth_series(landmarks.times_s[seen], face[seen], self.config.face_bandwidth_s, order=2)
        return face

    def rotations(self, points: np.ndarray, face: np.ndarray) -> np.ndarray:
        """(T, 24, 3, 3) global rotations, camera axes, from placed landmarks (T, 33, 3) and the face (T, 11, 3)."""
        rotmats = np.empty((len(points), len(SMPL_JOINT_NAMES), 3, 3))

        def put(name: str, value: np.ndarray) -> None:
            rotmats[:, JOINT[name]] = value

        pelvis, chest = self._torso(points)
        put("pelvis", pelvis)
        bend = rotmat_to_rotvec(np.swapaxes(pelvis, 1, 2) @ chest)
        for part, name in enumerate(("spine1", "spine2"), start=1):
            put(name, pelvis @ rotvec_to_rotmat(bend * (part / 3.0)))
        put("spine3", chest)
        head = _within(chest, _best_rotation(FACE_SHAPE, face), np.radians(self.config.head_limit_deg))
        put("head", head)
        for side in ("left", "right"):
            self._arm(side, points, chest, put)
            self._leg(side, points, pelvis, put)
        torso = self._torso_joints(points, rotmats)
        for side in ("left", "right"):
            shoulder = self._shoulder(side, points, chest)
            seen = shoulder - torso[:, JOINT[f"{side}_collar"]]
            along = rotate(chest, self._offset(f"{side}_shoulder"))
            put(f"{side}_collar", swing_between(along, seen) @ chest)
        turn = rotmat_to_rotvec(np.swapaxes(chest, 1, 2) @ head)
        half = chest @ rotvec_to_rotmat(0.5 * turn)
        up = self._head(points, head) - torso[:, JOINT["neck"]]
        put("neck", swing_between(rotate(half, self._offset("head")), up) @ half)
        return rotmats

    def _torso(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        up = _middle(points, "shoulder") - _middle(points, "hip")
        rest_up = _middle(self._rest, "shoulder") - _middle(self._rest, "hip")
        hips, shoulders = unit(_line(points, "hip")), unit(_line(points, "shoulder"))
        axis = unit(up)
        level_hips, level_shoulders = unit(across(hips, axis)), unit(across(shoulders, axis))
        config = self.config
        hips = level_hips + config.hip_tilt * (hips - across(hips, axis)) + config.hip_follow * level_shoulders
        shoulders = level_shoulders + config.shoulder_tilt * (shoulders - across(shoulders, axis))
        return (
            frame_rotation(hips, up, _line(self._rest, "hip"), rest_up),
            frame_rotation(shoulders, up, _line(self._rest, "shoulder"), rest_up),
        )

    def _arm(self, side: str, points: np.ndarray, chest: np.ndarray, put: _Put) -> None:
        at, rest = _of_side(points, side), _of_side(self._rest, side)
        config = self.config
        sign = 1.0 if side == "left" else -1.0
        upper, lower = at("elbow") - at("shoulder"), at("wrist") - at("elbow")
        hinge = np.cross(unit(upper), unit(lower))
        hinge = hinge + config.elbow_prior * likely_hinge(ELBOW_HINGE, upper, chest, side == "left")
        rest_hinge = np.array([0.0, -sign, 0.0])
        shoulder = frame_rotation(upper, hinge, rest("elbow") - rest("shoulder"), rest_hinge)
        put(f"{side}_shoulder", shoulder)

        rest_lower = rest("wrist") - rest("elbow")
        plain = swing_between(rotate(shoulder, rest_lower), lower) @ shoulder
        front = np.array([0.0, 0.0, 1.0])
        palm = across(at("index") - at("pinky"), unit(lower)) + config.hand_prior * rotate(plain, front)
        forearm = frame_rotation(lower, palm, rest_lower, front)
        put(f"{side}_elbow", forearm)

        knuckles = 0.5 * (at("index") + at("pinky")) - at("wrist")
        rest_knuckles = 0.5 * (rest("index") + rest("pinky")) - rest("wrist")
        along = knuckles + config.hand_straight * unit(rotate(forearm, rest_knuckles))
        palm = at("index") - at("pinky") + config.hand_prior * rotate(forearm, front)
        wrist = frame_rotation(along, palm, rest_knuckles, rest("index") - rest("pinky"))
        put(f"{side}_wrist", wrist)
        put(f"{side}_hand", wrist)

    def _leg(self, side: str, points: np.ndarray, pelvis: np.ndarray, put: _Put) -> None:
        at, rest = _of_side(points, side), _of_side(self._rest, side)
        config = self.config
        upper, lower = at("knee") - at("hip"), at("ankle") - at("knee")
        foot = at("foot_index") - at("heel")
        toes_hinge = unit(np.cross(unit(foot), unit(lower)))
        hinge = np.cross(unit(upper), unit(lower))
        hinge = hinge + config.knee_prior * likely_hinge(KNEE_HINGE, upper, pelvis, side == "left")
        hinge = hinge + config.knee_foot * toes_hinge
        rest_hinge = np.array([1.0, 0.0, 0.0])
        put(f"{side}_hip", frame_rotation(upper, hinge, rest("knee") - rest("hip"), rest_hinge))
        shin_hinge = unit(across(hinge, unit(lower))) + config.shin_foot * toes_hinge
        put(f"{side}_knee", frame_rotation(lower, shin_hinge, rest("ankle") - rest("knee"), rest_hinge))
        ankle = frame_rotation(foot, shin_hinge, rest("foot_index") - rest("heel"), rest_hinge)
        put(f"{side}_ankle", ankle)
        put(f"{side}_foot", ankle)

    def _joints(self, points: np.ndarray, rotmats: np.ndarray) -> np.ndarray:
        """(T, 24, 3) joints, camera frame, m."""
        joints = self._torso_joints(points, rotmats)
        chest, pelvis = rotmats[:, JOINT["spine3"]], rotmats[:, JOINT["pelvis"]]
        owners = {"hip": "pelvis", "knee": "hip", "ankle": "knee", "elbow": "elbow", "wrist": "wrist"}
        for side in ("left", "right"):
            joints[:, JOINT[f"{side}_shoulder"]] = self._shoulder(side, points, chest)
            for part, owner in owners.items():
                name = f"{side}_{part}"
                rotmat = pelvis if owner == "pelvis" else rotmats[:, JOINT[f"{side}_{owner}"]]
                joints[:, JOINT[name]] = self._under(name, points, rotmat)
            for leaf, parent in (("hand", "wrist"), ("foot", "ankle")):
                step = rotate(rotmats[:, JOINT[f"{side}_{parent}"]], self._offset(f"{side}_{leaf}"))
                joints[:, JOINT[f"{side}_{leaf}"]] = joints[:, JOINT[f"{side}_{parent}"]] + step
        joints[:, JOINT["head"]] = self._head(points, rotmats[:, JOINT["head"]])
        return joints

    def _torso_joints(self, points: np.ndarray, rotmats: np.ndarray) -> np.ndarray:
        """(T, 24, 3) with pelvis, spine, neck and collars set: the body's own torso, placed by the hips."""
        joints = np.full((len(points), len(SMPL_JOINT_NAMES), 3), np.nan)
        rest_pelvis = self.skeleton.rest_joints[JOINT["pelvis"]]
        pelvis = rotmats[:, JOINT["pelvis"]]
        joints[:, 0] = _middle(points, "hip") - rotate(pelvis, _middle(self._rest, "hip") - rest_pelvis)
        for name in ("spine1", "spine2", "spine3", "neck", "left_collar", "right_collar"):
            joint = JOINT[name]
            parent = self.skeleton.parents[joint]
            joints[:, joint] = joints[:, parent] + rotate(rotmats[:, parent], self._offset(name))
        return joints

    def _shoulder(self, side: str, points: np.ndarray, chest: np.ndarray) -> np.ndarray:
        return self._under(f"{side}_shoulder", points, chest)

    def _head(self, points: np.ndarray, head: np.ndarray) -> np.ndarray:
        ears = _middle(self._rest, "ear") - self.skeleton.rest_joints[JOINT["head"]]
        return _middle(points, "ear") - rotate(head, ears)

    def _under(self, name: str, points: np.ndarray, rotmat: np.ndarray) -> np.ndarray:
        """(T, 3) the joint under the landmark of the same name, m."""
        offset = self._rest[BLAZEPOSE[name]] - self.skeleton.rest_joints[JOINT[name]]
        return points[:, BLAZEPOSE[name]] - rotate(rotmat, offset)

    def _offset(self, name: str) -> np.ndarray:
        return self.skeleton.offsets[JOINT[name]]

    def _keypoints(
        self, joints: np.ndarray, points: np.ndarray, landmarks: LandmarkSequence, camera: Camera
    ) -> np.ndarray:
        """(T, 24, 2) px: the seen landmark moved by the joint's own offset from it, else the projected joint."""
        keypoints = _project(camera, joints)
        for joint, landmark in _DIRECT.items():
            at = BLAZEPOSE[landmark]
            keypoints[:, JOINT[joint]] += landmarks.landmarks_2d[:, at] - _project(camera, points[:, at])
        keypoints[:, [JOINT[name] for name in UNSEEN_IN_PICTURE]] = np.nan
        return keypoints

    def _twist(self, rotmats: np.ndarray) -> np.ndarray:
        """(T, 23, 2) cosine and sine of each joint's twist about the rest bone to its tip; NaN for leaves."""
        local = local_rotations(self.skeleton.parents, rotmats)
        twist = np.full((len(rotmats), len(SMPL_JOINT_NAMES) - 1, 2), np.nan)
        for joint in range(1, len(SMPL_JOINT_NAMES)):
            tip = TIPS_24[joint]
            if tip < 0:
                continue
            _, angle = swing_twist(local[:, joint], unit(self.skeleton.offsets[tip]))
            twist[:, joint - 1] = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        return twist


def _of_side(points: np.ndarray, side: str) -> Callable[[str], np.ndarray]:
    return lambda part: points[..., BLAZEPOSE[f"{side}_{part}"], :]


def _line(points: np.ndarray, part: str) -> np.ndarray:
    return points[..., BLAZEPOSE[f"left_{part}"], :] - points[..., BLAZEPOSE[f"right_{part}"], :]


def _middle(points: np.ndarray, part: str) -> np.ndarray:
    return 0.5 * (points[..., BLAZEPOSE[f"left_{part}"], :] + points[..., BLAZEPOSE[f"right_{part}"], :])


def _project(camera: Camera, points: np.ndarray) -> np.ndarray:
    """(..., 3) points in the camera frame, m, to (..., 2) px."""
    return (points / np.maximum(points[..., 2:], 1e-6) @ camera.intrinsics.T)[..., :2]


def _within(parent: np.ndarray, rotmats: np.ndarray, limit: float) -> np.ndarray:
    """(T, 3, 3) global rotations brought within an angle, radians, of their parent's, along the shortest way."""
    turn = rotmat_to_rotvec(np.swapaxes(parent, 1, 2) @ rotmats)
    angle = np.linalg.norm(turn, axis=1, keepdims=True)
    return parent @ rotvec_to_rotmat(turn * np.minimum(1.0, limit / np.maximum(angle, 1e-9)))


def _best_rotation(rest: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(T, 3, 3) rotations that carry centred points (N, 3) closest to points (T, N, 3) (Kabsch 1976)."""
    centred = seen - seen.mean(axis=1, keepdims=True)
    u, _, vt = np.linalg.svd(np.einsum("tni,nj->tij", centred, rest))
    u[:, :, 2] *= np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)[:, None]
    return u @ vt

"""A walk made of formulas, and what a simulated detector sees of it through a still camera."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.lifting.landmark_anatomy import LANDMARK_OWNERS, rest_landmarks
from engine.poses import LandmarkSequence
from engine.training.landmarks.detector_errors import DetectorErrors
from engine.training.landmarks.self_occlusion import hidden_landmarks
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform, rotate, transform
from rig.kinematics import global_rotations, joint_positions, local_rotations
from rig.limb_ik import reach
from rig.motion import Motion
from rig.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from rig.skeleton import CONTACT_NAMES, JOINT

_X, _Y, _Z = np.eye(3)
_FLAT, _RISE, _OFF = 0.12, 0.38, 0.62  # of a step: the sole is down, the heel rises, the toe leaves
_STRIKE, _PUSH = np.radians(16.0), np.radians(48.0)


def _about(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return rotvec_to_rotmat(np.asarray(angle)[..., None] * axis)


@dataclass(frozen=True)
class _Foot:
    """Rest place of an ankle over the floor, and the ways from it to heel and toe, m; paths lie along z."""

    ankle: np.ndarray
    heel: np.ndarray
    toe: np.ndarray

    def turn(self, phase: np.ndarray) -> np.ndarray:
        """Toes up (positive) about the heel, then heel up (negative) about the toe, rad."""
        up = _STRIKE * np.clip(1.0 - phase / _FLAT, 0.0, 1.0)
        return np.where(phase < _FLAT, up, -_PUSH * np.clip((phase - _RISE) / (_OFF - _RISE), 0.0, 1.0) ** 1.6)

    def standing(self, phase: np.ndarray) -> np.ndarray:
        """(T, 3) ankle of a foot that stands and rolls from heel to toe."""
        turn = self.turn(phase)
        pivot = np.where((turn > 0)[:, None], self.heel, self.toe)
        return self.ankle + pivot - rotate(_about(_X, -turn), pivot)


def _quintic(u: np.ndarray, ends: tuple[np.ndarray, np.ndarray], slopes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(T, C) from ends[0] at u = 0 to ends[1] at 1 with these slopes and no acceleration at either."""
    u = u[:, None]
    rise = 10 * u**3 - 15 * u**4 + 6 * u**5
    start, stop = u - 6 * u**3 + 8 * u**4 - 3 * u**5, -4 * u**3 + 7 * u**4 - 3 * u**5
    return ends[0] * (1 - rise) + ends[1] * rise + slopes[0] * start + slopes[1] * stop


def walk(seconds: float, speed_m_s: float, heading_deg: float, period_s: float = 1.08) -> Motion:
    """Somebody who walks straight on through the origin halfway, arms swinging; contacts are the true ones."""
    skeleton = load_open_body().skeleton(np.zeros(10))
    rest, fps = skeleton.rest_joints, 30
    count = round(seconds * fps)
    times = np.arange(count) / fps
    wave, stride = 2.0 * np.pi / period_s * times, speed_m_s * period_s
    rotmats = np.tile(np.eye(3), (count, 24, 1, 1))
    height = rest[0, 1] - 0.045 + 0.018 * np.cos(2.0 * (wave - 0.6 * np.pi))
    pelvis = np.stack([0.015 * np.sin(wave), height, speed_m_s * times], axis=-1)
    yaw = -np.radians(6.0) * np.cos(wave)
    rotmats[:, 0] = _about(_Y, yaw)
    for name in ("spine1", "spine2", "spine3"):
        rotmats[:, JOINT[name]] = _about(_Y, -0.6 * yaw)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        swing = _about(_X, sign * np.radians(22.0) * np.cos(wave))
        rotmats[:, JOINT[f"{side}_shoulder"]] = swing @ _about(_Z, np.array(-sign * np.radians(76.0)))
        rotmats[:, JOINT[f"{side}_elbow"]] = _about(_Y, np.array(-sign * np.radians(22.0)))
    rotmats = global_rotations(skeleton.parents, rotmats)
    joints = joint_positions(skeleton, rotmats, pelvis - rest[0])
    points = {name: skeleton.rest_landmarks[skeleton.landmark_names.index(name)] for name in CONTACT_NAMES}
    floor = min(point[1] for point in points.values())
    contacts = np.zeros((count, 4))
    for number, side in enumerate(("left", "right")):
        hip, knee, ankle, toe = (JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle", "foot"))
        place = rest[ankle] * [1.0, 1.0, 0.0] - [0.0, floor, 0.0]
        foot = _Foot(place, points[f"{side}_heel"] - rest[ankle], points[f"{side}_big_toe"] - rest[ankle])
        cycle = times / period_s + 0.5 * number
        phase = cycle % 1.0
        ahead = (np.floor(cycle) - 0.5 * number + 0.30) * stride
        edge = np.array([_OFF - 1e-3, _OFF, 0.0, 1e-3])
        path = np.concatenate([foot.standing(edge), foot.turn(edge)[:, None]], axis=1)
        slopes = (1.0 - _OFF) / 1e-3 * (path[1] - path[0]), (1.0 - _OFF) / 1e-3 * (path[3] - path[2])
        swung = _quintic(np.clip((phase - _OFF) / (1.0 - _OFF), 0, 1), (path[1], path[2] + [0, 0, stride, 0]), slopes)
        stands = phase < _OFF
        target = np.where(stands[:, None], foot.standing(phase), swung[:, :3])
        target[:, 2] += ahead
        turn = np.where(stands, foot.turn(phase), swung[:, 3])
        legs = reach(joints[:, hip], joints[:, knee], joints[:, ankle], target, np.tile(-_X, (count, 1)))
        rotmats[:, hip], rotmats[:, knee] = legs.upper @ rotmats[:, hip], legs.lower @ rotmats[:, knee]
        rotmats[:, ankle] = rotmats[:, toe] = _about(_X, -turn)
        contacts[:, 2 * number] = phase < _RISE
        contacts[:, 2 * number + 1] = (phase >= _FLAT) & stands
    heading = _about(_Y, np.radians(np.array(heading_deg)))
    local = local_rotations(skeleton.parents, heading @ rotmats)
    pelvis = (pelvis - [0.0, 0.0, 0.5 * seconds * speed_m_s]) @ heading.T
    return Motion(
        fps=Fraction(fps),
        times_s=times,
        skeleton=skeleton,
        betas=np.zeros(10),
        global_orient=rotmat_to_rotvec(local[:, 0]),
        body_pose=rotmat_to_rotvec(local[:, 1:]),
        transl=pelvis - rest[0],
        contacts=contacts,
        confidence=np.ones((count, 24)),
    )


def still_camera(pitch_deg: float = 6.0, distance_m: float = 6.5) -> Camera:
    """A camera that looks down at the origin's waist."""
    turn = rotvec_to_rotmat(np.array([np.radians(pitch_deg), 0.0, 0.0])) @ WORLD_TO_CAMERA_UPRIGHT
    place = np.array([0.0, 0.0, distance_m]) - turn @ np.array([0.0, 0.9, 0.0])
    return Camera.from_fov((1280, 720), 62.0).moved(rigid_transform(turn, place))


def seen_walk(motion: Motion, camera: Camera, seed: int) -> LandmarkSequence:
    """What the detector, with its learned errors, sees; nothing stands in the way."""
    skeleton, rest, owners = motion.skeleton, rest_landmarks(motion.skeleton), list(LANDMARK_OWNERS)
    joints = motion.joints()
    landmarks = joints[:, owners] + rotate(motion.global_rotmats()[:, owners], rest - skeleton.rest_joints[owners])
    pixels = camera.project(landmarks)
    size = np.array(camera.image_size, np.float32)
    in_camera = [transform(camera.world_to_camera, points).astype(np.float32) for points in (landmarks, joints)]
    columns = [np.ascontiguousarray(points.transpose(2, 1, 0)[:, :, None]) for points in in_camera]
    batch = {
        "times_s": motion.times_s,
        "image_size": size,
        "intrinsics": camera.intrinsics,
        "landmarks_2d_px": pixels.astype(np.float32),
        "landmarks_camera": in_camera[0],
        "inside": ((pixels >= 0) & (pixels <= size)).all(-1).astype(np.float32),
        "hidden": hidden_landmarks(*columns, np.ones(1, np.float32))[:, 0].T.astype(np.float32),
    }
    batch = {name: value[None] for name, value in batch.items()}
    covered = np.zeros((1, len(motion), 33), bool)
    sighting = DetectorErrors.load().observe_with_world(batch, np.random.default_rng(seed), covered)
    points, scores, world = (part[0].astype(np.float64) for part in sighting)
    points[~(scores > 0).any(-1)] = np.nan
    return LandmarkSequence(
        person_id=1,
        frame_indices=np.arange(len(motion)),
        times_s=motion.times_s,
        landmarks_2d=points,
        landmarks_3d=world,
        scores=scores,
        boxes_xyxy=np.concatenate([points.min(1), points.max(1)], axis=-1),
    )

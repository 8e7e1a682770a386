"""Networks that know what to say: the sample's truth, or something made from the crop's place in a list."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from captures import Capture
from sample_pieces import sample_video

from engine.detection.detect_video import landmark_sequences
from engine.detection.store import DetectionStore
from engine.estimate import chosen_people
from engine.ik.plan import TIPS_24
from engine.image_poses.evidence import NetworkEvidence, NetworkFacts, PersonEvidence
from engine.models.crops import crop_frame
from engine.poses import LandmarkSequence
from engine.settings import Settings
from rig.kinematics import global_rotations
from rig.rotations import rotvec_to_quat_wxyz, rotvec_to_rotmat, swing_twist
from rig.skeleton import SMPL_PARENTS

TRUTH = sample_video().with_name(sample_video().stem + "_truth.npz")
_SURFACE_PARENTS = (15, 22, 23, 10, 11)
_SURFACE_OFFSETS = np.array([[0, 0.2, 0], [0.1, 0, 0], [-0.1, 0, 0], [0, -0.02, 0.1], [0, -0.02, 0.1]])


@cache
def truth_arrays() -> dict[str, np.ndarray]:
    """What truth.npz holds of the sample."""
    with np.load(TRUTH, allow_pickle=False) as truth:
        return dict(truth)


def posed(truth: dict[str, np.ndarray], row: int) -> tuple[np.ndarray, np.ndarray]:
    """(24, 3) joints and (24, 3, 3) global rotations of the truth in one frame, world, m."""
    local = rotvec_to_rotmat(np.concatenate([truth["global_orient"][row][None], truth["body_pose"][row]]))
    turned, rest = global_rotations(SMPL_PARENTS, local), truth["rest_joints"]
    joints = np.zeros((24, 3))
    joints[0] = rest[0] + truth["transl"][row]
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            joints[joint] = joints[parent] + turned[parent] @ (rest[joint] - rest[parent])
    return joints, turned


class TruthNetwork:
    """Says of each crop of the sample, shown in order, exactly what is true, as a network of 24 joints would."""

    facts = NetworkFacts(24, 2.0, "the truth", "truth only")

    def __init__(self, boxes_xyxy: np.ndarray) -> None:
        self._boxes = boxes_xyxy
        self._rows = list(np.flatnonzero(np.isfinite(boxes_xyxy).all(axis=1)))

    def predict(self, crops: np.ndarray) -> NetworkEvidence:
        rows, self._rows = self._rows[: len(crops)], self._rows[len(crops) :]
        truth = truth_arrays()
        leaves = rotvec_to_quat_wxyz(truth["body_pose"][rows])[:, [9, 10, 14, 21, 22]]
        leaves[:, 4] = [0.1, 0.7, 0.2, 0.4]  # nobody ever trained it
        return NetworkEvidence(
            uvd=np.stack([self._uvd(row) for row in rows]),
            twist=1.7 * np.stack([_twist(row) for row in rows]),
            betas=np.tile(truth["betas"], (len(rows), 1)),
            rest_joints=np.tile(truth["rest_joints"], (len(rows), 1, 1)),
            maxvals=np.ones((len(rows), 24)),
            leaf_quats_wxyz=1.3 * leaves,
        )

    def _uvd(self, row: int) -> np.ndarray:
        truth, frame = truth_arrays(), crop_frame(self._boxes[row])
        joints = truth["joints_camera_m"][row, :24]
        pixels = ((joints / joints[:, 2:]) @ truth["intrinsics"].T)[:, :2]
        uv = (pixels - frame.square_box_xyxy[:2]) / frame.side - 0.5
        return np.concatenate([uv, (joints[:, 2:] - joints[0, 2]) / self.facts.depth_factor_m], axis=1)


def _twist(row: int) -> np.ndarray:
    truth = truth_arrays()
    rest, local = truth["rest_joints"], rotvec_to_rotmat(truth["body_pose"][row])
    twist = np.tile([1.0, 0.0], (23, 1))
    for joint in range(1, 24):
        if TIPS_24[joint] >= 0:
            bone = rest[TIPS_24[joint]] - rest[joint]
            _, angle = swing_twist(local[joint - 1], bone / np.linalg.norm(bone))
            twist[joint - 1] = np.cos(angle), np.sin(angle)
    return twist


def true_camera_evidence(boxes_xyxy: np.ndarray) -> PersonEvidence:
    """What a network of 29 points would say of the sample's frames if it were always right."""
    truth, facts = truth_arrays(), NetworkFacts(29, 2.2)
    rows = np.flatnonzero(np.isfinite(boxes_xyxy).all(axis=1))
    frames = [crop_frame(boxes_xyxy[row]) for row in rows]
    owners = list(_SURFACE_PARENTS)
    points = []
    for row in rows:
        joints, turned = posed(truth, row)
        ends = joints[owners] + np.einsum("jab,jb->ja", turned[owners], _SURFACE_OFFSETS)
        camera = truth["world_to_camera"][row]
        points.append(np.concatenate([joints, ends]) @ camera[:3, :3].T + camera[:3, 3])
    seen = np.stack(points)
    pixels = ((seen / seen[..., 2:]) @ truth["intrinsics"].T)[..., :2]
    squares = np.stack([frame.square_box_xyxy for frame in frames])
    sides = (squares[:, 2] - squares[:, 0])[:, None, None]
    depths = (seen[..., 2:] - seen[:, :1, 2:]) / facts.depth_factor_m
    # The scale that stands for the same picture under the network's lens.
    scale = truth["intrinsics"][0, 0] / (sides[:, 0] * seen[:, 0, 2:])
    count = len(rows)
    said = NetworkEvidence(
        uvd=np.concatenate([(pixels - squares[:, None, :2]) / sides - 0.5, depths], axis=-1),
        twist=np.stack([_twist(row) for row in rows]),
        betas=np.tile(truth["betas"], (count, 1)),
        rest_joints=np.tile(_with_surface(truth["rest_joints"]), (count, 1, 1)),
        maxvals=np.full((count, 29), 0.01),
        camera=scale,
        sigma=np.full((count, 29), 0.01),
    )
    return PersonEvidence(rows, squares, said, facts)


def _with_surface(rest: np.ndarray) -> np.ndarray:
    """(24, 3) rest joints with the five surface points behind them, m."""
    return np.concatenate([rest, rest[list(_SURFACE_PARENTS)] + _SURFACE_OFFSETS])


class ScriptedNetwork:
    """Says of each crop something that depends on nothing but the crop, and counts; may be interrupted on the way."""

    def __init__(self, facts: NetworkFacts, interrupted_at: int = -1) -> None:
        self.facts, self._interrupted_at = facts, interrupted_at
        self.batches: list[int] = []

    @property
    def crops(self) -> int:
        return sum(self.batches)

    def predict(self, crops: np.ndarray) -> NetworkEvidence:
        if len(self.batches) == self._interrupted_at:
            raise KeyboardInterrupt
        assert crops.shape[1:] == (3, 256, 256)
        assert crops.dtype == np.float32
        self.batches.append(len(crops))
        shade = crops.mean(axis=(1, 2, 3)).astype(np.float64)
        said = random_evidence(1, self.facts.point_count).take(np.zeros(len(crops), np.int64))
        said.uvd[..., 2] += shade[:, None]
        return said


def random_evidence(count: int, points: int, camera_parameters: int = 1) -> NetworkEvidence:
    """Plausible poses of the sample's body with random twists and everything else that a network may say."""
    rng = np.random.default_rng(points + count)
    truth = truth_arrays()
    rest = truth["rest_joints"]
    rows = rng.integers(0, 146, count)
    joints = np.stack([posed(truth, row)[0] for row in rows])
    if points == 29:
        rest = _with_surface(rest)
        ends = [
            joints[n, list(_SURFACE_PARENTS)]
            + np.einsum("jab,jb->ja", posed(truth, row)[1][list(_SURFACE_PARENTS)], _SURFACE_OFFSETS)
            for n, row in enumerate(rows)
        ]
        joints = np.concatenate([joints, np.stack(ends)], axis=1)
    uvd = (joints - joints[:, :1]) * [0.42, -0.42, -0.5] + 0.01 * rng.standard_normal((count, points, 3))
    camera = np.concatenate([rng.uniform(0.6, 1.1, (count, 1)), 0.1 * rng.standard_normal((count, 2))], axis=1)
    return NetworkEvidence(
        uvd=uvd,
        twist=rng.standard_normal((count, 23, 2)),
        betas=rng.standard_normal((count, 10)),
        rest_joints=np.tile(rest, (count, 1, 1)),
        maxvals=np.ones((count, points)),
        leaf_quats_wxyz=rng.standard_normal((count, 5, 4)) if points == 24 else None,
        camera=camera[:, :camera_parameters] if points == 29 else None,
        sigma=rng.uniform(0.01, 0.12, (count, points)) if points == 29 else None,
    )


def sample_landmarks(capture: Capture) -> LandmarkSequence:
    [landmarks] = landmark_sequences(DetectionStore(capture.job / "detections"), chosen_people(Settings()))
    return landmarks


def without(landmarks: LandmarkSequence, rows: slice) -> LandmarkSequence:
    points, scores = landmarks.landmarks_2d.copy(), landmarks.scores.copy()
    points[rows], scores[rows] = np.nan, 0.0
    return replace(landmarks, landmarks_2d=points, scores=scores)


def walker(person_id: int, missing: slice = slice(0, 0)) -> LandmarkSequence:
    """Somebody of 160 px in the middle of the clip."""
    rng = np.random.default_rng(person_id)
    shape = rng.uniform(-0.8, 0.8, (33, 3))
    points = np.tile(shape, (12, 1, 1)) + 0.01 * np.arange(12)[:, None, None]
    landmarks = LandmarkSequence(
        person_id=person_id,
        frame_indices=np.arange(12),
        times_s=np.arange(12) / 30,
        landmarks_2d=100 * points[..., :2] + [160, 90],
        landmarks_3d=points,
        scores=np.full((12, 33), 0.9),
        boxes_xyxy=np.zeros((12, 4)),
    )
    return without(landmarks, missing)

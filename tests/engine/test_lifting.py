"""Lifting landmarks of poses with known truth: joints, twists, symmetry, missing landmarks, continuity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sample_motions import sample_skeleton

from engine.camera import Camera
from engine.ik.solve import solve_motion
from engine.lifting import GeometricLifter, LiftingConfig
from engine.lifting.landmark_anatomy import FACE, FACE_SHAPE, LANDMARK_OWNERS, rest_landmarks
from engine.lifting.limb_frames import frame, swing_between
from engine.lifting.placement import turn_to_bearing
from engine.poses import BLAZEPOSE, BLAZEPOSE_NAMES, LandmarkSequence, PoseSequence
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rotate
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotation_angle, rotvec_to_rotmat
from rig.skeleton import JOINT, SMPL_JOINT_NAMES, SMPL_PARENTS, mirrored_names

CAMERA = Camera.from_fov((1280, 720))
LIMBS = [
    JOINT[f"{side}_{part}"]
    for side in ("left", "right")
    for part in ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist", "hand")
]
_SWAP = [
    BLAZEPOSE_NAMES.index(
        name.replace("left", "*").replace("right", "left").replace("*", "right") if "_" in name else name
    )
    for name in BLAZEPOSE_NAMES
]


def plausible(frames: int, seed: int) -> np.ndarray:
    """(T, 24, 3, 3) local rotations: free shoulders and hips, hinged elbows and knees, the rest moderate."""
    rng = np.random.default_rng(seed)
    rotvecs = np.zeros((frames, 24, 3))

    def put(name: str, low: tuple[float, float, float], high: tuple[float, float, float]) -> None:
        for side, flip in (("left", [1, 1, 1]), ("right", [1, -1, -1])):
            drawn = np.radians(rng.uniform(low, high, (frames, 3)))
            rotvecs[:, JOINT[f"{side}_{name}"]] = drawn * flip

    put("shoulder", (-30, -60, -75), (30, 10, 20))
    put("elbow", (-40, -110, 0), (40, -35, 0))
    put("wrist", (0, -20, -20), (0, 20, 20))
    put("hip", (-70, -15, -5), (10, 15, 25))
    put("knee", (35, 0, 0), (100, 0, 0))
    put("ankle", (-15, 0, 0), (20, 0, 0))
    turn = np.radians(rng.uniform(-12, 12, frames))
    for name in ("spine1", "spine2", "spine3"):
        rotvecs[:, JOINT[name], 1] = turn
    rotvecs[:, JOINT["head"]] = np.radians(rng.uniform(-20, 20, (frames, 3)))
    rotvecs[:, 0, 1] = rng.uniform(-np.pi, np.pi, frames)
    rotmats = rotvec_to_rotmat(rotvecs)
    # Twist first, then swing: the arm's own axis is x, the flexion's y.
    for side, flip in (("left", 1), ("right", -1)):
        elbow = JOINT[f"{side}_elbow"]
        twist, flexion = rotvecs[:, elbow].copy(), rotvecs[:, elbow].copy()
        twist[:, 1:], flexion[:, 0] = 0, 0
        assert (flexion[:, 1] * flip < 0).all()
        rotmats[:, elbow] = rotvec_to_rotmat(flexion) @ rotvec_to_rotmat(twist)
    return rotmats


def landmarks_of(
    local: np.ndarray,
    place: tuple[float, float, float] = (0.3, 0.1, 4.0),
    turn: np.ndarray | None = None,
    step_s: float = 1.0,
) -> tuple[LandmarkSequence, np.ndarray, np.ndarray]:
    """What a perfect detector would say of these poses, with the true joints (T, 24, 3) and rotations, camera axes.

    Unrelated poses lie a second apart, so that nothing is smoothed over them.
    """
    skeleton = sample_skeleton()
    rotmats = WORLD_TO_CAMERA_UPRIGHT @ global_rotations(skeleton.parents, local)
    if turn is not None:
        rotmats = turn @ rotmats
    joints = joint_positions(skeleton, rotmats, np.zeros((len(local), 3)))
    joints = joints - joints[:, :1] + np.array(place)
    owners = list(LANDMARK_OWNERS)
    points = joints[:, owners] + rotate(rotmats[:, owners], rest_landmarks(skeleton) - skeleton.rest_joints[owners])
    face = rotate(rotmats[:, None, JOINT["head"]], FACE_SHAPE)
    flat = points / points[..., 2:] @ CAMERA.intrinsics.T
    hips = points[:, [BLAZEPOSE["left_hip"], BLAZEPOSE["right_hip"]]].mean(axis=1, keepdims=True)
    world = points - hips
    world[:, FACE] = face + world[:, FACE].mean(axis=1, keepdims=True)
    torso = [BLAZEPOSE[f"{side}_{part}"] for side in ("left", "right") for part in ("hip", "shoulder")]
    bearing = CAMERA.rays(flat[..., :2])[:, torso].mean(axis=1)
    axes = np.broadcast_to(np.eye(3), (len(local), 3, 3))
    # Rows of `turned` are the turned axes: the detector sees the person as if it stood on the optical axis.
    turned = turn_to_bearing(axes, bearing)
    world = np.einsum("tij,tnj->tni", turned, world)
    frames = len(local)
    sequence = LandmarkSequence(
        person_id=3,
        frame_indices=np.arange(frames),
        times_s=np.arange(frames) * step_s,
        landmarks_2d=flat[..., :2],
        landmarks_3d=world,
        scores=np.ones((frames, 33)),
        boxes_xyxy=np.zeros((frames, 4)),
    )
    return sequence, joints - joints[:, :1], rotmats


def lift(sequence: LandmarkSequence, config: LiftingConfig | None = None) -> PoseSequence:
    return GeometricLifter(sample_skeleton(), config).lift(sequence, CAMERA)


def angles_deg(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.degrees(rotation_angle(np.swapaxes(first, -1, -2) @ second))


def test_perfect_landmarks_give_true_joints_and_rotations_through_inverse_kinematics() -> None:
    sequence, joints, rotmats = landmarks_of(plausible(60, 1))
    poses = lift(sequence)
    errors = 1e3 * np.linalg.norm(poses.joints - joints, axis=-1)
    assert np.median(errors[:, LIMBS]) < 7.0
    assert errors[:, LIMBS].mean() < 10.0
    assert (poses.scores == 1.0).all()
    motion = solve_motion(poses, sample_skeleton(), np.zeros(10))
    solved = WORLD_TO_CAMERA_UPRIGHT @ motion.global_rotmats()
    rebuilt = joint_positions(sample_skeleton(), solved, np.zeros((60, 3)))
    errors = 1e3 * np.linalg.norm(rebuilt - rebuilt[:, :1] - joints, axis=-1)
    assert np.median(errors) < 8.0
    limits = {
        "pelvis": 2,
        "spine3": 2,
        "hip": 7,
        "knee": 7,
        "ankle": 4,
        "foot": 2,
        "head": 1,
        "shoulder": 20,
        "elbow": 12,
    }
    _assert_turned(angles_deg(solved, rotmats), limits)


def test_without_priors_the_planes_of_bending_give_the_rotations() -> None:
    sequence, _, rotmats = landmarks_of(plausible(60, 1))
    config = LiftingConfig(
        elbow_prior=0.0, knee_prior=0.0, knee_foot=0.0, shin_foot=0.0, hand_prior=0.0, hand_straight=0.0,
        hip_tilt=1.0, hip_follow=0.0, shoulder_tilt=1.0,
    )  # fmt: skip
    motion = solve_motion(lift(sequence, config), sample_skeleton(), np.zeros(10))
    turned = angles_deg(WORLD_TO_CAMERA_UPRIGHT @ motion.global_rotmats(), rotmats)
    limits = {"hip": 3, "knee": 5, "ankle": 3, "foot": 3, "shoulder": 5, "elbow": 6, "wrist": 3, "hand": 3}
    _assert_turned(turned, limits)


def _assert_turned(turned: np.ndarray, limits_deg: dict[str, float]) -> None:
    for name, limit in limits_deg.items():
        own = [j for j, n in enumerate(SMPL_JOINT_NAMES) if n.removeprefix("left_").removeprefix("right_") == name]
        assert np.median(turned[:, own]) < limit, name


def test_keypoints_are_where_the_joints_project() -> None:
    sequence, joints, _ = landmarks_of(plausible(40, 2))
    poses = lift(sequence)
    flat = (joints + np.array([0.3, 0.1, 4.0])) @ CAMERA.intrinsics.T
    truth = flat[..., :2] / flat[..., 2:]
    error = (poses.keypoints_2d - truth)[:, LIMBS]
    assert np.abs(error).max() < 6.0
    assert np.abs(error.mean(axis=0)).max() < 1.5
    assert np.isnan(poses.keypoints_2d[:, JOINT["spine2"]]).all()


def test_mirrored_landmarks_give_mirrored_poses() -> None:
    sequence, _, _ = landmarks_of(plausible(20, 3))
    width = CAMERA.image_size[0]
    mirrored = replace(
        sequence,
        landmarks_2d=(sequence.landmarks_2d * [-1, 1] + [width, 0])[:, _SWAP],
        landmarks_3d=(sequence.landmarks_3d * [-1, 1, 1])[:, _SWAP],
    )
    poses, other = lift(sequence), lift(mirrored)
    swap = list(mirrored_names(SMPL_JOINT_NAMES))
    np.testing.assert_allclose(other.joints, (poses.joints * [-1, 1, 1])[:, swap], atol=1e-6)
    np.testing.assert_allclose(other.keypoints_2d, (poses.keypoints_2d * [-1, 1] + [width, 0])[:, swap], atol=1e-4)
    twist = np.concatenate([np.full((20, 1, 2), np.nan), poses.twist], axis=1)[:, swap][:, 1:] * [1, -1]
    np.testing.assert_allclose(other.twist, twist, atol=1e-6)


def test_rolling_the_camera_rolls_the_pose() -> None:
    local = plausible(15, 4)
    roll = rotvec_to_rotmat(np.array([0.0, 0.0, 0.6]))
    straight, _, _ = landmarks_of(local, (0.0, 0.0, 4.0))
    rolled, _, _ = landmarks_of(local, (0.0, 0.0, 4.0), turn=roll)
    first, second = lift(straight), lift(rolled)
    np.testing.assert_allclose(second.joints, first.joints @ roll.T, atol=2e-3)
    np.testing.assert_allclose(second.twist, first.twist, atol=2e-2)


def test_missing_landmarks_stay_missing() -> None:
    sequence, _, _ = landmarks_of(plausible(12, 5))
    scores = sequence.scores.copy()
    scores[:, BLAZEPOSE["left_wrist"]] = 0.01
    scores[4:6, BLAZEPOSE["right_ankle"]] = 0.3
    unseen = np.arange(12) == 8
    sequence = replace(
        sequence,
        scores=np.where(unseen[:, None], 0.0, scores),
        landmarks_2d=np.where(unseen[:, None, None], np.nan, sequence.landmarks_2d),
        landmarks_3d=np.where(unseen[:, None, None], np.nan, sequence.landmarks_3d),
    )
    poses = lift(sequence)
    assert np.isnan(poses.joints[:, JOINT["left_wrist"]]).all()
    assert (poses.scores[:, JOINT["left_wrist"]] == 0).all()
    assert np.isnan(poses.twist[:, JOINT["left_elbow"] - 1]).all()
    assert np.isnan(poses.twist[:, JOINT["left_shoulder"] - 1]).all()
    assert poses.scores[4, JOINT["right_ankle"]] == pytest.approx(0.3)
    assert np.isfinite(poses.joints[4, JOINT["right_ankle"]]).all()
    for array in (poses.joints, poses.keypoints_2d, poses.leaf_rotmats):
        assert np.isnan(array[8]).all()
    assert (poses.scores[8] == 0).all()
    assert np.isfinite(poses.joints[poses.scores > 0]).all()
    assert np.isnan(poses.joints[poses.scores == 0]).all()


def test_landmarks_outside_the_picture_lose_their_score() -> None:
    sequence, _, _ = landmarks_of(plausible(5, 6), (0.0, 1.1, 3.5))
    low = sequence.landmarks_2d[:, BLAZEPOSE["left_ankle"], 1] > 720 + 150
    assert low.any()
    poses = lift(sequence)
    assert (poses.scores[low, JOINT["left_ankle"]] < 0.6).all()
    assert (poses.scores[:, JOINT["left_shoulder"]] == 1).all()


def test_twist_does_not_jump_while_the_elbow_straightens() -> None:
    frames = 121
    local = np.tile(np.eye(3), (frames, 24, 1, 1))
    bend = np.radians(60 * np.abs(np.linspace(-1, 1, frames)))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        down = rotvec_to_rotmat(np.array([0.0, 0.0, -1.2 * sign]))
        local[:, JOINT[f"{side}_shoulder"]] = down
        local[:, JOINT[f"{side}_elbow"]] = rotvec_to_rotmat(bend[:, None] * np.array([0.0, -sign, 0.0]))
    sequence, _, _ = landmarks_of(local, step_s=1 / 30)
    rng = np.random.default_rng(0)
    noise = 1e-3 * rng.standard_normal(sequence.landmarks_3d.shape)
    poses = lift(replace(sequence, landmarks_3d=sequence.landmarks_3d + noise))
    for name in ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow"):
        cosine, sine = poses.twist[:, JOINT[name] - 1].T
        steps = np.degrees(np.abs(np.diff(np.unwrap(np.arctan2(sine, cosine)))))
        assert steps.max() < 8.0, name


def test_too_flat_depth_is_repaired_by_the_lengths_of_the_body() -> None:
    sequence, joints, _ = landmarks_of(plausible(40, 7))
    flat = replace(sequence, landmarks_3d=sequence.landmarks_3d * [1, 1, 0.75])
    raw = flat.landmarks_3d[:, [BLAZEPOSE[SMPL_JOINT_NAMES[j]] for j in LIMBS if _marked(j)]]
    marked = [j for j in LIMBS if _marked(j)]
    centre = joints[:, 1:3].mean(axis=1, keepdims=True)
    raw_error = np.linalg.norm(raw - (joints - centre)[:, marked], axis=-1).mean()
    poses = lift(flat)
    lifted = poses.joints - poses.joints[:, 1:3].mean(axis=1, keepdims=True)
    error = np.linalg.norm(lifted[:, marked] - (joints - centre)[:, marked], axis=-1).mean()
    assert error < 0.75 * raw_error


def test_shaking_depth_is_steadied_without_moving_the_picture() -> None:
    sequence, _, _ = landmarks_of(np.repeat(plausible(1, 10), 60, axis=0), step_s=1 / 30)
    shaken = sequence.landmarks_3d.copy()
    shaken[..., 2] += 0.02 * np.random.default_rng(0).standard_normal(shaken.shape[:2])
    poses, still = lift(replace(sequence, landmarks_3d=shaken)), lift(sequence)
    shake = np.diff(poses.joints[:, LIMBS], axis=0)
    assert np.abs(shake[..., 2]).mean() < 0.4 * 0.02
    assert np.nanmax(np.abs(poses.keypoints_2d - still.keypoints_2d)[:, LIMBS]) < 4.0


def test_long_clips_equal_their_pieces() -> None:
    sequence, _, _ = landmarks_of(plausible(150, 8))
    poses = lift(sequence)
    piece = slice(100, 120)
    short = lift(
        LandmarkSequence(
            3, *(getattr(sequence, name)[piece] for name in ("frame_indices", "times_s", "landmarks_2d")),
            *(getattr(sequence, name)[piece] for name in ("landmarks_3d", "scores", "boxes_xyxy")),
        )
    )  # fmt: skip
    np.testing.assert_allclose(short.joints, poses.joints[piece], atol=0.02)


def test_swing_between_is_the_smallest_rotation() -> None:
    rng = np.random.default_rng(9)
    start, end = rng.standard_normal((2, 50, 3))
    rotmats = swing_between(start, end)
    np.testing.assert_allclose(rotmats @ np.swapaxes(rotmats, 1, 2), np.broadcast_to(np.eye(3), (50, 3, 3)), atol=1e-9)
    unit = end / np.linalg.norm(end, axis=1, keepdims=True)
    np.testing.assert_allclose(rotate(rotmats, start / np.linalg.norm(start, axis=1, keepdims=True)), unit, atol=1e-9)
    half = swing_between(np.array([0.0, 1.0, 0.0]), np.array([0.0, -2.0, 0.0]))
    np.testing.assert_allclose(half @ [0, 1, 0], [0, -1, 0], atol=1e-9)
    assert np.linalg.det(half) == pytest.approx(1.0)
    assert np.linalg.det(frame(start, end)) == pytest.approx(np.ones(50))


def _marked(joint: int) -> bool:
    return SMPL_JOINT_NAMES[joint] in BLAZEPOSE and SMPL_PARENTS[joint] >= 0

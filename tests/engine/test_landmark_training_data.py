"""Tests that the landmark network's training data are true: motion, people, cameras and noise agree with each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from prepared_motion import prepared_folder

from engine.camera import Camera
from engine.ik.inverse_kinematics import solve_ik
from engine.poses import BLAZEPOSE
from engine.training.landmarks import columns
from engine.training.landmarks.augment import Motions, mirror
from engine.training.landmarks.bodies import load_bodies, mean_skeleton, single_body
from engine.training.landmarks.motion_clips import MotionClip, read_clip
from engine.training.landmarks.motion_corpus import CORPUS_FILE, Corpus
from engine.training.landmarks.observe import PlainNoise
from engine.training.landmarks.posed_people import bone_twists, pose_people
from engine.training.landmarks.postures import POSTURES, posture_table
from engine.training.landmarks.prepare import main
from engine.training.landmarks.retarget_clip import retarget_clip
from engine.training.landmarks.self_occlusion import hidden_landmarks
from engine.training.landmarks.windows import BATCH_FIELDS, LEAVES, Split, WindowSampler
from rig.kinematics import global_rotations, joint_positions, landmark_positions
from rig.rotations import quat_wxyz_to_rotmat, rotation_angle, rotvec_to_quat_wxyz, swing_twist
from rig.skeleton import JOINT, mirrored_names


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_folder(tmp_path_factory.mktemp("landmark_data"))


@pytest.fixture(scope="module")
def batch(folder: Path) -> dict[str, np.ndarray]:
    return WindowSampler(folder, Split.TRAIN, seed=3, window=12).batch(24)


def _clip(folder: Path, clip_id: str) -> MotionClip:
    return read_clip(folder.parent / "train" / "clips.npz", clip_id, "asf_x")


def test_retargeted_limbs_point_as_the_source_does(folder: Path) -> None:
    clip, skeleton = _clip(folder, "a_1_x"), mean_skeleton()
    globals_, _, transl = retarget_clip(clip, skeleton)
    joints, (_, places) = joint_positions(skeleton, globals_, transl), clip.pose()
    theirs = {
        "hip": "femur",
        "knee": "tibia",
        "ankle": "foot",
        "shoulder": "humerus",
        "elbow": "radius",
        "wrist": "wrist",
    }
    for side in ("left", "right"):
        for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
            ours = joints[:, JOINT[f"{side}_{end}"]] - joints[:, JOINT[f"{side}_{start}"]]
            source = (places[:, clip.names.index(side[0] + theirs[name])] for name in (end, start))
            bone = np.subtract(*source)
            cosine = (ours * bone).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(bone, axis=1)
            assert cosine.min() > 1 - 1e-9


def test_retargeting_keeps_twist(folder: Path) -> None:
    still, skeleton = _clip(folder, "c_3_still"), mean_skeleton()
    radius = still.names.index("lradius")
    quats = still.quats_wxyz.copy()
    quats[:, radius] = rotvec_to_quat_wxyz(np.array([0.7, 0.0, 0.0]))  # its rest bone is x
    turned = MotionClip(**{**vars(still), "quats_wxyz": quats})
    before, after = (retarget_clip(clip, skeleton)[1][0, JOINT["left_elbow"]] for clip in (still, turned))
    bone = skeleton.offsets[JOINT["left_wrist"]] / np.linalg.norm(skeleton.offsets[JOINT["left_wrist"]])
    _, angle = swing_twist(before.T @ after, bone)
    assert angle == pytest.approx(0.7, abs=1e-6)


def test_standing_feet_lie_flat_on_the_floor(folder: Path) -> None:
    skeleton = mean_skeleton()
    globals_, _, transl = retarget_clip(_clip(folder, "c_3_still"), skeleton)
    points = landmark_positions(skeleton, globals_, joint_positions(skeleton, globals_, transl))
    feet = points[..., 1] - skeleton.rest_landmarks[:, 1]
    assert np.ptp(feet[:, 1:], axis=1).max() < 0.002


def test_preparation_is_resumed_and_keeps_people_apart(folder: Path) -> None:
    corpus = Corpus.load(folder / CORPUS_FILE)
    by_split = {name: {str(i) for i in corpus.ids[corpus.splits == name]} for name in ("train", "validation", "test")}
    assert by_split["validation"] == {"b_2_x", "b_2_y"}
    assert by_split["test"] == {"t_1_x", "t_1_y"}
    assert by_split["train"] == {"a_1_x", "c_3_still"}
    stamp = (folder / CORPUS_FILE).stat().st_mtime_ns
    root = folder.parent
    main(["--motion", str(root / "train"), "--test", str(root / "test"), "--validation", "b_2_", "--out", str(folder)])
    assert (folder / CORPUS_FILE).stat().st_mtime_ns == stamp


def test_preparation_refuses_a_folder_without_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--motion", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_batch_has_the_promised_arrays(batch: dict[str, np.ndarray]) -> None:
    assert set(batch) == set(BATCH_FIELDS)
    for name, shape in BATCH_FIELDS.items():
        assert batch[name].shape == tuple({"n": 24, "T": 12}.get(size, size) for size in shape), name
        assert batch[name].dtype == np.float32, name
        assert np.isfinite(batch[name]).all(), name


def test_batches_repeat(folder: Path, batch: dict[str, np.ndarray]) -> None:
    sampler = WindowSampler(folder, Split.TRAIN, seed=3, window=12)
    again, following = sampler.batch(24), sampler.batch(24)
    assert all(np.array_equal(batch[name], again[name]) for name in batch)
    assert not np.array_equal(following["joints_camera"], again["joints_camera"])
    assert np.array_equal(sampler.batch(24, step=1)["joints_camera"], following["joints_camera"])


def test_cameras_stay_upright_when_roll_is_left_out(folder: Path) -> None:
    steps = pytest.importorskip("engine.training.landmarks.example_steps", exc_type=ImportError)

    def worst_roll_deg(*left_out: object) -> float:
        batch = steps.training_sampler(folder, steps.TrainConfig(window=4, left_out=left_out)).batch(64)
        across, down, along = np.moveaxis(batch["gravity_camera"], -1, 0)
        return float(np.degrees(np.arctan2(np.abs(across), np.hypot(down, along) * np.sign(down))).max())

    assert worst_roll_deg(steps.Ingredient.ROLL) < 20 < 45 < worst_roll_deg()


def test_inverse_kinematics_gives_the_true_rotations(batch: dict[str, np.ndarray]) -> None:
    frames = 24 * 12
    leaves = np.full((frames, 24, 3, 3), np.nan)
    leaves[:, list(LEAVES)] = batch["leaf_rotmats"].reshape(frames, 5, 3, 3)
    result = solve_ik(
        np.repeat(batch["rest_joints"], 12, axis=0).astype(np.float64),
        batch["joints_camera"].reshape(frames, 24, 3).astype(np.float64),
        batch["twist"].reshape(frames, 23, 2).astype(np.float64),
        leaf_rotmats=leaves,
    )
    true = batch["local_rotmats"].reshape(frames, 24, 3, 3).astype(np.float64)
    assert np.degrees(rotation_angle(np.swapaxes(true, -1, -2) @ result.local_rotmats)).max() < 0.05


def test_pixels_are_projections(batch: dict[str, np.ndarray]) -> None:
    for n in range(24):
        size = batch["image_size"][n]
        camera = Camera(batch["intrinsics"][n], (int(size[0]), int(size[1])), np.eye(4))
        before = batch["landmarks_camera"][n, :, :, 2] > 0.1
        expected = camera.project(batch["landmarks_camera"][n][before])
        assert np.allclose(batch["landmarks_2d_px"][n][before], expected, atol=0.05, rtol=1e-4)
        inside = ((expected >= 0) & (expected <= size)).all(axis=-1)
        assert (inside == batch["inside"][n][before].astype(bool)).mean() > 0.999


def test_axes_and_velocity_agree_with_the_cameras(batch: dict[str, np.ndarray]) -> None:
    camera = batch["world_to_camera"].astype(np.float64)
    turn, place = camera[..., :3, :3], camera[..., :3, 3]
    assert np.allclose(turn @ np.swapaxes(turn, -1, -2), np.eye(3), atol=1e-5)
    assert np.allclose(batch["gravity_camera"], -turn[..., :, 1], atol=1e-6)
    pelvis = np.einsum("ntji,ntj->nti", turn, batch["joints_camera"][:, :, 0] - place)
    steps = (pelvis[:, 2:] - pelvis[:, :-2]) / (batch["times_s"][:, 2:] - batch["times_s"][:, :-2])[..., None]
    to_world = np.swapaxes(turn, -1, -2) @ batch["heading_to_camera"]
    assert np.allclose(to_world[..., :, 1], [0, 1, 0], atol=1e-5)
    said = np.einsum("ntij,ntj->nti", to_world, batch["root_velocity"])[:, 1:-1]
    assert np.abs(said - steps).max() < 0.02
    facing = np.swapaxes(turn, -1, -2) @ batch["local_rotmats"][:, :, 0]
    upright = facing[..., 1, 1] > 0.9
    assert (np.sum(facing[..., :, 2] * to_world[..., :, 2], axis=-1)[upright] > 0.85).all()


def test_rates_lie_in_their_range(folder: Path) -> None:
    times = WindowSampler(folder, Split.TRAIN, seed=0, window=30).batch(64)["times_s"]
    steps = np.diff(times, axis=1)
    assert (steps > 0).all()
    assert np.median(steps, axis=1).min() > 0.95 / 60
    assert np.median(steps, axis=1).max() < 1.2 / 15
    assert np.ptp(np.median(steps, axis=1)) > 0.03


def test_a_person_who_stands_touches_the_floor(folder: Path) -> None:
    sampler = WindowSampler(folder, Split.TRAIN, seed=1, window=8, augment=False)
    batch = sampler.batch(64)
    still = np.abs(batch["root_velocity"]).max(axis=(1, 2)) < 1e-3
    assert 5 < still.sum() < 60
    assert (batch["contacts"][still] == 1).all()
    assert batch["contacts"][~still].mean() < 0.7


def test_posed_people_match_the_slow_way() -> None:
    rng = np.random.default_rng(0)
    quats = rotvec_to_quat_wxyz(rng.normal(0, 0.6, (2, 5, 24, 3))).astype(np.float32)
    pelvis = rng.normal(0, 1, (2, 5, 3)).astype(np.float32)
    skeleton = mean_skeleton()
    body = single_body(skeleton)
    first = np.zeros(2, dtype=int)
    columns_first = np.ascontiguousarray(quats.transpose(3, 2, 0, 1))
    turned, joints, landmarks = pose_people(
        columns_first, pelvis.transpose(2, 0, 1), body.joint_offsets[first], body.landmark_offsets[first]
    )
    slow = global_rotations(skeleton.parents, quat_wxyz_to_rotmat(quats))
    expected = joint_positions(skeleton, slow, pelvis - skeleton.rest_joints[0])
    assert np.allclose(joints.transpose(2, 3, 1, 0), expected, atol=1e-5)
    assert np.allclose(columns.to_rotmats(turned).transpose(3, 4, 2, 0, 1), slow, atol=1e-5)
    knee, point = JOINT["left_knee"], BLAZEPOSE["left_ankle"]
    offset = body.landmark_offsets[0, point]
    assert np.allclose(
        landmarks[:, point].transpose(1, 2, 0), expected[:, :, knee] + slow[:, :, knee] @ offset, atol=1e-5
    )
    twist = bone_twists(columns_first, body.joint_offsets[first])
    bone = skeleton.offsets[JOINT["left_ankle"]] / np.linalg.norm(skeleton.offsets[JOINT["left_ankle"]])
    _, angle = swing_twist(quat_wxyz_to_rotmat(quats[:, :, knee]), bone)
    assert np.allclose(twist[:, knee - 1], [np.cos(angle), np.sin(angle)], atol=1e-4)


def test_mirrored_motion_is_the_reflection() -> None:
    rng = np.random.default_rng(1)
    skeleton = mean_skeleton()
    offsets = skeleton.offsets.copy()
    flip = np.array([-1.0, 1.0, 1.0])
    other = list(mirrored_names(skeleton.joint_names))
    offsets = (0.5 * (offsets + offsets[other] * flip)).astype(np.float32)[None]
    quats = rotvec_to_quat_wxyz(rng.normal(0, 0.6, (1, 3, 24, 3))).astype(np.float32).transpose(3, 2, 0, 1)
    motions = Motions(
        quats.copy(), rng.normal(0, 1, (3, 1, 3)).astype(np.float32), np.eye(4, 3)[:, None], np.zeros(1, bool)
    )
    there = mirror(motions, np.ones(1, bool))
    landmarks = np.zeros((1, 33, 3), np.float32)
    own, seen = (pose_people(m.quats, m.pelvis, offsets, landmarks)[1] for m in (motions, there))
    assert np.allclose(seen, own[:, other] * flip[:, None, None, None], atol=1e-5)
    back = mirror(there, np.ones(1, bool))
    assert np.array_equal(back.quats, motions.quats)
    assert np.array_equal(back.low, motions.low)


def test_a_head_hides_the_face_from_behind() -> None:
    skeleton = mean_skeleton()
    body = single_body(skeleton)
    rest = np.zeros((4, 24, 1, 1), dtype=np.float32)
    rest[0] = 1.0
    for angle, hidden in ((np.pi, 0.0), (0.0, 1.0)):  # towards the camera and away from it
        quats = rest.copy()
        quats[:, 0, 0, 0] = columns.about(1, np.array(angle))
        _, joints, landmarks = pose_people(
            quats, np.zeros((3, 1, 1), np.float32), body.joint_offsets, body.landmark_offsets
        )
        away = np.array([0.0, 0.0, 4.0], np.float32)[:, None, None, None]
        covered = hidden_landmarks(landmarks + away, joints + away, np.ones(1, np.float32))[:, 0, 0]
        assert (covered[BLAZEPOSE["nose"]] > 0.5) == bool(hidden)
        assert covered[[BLAZEPOSE["left_wrist"], BLAZEPOSE["right_ankle"]]].max() < 0.5


def test_plain_noise_knows_what_it_cannot_see(batch: dict[str, np.ndarray]) -> None:
    noise = PlainNoise(occluded=0.0, swapped=0.0, missed=0.0)
    points, scores = noise(batch, np.random.default_rng(2))
    again, _ = noise(batch, np.random.default_rng(2))
    assert np.array_equal(points, again)
    assert points.dtype == scores.dtype == np.float32
    unseen = (batch["hidden"] > 0.9) | (batch["inside"] < 0.5)
    assert scores[unseen].mean() < 0.4 < 0.8 < scores[(batch["hidden"] < 0.1) & ~unseen].mean()
    assert ((scores >= 0) & (scores <= 1)).all()
    swapped, _ = PlainNoise(quick=0, steady=0, occluded=0, swapped=1.0, missed=0)(batch, np.random.default_rng(2))
    left, right = BLAZEPOSE["left_ankle"], BLAZEPOSE["right_ankle"]
    true = batch["landmarks_2d_px"]
    here = ~np.isclose(swapped[:, :, left], true[:, :, left]).all(axis=-1)
    assert here.any()
    assert np.allclose(swapped[:, :, left][here], true[:, :, right][here])


def test_shipped_people_are_people() -> None:
    bodies = load_bodies()
    assert len(bodies.betas) >= 1000
    assert 1.3 < bodies.heights.min() < 1.55
    assert 1.9 < bodies.heights.max() < 2.2
    rest, points = bodies.rest_joints, bodies.rest_landmarks
    left, right = rest[:, JOINT["left_knee"]], rest[:, JOINT["right_knee"]]
    assert np.abs(left - right * [-1, 1, 1]).max() < 0.01
    assert (points[:, BLAZEPOSE["nose"], 2] > points[:, BLAZEPOSE["left_ear"], 2] + 0.03).all()
    assert np.abs(points[:, [BLAZEPOSE["left_heel"], BLAZEPOSE["left_foot_index"]], 1]).max() < 0.09


def test_postures_bend_the_way_joints_do() -> None:
    table = posture_table()
    assert np.allclose(np.linalg.norm(table.quats, axis=0), 1.0, atol=1e-5)
    for row, posture in enumerate(POSTURES):
        knee = table.quats[1, JOINT["left_knee"], row]
        assert knee >= 0, posture.name  # a positive turn about x takes the heel backwards

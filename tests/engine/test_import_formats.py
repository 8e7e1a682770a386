"""Files of AMASS, GVHMR, WHAM, PHALP and of joint positions, from random numbers, come in where they say."""

from __future__ import annotations

import pickle
from collections import OrderedDict, defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.body.open_body import load_open_body
from engine.body.smpl_file import load_smpl_body
from engine.cli import main
from engine.errors import InputError
from engine.evaluation import recipe
from engine.importing.importers import ImportedMotion, ImportRequest, UpAxis, find_importer
from engine.importing.source_file import open_source
from engine.settings import Settings
from rig.amass_writer import write_amass
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, transform
from rig.motion import Motion
from rig.motion_file import MotionRecord, load_motion, save_motion
from rig.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from rig.skeleton import SMPL_PARENTS, Skeleton
from tests.engine.joblib_writer import COMPRESSIONS, joblib_bytes
from tests.sample_motions import motion_from, walking, wandering

SMPL_PELVIS, SMPL_X_PELVIS = np.array([0.0, -0.22, 0.03]), np.array([0.0, -0.35, 0.01])
QUARTER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""y up to z up."""


def read(path: Path, fps: Fraction | None = None, up: UpAxis = UpAxis.FILE) -> list[ImportedMotion]:
    source = open_source(path)
    return find_importer(source).read(source, ImportRequest(fps, Settings(), up), load_open_body())


def slow_joints(skeleton: Skeleton, local: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """(24, 3) joints of one frame, joint by joint."""
    turns, places = [local[0]], [pelvis]
    for joint in range(1, 24):
        parent = SMPL_PARENTS[joint]
        step = skeleton.rest_joints[joint] - skeleton.rest_joints[parent]
        places.append(places[parent] + turns[parent] @ step)
        turns.append(turns[parent] @ local[joint])
    return np.array(places)


def parameters(frames: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(F, 24, 3) rotation vectors and (F, 3) trans."""
    random = np.random.default_rng(seed)
    return 0.4 * random.standard_normal((frames, 24, 3)), random.uniform(-1, 1, (frames, 3))


def check(motion: Motion, rotvecs: np.ndarray, trans: np.ndarray, pelvis: np.ndarray, turn: np.ndarray) -> None:
    """Joints lie where forward kinematics in the file's own axes puts them, turned by `turn` into the world."""
    for row in range(len(rotvecs)):
        joints = slow_joints(motion.skeleton, rotvec_to_rotmat(rotvecs[row]), trans[row] + pelvis)
        np.testing.assert_allclose(motion.joints()[row], joints @ turn.T, atol=1e-9)


def amass(rotvecs: np.ndarray, trans: np.ndarray, width: int = 156) -> dict[str, Any]:
    poses = np.zeros((len(rotvecs), width))
    joints = 24 if width == 72 else 22
    poses[:, : 3 * joints] = rotvecs[:, :joints].reshape(len(rotvecs), -1)
    return {"poses": poses, "trans": trans, "betas": np.ones(16), "gender": np.array("male"),
            "dmpls": np.zeros((len(rotvecs), 8)), "mocap_framerate": np.array(120.0)}  # fmt: skip


@pytest.mark.parametrize(("width", "pelvis"), [(66, SMPL_PELVIS), (72, SMPL_PELVIS), (156, SMPL_PELVIS),
                                               (165, SMPL_X_PELVIS)])  # fmt: skip
def test_amass_poses_of_every_width_stand_in_a_world_with_y_up(tmp_path: Path, width: int, pelvis: np.ndarray) -> None:
    rotvecs, trans = parameters()
    if width != 72:
        rotvecs[:, 22:] = 0.0
    np.savez(tmp_path / "walk_poses.npz", **amass(rotvecs, trans, width))
    person = read(tmp_path / "walk_poses.npz")[0]
    assert person.motion.fps == 120
    check(person.motion, rotvecs, trans, pelvis, QUARTER.T)


@pytest.mark.parametrize("rate", ["mocap_frame_rate", "fps"])
def test_smpl_x_files_with_named_parts_are_read(tmp_path: Path, rate: str) -> None:
    rotvecs, trans = parameters()
    rotvecs[:, 22:] = 0.0
    values = {"root_orient": rotvecs[:, 0], "pose_body": rotvecs[:, 1:22].reshape(-1, 63),
              "pose_hand": np.zeros((6, 90)), "pose_jaw": np.zeros((6, 3)), "pose_eye": np.zeros((6, 6)),
              "trans": trans, "betas": np.zeros(16),
              "surface_model_type": np.array("smplx"), rate: np.array(59.94),
              "labels": np.array([None], dtype=object)}  # fmt: skip
    np.savez(tmp_path / "stageii.npz", **values)
    person = read(tmp_path / "stageii.npz")[0]
    assert person.motion.fps == Fraction(60000, 1001)
    check(person.motion, rotvecs, trans, SMPL_X_PELVIS, QUARTER.T)


def test_the_up_axis_can_be_told(tmp_path: Path) -> None:
    rotvecs, trans = parameters()
    rotvecs[:, 22:] = 0.0
    np.savez(tmp_path / "a.npz", **amass(rotvecs, trans))
    check(read(tmp_path / "a.npz", up=UpAxis.Y)[0].motion, rotvecs, trans, SMPL_PELVIS, np.eye(3))


def test_a_person_who_lies_all_the_time_is_mentioned(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **amass(np.zeros((4, 24, 3)), np.zeros((4, 3))))
    assert any("--up" in note for note in read(tmp_path / "a.npz")[0].notes)
    assert not any("--up" in note for note in read(tmp_path / "a.npz", up=UpAxis.Y)[0].notes)


def test_a_written_amass_file_comes_back_as_it_was(tmp_path: Path) -> None:
    body = load_open_body()
    betas = np.random.default_rng(2).standard_normal(10)
    skeleton = body.skeleton(betas)
    motion = replace(wandering(40), skeleton=skeleton, betas=betas, fps=Fraction(30000, 1001),
                     times_s=np.arange(40) * 1001 / 30000)  # fmt: skip
    motion = replace(motion, body_pose=np.concatenate([motion.body_pose[:, :21], np.zeros((40, 2, 3))], axis=1))
    record = MotionRecord(motion, np.tile(np.eye(4), (40, 1, 1)), np.eye(3), (64, 48), 0, {"body": {"name": "open"}})
    write_amass(tmp_path / "a.amass.npz", record)
    again = read(tmp_path / "a.amass.npz")[0].motion
    assert again.fps == Fraction(30000, 1001)
    np.testing.assert_allclose(again.local_rotmats(), motion.local_rotmats(), atol=1e-9)
    np.testing.assert_allclose(again.joints(), motion.joints(), atol=1e-9)
    with np.load(tmp_path / "a.amass.npz", allow_pickle=False) as archive:
        shapes = {name: archive[name].shape for name in archive.files}
    assert [shapes[name] for name in ("poses", "betas", "dmpls")] == [(40, 156), (16,), (40, 8)]


def gvhmr(rotvecs: np.ndarray, trans: np.ndarray) -> dict[str, Any]:
    pose = rotvecs[:, 1:22].reshape(-1, 63)
    return {"global_orient": rotvecs[:, 0], "body_pose": pose, "transl": trans, "betas": np.zeros((len(pose), 10))}


def test_gvhmr_parameters_bring_the_camera_that_filmed(tmp_path: Path) -> None:
    rotvecs, trans = parameters(8)
    rotvecs[:, 22:] = 0.0
    turns = rotvec_to_rotmat(0.3 * np.random.default_rng(4).standard_normal((8, 3))) @ WORLD_TO_CAMERA_UPRIGHT
    eyes = np.random.default_rng(5).uniform(-1, 1, (8, 3)) + np.array([0, 1, 5])
    pelvis = trans + SMPL_X_PELVIS
    seen = np.einsum("fij,fj->fi", turns, pelvis - eyes)
    values = {**gvhmr(rotvecs, trans), "global_orient_incam": rotmat_to_rotvec(turns @ rotvec_to_rotmat(rotvecs[:, 0])),
              "transl_incam": seen - SMPL_X_PELVIS,
              "K_fullimg": np.tile(np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]]), (8, 1, 1))}  # fmt: skip
    np.savez(tmp_path / "g.npz", **values)
    person = read(tmp_path / "g.npz")[0]
    assert person.motion.fps == 30
    check(person.motion, rotvecs, trans, SMPL_X_PELVIS, np.eye(3))
    assert person.camera_path is not None
    assert person.camera.image_size == (1280, 720)
    np.testing.assert_allclose(transform(person.camera_path, person.motion.joints()[:, 0]), seen, atol=1e-6)
    # Moving everybody onto the floor moves the camera along.
    main(["import", str(tmp_path / "g.npz"), "--output-fps", "60", "--smoothing", "off", "--foot-lock", "off",
          "--out", str(tmp_path / "motion.npz"), "--progress", "none"])  # fmt: skip
    record = load_motion(tmp_path / "motion.npz")
    places = transform(record.world_to_camera, record.motion.joints()[:, 0])
    np.testing.assert_allclose(places[::2], seen, atol=1e-6)


def test_gvhmrs_own_file_is_read_without_running_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    rotvecs, trans = parameters()
    rotvecs[:, 22:] = 0.0
    world = {name: torch.from_numpy(value).float() for name, value in gvhmr(rotvecs, trans).items()}
    path = tmp_path / "hmr4d_results.pt"
    torch.save({"smpl_params_global": world, "smpl_params_incam": world, "K_fullimg": torch.eye(3).repeat(6, 1, 1),
                "net_outputs": {"static_conf_logits": torch.zeros(1, 6, 6)}}, path)  # fmt: skip
    motion = read(path)[0].motion
    np.testing.assert_allclose(motion.local_rotmats(), rotvec_to_rotmat(rotvecs), atol=1e-6)
    torch.save({"smpl_params_global": _Call(print, "ran")}, path)
    with pytest.raises(InputError, match=r"refused.*nothing in it was run"):
        read(path)


class _Call:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def wham(compression: str = "plain") -> tuple[bytes, dict[int, Motion]]:
    """Two people in one true world as WHAM stores them: each in a world of its own, and both in one camera."""
    turn = rotvec_to_rotmat(np.array([0.1, 0.4, 0.0])) @ WORLD_TO_CAMERA_UPRIGHT
    results: Any = defaultdict(dict)
    rest = load_open_body().skeleton(np.zeros(10)).rest_joints
    to_hips = (rest[1] + rest[2]) / 2 - rest[0]
    truth = {}
    for number, (seed, yaw, first) in {3: (0, 0.0, 0), 8: (1, 1.1, 4)}.items():
        rotvecs, places = parameters(12, seed)
        local = rotvec_to_rotmat(rotvecs)
        own = rotvec_to_rotmat(np.array([0.0, yaw, 0.0]))
        shift = np.array([2.0, -0.4, 1.0]) * seed
        camera = np.einsum("ij,fj->fi", turn, places) + np.array([0.2, 0.0, 5.0])
        body = rotvecs[:, 1:].reshape(12, 69)
        results[number] = {
            "pose": np.concatenate([rotmat_to_rotvec(turn @ local[:, 0]), body], axis=1).astype(np.float32),
            "trans": (camera - SMPL_PELVIS).astype(np.float32),
            "pose_world": np.concatenate([rotmat_to_rotvec(own @ local[:, 0]), body], axis=1).astype(np.float32),
            "trans_world": ((places + local[:, 0] @ to_hips) @ own.T + shift).astype(np.float32),
            "betas": np.zeros((12, 10), np.float32),
            "verts": np.zeros((12, 50, 3), np.float32),
            "frame_ids": first + np.delete(np.arange(13), 6),
        }
        truth[number] = motion_from(rotvecs, places)
    return joblib_bytes(results, compression), truth


@pytest.mark.parametrize("compression", list(COMPRESSIONS))
def test_whams_people_share_a_world_again(tmp_path: Path, compression: str) -> None:
    data, truth = wham(compression)
    (tmp_path / "wham_output.pkl").write_bytes(data)
    first, second = read(tmp_path / "wham_output.pkl", Fraction(25))
    assert (first.person_id, second.person_id) == (3, 8)
    np.testing.assert_allclose(second.motion.times_s[[0, -1]], [4 / 25, 16 / 25])
    # The frame left out is a gap that keeps the pose before.
    np.testing.assert_array_equal(np.flatnonzero(second.motion.confidence[:, 0] == 0), [6])
    rows = np.delete(np.arange(13), 6)
    for person in (first, second):
        pelvis = person.motion.transl + person.motion.skeleton.rest_joints[0]
        np.testing.assert_allclose(pelvis[rows], truth[person.person_id].transl, atol=2e-5)
        expected = rotvec_to_rotmat(truth[person.person_id].global_orient)
        np.testing.assert_allclose(rotvec_to_rotmat(person.motion.global_orient[rows]), expected, atol=2e-5)


def test_wham_without_a_world_is_seen_by_a_level_camera(tmp_path: Path) -> None:
    rotvecs, trans = parameters()
    content = {1: {"pose": rotvecs.reshape(-1, 72), "trans": trans + np.array([0, 0, 5]), "frame_ids": np.arange(6)}}
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(content))
    motion = read(tmp_path / "w.pkl", Fraction(30))[0].motion
    check(motion, rotvecs, trans + np.array([0, 0, 5]), SMPL_PELVIS, WORLD_TO_CAMERA_UPRIGHT)
    with pytest.raises(InputError, match="give its video's"):
        read(tmp_path / "w.pkl")


def phalp(frames: int = 20) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    rotvecs, _ = parameters(frames)
    local = rotvec_to_rotmat(rotvecs)
    places = np.random.default_rng(8).uniform(-1, 1, (frames, 3)) + np.array([0, 0, 60])
    content: dict[str, Any] = {}
    for frame in range(frames):
        people = [4, 9] if frame < 2 else [4]
        root, pose = local[frame, :1].astype(np.float32), local[frame, 1:].astype(np.float32)
        one = OrderedDict(global_orient=root, body_pose=pose, betas=np.zeros(10, np.float32))
        content[f"out/img/{frame + 1:06d}.jpg"] = {
            "time": frame, "shot": 0, "tid": list(people), "tracked_ids": list(people),
            "tracked_time": [3 if frame == 7 else 0] + [0] * (len(people) - 1),
            "smpl": [one] * len(people), "camera": [places[frame].astype(np.float32)] * len(people),
            "size": [[1080, 1920]] * len(people), "bbox": [np.zeros(4)] * len(people), "conf": [np.float32(0.9)],
            "mask": [np.array([None], dtype=object)],
        }  # fmt: skip
    return content, rotvecs, places


@pytest.mark.parametrize("alignment", [16, None])
def test_phalps_people_stay_at_their_pixels_and_ghosts_are_gaps(tmp_path: Path, alignment: int | None) -> None:
    content, rotvecs, places = phalp()
    (tmp_path / "demo_dance.pkl").write_bytes(joblib_bytes(content, "zlib", alignment))
    people = read(tmp_path / "demo_dance.pkl", Fraction(25))
    assert [person.person_id for person in people] == [4]
    assert any("less than 0.5 s" in note for note in people[0].notes)
    motion, camera = people[0].motion, people[0].camera
    np.testing.assert_array_equal(np.flatnonzero(motion.confidence[:, 0] == 0), [7])
    pelvis = places + SMPL_PELVIS
    focal = 5000.0 * 1920 / 256
    expected = focal * pelvis[:, :2] / pelvis[:, 2:] + [960, 540]
    kept = np.delete(np.arange(20), 7)
    np.testing.assert_allclose(camera.project(motion.joints()[kept, 0]), expected[kept], atol=0.02)
    root = WORLD_TO_CAMERA_UPRIGHT @ rotvec_to_rotmat(rotvecs[:, 0])
    np.testing.assert_allclose(rotvec_to_rotmat(motion.global_orient)[kept], root[kept], atol=1e-5)


def test_joint_positions_are_met_by_inverse_kinematics(tmp_path: Path) -> None:
    body = load_open_body()
    truth = replace(walking(2.0)[0], skeleton=body.skeleton(np.zeros(10)), betas=np.zeros(10))
    joints = truth.joints()[:, :22]
    joints[5] = np.nan
    np.save(tmp_path / "joints.npy", joints.astype(np.float32))
    person = read(tmp_path / "joints.npy")[0]
    assert person.motion.fps == 20
    kept = np.delete(np.arange(len(joints)), 5)
    assert np.abs(person.motion.joints()[kept, :22] - joints[kept]).max() < 0.02
    assert (person.motion.confidence[5] == 0).all()


def test_own_motion_stays_as_it_is_and_keeps_its_body(tmp_path: Path) -> None:
    motion = wandering(30)
    record = MotionRecord(motion, np.tile(np.eye(4), (30, 1, 1)), np.eye(3), (64, 48), 5, {"model": {"name": "x"}})
    save_motion(tmp_path / "motion_5.npz", record)
    assert (
        main(["import", str(tmp_path / "motion_5.npz"), "--out", str(tmp_path / "again.npz"), "--progress", "none"])
        == 0
    )
    again = load_motion(tmp_path / "again.npz")
    np.testing.assert_array_equal(again.motion.joints(), motion.joints())
    assert again.person_id == 5
    assert again.provenance["model"]["name"] == "x"
    with pytest.raises(InputError, match="knows its own rate"):
        read(tmp_path / "motion_5.npz", Fraction(25))


def test_several_people_get_a_file_each(tmp_path: Path) -> None:
    (tmp_path / "w.pkl").write_bytes(wham()[0])
    command = ["import", str(tmp_path / "w.pkl"), "--fps", "30", "--out", str(tmp_path / "a.amass.npz"),
               "--out", str(tmp_path / "b.npz"), "--people-folder", str(tmp_path / "people"),
               "--progress", "none"]  # fmt: skip
    assert main(command) == 0
    assert {path.name for path in (tmp_path / "people").iterdir()} == {
        "motion_3.npz", "motion_8.npz", "body_3.npz", "body_8.npz"
    }  # fmt: skip
    written = {path.name for path in tmp_path.glob("*.npz")}
    assert written == {"a_3.amass.npz", "a_8.amass.npz", "b_3.npz", "b_8.npz"}


def test_the_kind_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    rotvecs, trans = parameters()
    with open(tmp_path / "dance.txt", "wb") as stream:
        np.savez(stream, **amass(rotvecs, trans))
    assert read(tmp_path / "dance.txt")[0].source.startswith("SMPL parameters")


def test_the_users_own_smpl_file_gives_shape_and_pelvis(tmp_path: Path) -> None:
    (tmp_path / "body.pkl").write_bytes(pickle.dumps(recipe.body(1)))
    body = load_smpl_body(tmp_path / "body.pkl")
    rotvecs, trans = parameters()
    betas = 0.3 * np.random.default_rng(9).standard_normal(16)
    np.savez(tmp_path / "a.npz", **{**amass(rotvecs, trans, 72), "betas": betas})
    source = open_source(tmp_path / "a.npz")
    person = find_importer(source).read(source, ImportRequest(None, Settings()), body)[0]
    np.testing.assert_allclose(person.motion.betas, betas[:10])
    rest = body.skeleton(betas[:10]).rest_joints
    check(person.motion, rotvecs, trans, rest[0], QUARTER.T)
    assert not any("average" in note for note in person.notes)

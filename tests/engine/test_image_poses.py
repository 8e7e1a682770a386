"""Image networks as a source of poses: boxes, distance, flip test, storage, and a clip's truth through everything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from captures import Capture
from hypothesis import given
from hypothesis import strategies as st
from image_networks import (
    TRUTH,
    ScriptedNetwork,
    TruthNetwork,
    posed,
    random_evidence,
    true_camera_evidence,
    truth_arrays,
)
from sample_pieces import pictures, sample_video, write_piece

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.detection.detect_video import landmark_sequences
from engine.detection.store import DetectionStore
from engine.errors import InputError, MissingTool
from engine.estimate import chosen_people, estimate_people, open_clip, read_people
from engine.evaluation.clip import evaluate_clip
from engine.evaluation.truth_file import Truth, load_truth
from engine.image_poses.camera_decode import CROP_PX, FOCAL_PX, camera_skeleton, in_camera
from engine.image_poses.evidence import NetworkEvidence, NetworkFacts, PersonEvidence
from engine.image_poses.mirrored import mirrored, predict_with_mirror
from engine.image_poses.network_poses import network_poses
from engine.image_poses.person_boxes import person_boxes
from engine.image_poses.rest_shape import RestShape
from engine.image_poses.root_depth import solve_root_depth
from engine.image_poses.run_network import NetworkOptions, person_folder, run_network
from engine.image_poses.store import EvidenceStore
from engine.job import Job, open_job
from engine.pipeline import reconstruct, refine_job
from engine.poses import LandmarkSequence
from engine.progress import RateMeter, SilentReporter
from engine.settings import Settings
from engine.video import ReadOptions
from rig.kinematics import global_rotations
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import JOINT, SMPL_PARENTS

RAYS_24 = NetworkFacts(point_count=24, depth_factor_m=2.0)
CAMERA_29 = NetworkFacts(point_count=29, depth_factor_m=2.2)


# Where the person is cut out


def sample_landmarks(capture: Capture) -> LandmarkSequence:
    [landmarks] = landmark_sequences(DetectionStore(capture.job / "detections"), chosen_people(Settings()))
    return landmarks


def true_boxes(rows: range) -> np.ndarray:
    """(R, 4) px around the rendered body's skinned mesh, cut at the picture."""
    truth, body = truth_arrays(), load_open_body()
    vertices = body.shaped(truth["betas"])
    boxes = []
    for row in rows:
        joints, rotmats = posed(truth, row)
        offsets = vertices[:, None] - truth["rest_joints"][None]
        skinned = np.einsum("vj,jab,vjb->va", body.skin_weights, rotmats, offsets) + body.skin_weights @ joints
        camera = truth["world_to_camera"][row]
        seen = skinned @ camera[:3, :3].T + camera[:3, 3]
        pixels = ((seen / seen[:, 2:]) @ truth["intrinsics"].T)[:, :2]
        boxes.append(np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]))
    return np.clip(boxes, 0, np.tile(truth["image_size"], 2))


def test_boxes_fit_the_silhouette_that_networks_are_trained_on(sample_capture: Capture) -> None:
    landmarks = sample_landmarks(sample_capture)
    rows = range(0, len(landmarks), 7)
    boxes = person_boxes(landmarks, (1280, 720))[rows]
    true = true_boxes(rows)
    side = (true[:, 2:] - true[:, :2]).max(axis=1)
    ratio = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) / side
    assert 0.96 < ratio.min() < ratio.max() < 1.08
    # The raw landmarks end far inside of it.
    assert np.median((landmarks.boxes_xyxy[rows, 3] - landmarks.boxes_xyxy[rows, 1]) / side) < 0.93
    centre = 0.5 * (boxes[:, :2] + boxes[:, 2:]) - 0.5 * (true[:, :2] + true[:, 2:])
    assert np.abs(centre / side[:, None]).max() < 0.05


def without(landmarks: LandmarkSequence, rows: slice) -> LandmarkSequence:
    points, scores = landmarks.landmarks_2d.copy(), landmarks.scores.copy()
    points[rows], scores[rows] = np.nan, 0.0
    return replace(landmarks, landmarks_2d=points, scores=scores)


def test_short_gaps_are_bridged_and_long_ones_are_not(sample_capture: Capture) -> None:
    landmarks = sample_landmarks(sample_capture)
    whole = person_boxes(landmarks, (1280, 720))
    short = person_boxes(without(landmarks, slice(10, 16)), (1280, 720))
    side = (whole[:, 2:] - whole[:, :2]).max()
    assert np.abs(short - whole).max() < 0.08 * side
    long = person_boxes(without(landmarks, slice(8, 28)), (1280, 720))
    assert np.isnan(long[8:28]).all()
    assert np.isfinite(long[:8]).all()
    assert np.isfinite(long[28:]).all()


# How far away the person is


def seen_from(depth_m: float, fov_deg: float, off_centre: tuple[float, float], row: int) -> tuple[Camera, np.ndarray]:
    """A camera and the sample's joints (24, 3) m in front of it, as far off the picture's middle as asked."""
    camera = Camera.from_fov((1280, 720), fov_deg)
    joints = truth_arrays()["joints_camera_m"][row, :24]
    ray = camera.rays(np.array([640.0, 360.0]) + np.array(off_centre) * [640.0, 360.0])
    return camera, joints - joints[0] + depth_m * np.array([*ray, 1.0])


@given(
    depth_m=st.floats(1.8, 40.0),
    fov_deg=st.floats(15.0, 100.0),
    off_centre=st.tuples(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9)),
    row=st.integers(0, 145),
)
def test_the_distance_of_exact_joints_is_found(
    depth_m: float, fov_deg: float, off_centre: tuple[float, float], row: int
) -> None:
    _, joints = seen_from(depth_m, fov_deg, off_centre, row)
    rays, depths = joints[None, :, :2] / joints[None, :, 2:], joints[None, :, 2] - joints[0, 2]
    rest = truth_arrays()["rest_joints"]
    [found] = solve_root_depth(rays, depths, rest, np.ones((1, 24)))
    assert found == pytest.approx(depth_m, rel=0.01)
    placed = np.concatenate([rays[0], np.ones((24, 1))], axis=1) * (depths[0] + found)[:, None]
    assert np.linalg.norm(placed - placed[0] - joints + joints[0], axis=1).max() < 0.005


def test_the_distance_survives_bad_joints_and_noise() -> None:
    rng = np.random.default_rng(5)
    joints = truth_arrays()["joints_camera_m"][:, :24]
    true = joints[:, 0, 2]
    rays, depths = joints[..., :2] / joints[..., 2:], joints[..., 2] - joints[:, :1, 2]
    rest = truth_arrays()["rest_joints"]
    broken = rays.copy()
    for name in ("left_wrist", "left_hand", "right_ankle"):
        broken[:, JOINT[name]] += 0.15
    found = solve_root_depth(broken, depths, rest, np.ones((len(rays), 24)))
    assert np.median(np.abs(found / true - 1)) < 0.01
    noisy = solve_root_depth(
        rays + 0.003 * rng.standard_normal(rays.shape),
        depths + 0.02 * rng.standard_normal(depths.shape),
        rest,
        np.ones((len(rays), 24)),
    )
    assert abs(np.median(noisy / true) - 1) < 0.02
    missing = rays.copy()
    missing[0] = np.nan
    found = solve_root_depth(missing, depths, rest, np.ones((len(rays), 24)))
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx(true[1:], rel=0.01)


# Networks with a camera of their own


def test_a_place_in_the_networks_camera_keeps_its_pixels_in_the_jobs() -> None:
    rng = np.random.default_rng(1)
    corner, side = rng.uniform(0, 500, (9, 2)), rng.uniform(100, 700, (9, 1))
    evidence = PersonEvidence(
        np.arange(9), np.concatenate([corner, corner + side], axis=1), random_evidence(9, 29), CAMERA_29
    )
    positions = np.concatenate([rng.uniform(-1, 1, (9, 2)), rng.uniform(3, 9, (9, 1))], axis=1)
    camera = Camera.from_fov((1280, 720), 40.0)
    told = in_camera(positions, evidence, (1280, 720), camera)
    focal_px = FOCAL_PX * side / CROP_PX
    pixels = focal_px * positions[:, :2] / positions[:, 2:] + [640.0, 360.0]
    assert camera.rays(pixels) == pytest.approx(told[:, :2] / told[:, 2:])
    assert told[:, 2] == pytest.approx(positions[:, 2] * camera.intrinsics[0, 0] / focal_px[:, 0])


@pytest.mark.parametrize("parameters", [1, 3])
def test_camera_networks_are_placed_as_their_own_decoding_does(parameters: int) -> None:
    torch = pytest.importorskip("torch")
    from engine.models.architectures import Architecture
    from engine.models.camera_networks import HybrIKCameraHRNet, HybrIKCameraResNet
    from engine.models.hybrik_layer import HybrIKLayer
    from engine.models.network import BoxGeometry, Evidence, PoseNetwork

    kind = {1: HybrIKCameraHRNet, 3: HybrIKCameraResNet}[parameters]

    class Decoder(kind):
        def __init__(self) -> None:
            PoseNetwork.__init__(self, Architecture.HYBRIK_CAMERA_HRNET48)
            self.hybrik_layer = HybrIKLayer(29)

    network = Decoder().eval()
    rest = random_evidence(1, 29).rest_joints[0]
    # A body whose joints are its first vertices.
    layer = network.hybrik_layer
    layer.lbs_weights[:, 0] = 1.0
    layer.J_regressor[torch.arange(24), torch.arange(24)] = 1.0
    layer.v_template[:24] = torch.from_numpy(rest[:24])
    layer.v_template[[411, 2445, 5905, 3216, 6617]] = torch.from_numpy(rest[24:]).float()

    count = 6
    said = random_evidence(count, 29, camera_parameters=parameters)
    said = replace(said, rest_joints=np.tile(rest, (count, 1, 1)))
    corner = np.random.default_rng(2).uniform(0, 400, (count, 2))
    squares = np.concatenate([corner, corner + 300], axis=1)

    def single(array: np.ndarray | None) -> object:
        return None if array is None else torch.from_numpy(array).float()

    evidence = Evidence(
        uvd=single(said.uvd), twist=single(said.twist), delta_betas=single(said.betas), betas=single(said.betas),
        maxvals=single(said.maxvals[..., None]), camera=single(said.camera), sigma=single(said.sigma[..., None]),
    )  # fmt: skip
    centre = torch.tensor([[640.0, 360.0]]).repeat(count, 1)
    reference = network.decode(evidence, BoxGeometry(single(squares), centre))
    skeleton, root = camera_skeleton(PersonEvidence(np.arange(count), squares, said, CAMERA_29), (1280, 720))
    assert skeleton == pytest.approx(reference.skeleton.numpy(), abs=2e-4)
    assert root == pytest.approx(reference.root.numpy(), abs=2e-3)


# The flip test


@pytest.mark.parametrize("points", [24, 29])
def test_a_mirror_image_of_a_mirror_image_is_the_picture(points: int) -> None:
    evidence = random_evidence(3, points, camera_parameters=3 if points == 29 else 0)
    once, twice = mirrored(evidence), mirrored(mirrored(evidence))
    for name, array in evidence.arrays().items():
        assert np.array_equal(twice.arrays()[name], array), name
    assert once.uvd[:, JOINT["left_knee"], 0] == pytest.approx(-evidence.uvd[:, JOINT["right_knee"], 0])
    assert once.twist[:, JOINT["left_knee"] - 1, 0] == pytest.approx(evidence.twist[:, JOINT["right_knee"] - 1, 0])


@pytest.mark.parametrize("trained", [True, False])
def test_the_flip_test_of_a_symmetric_network_changes_nothing_and_never_mixes_in_an_untrained_hand(
    trained: bool,
) -> None:
    picture = np.random.default_rng(0).random((2, 3, 8, 8), dtype=np.float32)
    evidence = random_evidence(2, 24)

    class Symmetric:
        facts = replace(RAYS_24, trained_right_hand=trained)

        def predict(self, crops: np.ndarray) -> NetworkEvidence:
            if np.array_equal(crops, picture):
                return evidence
            assert np.array_equal(crops, picture[..., ::-1])
            seen = mirrored(evidence)
            if not trained:
                seen.leaf_quats_wxyz[:, 3:] = 77.0
            return replace(seen, leaf_quats_wxyz=-seen.leaf_quats_wxyz)

    mean = predict_with_mirror(Symmetric(), picture)
    for name, array in evidence.arrays().items():
        assert mean.arrays()[name] == pytest.approx(array), name


# Running over a video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of 320 x 180 px."""
    return write_piece(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures(12, (320, 180)))


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


def look(
    clip: Path,
    folder: Path,
    network: ScriptedNetwork,
    people: list[LandmarkSequence],
    told: Callable[[int, int], None] = lambda done, total: None,
    **options: object,
) -> None:
    chosen = NetworkOptions(**{"name": "some", "model_hash": "1", "batch_size": 5, **options})  # type: ignore[arg-type]
    run_network(
        clip, ReadOptions(), people, (320, 180), chosen, lambda: network, folder, {"video": "v"}, on_progress=told
    )


def kept(folder: Path, person_id: int) -> PersonEvidence:
    return EvidenceStore(person_folder(folder, person_id)).read()


def test_an_interrupted_run_goes_on_and_ends_the_same(clip: Path, tmp_path: Path) -> None:
    people = [walker(1), walker(2, missing=slice(0, 3))]
    whole, told = ScriptedNetwork(RAYS_24), []
    look(clip, tmp_path / "whole", whole, people, lambda done, total: told.append((done, total)))
    assert whole.crops == 12 + 9
    assert max(whole.batches) == 5
    assert told[0] == (0, 21)
    assert told[-1] == (21, 21)
    assert told == sorted(told)
    assert list(kept(tmp_path / "whole", 2).rows) == list(range(3, 12))

    for at in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            look(clip, tmp_path / "parts", ScriptedNetwork(RAYS_24, interrupted_at=at), people)
    rest = ScriptedNetwork(RAYS_24)
    look(clip, tmp_path / "parts", rest, people)
    assert 0 < rest.crops < 21 - 5
    for person in (1, 2):
        a, b = kept(tmp_path / "whole", person), kept(tmp_path / "parts", person)
        assert np.array_equal(a.rows, b.rows)
        assert np.array_equal(a.squares_xyxy, b.squares_xyxy)
        for name, array in a.network.arrays().items():
            assert b.network.arrays()[name] == pytest.approx(array, abs=1e-6), name


def test_nothing_is_looked_at_twice_but_for_another_network(clip: Path, tmp_path: Path) -> None:
    look(clip, tmp_path, ScriptedNetwork(RAYS_24), [walker(1)])
    again = ScriptedNetwork(RAYS_24)
    look(clip, tmp_path, again, [walker(1)], batch_size=2)
    assert again.crops == 0
    look(clip, tmp_path, again, [walker(2)])
    assert again.crops == 12
    assert len(kept(tmp_path, 1).rows) == 12
    for change in ({"model_hash": "2"}, {"flip_test": True}):
        other = ScriptedNetwork(RAYS_24)
        look(clip, tmp_path, other, [walker(1)], **change)
        assert other.crops == (24 if "flip_test" in change else 12)
        assert not person_folder(tmp_path, 2).exists()


def test_a_half_looked_at_person_is_not_read(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        look(clip, tmp_path, ScriptedNetwork(RAYS_24, interrupted_at=1), [walker(1)])
    with pytest.raises(InputError, match="only 5 crops"):
        kept(tmp_path, 1)


def test_somebody_who_is_never_large_enough_is_missing(clip: Path, tmp_path: Path) -> None:
    far = replace(walker(1), landmarks_2d=0.01 * walker(1).landmarks_2d)
    network = ScriptedNetwork(RAYS_24)
    look(clip, tmp_path, network, [far])
    assert network.crops == 0
    poses = network_poses(kept(tmp_path, 1), far, Camera.from_fov((320, 180)))
    assert (poses.scores == 0).all()
    assert np.isnan(poses.joints).all()


def test_crops_that_the_network_cannot_read_are_missing() -> None:
    evidence = random_evidence(12, 24)
    evidence.uvd[4] = np.nan
    squares = np.tile([80.0, 10.0, 240.0, 170.0], (12, 1))
    poses = network_poses(
        PersonEvidence(np.arange(12), squares, evidence, RAYS_24), walker(1), Camera.from_fov((320, 180))
    )
    assert list(np.flatnonzero(np.isnan(poses.joints).any(axis=(1, 2)))) == [4]
    assert (poses.scores[4] == 0).all()


def test_scores_fall_with_the_spread_and_with_the_height_of_heat_maps() -> None:
    squares, camera = np.tile([80.0, 10.0, 240.0, 170.0], (12, 1)), Camera.from_fov((320, 180))
    spread = np.tile(np.linspace(0.01, 0.3, 12)[:, None], (1, 24))
    plain = random_evidence(12, 24)
    # Peaks of Gaussians with that spread, in cells of a 64th.
    peaks = (2 * np.pi) ** -1.5 * (64 * spread) ** -3.0
    found = [
        network_poses(PersonEvidence(np.arange(12), squares, said, RAYS_24), walker(1), camera).scores
        for said in (replace(plain, sigma=spread), replace(plain, maxvals=peaks), plain)
    ]
    assert found[0] == pytest.approx(found[1])
    assert found[0][0] == pytest.approx(np.full(24, 1 / 1.04))
    assert (np.diff(found[0], axis=0) <= 0).all()
    assert found[0].min() == pytest.approx(0.2)
    detected = [JOINT["left_knee"], JOINT["right_wrist"]]
    assert found[2][:, detected] == pytest.approx(np.full((12, 2), 0.9), abs=0.05)


# A clip's truth through the whole program


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder in which a network was added, of which only the name and hash are true."""
    monkeypatch.setenv("SWINGTWIST_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "models" / "hybrik-24"
    folder.mkdir(parents=True)
    (folder / "weights.pth").write_bytes(b"no weights")
    entry = {
        "schema": 1, "name": "hybrik-24", "path": "weights.pth", "architecture": "hybrik-deconvolution-resnet34",
        "licence": "a licence", "format": "torch", "blake2b": "0" * 128, "size": 10, "body": "", "linked": False,
    }  # fmt: skip
    (folder / "entry.json").write_text(json.dumps(entry))
    return folder


@pytest.fixture
def job_folder(sample_capture: Capture, tmp_path: Path, home: Path) -> Path:
    """The sample's first 1.2 s, looked at by a network that knows the truth."""
    folder = tmp_path / "job"
    shutil.copytree(sample_capture.job, folder)
    settings = replace(open_job(folder).settings, model="hybrik-24", flip_test=False, batch_size=7)
    job = open_clip(str(sample_video()), settings, folder)
    boxes = person_boxes(sample_landmarks(sample_capture), job.clip.image_size)
    told: list[str] = []
    reporter = SilentReporter()
    reporter.progress = lambda stage, done, total: told.append(stage)  # type: ignore[method-assign]
    estimate_people(job, reporter, load=lambda settings: TruthNetwork(boxes))
    assert told[-1] == "network"
    return folder


def true_part(frames: int) -> Truth:
    """The sample's truth in its first frames."""
    truth = load_truth(TRUTH)
    names = ("joints_camera", "times_s", "world_to_camera", "local_rotmats")
    return replace(truth, **{name: getattr(truth, name)[:frames] for name in names})


def true_camera(job: Job) -> Camera:
    return replace(Camera.from_fov(job.clip.image_size), intrinsics=truth_arrays()["intrinsics"])


def test_a_network_that_knows_the_truth_gives_it_back(job_folder: Path) -> None:
    job = open_job(job_folder)
    people, camera = read_people(job), true_camera(job)
    frames = len(people.landmarks[0])
    part = true_part(frames)
    plain = replace(job.settings, smoothing="off", foot_lock="off")
    scores = evaluate_clip(reconstruct(people, camera, load_open_body(), plain, SilentReporter()), part)
    assert scores.mpjpe_mm < 5
    assert scores.joint_angle_error_deg < 1.5
    assert scores.root_angle_error_deg < 0.5
    assert scores.root_error_mm < 50
    # The network's own body gets the network's own shape, and then everything is in its place.
    own_body = replace(load_open_body(), name="smpl")
    [record] = reconstruct(people, camera, own_body, plain, SilentReporter())
    assert record.motion.betas == pytest.approx(truth_arrays()["betas"], abs=1e-6)
    scores = evaluate_clip([record], part)
    assert scores.mpjpe_mm < 3
    assert scores.root_error_mm < 8
    smoothed = evaluate_clip(reconstruct(people, camera, load_open_body(), job.settings, SilentReporter()), part)
    assert smoothed.mpjpe_mm < 25

    # The right hand, of which such networks say nothing, rides on its wrist.
    poses = network_poses(people.evidence[1], people.landmarks[0], camera)
    hand, wrist = poses.leaf_rotmats[:, JOINT["right_hand"]], JOINT["right_wrist"]
    assert np.isfinite(hand).all()
    arrays = truth_arrays()
    local = rotvec_to_rotmat(np.concatenate([arrays["global_orient"][:, None], arrays["body_pose"]], axis=1))[:frames]
    turned = arrays["world_to_camera"][:frames, :3, :3] @ global_rotations(SMPL_PARENTS, local)[:, wrist]
    assert np.abs(hand - turned).max() < 0.02


def test_a_network_of_29_points_that_knows_the_truth_is_placed_by_bones_or_by_its_own_camera(
    sample_capture: Capture,
) -> None:
    job = open_job(sample_capture.job)
    people, camera = read_people(job), true_camera(job)
    boxes = person_boxes(people.landmarks[0], job.clip.image_size)
    people = replace(people, evidence={1: true_camera_evidence(boxes)})
    settings = Settings(smoothing="off", foot_lock="off")
    own_body = replace(load_open_body(), name="smpl")
    part = true_part(len(boxes))
    for own_camera, joints_mm, root_mm in ((False, 5, 8), (True, 20, 70)):
        chosen = replace(settings, own_camera=own_camera)
        scores = evaluate_clip(reconstruct(people, camera, own_body, chosen, SilentReporter()), part)
        assert scores.mpjpe_mm < joints_mm
        assert scores.root_error_mm < root_mm


def test_refining_needs_neither_the_network_nor_the_video(
    job_folder: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(home)
    job = open_job(job_folder)
    outputs = [tmp_path / "refined.npz"]
    _, people = refine_job(job, outputs, replace(job.settings, smoothing="heavy"), SilentReporter())
    assert people == [1]
    with np.load(outputs[0], allow_pickle=False) as motion:
        model = json.loads(str(motion["provenance"]))["model"]
    assert model["licence"] == "truth only"
    assert model["derived_from"] == "SMPL"
    assert "wrist" in model["right_hand"]
    with pytest.raises(InputError, match="model"):
        refine_job(job, outputs, replace(job.settings, model="landmarks"), SilentReporter())
    shutil.rmtree(job_folder / "network")
    with pytest.raises(InputError, match="person 1"):
        refine_job(job, outputs, job.settings, SilentReporter())


# What can be refused before the work


def test_a_network_without_weights_is_refused_with_what_to_download(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SWINGTWIST_HOME", str(tmp_path / "home"))
    with pytest.raises(MissingTool, match="mocap models add hybrik-transformer"):
        open_clip(str(sample_video()), Settings(model="hybrik-transformer"), tmp_path / "job")
    with pytest.raises(InputError, match=r"hybrik-transformer.*hybrik-24"):
        open_clip(str(sample_video()), Settings(model="openpose"), tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_a_camera_and_a_missing_torch_are_refused(home: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(InputError, match="second time"):
        open_clip("webcam:0", Settings(model="hybrik-24", end=3.0), tmp_path / "job")
    monkeypatch.setattr("engine.image_poses.choice.find_spec", lambda name: None)
    with pytest.raises(MissingTool, match="pip install torch"):
        open_clip(str(sample_video()), Settings(model="hybrik-24"), tmp_path / "job")


# What networks rest on


def test_rest_points_follow_the_shape() -> None:
    rng = np.random.default_rng(3)
    template, directions = rng.standard_normal((6890, 3)), rng.standard_normal((6890, 3, 10))
    regressor = np.zeros((24, 6890))
    regressor[np.arange(24), np.arange(24) * 7] = 1.0
    shape = RestShape.of_body(template, directions, regressor, 29)
    betas = rng.standard_normal((2, 10))
    for betas_of_one, points in zip(betas, shape.rest_joints(betas), strict=True):
        shaped = template + directions @ betas_of_one
        assert points[:24] == pytest.approx(regressor @ shaped)
        assert points[24:] == pytest.approx(shaped[[411, 2445, 5905, 3216, 6617]])


def test_torch_networks_hand_over_all_they_say() -> None:
    torch = pytest.importorskip("torch")
    from engine.image_poses.torch_predictor import TorchPredictor
    from engine.models.architectures import Architecture
    from engine.models.hybrik_layer import HybrIKLayer
    from engine.models.network import Evidence, PoseNetwork

    said = random_evidence(2, 24)

    class Tiny(PoseNetwork):
        def __init__(self) -> None:
            super().__init__(Architecture.HYBRIK_DECONVOLUTION_RESNET34)
            self.hybrik_layer = HybrIKLayer(24)
            self.hybrik_layer.J_regressor[:, 0] = 1.0
            self.hybrik_layer.v_template[0] = 0.5

        def evidence(self, images: object) -> Evidence:
            values = {name: torch.from_numpy(array) for name, array in said.arrays().items() if name != "rest_joints"}
            return Evidence(**{**values, "maxvals": values["maxvals"][..., None], "delta_betas": values["betas"]})

    predictor = TorchPredictor(Tiny(), "tiny", "none")
    assert predictor.facts == NetworkFacts(24, 2.0, "tiny", "none", trained_right_hand=False)
    heard = predictor.predict(np.zeros((2, 3, 256, 256), np.float32))
    for name, array in said.arrays().items():
        assert heard.arrays()[name] == pytest.approx(0.0 * array + 0.5 if name == "rest_joints" else array), name


def test_slow_work_has_a_rate_too(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 8.0, 16.0, 24.0])
    monkeypatch.setattr("engine.progress.time.monotonic", lambda: next(times))
    meter = RateMeter(window_s=5.0)
    told = [meter.update("network", done, 64) for done in (0, 16, 32, 48)]
    assert told[1:] == [(2.0, 24.0), (2.0, 16.0), (2.0, 8.0)]

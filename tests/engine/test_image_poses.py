"""From what image networks say to poses: boxes, distance, the networks' own cameras, the flip test, scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from captures import Capture
from hypothesis import given
from hypothesis import strategies as st
from image_networks import (
    posed,
    random_evidence,
    sample_landmarks,
    truth_arrays,
    walker,
    without,
)

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.image_poses.camera_decode import CROP_PX, FOCAL_PX, camera_skeleton, in_camera
from engine.image_poses.evidence import NetworkEvidence, NetworkFacts, PersonEvidence
from engine.image_poses.mirrored import mirrored, predict_with_mirror
from engine.image_poses.network_poses import network_poses
from engine.image_poses.person_boxes import person_boxes
from engine.image_poses.rest_shape import RestShape
from engine.image_poses.root_depth import solve_root_depth
from rig.skeleton import JOINT

RAYS_24 = NetworkFacts(point_count=24, depth_factor_m=2.0)
CAMERA_29 = NetworkFacts(point_count=29, depth_factor_m=2.2)


# Where the person is cut out


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


# Scores and what is missing


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
    from engine.models.network import Evidence
    from engine.models.ray_network import RayNetwork

    said = random_evidence(2, 24)

    class Tiny(RayNetwork):
        def __init__(self) -> None:
            super().__init__(Architecture.HYBRIK_DECONVOLUTION_RESNET34, torch.nn.Identity(), torch.nn.Identity())
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

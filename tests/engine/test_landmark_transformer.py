"""The landmark transformer: its view of people, its network, its export and its lifter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.camera import Camera
from engine.errors import InputError
from engine.lifting.landmark_features import attention_mask, extract_features, turn_to_axis
from engine.lifting.landmark_transformer import (
    LANDMARK_MODEL_FILE,
    LandmarkTransformerLifter,
    WindowConfig,
    mirror_features,
    shipped_lifter,
)
from engine.poses import BLAZEPOSE_NAMES, LandmarkSequence
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import SMPL_JOINT_NAMES, mirrored_names
from tests.engine.landmark_batches import exact, seeded_batch

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from engine.training.landmarks.detector_errors import DetectorErrors  # noqa: E402
from engine.training.landmarks.example_steps import (  # noqa: E402
    Ingredient,
    TrainConfig,
    flat_arrays,
    thinned,
    training_sight,
)
from engine.training.landmarks.examples import make_examples, rays_of  # noqa: E402
from engine.training.landmarks.export import export_onnx  # noqa: E402
from engine.training.landmarks.losses import LossWeights, losses  # noqa: E402
from engine.training.landmarks.model import LandmarkTransformer, Output  # noqa: E402
from engine.training.landmarks.train import check_scores, picked_frames, picked_truth  # noqa: E402

INPUTS = ("landmarks", "frame", "times_s", "mask", "spread")


def _network(seed: int = 0) -> LandmarkTransformer:
    """A network whose every output depends on its input, as an untrained one's hardly does."""
    torch.manual_seed(seed)
    network = LandmarkTransformer()
    for layer in (network.frame_out, network.joint_out):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return network.eval()


def _tensors(count: int = 2, frames: int = 12) -> dict[str, torch.Tensor]:
    examples = make_examples(seeded_batch(count, frames), exact, np.random.default_rng(0))
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in flat_arrays(examples).items()}


def _run(network: LandmarkTransformer, arrays: dict[str, torch.Tensor]) -> Output:
    with torch.inference_mode():
        return network(*(arrays[name] for name in INPUTS))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    export_onnx(_network(), path)
    return path


def _sequence(frames: int = 40, seed: int = 0) -> tuple[LandmarkSequence, Camera]:
    batch = seeded_batch(1, frames, seed)
    points = batch["landmarks_2d_px"][0].astype(np.float64)
    return LandmarkSequence(
        person_id=3,
        frame_indices=np.arange(frames),
        times_s=batch["times_s"][0].astype(np.float64),
        landmarks_2d=points,
        landmarks_3d=np.full((frames, 33, 3), np.nan),
        scores=np.ones((frames, 33)),
        boxes_xyxy=np.concatenate([points.min(1), points.max(1)], axis=-1),
    ), Camera(batch["intrinsics"][0].astype(np.float64), (1280, 720), np.eye(4))


def test_a_bearing_is_turned_onto_the_axis_by_the_smallest_rotation() -> None:
    bearing = np.random.default_rng(0).standard_normal((20, 2))
    turn = turn_to_axis(bearing)
    ray = np.concatenate([bearing, np.ones((20, 1))], axis=1)
    np.testing.assert_allclose((turn @ ray[..., None])[:, :2, 0], 0.0, atol=1e-12)
    np.testing.assert_allclose(turn @ np.swapaxes(turn, 1, 2), np.tile(np.eye(3), (20, 1, 1)), atol=1e-12)
    angle = np.arccos((np.trace(turn, axis1=1, axis2=2) - 1) / 2)
    np.testing.assert_allclose(angle, np.arctan(np.linalg.norm(bearing, axis=1)))


def test_a_camera_that_looks_elsewhere_from_the_same_place_sees_the_same_pose() -> None:
    """Rotating the camera changes where the person is in the picture, not the landmarks of the view, up to the roll."""
    batch = seeded_batch(1, 4)
    points = batch["landmarks_camera"].astype(np.float64)
    scores, world = np.ones(points.shape[:3]), np.full(points.shape, np.nan)
    seen = np.ones(points.shape[:2], bool)
    found = []
    for rotvec in ([0.0, 0.0, 0.0], [0.1, -0.2, 0.0]):
        turned = points @ rotvec_to_rotmat(np.array(rotvec)).T
        rays = turned[..., :2] / turned[..., 2:]
        found.append(extract_features(rays, scores, world, batch["times_s"], seen))
    radius = [np.linalg.norm(features.landmarks[..., :2], axis=-1) for features in found]
    # The middle of the rays is not quite the same direction for both, so neither is the view.
    np.testing.assert_allclose(radius[0], radius[1], atol=0.05)
    np.testing.assert_allclose(found[0].view.spread, found[1].view.spread, rtol=0.02)


def test_intrinsics_do_not_matter_where_the_rays_are_the_same() -> None:
    batch = seeded_batch(2, 4)
    zoomed = dict(batch)
    zoomed["intrinsics"] = batch["intrinsics"] * np.array([[2.0, 1, 2], [1, 2, 2], [1, 1, 1]], np.float32)
    zoomed["landmarks_2d_px"] = 2.0 * batch["landmarks_2d_px"]
    rng = np.random.default_rng(0)
    one, other = make_examples(batch, exact, rng).features, make_examples(zoomed, exact, rng).features
    np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-4)
    np.testing.assert_allclose(one.frame, other.frame, atol=1e-3)


def test_rays_are_those_of_the_camera() -> None:
    batch = seeded_batch(1, 3)
    camera = Camera(batch["intrinsics"][0].astype(np.float64), (1280, 720), np.eye(4))
    pixels = batch["landmarks_2d_px"].astype(np.float64)
    np.testing.assert_allclose(rays_of(pixels, batch["intrinsics"].astype(np.float64))[0], camera.rays(pixels[0]))


def test_true_joints_follow_from_true_plane_depth_and_extent() -> None:
    """The network's parametrisation is exact: fed the truth, it gives the truth."""
    batch = seeded_batch(2, 3)
    examples = make_examples(batch, exact, np.random.default_rng(0))
    view, targets = examples.features.view, examples.targets
    joints = view.to_view(batch["joints_camera"].astype(np.float64))
    plane = joints[..., :2] / joints[..., 2:] / view.spread[..., None, None]
    depth = joints[..., 2] - joints[..., :1, 2]
    reach = np.exp(targets.log_extent)[..., None] + view.spread[..., None] * depth
    points = np.concatenate([plane * reach[..., None], depth[..., None]], axis=-1)
    np.testing.assert_allclose(points - points[..., :1, :], targets.joints, atol=1e-5)


def test_outputs_have_their_shapes_and_the_same_seed_gives_the_same() -> None:
    arrays = _tensors()
    output, again = _run(_network(), arrays), _run(_network(), arrays)
    assert output.fine.joints.shape == output.coarse.joints.shape == (2, 12, 24, 3)
    assert output.twist.shape == (2, 12, 23, 2)
    assert output.log_sigma.shape == (2, 12, 24)
    assert output.leaves.shape == (2, 12, 5, 6)
    assert output.betas.shape == (2, 12, 10)
    assert torch.equal(output.fine.joints, again.fine.joints)
    assert output.fine.joints[:, :, 0].abs().max() == 0


def test_picked_frames_are_decoded_as_among_all() -> None:
    arrays, network = _tensors(), _network()
    pick = torch.tensor([[3, 4, 9], [0, 1, 11]])
    with torch.inference_mode():
        some = network(*(arrays[name] for name in INPUTS), pick)
    everything = _run(network, arrays)
    for row in range(2):
        torch.testing.assert_close(some.fine.joints[row], everything.fine.joints[row, pick[row]], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(some.twist[row], everything.twist[row, pick[row]], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("causal", [True, False])
def test_only_without_the_causal_mask_do_later_frames_matter(causal: bool) -> None:
    arrays, network = _tensors(), _network()
    arrays["mask"] = torch.from_numpy(attention_mask(np.ones((2, 12), bool), causal))
    before = _run(network, arrays).fine.joints[:, :6]
    arrays["landmarks"][:, 6:] += 0.3
    after = _run(network, arrays).fine.joints[:, :6]
    assert ((before - after).abs().max() < 1e-6) == causal


def test_unseen_frames_are_not_read() -> None:
    arrays, network = _tensors(), _network()
    seen = np.ones((2, 12), bool)
    seen[:, 5] = False
    arrays["mask"] = torch.from_numpy(attention_mask(seen, False))
    before = _run(network, arrays).fine.joints
    arrays["landmarks"][:, 5] = 9.0
    after = _run(network, arrays).fine.joints
    keep = [frame for frame in range(12) if frame != 5]
    torch.testing.assert_close(before[:, keep], after[:, keep], atol=1e-6, rtol=0)


def test_only_differences_of_time_matter() -> None:
    arrays, network = _tensors(), _network()
    before = _run(network, arrays).fine.joints
    arrays["times_s"] = arrays["times_s"] + 0.7
    torch.testing.assert_close(_run(network, arrays).fine.joints, before, atol=1e-4, rtol=0)


def test_thinning_keeps_runs_of_frames_and_their_pairs_of_the_mask() -> None:
    arrays = {name: value.numpy() for name, value in _tensors().items()}
    arrays["mask"] = np.arange(288, dtype=np.float32).reshape(2, 12, 12)
    thin = thinned(arrays, 6, 2, np.random.default_rng(0))
    rows = np.array([[np.flatnonzero(t == all_t)[0] for t in row] for row, all_t in zip(
        thin["times_s"], arrays["times_s"], strict=True)])  # fmt: skip
    assert (rows[:, 1::2] == rows[:, ::2] + 1).all()
    for window in range(2):
        np.testing.assert_array_equal(thin["mask"][window], arrays["mask"][window][np.ix_(rows[window], rows[window])])
        np.testing.assert_array_equal(thin["true_joints"][window], arrays["true_joints"][window, rows[window]])
    np.testing.assert_array_equal(thin["true_betas"], arrays["true_betas"])


def test_without_the_lens_only_the_picture_counts() -> None:
    batch = seeded_batch(2, 6)
    longer = dict(batch, intrinsics=batch["intrinsics"] * np.array([2.0, 2.0, 1.0], np.float32)[:, None])
    longer["intrinsics"][:, :2, 2] = batch["intrinsics"][:, :2, 2]
    one, other = (make_examples(b, exact, np.random.default_rng(0), known_lens=False) for b in (batch, longer))
    np.testing.assert_array_equal(one.features.landmarks, other.features.landmarks)
    # The same picture by a lens twice as long, taken for the usual one: the depth that fits is half the true one.
    shift = one.targets.log_extent - other.targets.log_extent
    np.testing.assert_allclose(shift, np.log(2.0), atol=1e-4)
    assert not np.allclose(
        one.features.landmarks, make_examples(batch, exact, np.random.default_rng(0)).features.landmarks
    )


def test_learned_errors_give_way_to_plain_ones() -> None:
    errors = DetectorErrors.load()
    whole, less = (training_sight(errors, TrainConfig(left_out=p)) for p in ((), (Ingredient.LEARNED_ERRORS,)))
    assert (less.learned, less.plain) == (0.0, whole.learned + whole.plain)


def test_a_few_windows_are_learned_by_heart() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    arrays, network = _tensors(2, 6), LandmarkTransformer()
    config = TrainConfig(window=6, kept=6, starts=2, batch=2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    before = check_scores(network, arrays)["mpjpe_mm"]
    for step in range(60):
        pick = picked_frames(config, 2, step)
        output = network(*(arrays[name] for name in INPUTS), pick)
        terms = losses(output, picked_truth(arrays, pick), LossWeights(), config.runs)
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
    after = check_scores(network, arrays)
    assert before > 150
    assert after["mpjpe_mm"] < 50
    assert after["gravity_deg"] < 5


def test_the_pelvis_that_is_never_wrong_does_not_spoil_the_gradient() -> None:
    arrays, network = _tensors(1, 4), _network()
    config = TrainConfig(window=4, kept=4, starts=1, batch=1)
    with torch.no_grad():
        network.joint_out.bias[3] = -200.0
    pick = picked_frames(config, 1, 0)
    output = network(*(arrays[name] for name in INPUTS), pick)
    torch.stack(list(losses(output, picked_truth(arrays, pick), LossWeights(), 2).values())).sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in network.parameters() if p.grad is not None)


def test_the_lifter_gives_what_torch_gives(exported: Path) -> None:
    sequence, camera = _sequence(12)
    config = WindowConfig(frames=12, overlap=4, mirrored=False)
    lifted = LandmarkTransformerLifter(exported, config).estimate(sequence, camera)
    examples = make_examples(seeded_batch(1, 12), exact, np.random.default_rng(0))
    arrays = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in flat_arrays(examples).items()}
    output = _run(_network(), arrays)
    expected = examples.features.view.to_camera(output.fine.joints.numpy())[0]
    assert exported.stat().st_size < 20e6
    np.testing.assert_allclose(lifted.joints, expected, atol=5e-3)
    # By construction joints and bearings agree with the pelvis' place.
    points = lifted.joints + lifted.pelvis[:, None]
    np.testing.assert_allclose(points[..., :2] / points[..., 2:], lifted.bearings, atol=1e-4)


def test_the_lifter_leaves_unseen_frames_missing_and_is_the_same_every_time(exported: Path) -> None:
    sequence, camera = _sequence(60)
    points, scores = sequence.landmarks_2d.copy(), sequence.scores.copy()
    points[20:50], scores[20:50] = np.nan, 0.0
    sequence = LandmarkSequence(
        3, sequence.frame_indices, sequence.times_s, points, sequence.landmarks_3d, scores, sequence.boxes_xyxy
    )
    lifter = LandmarkTransformerLifter(exported)
    poses, again = lifter.lift(sequence, camera), lifter.lift(sequence, camera)
    assert np.isnan(poses.joints[20:50]).all()
    assert (poses.scores[20:50] == 0).all()
    assert np.isfinite(poses.joints[:20]).all()
    assert np.isfinite(poses.joints[50:]).all()
    assert np.isfinite(poses.twist[0, 3]).all()
    np.testing.assert_array_equal(poses.joints, again.joints)
    assert np.isnan(lifter.lift(sequence, camera).twist[:, 14]).all()  # the head's bone ends in nothing


def test_nobody_seen_is_all_missing(exported: Path) -> None:
    sequence, camera = _sequence(5)
    nobody = LandmarkSequence(
        3, sequence.frame_indices, sequence.times_s, np.full((5, 33, 2), np.nan), sequence.landmarks_3d,
        np.zeros((5, 33)), np.full((5, 4), np.nan),
    )  # fmt: skip
    poses = LandmarkTransformerLifter(exported).lift(nobody, camera)
    assert np.isnan(poses.joints).all()
    assert (poses.scores == 0).all()


def test_a_causal_lifter_does_not_know_the_future(exported: Path) -> None:
    sequence, camera = _sequence(48)
    lifter = LandmarkTransformerLifter(exported, WindowConfig(causal=True))
    points = sequence.landmarks_2d.copy()
    points[40:] += 30.0
    changed = LandmarkSequence(
        3, sequence.frame_indices, sequence.times_s, points, sequence.landmarks_3d, sequence.scores, sequence.boxes_xyxy
    )
    before, after = lifter.lift(sequence, camera), lifter.lift(changed, camera)
    np.testing.assert_allclose(before.joints[:40], after.joints[:40], atol=1e-5)
    assert np.abs(before.joints[40:] - after.joints[40:]).max() > 1e-3


def test_a_person_in_a_mirror_is_lifted_as_the_mirrored_person(exported: Path) -> None:
    sequence, camera = _sequence(12)
    names = [{"mouth_left": "left_mouth", "mouth_right": "right_mouth"}.get(name, name) for name in BLAZEPOSE_NAMES]
    other, joints = list(mirrored_names(names)), list(mirrored_names(SMPL_JOINT_NAMES))
    flip = np.array([-1.0, 1.0, 1.0])
    results = []
    nothing = np.full((12, 33, 3), np.nan)
    for points in (sequence.landmarks_2d, sequence.landmarks_2d[:, other] * [-1, 1] + [1280, 0]):
        seen = LandmarkSequence(
            3, sequence.frame_indices, sequence.times_s, points, nothing, sequence.scores, sequence.boxes_xyxy
        )
        results.append(LandmarkTransformerLifter(exported).estimate(seen, camera))
    one, two = results
    np.testing.assert_allclose(one.joints, two.joints[:, joints] * flip, atol=1e-5)
    np.testing.assert_allclose(one.bearings, two.bearings[:, joints] * [-1, 1], atol=1e-5)
    np.testing.assert_allclose(one.twist, two.twist[:, [joint - 1 for joint in joints[1:]]] * [1, -1], atol=1e-5)
    mirror = np.diag(flip)
    np.testing.assert_allclose(one.leaves, mirror @ two.leaves[:, [0, 2, 1, 4, 3]] @ mirror, atol=1e-5)
    np.testing.assert_allclose(one.gravity, two.gravity * flip, atol=1e-5)
    np.testing.assert_allclose(one.contacts, two.contacts[:, [2, 3, 0, 1]], atol=1e-5)


def test_the_detectors_own_depth_is_read_once_of_two_times(exported: Path) -> None:
    sequence, camera = _sequence(12)
    world = np.random.default_rng(0).normal(0, 0.3, (12, 33, 3))
    with_depth, without = (
        LandmarkSequence(
            3,
            sequence.frame_indices,
            sequence.times_s,
            sequence.landmarks_2d,
            own,
            sequence.scores,
            sequence.boxes_xyxy,
        )
        for own in (world, np.full_like(world, np.nan))
    )
    once, both = (LandmarkTransformerLifter(exported, WindowConfig(mirrored=m)) for m in (False, True))
    plain, blind = (once.estimate(seen, camera).joints for seen in (with_depth, without))
    mixed, neither = (both.estimate(seen, camera).joints for seen in (with_depth, without))
    assert np.abs(plain - blind).max() > 1e-3
    mirrored_blind = 2.0 * neither - blind
    np.testing.assert_allclose(mixed, 0.5 * (plain + mirrored_blind), atol=1e-5)


def test_features_of_a_mirror_image_are_mirrored() -> None:
    rng = np.random.default_rng(0)
    rays, scores, world = rng.normal(0, 0.2, (12, 33, 2)), rng.random((12, 33)), rng.normal(0, 0.3, (12, 33, 3))
    names = [{"mouth_left": "left_mouth", "mouth_right": "right_mouth"}.get(name, name) for name in BLAZEPOSE_NAMES]
    other = list(mirrored_names(names))
    seen, times = np.ones(12, bool), np.arange(12) / 30.0
    one = extract_features(rays, scores, world, times, seen)
    two = extract_features(rays[:, other] * [-1, 1], scores[:, other], world[:, other] * [-1, 1, 1], times, seen)
    np.testing.assert_allclose(mirror_features("landmarks", one.landmarks), two.landmarks, atol=1e-5)
    np.testing.assert_allclose(mirror_features("frame", one.frame), two.frame, atol=1e-5)


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.onnx"):
        LandmarkTransformerLifter(tmp_path / "nothing.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    with pytest.raises(InputError, match=r"broken\.onnx"):
        LandmarkTransformerLifter(tmp_path / "broken.onnx")


def test_the_shipped_network_is_small_and_lifts_plausible_people() -> None:
    assert LANDMARK_MODEL_FILE.stat().st_size < 20e6
    sequence, camera = _sequence(24, seed=1)
    lifted = shipped_lifter().estimate(sequence, camera)
    thigh = np.linalg.norm(lifted.joints[:, 4] - lifted.joints[:, 1], axis=-1)
    assert ((thigh > 0.2) & (thigh < 0.6)).all()
    true = seeded_batch(1, 24, 1)["joints_camera"][0, :, 0]
    assert np.abs(np.linalg.norm(lifted.pelvis, axis=-1) / np.linalg.norm(true, axis=-1) - 1.0).max() < 0.4
    # Poses from random angles are stranger than what people do, and the network says that it is not sure.
    assert lifted.sigma[:, 1:].mean() > 0.08


def test_weights_that_are_not_the_baselines_are_refused(tmp_path: Path) -> None:
    from engine.training.landmarks.lifters import martinez_method

    (tmp_path / "text.pt").write_text("no weights")
    torch.save({"other": torch.zeros(2)}, tmp_path / "other.pt")
    for name in ("text.pt", "other.pt", "absent.pt"):
        with pytest.raises(InputError, match=rf"{name} cannot be read, expected the martinez\.pt"):
            martinez_method(tmp_path / name)

"""Tests of what the image networks are trained towards: losses, labels, mirroring, learning rate, averaging."""

import dataclasses
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.ik.plan import MIRROR_24, MIRROR_29
from engine.models.crops import map_points, square_frame
from engine.training import label_flips, label_turns
from engine.training.camera_targets import camera_targets
from engine.training.schedule import inverse_square_root_rate
from engine.training.targets import label_quats_wxyz, uvd_targets, xyz_targets
from engine.training.twist_labels import twist_angles
from rig.rotations import rotvec_to_rotmat, swing_twist

torch = pytest.importorskip("torch")

from engine.training import averaging, losses  # noqa: E402

RNG = np.random.default_rng(8)
PEOPLE = 4


def tensor(*shape):
    return torch.from_numpy(RNG.standard_normal(shape))


def mask(*shape):
    return torch.from_numpy((RNG.random(shape) < 0.6).astype(float))


@pytest.fixture
def batch():
    predicted = losses.Predicted(
        betas=tensor(PEOPLE, 10),
        rotations=tensor(PEOPLE, 216),
        twist=tensor(PEOPLE, 23, 2),
        uvd=tensor(PEOPLE, 29, 3),
        sigma=tensor(PEOPLE, 29, 1).abs() + 0.1,
        camera_scale=tensor(PEOPLE, 1),
        camera_trans=tensor(PEOPLE, 2),
    )
    targets = losses.Targets(
        smpl_weight=torch.tensor([[1.0], [0.0], [1.0], [1.0]], dtype=torch.float64),
        betas=tensor(PEOPLE, 10),
        rotations=tensor(PEOPLE, 216),
        rotation_weights=mask(PEOPLE, 216),
        twist=tensor(PEOPLE, 23, 2),
        twist_weights=mask(PEOPLE, 23, 2),
        uvd=tensor(PEOPLE, 29, 3),
        uvd_weights=mask(PEOPLE, 29, 3),
        xyz_weights=torch.ones(PEOPLE, 24, 3, dtype=torch.float64),
        camera_scale=tensor(PEOPLE, 1),
        camera_trans=tensor(PEOPLE, 2),
    )
    return predicted, targets


ALL_LOSSES = [losses.transformer_loss, losses.camera_laplace_loss, losses.camera_l1_loss]


@pytest.mark.parametrize("loss", ALL_LOSSES)
def test_labels_without_weight_do_not_matter(loss, batch):
    predicted, targets = batch
    changed = dataclasses.replace(
        targets,
        betas=targets.betas + 9.0 * (1.0 - targets.smpl_weight),
        rotations=targets.rotations - 9.0 * (1.0 - targets.rotation_weights),
        twist=targets.twist + 9.0 * (1.0 - targets.twist_weights),
        uvd=targets.uvd + 9.0 * (1.0 - targets.uvd_weights),
    )
    assert loss(predicted, changed).total.item() == pytest.approx(loss(predicted, targets).total.item(), rel=1e-12)
    seen = dataclasses.replace(targets, uvd=targets.uvd + 9.0 * targets.uvd_weights)
    assert loss(predicted, seen).total > loss(predicted, targets).total + 1.0


def test_the_total_is_the_weighted_sum_of_plain_loops(batch):
    predicted, targets = batch
    squares = [
        (targets.smpl_weight[n, 0] * (predicted.betas[n, k] - targets.betas[n, k])) ** 2
        for n in range(PEOPLE)
        for k in range(10)
    ]
    loss = losses.transformer_loss(predicted, targets)
    assert loss.betas.item() == pytest.approx(float(sum(squares)) / 40)
    distance = weight = 0.0
    for n in range(PEOPLE):
        for k in range(24):
            for axis in range(3):
                w = float(targets.uvd_weights[n, k, axis])
                distance += 64 * w * abs(float(predicted.uvd[n, k, axis] - targets.uvd[n, k, axis]))
                weight += w
    assert loss.uvd.item() == pytest.approx(distance / weight)
    total = loss.betas + 0.01 * loss.rotations + 0.01 * loss.twist + loss.uvd
    assert loss.total.item() == pytest.approx(total.item())


def test_nothing_known_is_no_loss_and_has_a_finite_gradient(batch):
    predicted, targets = batch
    nothing = dataclasses.replace(
        targets,
        **{
            name: torch.zeros_like(getattr(targets, name))
            for name in ("smpl_weight", "rotation_weights", "twist_weights", "uvd_weights", "xyz_weights")
        },
    )
    predicted = dataclasses.replace(predicted, uvd=predicted.uvd.clone().requires_grad_())
    for loss in ALL_LOSSES:
        total = loss(predicted, nothing).total
        assert total.item() == 0.0
        (gradient,) = torch.autograd.grad(total, predicted.uvd)
        assert torch.count_nonzero(gradient) == 0


def test_a_camera_counts_where_more_than_three_xyz_weights_do(batch):
    predicted, targets = batch
    few = torch.ones_like(targets.xyz_weights)
    few[1] = 0.0
    few[2] = 0.0
    few[1, 0] = 1.0
    few[2, :2] = 1.0
    loss = losses.camera_l1_loss(predicted, dataclasses.replace(targets, xyz_weights=few))
    difference = (predicted.camera_scale - targets.camera_scale)[[0, 2, 3]]
    assert loss.camera_scale.item() == pytest.approx(float((difference**2).sum()) / PEOPLE)
    without = losses.camera_l1_loss(dataclasses.replace(predicted, camera_trans=None), targets)
    assert without.camera_trans is None
    with pytest.raises(ValueError, match="sigma"):
        losses.camera_laplace_loss(dataclasses.replace(predicted, sigma=None), targets)


def test_the_laplace_term_wants_the_sigma_that_fits_the_error():
    truth, weights = torch.zeros(1, 1, 3), torch.ones(1, 1, 3)
    sigma = torch.linspace(0.01, 2.0, 400)
    values = torch.stack([losses.laplace_term(truth + 0.5, s[None, None], truth, weights) for s in sigma])
    assert sigma[values.argmin()].item() == pytest.approx(0.5 / 2**0.5, abs=0.01)


def test_predicted_rotations_reach_the_loss_as_quaternions_or_matrices_with_a_gradient(batch):
    rotmats = torch.from_numpy(rotvec_to_rotmat(RNG.standard_normal((PEOPLE, 24, 3)))).requires_grad_()
    fields = ("betas", "twist", "uvd", "sigma", "camera_scale", "camera_trans")
    output = type("Output", (), {name: getattr(batch[0], name) for name in fields} | {"rotmats": rotmats})
    quaternions = losses.Predicted.with_quaternions(output).rotations
    assert quaternions.shape == (PEOPLE, 96)
    np.testing.assert_allclose(quaternions.detach().reshape(-1, 4).norm(dim=1), 1.0)
    assert losses.Predicted.with_matrices(output).rotations.shape == (PEOPLE, 216)
    (gradient,) = torch.autograd.grad(quaternions.square().sum() + quaternions.sum(), rotmats)
    assert torch.isfinite(gradient).all()
    assert torch.count_nonzero(gradient) > 0


def test_float32_training_gives_the_same_loss(batch):
    predicted, targets = batch
    single = [
        type(part)(**{name: None if value is None else value.float() for name, value in vars(part).items()})
        for part in batch
    ]
    for loss in ALL_LOSSES:
        assert loss(*single).total.item() == pytest.approx(loss(predicted, targets).total.item(), rel=1e-5)


@given(seed=st.integers(0, 10_000), width=st.integers(2, 4000))
@settings(max_examples=30, deadline=None)
def test_flips_are_involutions(seed, width):
    rng = np.random.default_rng(seed)
    for mirror in (MIRROR_24, MIRROR_29, label_flips.HUMAN36M_MIRROR):
        count = len(mirror)
        weights = (rng.random((count, 1)) < 0.7).astype(float)
        points = rng.uniform(0, width, (count, 3)) * weights
        once = label_flips.flip_keypoints(points, weights, width, mirror)
        twice = label_flips.flip_keypoints(*once, width, mirror)
        np.testing.assert_allclose(twice[0], points, atol=1e-9)
        np.testing.assert_array_equal(twice[1], weights)
        positions = rng.standard_normal((2, count, 3))
        flipped = label_flips.flip_positions(positions, mirror)
        np.testing.assert_array_equal(label_flips.flip_positions(flipped, mirror), positions)
    rotvecs = rng.standard_normal((24, 3))
    np.testing.assert_array_equal(label_flips.flip_rotvecs(label_flips.flip_rotvecs(rotvecs)), rotvecs)
    twist = rng.standard_normal((23, 2)), rng.random((23, 2))
    for before, after in zip(twist, label_flips.flip_twist(*label_flips.flip_twist(*twist)), strict=True):
        np.testing.assert_array_equal(after, before)


def test_the_outermost_pixels_change_places_and_unseen_points_become_zero():
    points = np.zeros((24, 2))
    points[4] = [0.0, 7.0]
    weights = np.zeros((24, 1))
    weights[4] = 1.0
    flipped, flipped_weights = label_flips.flip_keypoints(points, weights, 640, MIRROR_24)
    assert flipped[5].tolist() == [639.0, 7.0]
    assert flipped_weights[5, 0] == 1.0
    assert not np.delete(flipped, 5, axis=0).any()


def test_flipped_rotations_and_twists_are_those_of_the_mirrored_body():
    rotvecs = RNG.standard_normal((24, 3))
    mirror = np.diag([-1.0, 1.0, 1.0])
    expected = mirror @ rotvec_to_rotmat(rotvecs)[list(MIRROR_24)] @ mirror
    np.testing.assert_allclose(rotvec_to_rotmat(label_flips.flip_rotvecs(rotvecs)), expected, atol=1e-12)
    knee, axis = rotvec_to_rotmat(rotvecs[4]), np.array([0.1, -1.0, 0.2]) / np.sqrt(1.05)
    angle = swing_twist(knee, axis)[1]
    mirrored_angle = swing_twist(expected[5], mirror @ axis)[1]
    twist = np.zeros((23, 2))
    twist[3] = [np.cos(angle), np.sin(angle)]
    np.testing.assert_allclose(
        label_flips.flip_twist(twist, np.ones((23, 2)))[0][4],
        [np.cos(mirrored_angle), np.sin(mirrored_angle)],
        atol=1e-9,
    )


@pytest.mark.parametrize("degrees", [0.0, 37.0, -60.0])
def test_turned_labels_are_what_the_turned_crop_shows(degrees):
    positions = RNG.standard_normal((24, 3))
    pixels = 400.0 + 50.0 * positions[:, :2]  # seen from far away
    frame = square_frame([400.0, 400.0], 256.0, degrees)
    seen = (map_points(pixels, frame.image_to_crop) - 128.0) / 50.0
    np.testing.assert_allclose(label_turns.turn_positions(positions, degrees)[:, :2], seen, atol=1e-4)
    rotvecs = RNG.uniform(-1.0, 1.0, (24, 3))
    turned = label_turns.turn_root(rotvecs, degrees)
    np.testing.assert_array_equal(turned[1:], rotvecs[1:])
    bone = rotvec_to_rotmat(rotvecs[0]) @ [0.1, 0.5, -0.2]
    np.testing.assert_allclose(
        rotvec_to_rotmat(turned[0]) @ [0.1, 0.5, -0.2], label_turns.turn_positions(bone, degrees), atol=1e-12
    )


def test_uvd_targets_leave_out_joints_beyond_the_crop_only_when_asked():
    joints = np.array([[128.0, 64.0, 500.0], [300.0, 10.0, 0.0], [10.0, 10.0, -1001.0]])
    uvd, weights = uvd_targets(joints, np.ones((3, 3)), 2000.0)
    np.testing.assert_allclose(uvd[0], [0.0, -0.25, 0.25])
    assert weights.tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert uvd_targets(joints, np.ones((3, 3)), 2000.0, drop_outside=False)[1].all()
    assert joints[0, 0] == 128.0
    np.testing.assert_allclose(xyz_targets(joints, 2000.0)[0, 2], 0.25)


def test_label_quaternions_have_no_negative_w_and_mean_the_same_rotation():
    rotvecs = RNG.uniform(-1.5, 1.5, (200, 3))
    quats = label_quats_wxyz(rotvecs)
    assert (quats[:, 0] >= 0).all()
    half = np.linalg.norm(rotvecs, axis=1) / 2
    np.testing.assert_allclose(quats[:, 0], np.abs(np.cos(half)), atol=1e-6)


def test_the_camera_that_made_the_picture_is_found_again():
    xyz = 0.2 * RNG.standard_normal((3, 24, 3))
    scale, trans = np.array([0.7, 0.9, 1.3]), 0.2 * RNG.standard_normal((3, 2))
    weights = mask(3, 24, 1).numpy() * np.ones(3)
    depth = 1000.0 / (256.0 * scale[:, None]) + 2.2 * xyz[..., 2]
    uvd = np.zeros_like(xyz)
    uvd[..., :2] = (2.2 * xyz[..., :2] + trans[:, None]) * 1000.0 / (256.0 * depth[..., None])
    found = camera_targets(xyz, uvd + 9.0 * (1 - weights), weights)
    np.testing.assert_allclose(found.scale, scale)
    np.testing.assert_allclose(found.trans, trans, atol=1e-9)
    assert found.accurate.all()
    np.testing.assert_allclose(found.error_mm, 0.0, atol=1e-9)
    weights[1, 1:] = 0.0
    uvd[2] = 0.3
    undecided = camera_targets(xyz, uvd, weights)
    assert undecided.solved.tolist() == [True, False, False]
    assert undecided.scale[1] == 0.0
    assert undecided.error_mm[1] == -1.0


def test_twist_labels_are_the_turn_about_the_bone():
    rest = RNG.standard_normal((30, 29, 3))
    rotvecs = RNG.uniform(-1.2, 1.2, (30, 24, 3))
    angles = twist_angles(rotvec_to_rotmat(rotvecs), rest)
    for joint, child in ((4, 7), (9, 14), (22, 25), (15, 24)):
        for pose in range(30):
            bone = rest[pose, child] - rest[pose, joint]
            rotmat = rotvec_to_rotmat(rotvecs[pose, joint])
            expected = swing_twist(rotmat, bone / np.linalg.norm(bone))[1]
            assert angles[pose, joint - 1] == pytest.approx(expected, abs=1e-6)
    assert not twist_angles(np.broadcast_to(np.eye(3), (1, 24, 3, 3)), rest[:1]).any()
    across = np.cross(rest[0, 7] - rest[0, 4], [1.0, 0.0, 0.0])
    reversed_shin = np.broadcast_to(np.eye(3), (1, 24, 3, 3)).copy()
    reversed_shin[0, 4] = rotvec_to_rotmat(np.pi * across / np.linalg.norm(across))
    assert twist_angles(reversed_shin, rest[:1])[0, 3] == -999.0


def test_the_learning_rate_peaks_at_the_end_of_the_warm_up():
    rates = np.array([inverse_square_root_rate(step) for step in range(20_001)])
    assert rates[0] == 0.0
    assert rates.argmax() == 4000
    assert rates.max() == 5e-4
    assert (np.diff(rates[:4001]) > 0).all()
    assert (np.diff(rates[4000:]) < 0).all()
    assert rates[16_000] == pytest.approx(2.5e-4)
    assert inverse_square_root_rate(50, warm_up_steps=100, peak=1.0) == 0.5


def test_the_average_of_files_is_the_plain_mean_with_whole_numbers_made_real(tmp_path):
    states = [
        {
            "weight": tensor(3, 5).float(),
            "half": tensor(4).half(),
            "steps": torch.tensor(step),
            "map": torch.arange(-1, 3),
        }
        for step in (1, 4, 8)
    ]
    paths = [tmp_path / f"{index}.pth" for index in range(3)]
    for state, path in zip(states, paths, strict=True):
        torch.save(state, path)
    mean = averaging.average_files(paths)
    assert {entry.dtype for entry in mean.values()} == {torch.float32}
    for name, entry in mean.items():
        plain = np.mean([state[name].numpy().astype(float) for state in states], axis=0)
        np.testing.assert_allclose(entry.numpy(), plain, rtol=1e-6)
    assert mean["steps"].shape == ()
    assert states[0]["weight"].dtype == torch.float32


def test_only_one_checkpoint_at_a_time_is_held():
    alive = []

    def entries():
        for _ in range(4):
            assert all(reference() is None for reference in alive)
            state = {"weight": torch.ones(3)}
            alive.append(weakref.ref(state["weight"]))
            pair = [("epoch", state)]
            del state
            yield pair.pop()

    assert averaging.average_states(entries())["weight"].tolist() == [1.0] * 3


def test_checkpoints_that_do_not_belong_together_are_refused(tmp_path):
    good, other, short = (
        {"a": torch.ones(2), "b": torch.ones(1)},
        {"a": torch.ones(2)},
        {"a": torch.ones(3), "b": torch.ones(1)},
    )
    with pytest.raises(InputError, match="first has the entry b that second lacks"):
        averaging.average_states([("first", good), ("second", other)])
    with pytest.raises(InputError, match=r"a has the shape \(3,\) in second and \(2,\) in first"):
        averaging.average_states([("first", good), ("second", short)])
    with pytest.raises(InputError, match="at least one"):
        averaging.average_files([])
    with pytest.raises(InputError, match=r"missing.pth cannot be read"):
        averaging.average_files([tmp_path / "missing.pth"])
    (tmp_path / "text.pth").write_text("no checkpoint")
    with pytest.raises(InputError, match=r"text.pth is not a checkpoint of torch"):
        averaging.average_files([tmp_path / "text.pth"])
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match=r"list.pth holds a list, expected a dictionary of weights"):
        averaging.average_files([tmp_path / "list.pth"])

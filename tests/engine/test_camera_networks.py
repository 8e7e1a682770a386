"""Tests of the heat-map networks: soft-argmax, camera, refit, flip test and the reference programs' numbers."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.evaluation.parity import ParityStatus, evaluate_parity
from engine.evaluation.parity_networks import seeded_body_state, seeded_network
from engine.ik.reference import ReferenceForm
from engine.models.architectures import Architecture, build_network
from engine.models.camera_decode import DEPTH_FACTOR_M, box_offset, pelvis_depth, place_skeleton
from engine.models.camera_networks import HybrIKCameraHRNet
from engine.models.camera_refit import joint_weights, refit_scale
from engine.models.flip import mirrored_images, mirrored_joints, mirrored_twist
from engine.models.heatmap import cell_probabilities, expected_uvd, largest_probability, mirrored_logits
from engine.models.hybrik_layer import HybrIKLayer
from engine.models.network import BoxGeometry, Evidence, RayGeometry
from engine.models.released_keys import released_name

PARITY = Path(__file__).parents[1] / "data" / "parity"
SEED = 1
FOCAL, CROP = 1000.0, 256.0


@pytest.mark.parametrize(("stem", "count"), [("net_smpl24_deconv", 25), ("net_cam_res34", 36), ("net_cam_hrnet48", 75)])
def test_every_array_of_the_reference_program_is_within_its_tolerance(stem, count, tmp_path):
    for name in (f"{stem}.npz", "seed.txt"):
        shutil.copy(PARITY / name, tmp_path)
    tolerances = json.loads((PARITY / "tolerances.json").read_text())
    chosen = {name: entry for name, entry in tolerances.items() if name.startswith(f"{stem}.")}
    (tmp_path / "tolerances.json").write_text(json.dumps(chosen))
    rows = evaluate_parity(tmp_path)
    assert len(rows) == count
    assert [(row.name, row.error) for row in rows if row.status is not ParityStatus.OK] == []


@pytest.mark.parametrize(
    ("architecture", "listing", "parameters"),
    [
        (Architecture.HYBRIK_DECONVOLUTION_RESNET34, "smpl24_deconv", 27_528_076),
        (Architecture.HYBRIK_CAMERA_RESNET34, "cam_res34", 27_622_616),
        (Architecture.HYBRIK_CAMERA_HRNET48, "cam_hrnet48", 75_688_022),
    ],
)
def test_names_shapes_and_types_are_those_of_the_released_state(architecture, listing, parameters):
    with torch.device("meta"):
        network = build_network(architecture)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    found = {
        (released_name(name, architecture), str(tuple(entry.shape)), str(entry.dtype).removeprefix("torch."))
        for name, entry in network.state_dict().items()
    }
    lines = (PARITY / "keys" / f"{listing}.tsv").read_text().splitlines()
    assert found == {tuple(line.split("\t")) for line in lines}


# --- heat-maps


@pytest.fixture(scope="module")
def logits():
    return 4.0 * torch.randn(2, 3 * 64, 64, 64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("again", [False, True])
def test_soft_argmax_is_the_expected_cell(logits, again):
    volumes = logits.double().numpy().reshape(2, 3, 64, 64, 64)
    weights = np.exp(volumes - volumes.max(axis=(2, 3, 4), keepdims=True))
    weights /= weights.sum(axis=(2, 3, 4), keepdims=True)
    depth, row, column = np.meshgrid(*3 * [np.arange(64)], indexing="ij")
    expected = [(weights * axis).sum(axis=(2, 3, 4)) / 64 - 0.5 for axis in (column, row, depth)]
    probabilities = cell_probabilities(logits)
    uvd = expected_uvd(probabilities, normalise_again=again)
    np.testing.assert_allclose(uvd.numpy(), np.stack(expected, axis=2), atol=2e-5)
    peaks = largest_probability(probabilities)
    np.testing.assert_allclose(peaks[..., 0].numpy(), weights.max(axis=(2, 3, 4)), rtol=1e-3)


def test_normalising_again_makes_up_for_a_sum_that_is_not_one(logits):
    probabilities = cell_probabilities(logits)
    exact = expected_uvd(probabilities, normalise_again=True)
    too_much = 1.001 * probabilities
    torch.testing.assert_close(expected_uvd(too_much, normalise_again=True), exact, rtol=0, atol=1e-6)
    moved = expected_uvd(too_much, normalise_again=False)
    torch.testing.assert_close(moved, 1.001 * (exact + 0.5) - 0.5, rtol=0, atol=5e-5)


@settings(max_examples=20, deadline=None)
@given(column=st.integers(1, 62), row=st.integers(0, 63), depth=st.integers(0, 63))
def test_one_hot_cell_is_read_by_its_first_edge_and_mirrored_exactly(column, row, depth):
    volumes = torch.full((1, 2, 64, 64, 64), -50.0)
    volumes[0, 1, depth, row, column] = 50.0
    logits = volumes.reshape(1, 128, 64, 64)
    uvd = expected_uvd(cell_probabilities(logits), normalise_again=False)[0, 1]
    torch.testing.assert_close(uvd, torch.tensor([column, row, depth]) / 64 - 0.5, rtol=0, atol=1e-6)
    back = expected_uvd(cell_probabilities(mirrored_logits(logits, (1, 0))), normalise_again=False)[0, 0]
    torch.testing.assert_close(back, uvd * torch.tensor([-1.0, 1.0, 1.0]), rtol=0, atol=1e-6)


def test_mirrored_heatmaps_repeat_their_first_column(logits):
    mirrored = mirrored_logits(logits, (0, 2, 1)).reshape(2, 3, 64, 64, 64)
    for to, source in ((0, 0), (1, 2), (2, 1)):
        theirs = logits.reshape(2, 3, 64, 64, 64)[:, source]
        for column in range(64):
            assert torch.equal(mirrored[:, to, ..., column], theirs[..., 64 - max(column, 1)])


# --- camera


@pytest.fixture(scope="module")
def hrnet():
    """The HRNet camera network of which only the body exists: enough to decode."""
    with torch.device("meta"):
        network = HybrIKCameraHRNet()
    network.hybrik_layer = HybrIKLayer(29)
    state = seeded_body_state(SEED, 29)
    network.hybrik_layer.load_state_dict(
        {name.removeprefix("smpl."): torch.from_numpy(array) for name, array in state.items()}
    )
    return network.eval()


@pytest.fixture(scope="module")
def resnet():
    return seeded_network(Architecture.HYBRIK_CAMERA_RESNET34, SEED)


COUNT = 8


@pytest.fixture(scope="module")
def boxes():
    generator = torch.Generator().manual_seed(11)
    side = 200 + 300 * torch.rand(COUNT, 1, generator=generator)
    corner = 100 + 600 * torch.rand(COUNT, 2, generator=generator)
    return BoxGeometry(torch.cat([corner, corner + side], dim=1), torch.tensor([[640.0, 360.0]]).expand(COUNT, 2))


@pytest.fixture(scope="module")
def people(boxes):
    return standing_in(boxes)


def standing_in(boxes):
    """Evidence as a perfect network would give it for known bodies, their pelvis in the middle of each box in front of

    a known camera; and where they stand: root (N, 3), points (N, 29, 3)."""
    with np.load(PARITY / "ik.npz") as archive:
        joints, twist, betas = (
            torch.from_numpy(archive[name][:COUNT]).float() for name in ("joints_n0", "phi_true", "betas")
        )
    scale = torch.linspace(0.4, 1.1, COUNT)[:, None]
    root = torch.cat([box_offset(boxes, joints)[:, 0] / scale, FOCAL / (CROP * scale)], dim=1)
    placed = joints - joints[:, :1] + root[:, None]
    depth = (placed[..., 2:] - root[:, None, 2:]) / DEPTH_FACTOR_M
    evidence = Evidence(
        uvd=torch.cat([projected(placed, boxes), depth], dim=2),
        twist=twist,
        delta_betas=torch.zeros_like(betas),
        betas=betas,
        maxvals=torch.ones(COUNT, 29, 1),
        camera=scale,
        sigma=torch.full((COUNT, 29, 1), 0.02),
    )
    return evidence, root, placed


def projected(points, boxes):
    """Positions in the camera frame to u, v of their box, as `transl` defines the camera of a picture."""
    side = (boxes.boxes_xyxy[:, 2:3] - boxes.boxes_xyxy[:, :1])[:, None]
    pixels = FOCAL * side / CROP * points[..., :2] / points[..., 2:] + boxes.image_centre[:, None]
    return (pixels - (boxes.boxes_xyxy[:, :2] + boxes.boxes_xyxy[:, 2:])[:, None] / 2) / side


def test_a_perfect_prediction_puts_the_body_where_it_stands(hrnet, people, boxes):
    evidence, root, placed = people
    output = hrnet.decode(evidence, boxes)
    torch.testing.assert_close(output.camera_scale, evidence.camera, rtol=2e-3, atol=0)
    torch.testing.assert_close(output.root, root, rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(output.skeleton, (placed - placed[:, :1]), rtol=0, atol=5e-3)
    assert torch.equal(output.transl, output.root)
    # The skeleton lies on its pixels exactly, the body as far as rest bones allow.
    seen = projected(output.skeleton + output.transl[:, None], boxes)
    torch.testing.assert_close(seen, evidence.uvd[..., :2], rtol=0, atol=1e-5)
    body = projected(output.joints + output.transl[:, None], boxes)
    assert float((body - evidence.uvd[:, :24, :2]).abs().max()) * CROP < 1.0


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_refit_corrects_a_wrong_scale(hrnet, boxes, factor):
    # In the middle of the picture: elsewhere the place by the wrong scale pulls the fit back to it.
    side = (boxes.boxes_xyxy[:, 2:] - boxes.boxes_xyxy[:, :2]) / 2
    middle = BoxGeometry(torch.cat([boxes.image_centre - side, boxes.image_centre + side], dim=1), boxes.image_centre)
    evidence, root, _ = standing_in(middle)
    wrong = replace(evidence, camera=factor * evidence.camera)
    output = hrnet.decode(wrong, middle)
    assert torch.equal(output.predicted_scale, wrong.camera)
    error = (output.camera_scale / evidence.camera - 1).abs().max()
    assert float(error) < 0.3 * abs(factor - 1)
    unfitted = place_skeleton(wrong.uvd, wrong.camera, box_offset(middle, wrong.uvd)).root
    assert bool(((output.root - root).norm(dim=1) < 0.3 * (unfitted - root).norm(dim=1)).all())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), scale=st.floats(0.3, 1.5))
def test_the_refit_recovers_the_scale_that_made_uvd(seed, scale):
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape):
        return 2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1

    joints, offset, sigma = uniform(2, 24, 3), uniform(2, 1, 2), 0.12 * uniform(2, 24, 1).abs()
    joints[:, 0] = 0.0
    root = torch.cat([uniform(2, 2), pelvis_depth(torch.full((2, 1), scale, dtype=torch.float64))], dim=1)
    placed = joints + root[:, None]
    uv = FOCAL / CROP * placed[..., :2] / placed[..., 2:] - offset
    uvd = torch.cat([uv, joints[..., 2:] / DEPTH_FACTOR_M], dim=2)
    guess = torch.full((2, 1), 3.0, dtype=torch.float64)
    found = refit_scale(guess, uvd, offset, joints, root[:, :2], joint_weights(sigma))
    torch.testing.assert_close(found, torch.full_like(found, scale), rtol=1e-6, atol=0)


def test_the_refit_is_the_weighted_least_squares_solution():
    rng = np.random.default_rng(8)
    uvd, joints = rng.normal(size=(3, 29, 3)), rng.normal(size=(3, 24, 3))
    root, offset, weights = rng.normal(size=(3, 2)), rng.normal(size=(3, 1, 2)), rng.random((3, 24, 1))
    inputs = (torch.from_numpy(array) for array in (uvd, offset, joints, root, weights))
    found = refit_scale(torch.ones(3, 1, dtype=torch.float64), *inputs)
    for n in range(3):
        matrix, right = [], []
        for k in range(24):
            z = joints[n, k, 2] + DEPTH_FACTOR_M * uvd[n, 0, 2]
            for axis in range(2):
                u = uvd[n, k, axis] + offset[n, 0, axis]
                matrix.append(weights[n, k, 0] * u)
                right.append(weights[n, k, 0] * (joints[n, k, axis] + root[n, axis] - CROP * u * z / FOCAL))
        (rho,) = np.linalg.lstsq(np.array(matrix)[:, None], np.array(right), rcond=None)[0]
        assert float(found[n]) == pytest.approx(1 / rho, rel=1e-9)


def test_people_without_a_certain_joint_keep_the_predicted_scale_and_others_do_not(hrnet, people, boxes):
    evidence, _, _ = people
    wrong = replace(evidence, camera=0.9 * evidence.camera)
    sigma = wrong.sigma.clone()
    sigma[::2] = 0.1 + 1e-6
    mixed = hrnet.decode(replace(wrong, sigma=sigma), boxes)
    certain = hrnet.decode(wrong, boxes)
    assert torch.equal(mixed.camera_scale[::2], wrong.camera[::2])
    assert torch.equal(mixed.camera_scale[1::2], certain.camera_scale[1::2])
    assert not torch.allclose(certain.camera_scale, wrong.camera, rtol=0.01)
    assert bool(torch.isfinite(mixed.rotmats).all())


def test_surface_points_have_no_say_in_the_refit(hrnet, people, boxes):
    evidence, _, _ = people
    sigma = evidence.sigma.clone()
    sigma[:, 24:] = 1.0
    assert torch.equal(
        hrnet.decode(replace(evidence, sigma=sigma), boxes).camera_scale, hrnet.decode(evidence, boxes).camera_scale
    )


def test_a_crop_in_the_middle_of_the_picture_needs_no_box(hrnet, resnet, people):
    evidence, _, _ = people
    centre = torch.tensor([[500.0, 300.0]]).expand(COUNT, 2)
    middle = BoxGeometry(torch.cat([centre - 90, centre + 90], dim=1), centre)
    shifted = replace(evidence, camera=torch.cat([evidence.camera, torch.tensor([[0.3, -0.2]]).expand(COUNT, 2)], 1))
    for network, given_evidence, shift in ((hrnet, evidence, 0.0), (resnet, shifted, shifted.camera[:, 1:])):
        boxed, bare = network.decode(given_evidence, middle), network.decode(given_evidence, None)
        torch.testing.assert_close(bare.camera_scale, boxed.camera_scale)
        torch.testing.assert_close(bare.skeleton, boxed.skeleton, rtol=0, atol=1e-6)
        torch.testing.assert_close(bare.rotmats, boxed.rotmats, rtol=0, atol=1e-3)
        torch.testing.assert_close(bare.root[:, :2], boxed.root[:, :2] - shift, rtol=0, atol=1e-5)
        torch.testing.assert_close(bare.root[:, 2], boxed.root[:, 2])


def test_training_decodes_naively_with_the_predicted_scale_and_is_differentiable(hrnet, people, boxes):
    evidence, _, _ = people
    wrong = replace(
        evidence, camera=(0.9 * evidence.camera).requires_grad_(), uvd=evidence.uvd.clone().requires_grad_()
    )
    hrnet.train()
    try:
        output = hrnet.decode(wrong, boxes)
    finally:
        hrnet.eval()
    assert torch.equal(output.camera_scale, wrong.camera)
    placed = place_skeleton(wrong.uvd, wrong.camera, box_offset(boxes, wrong.uvd))
    naive = hrnet.hybrik_layer(wrong.betas, placed.skeleton, wrong.twist, form=ReferenceForm.NAIVE)
    assert torch.equal(output.rotmats, naive.rotmats)
    for tensor in torch.autograd.grad(output.vertices.square().sum() + output.transl.sum(), [wrong.camera, wrong.uvd]):
        assert bool(torch.isfinite(tensor).all())
        assert float(tensor.abs().sum()) > 0


def test_what_does_not_fit_is_refused(hrnet, people, boxes):
    evidence, _, _ = people
    rays = RayGeometry(torch.zeros(COUNT, 2, 3), torch.zeros(COUNT, 3, 3), torch.zeros(COUNT, 3), torch.ones(COUNT, 1))
    with pytest.raises(InputError, match="RayGeometry"):
        hrnet.decode(evidence, rays)
    with pytest.raises(InputError, match="no camera"):
        hrnet.decode(replace(evidence, camera=None), boxes)
    with pytest.raises(InputError, match=r"\(1, 4\)"):
        hrnet.decode(evidence, BoxGeometry(boxes.boxes_xyxy[:1], boxes.image_centre))
    empty = boxes.boxes_xyxy.clone()
    empty[3, 2] = empty[3, 0]
    with pytest.raises(InputError, match="size 0 px"):
        hrnet.decode(evidence, BoxGeometry(empty, boxes.image_centre))


def test_the_flip_test_treats_a_picture_and_its_mirror_image_alike(resnet):
    images = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        plain, mirrored = (resnet.flip_tested_evidence(each) for each in (images, mirrored_images(images)))
    torch.testing.assert_close(mirrored.betas, plain.betas, rtol=0, atol=1e-5)
    torch.testing.assert_close(mirrored_twist(mirrored.twist), plain.twist, rtol=0, atol=1e-5)
    torch.testing.assert_close(mirrored.sigma[:, mirrored_joints(29)], plain.sigma, rtol=0, atol=1e-5)
    torch.testing.assert_close(mirrored.camera, plain.camera * torch.tensor([1.0, -1.0, 1.0]), rtol=0, atol=1e-5)

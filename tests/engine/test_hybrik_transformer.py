"""Tests of HybrIK-Transformer as a whole: released names, the reference program's numbers, rays and the flip test."""

import json
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import InputError
from engine.evaluation.parity import ParityStatus, compare_arrays
from engine.evaluation.parity_arrays import CALCULATORS, ParityFolder
from engine.evaluation.parity_networks import seeded_body_state, seeded_network
from engine.models.architectures import Architecture, build_network
from engine.models.flip import averaged_evidence, mirrored_images, mirrored_leaves, mirrored_twist, mirrored_uvd
from engine.models.network import RayGeometry, tensors_of
from engine.models.ray_decode import skeleton_from_rays
from engine.models.released_keys import network_name, released_name

PARITY = Path(__file__).parents[1] / "data" / "parity"
LISTINGS = {
    Architecture.HYBRIK_TRANSFORMER_RESNET34: "hkt_res34",
    Architecture.HYBRIK_TRANSFORMER_HRNET48: "hkt_hrnet48",
    Architecture.HYBRIK_DECONVOLUTION_RESNET34: "smpl24_deconv",
    Architecture.HYBRIK_CAMERA_RESNET34: "cam_res34",
    Architecture.HYBRIK_CAMERA_HRNET48: "cam_hrnet48",
}
PARAMETERS = {
    Architecture.HYBRIK_TRANSFORMER_RESNET34: 50_504_019,
    Architecture.HYBRIK_TRANSFORMER_HRNET48: 107_102_419,
    Architecture.HYBRIK_DECONVOLUTION_RESNET34: 27_528_076,
    Architecture.HYBRIK_CAMERA_RESNET34: 27_622_616,
    Architecture.HYBRIK_CAMERA_HRNET48: 75_688_022,
}


@pytest.fixture(scope="module")
def network():
    return seeded_network(Architecture.HYBRIK_TRANSFORMER_RESNET34, 1)


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))


def rays(count, unit_m=1.0, turn_deg=0.0):
    """Pinhole cameras, the crop turned about the principal point, lengths in `unit_m` metres."""
    focal, centre = 1100.0, (640.0, 360.0)
    cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    linear = 1.7 * turn
    shift = np.array(centre) + turn @ (-1.7 * np.array([128.0 - 12.0, 128.0 + 7.0]))
    crop_to_image = np.concatenate([linear, shift[:, None]], axis=1)
    inverse = np.linalg.inv(np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]]))
    one = (crop_to_image, inverse, np.array([0.2, -0.1, 4.0]) / unit_m, np.array([2.0 / unit_m]))
    return RayGeometry(*(torch.tensor(np.repeat(array[None], count, axis=0), dtype=torch.float32) for array in one))


@pytest.mark.parametrize("architecture", list(Architecture))
def test_names_shapes_and_kinds_are_those_of_the_released_files(architecture):
    with torch.device("meta"):
        built = build_network(architecture)
    lines = (PARITY / "keys" / f"{LISTINGS[architecture]}.tsv").read_text().splitlines()
    listed = {name: (shape, kind) for name, shape, kind in (line.split("\t") for line in lines)}
    state = built.state_dict()
    ours = {
        released_name(name, architecture): (str(tuple(entry.shape)), str(entry.dtype).removeprefix("torch."))
        for name, entry in state.items()
    }
    assert ours == listed
    assert len(state) == len(listed)
    assert all(network_name(released_name(name, architecture)) == name for name in state)
    assert sum(parameter.numel() for parameter in built.parameters()) == PARAMETERS[architecture]
    assert [name for name, _ in built.named_children()] == ["backbone", "head", "hybrik_layer"]
    assert not built.training


@pytest.mark.parametrize(("stem", "count"), [("net_hkt_res34", 27), ("net_hkt_hrnet48", 26)])
def test_every_part_gives_the_reference_programs_numbers(stem, count):
    folder = ParityFolder.open(PARITY)
    entries = json.loads((PARITY / "tolerances.json").read_text())
    expected, ours = folder.arrays(stem), CALCULATORS[stem](folder)
    rows = [
        compare_arrays(name, entry, ours.get(name.removeprefix(f"{stem}.")), expected[name.removeprefix(f"{stem}.")])
        for name, entry in entries.items()
        if name.startswith(f"{stem}.")
    ]
    assert len(rows) == count
    assert [row for row in rows if row.status is not ParityStatus.OK] == []


def test_a_fresh_network_has_a_body_of_zeros_and_the_released_tree():
    fresh = build_network(Architecture.HYBRIK_TRANSFORMER_RESNET34)
    assert all(not fresh.hybrik_layer.get_buffer(name).any() for name in ("v_template", "lbs_weights", "faces_tensor"))
    tree = seeded_body_state(1, 24)
    np.testing.assert_array_equal(fresh.hybrik_layer.children_map, tree["smpl.children_map"])
    np.testing.assert_array_equal(fresh.hybrik_layer.parents, tree["smpl.parents"])


def test_naming_architectures_does_not_load_torch():
    code = "import sys, engine.models.architectures, engine.models.released_keys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_decoding_is_that_of_a_pinhole_camera():
    geometry = rays(2)
    skeleton = torch.randn(2, 24, 3, generator=torch.Generator().manual_seed(2)) * 0.4
    skeleton[:, 0] = 0.0
    intrinsics = np.linalg.inv(geometry.inv_intrinsics[0].double().numpy())
    uvd = np.zeros((2, 24, 3))
    for person in range(2):
        for joint in range(24):
            point = skeleton[person, joint].numpy() + geometry.root[person].numpy()
            pixel = (intrinsics @ point)[:2] / point[2]
            affine = geometry.crop_to_image[person].numpy()
            uvd[person, joint, :2] = np.linalg.solve(affine[:, :2], pixel - affine[:, 2]) / 256 - 0.5
            uvd[person, joint, 2] = skeleton[person, joint, 2] / 2
    decoded = skeleton_from_rays(torch.from_numpy(uvd).float(), geometry)
    torch.testing.assert_close(decoded, skeleton, rtol=0, atol=1e-5)


def test_unit_of_length_and_the_roots_place_across_the_picture_do_not_matter():
    uvd = torch.rand(2, 24, 3, generator=torch.Generator().manual_seed(3)) - 0.5
    metres, millimetres = rays(2), rays(2, unit_m=1e-3)
    expected = skeleton_from_rays(uvd, metres)
    torch.testing.assert_close(skeleton_from_rays(uvd, millimetres), expected, rtol=0, atol=1e-5)
    elsewhere = replace(metres, root=metres.root + torch.tensor([7.0, -3.0, 0.0]))
    torch.testing.assert_close(skeleton_from_rays(uvd, elsewhere), expected, rtol=0, atol=1e-5)
    unlabelled = replace(metres, root=0 * metres.root, inv_intrinsics=0 * metres.inv_intrinsics)
    assert not skeleton_from_rays(uvd, unlabelled).any()


@torch.no_grad()
def test_a_crop_turned_about_the_principal_point_turns_the_person(network, images):
    evidence = network.evidence(images)
    plain, turned = network.decode(evidence, rays(2)), network.decode(evidence, rays(2, turn_deg=30.0))
    cosine, sine = np.cos(np.radians(30.0)), np.sin(np.radians(30.0))
    turn = torch.tensor([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], dtype=torch.float32)
    torch.testing.assert_close(turned.skeleton, plain.skeleton @ turn.T, rtol=0, atol=1e-5)
    torch.testing.assert_close(turned.joints, plain.joints @ turn.T, rtol=0, atol=1e-3)
    torch.testing.assert_close(turned.rotmats[:, 1:23], plain.rotmats[:, 1:23], rtol=0, atol=1e-2)


@torch.no_grad()
def test_output_has_the_documented_shapes_and_people_do_not_mix(network, images):
    output = network(images, rays(2))
    shapes = {name: tuple(array.shape) for name, array in tensors_of(output).items()}
    assert shapes == {
        "betas": (2, 10), "delta_betas": (2, 10), "twist": (2, 23, 2), "leaf_quats_wxyz": (2, 5, 4),
        "rotmats": (2, 24, 3, 3), "uvd": (2, 24, 3), "skeleton": (2, 24, 3), "joints": (2, 24, 3),
        "h36m_joints": (2, 17, 3), "vertices": (2, 6890, 3), "maxvals": (2, 24, 1),
    }  # fmt: skip
    alone = network(images[1:], rays(1))
    for name, array in tensors_of(alone).items():
        torch.testing.assert_close(array, getattr(output, name)[1:], rtol=0, atol=2e-3)
    assert len(fields(output)) > len(shapes)  # those of camera networks are None here


@torch.no_grad()
def test_the_flip_test_sees_a_picture_and_its_mirror_image_alike(network, images):
    seen, mirrored = network.flip_tested_evidence(images), network.flip_tested_evidence(mirrored_images(images))
    torch.testing.assert_close(mirrored.uvd, mirrored_uvd(seen.uvd), rtol=0, atol=2e-5)
    torch.testing.assert_close(mirrored.twist, mirrored_twist(seen.twist), rtol=0, atol=2e-4)
    torch.testing.assert_close(mirrored.leaf_quats_wxyz, mirrored_leaves(seen.leaf_quats_wxyz), rtol=0, atol=2e-4)
    torch.testing.assert_close(mirrored.betas, seen.betas, rtol=0, atol=2e-4)


@torch.no_grad()
def test_the_flip_test_averages_left_with_right_by_hand(network, images):
    plain, other = network.evidence(images), network.evidence(images.flip(3))
    seen = averaged_evidence(plain, other)
    left_wrist, right_wrist = 20, 21
    expected = (plain.uvd[:, left_wrist] + other.uvd[:, right_wrist] * torch.tensor([-1.0, 1.0, 1.0])) / 2
    torch.testing.assert_close(seen.uvd[:, left_wrist], expected)
    expected = (plain.twist[:, right_wrist - 1] + other.twist[:, left_wrist - 1] * torch.tensor([1.0, -1.0])) / 2
    torch.testing.assert_close(seen.twist[:, right_wrist - 1], expected)
    # The left hand's rotation is mixed with that of the slot nobody uses.
    sign = torch.tensor([1.0, 1.0, -1.0, -1.0])
    expected = (plain.leaf_quats_wxyz[:, 3] + other.leaf_quats_wxyz[:, 4] * sign) / 2
    torch.testing.assert_close(seen.leaf_quats_wxyz[:, 3], expected)
    torch.testing.assert_close(seen.betas, (plain.betas + other.betas) / 2)
    torch.testing.assert_close(seen.delta_betas, other.delta_betas)


@torch.no_grad()
def test_a_picture_that_reads_as_nan_gives_zeros_and_the_mean_shape_and_spoils_no_other(network, images):
    spoiled = images.clone()
    spoiled[0, 0, 3, 4] = torch.nan
    evidence = network.evidence(spoiled)
    assert evidence.uvd[0].isnan().any()
    output, clean = network(spoiled, rays(2)), network(images, rays(2))
    for name, array in tensors_of(output).items():
        if name != "betas":
            assert not array[0].any()
        torch.testing.assert_close(array[1], getattr(clean, name)[1], rtol=0, atol=2e-3)
    torch.testing.assert_close(output.betas[0], network.head.init_shape)


def test_geometry_of_another_kind_is_refused(network, images):
    with torch.no_grad():
        evidence = network.evidence(images)
    with pytest.raises(InputError, match="RayGeometry"):
        network.decode(evidence, None)

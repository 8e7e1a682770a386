"""Tests of varying pictures with their labels, of mixing data sets, and of what the networks are then given."""

from dataclasses import replace

import numpy as np
import pytest
from dataset_files import draw_person, make_people, write_coco, write_human36m
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.evaluation.dataset_metrics import back_project
from engine.models.architectures import Architecture
from engine.models.crops import crop_frame, map_points, uv_to_image, warp_crop
from engine.training.augmentation import (
    COVERS,
    NO_AUGMENTATION,
    Augmentation,
    covered,
    mirrored,
    plain_crop,
    varied_crop,
)
from engine.training.crop_labels import labels_in_crop
from engine.training.datasets.kinds import DatasetKind, open_dataset
from engine.training.mixing import Mixture, Part
from rig.rotations import rotvec_to_rotmat

PEOPLE = make_people(3, 3)
TRANSFORMER, CAMERA = Architecture.HYBRIK_TRANSFORMER_RESNET34, Architecture.HYBRIK_CAMERA_RESNET34


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return open_dataset(DatasetKind.HUMAN36M, *write_human36m(tmp_path_factory.mktemp("h36m"), PEOPLE))


class Scripted(np.random.Generator):
    """Random numbers that a test decides: normal numbers and uniform ones in order, the real ones afterwards."""

    def __init__(self, normal, uniform):
        super().__init__(np.random.PCG64(0))
        self._normal, self._uniform = list(normal), list(uniform)

    def standard_normal(self, *arguments, **options):
        return self._normal.pop(0) if self._normal and not arguments else super().standard_normal(*arguments, **options)

    def random(self, *arguments, **options):
        return self._uniform.pop(0) if self._uniform and not arguments else super().random(*arguments, **options)


def test_without_variation_the_crop_is_that_of_the_evaluation(table):
    picture = draw_person(PEOPLE.pixels[0])
    plain = plain_crop(table[0], picture)
    varied = varied_crop(table[0], picture, DatasetKind.HUMAN36M, NO_AUGMENTATION, np.random.default_rng(0))
    np.testing.assert_array_equal(varied.pixels, plain.pixels)
    np.testing.assert_array_equal(varied.frame.image_to_crop, plain.frame.image_to_crop)
    expected = crop_frame(table[0].box_xyxy, 1.0)
    np.testing.assert_array_equal(plain.pixels, warp_crop(picture, expected))


def test_scale_rotation_and_mirror_follow_their_draws(table):
    amount = Augmentation(occlusion=False, colour=0.0)
    side = crop_frame(table[0].box_xyxy, 1.0).side
    picture = draw_person(PEOPLE.pixels[0])

    def vary(normal, uniform):
        return varied_crop(table[0], picture, DatasetKind.HUMAN36M, amount, Scripted(normal, uniform))

    crop = vary([0.5, 1.0], [0.59, 0.51])
    assert crop.frame.side == pytest.approx(1.15 * side, rel=1e-6)
    assert crop.rotation_deg == 30.0
    np.testing.assert_array_equal(crop.sample.joints_px, table[0].joints_px)
    assert vary([9.0, -9.0], [0.1, 0.9]).rotation_deg == -60.0
    assert vary([9.0, -9.0], [0.1, 0.9]).frame.side == pytest.approx(1.3 * side, rel=1e-6)
    assert vary([-9.0, 1.0], [0.61, 0.9]).rotation_deg == 0.0
    assert vary([-9.0, 1.0], [0.61, 0.9]).frame.side == pytest.approx(0.7 * side, rel=1e-6)
    flipped = vary([0.0, 0.0], [0.9, 0.49])
    np.testing.assert_allclose(flipped.sample.joints_px[1, 0], 199 - table[0].joints_px[2, 0], atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_every_label_stays_on_its_joint_through_all_variations(seed):
    table = TABLES[0]
    index = seed % 3
    amount = Augmentation(occlusion=False, colour=0.0)
    rng = np.random.default_rng(seed)
    crop = varied_crop(table[index], draw_person(PEOPLE.pixels[index]), DatasetKind.HUMAN36M, amount, rng)
    labels = labels_in_crop(crop, TRANSFORMER)
    places = uv_to_image(labels.uvd[:, :2], crop.frame.crop_to_image)
    was_mirrored = crop.sample.box_xyxy[0] != table[index].box_xyxy[0]
    pixels = PEOPLE.pixels[index].copy()
    if was_mirrored:
        from engine.ik.plan import MIRROR_29

        pixels = pixels[list(MIRROR_29)]
        pixels[:, 0] = 200 - 1 - pixels[:, 0]
    np.testing.assert_allclose(places, pixels, atol=2e-2)
    inside = (np.abs(labels.uvd) <= 0.5).all(-1)
    np.testing.assert_array_equal(labels.uvd_weights[:, 0] > 0, inside)
    if not was_mirrored:
        # Rays through the labels at the true depth are the true positions: rotation needs no turning of labels.
        seen = np.concatenate([places, labels.uvd[:, 2:]], axis=1)
        positions = back_project(
            seen[None],
            crop.sample.root_m[None],
            crop.sample.focal_px,
            crop.sample.centre_px,
            TRANSFORMER.depth_factor_m,
        )[0]
        np.testing.assert_allclose(positions, PEOPLE.joints[index], atol=1e-3)


def test_the_colour_under_each_joint_stays_the_same_when_the_crop_is_turned(table):
    picture = draw_person(PEOPLE.pixels[1])
    amount = Augmentation(occlusion=False, colour=0.0, flip_probability=0.0)
    crop = varied_crop(table[1], picture, DatasetKind.HUMAN36M, amount, Scripted([0.0, 1.0], [0.1, 0.9]))
    in_crop = map_points(PEOPLE.pixels[1], crop.frame.image_to_crop)
    for joint in range(29):
        (x, y), (u, v) = np.round(PEOPLE.pixels[1, joint]).astype(int), np.round(in_crop[joint]).astype(int)
        if 3 <= u < 253 and 3 <= v < 253:
            near = crop.pixels[v - 2 : v + 3, u - 2 : u + 3].reshape(-1, 3).astype(int)
            assert np.abs(near - picture[y, x].astype(int)).sum(1).min() < 60, joint


def test_camera_networks_have_their_labels_turned_with_the_crop(table):
    amount = Augmentation(occlusion=False, colour=0.0, flip_probability=0.0)
    crop = varied_crop(
        table[0], draw_person(PEOPLE.pixels[0]), DatasetKind.HUMAN36M, amount, Scripted([0.0, 1.0], [0.1, 0.9])
    )
    plain, turned = labels_in_crop(crop, TRANSFORMER), labels_in_crop(crop, CAMERA)
    np.testing.assert_allclose(plain.rotvecs, table[0].rotvecs)
    angle = np.radians(30.0)
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    np.testing.assert_allclose(turned.xyz, table[0].positions_m @ turn.T / 2.2, atol=1e-6)
    np.testing.assert_allclose(
        rotvec_to_rotmat(turned.rotvecs[0]), turn @ rotvec_to_rotmat(table[0].rotvecs[0]), atol=1e-6
    )
    np.testing.assert_allclose(turned.uvd[:, 2] * 2.2, plain.uvd[:, 2] * 2.0, atol=1e-9)
    # Seen in the turned crop, the turned positions lie where the joints are seen (weak perspective, so roughly).
    offsets, seen = turned.xyz[:, :2], turned.uvd[:24, :2] - turned.uvd[0, :2]
    assert np.corrcoef(offsets[:, 0], seen[:, 0])[0, 1] > 0.99
    assert np.corrcoef(offsets[:, 1], seen[:, 1])[0, 1] > 0.99
    weightless = (np.abs(plain.uvd) > 0.5).any(-1)
    assert (turned.uvd_weights[weightless] == crop.sample.joint_weights[weightless]).all()


def test_mirroring_twice_changes_nothing(table):
    twice = mirrored(mirrored(table[0]))
    for name in ("box_xyxy", "joints_px", "joint_weights", "positions_m", "rotvecs", "twist", "twist_weights"):
        np.testing.assert_allclose(getattr(twice, name), getattr(table[0], name), atol=1e-5)


@pytest.mark.parametrize("kind", list(COVERS))
def test_the_cover_is_a_rectangle_of_noise_within_its_limits(kind):
    picture, cover = np.full((220, 200, 3), 7, np.uint8), COVERS[kind]
    box, areas = np.array([20.0, 30.0, 170.0, 190.0]), []
    for seed in range(60):
        result = covered(picture, box, cover, np.random.default_rng(seed))
        changed = (result != picture).any(-1)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        if len(rows) < 6 or len(columns) < 6:
            continue
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.99
        assert columns[0] >= 19
        assert rows[0] >= 29
        assert cover.aspects[0] * 0.8 <= high / wide <= cover.aspects[1] * 1.2
        areas.append(high * wide / (150 * 160))
    assert 0.5 * cover.largest_share < max(areas) <= cover.largest_share * 1.01
    assert (picture == 7).all()


def test_a_box_outside_of_the_picture_is_not_covered_for_ever():
    picture = np.zeros((50, 50, 3), np.uint8)
    far = np.array([500.0, 500.0, 600.0, 600.0])
    np.testing.assert_array_equal(covered(picture, far, COVERS[DatasetKind.COCO], np.random.default_rng(0)), picture)


def test_a_box_without_area_names_its_annotation(table):
    flat = replace(table[0], box_xyxy=np.array([10.0, 10.0, 10.0, 40.0]))
    with pytest.raises(InputError, match=r"human36m\.json, annotation 0: person box"):
        plain_crop(flat, draw_person(PEOPLE.pixels[0]))


class Counted:
    """A stand-in for a table of which only the length and the numbers of the samples count."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return index


def test_an_epoch_is_twice_the_largest_set_and_drawn_by_shares():
    counts = {DatasetKind.HUMAN36M: 400, DatasetKind.COCO: 1000, DatasetKind.MPI_INF_3DHP: 300}
    mixture = Mixture([Part(kind, Counted(count)) for kind, count in counts.items()], seed=1)
    assert len(mixture) == 2000
    drawn = [mixture.draw(0, place)[:2] for place in range(2000)]
    for kind, share in zip(counts, (0.4, 0.5, 0.1), strict=True):
        assert np.mean([found is kind for found, _ in drawn]) == pytest.approx(share, abs=0.04)
    for place, (kind, index) in enumerate(drawn):
        if place < counts[kind] * (2000 // counts[kind]):
            assert index == place % counts[kind]
        assert 0 <= index < counts[kind]
    tail = [index for place, (kind, index) in enumerate(drawn) if kind is DatasetKind.MPI_INF_3DHP and place >= 1800]
    assert tail != sorted(tail)


def test_with_3dpw_the_published_shares_change():
    kinds = [DatasetKind.HUMAN36M, DatasetKind.COCO, DatasetKind.MPI_INF_3DHP, DatasetKind.PW3D]
    np.testing.assert_allclose(Mixture([Part(k, Counted(4)) for k in kinds], 0).shares, [0.3, 0.4, 0.1, 0.2])
    np.testing.assert_allclose(Mixture([Part(k, Counted(4), 2.0) for k in kinds[:2]], 0).shares, [0.5, 0.5])


def test_shares_that_cannot_be_are_refused():
    coco, other = Part(DatasetKind.COCO, Counted(3)), Part(DatasetKind.HUMAN36M, Counted(3), 0.5)
    for parts, message in (
        ([], "no data set"), ([coco, other], "state it for all"), ([coco, coco], "named twice"),
        ([replace(other, share=-1.0)], "0 or more"), ([replace(other, share=0.0)], "not all 0"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            Mixture(parts, 0)


def test_what_is_drawn_depends_on_seed_epoch_and_place_only(table, tmp_path):
    coco = open_dataset(DatasetKind.COCO, *write_coco(tmp_path, PEOPLE))
    parts = [Part(DatasetKind.HUMAN36M, table), Part(DatasetKind.COCO, coco)]

    def numbers(seed, epoch, place):
        kind, sample, rng = Mixture(parts, seed).draw(epoch, place)
        return kind, sample.origin, rng.random()

    assert numbers(1, 2, 3) == numbers(1, 2, 3)
    assert len({numbers(seed, epoch, place)[2] for seed in (1, 2) for epoch in (0, 1) for place in range(6)}) == 24


TABLES = []


@pytest.fixture(scope="module", autouse=True)
def _tables(table):
    """For the property test, which may not ask for fixtures."""
    TABLES.append(table)

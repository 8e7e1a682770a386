"""Tests of reading annotation files in the layouts of Human3.6M, 3DPW, MPI-INF-3DHP and COCO."""

import json

import numpy as np
import pytest
from dataset_files import (
    CENTRE,
    FOCAL,
    SIZE_WH,
    draw_person,
    make_people,
    write_3dhp_test,
    write_3dhp_train,
    write_3dpw,
    write_coco,
    write_human36m,
)

from engine.errors import InputError
from engine.training.datasets.joint_maps import COCO_TO_SMPL, THREEDHP28_TO_SMPL
from engine.training.datasets.kinds import DatasetKind, open_dataset
from engine.training.picture_file import read_picture

WRITERS = {
    DatasetKind.HUMAN36M: write_human36m, DatasetKind.PW3D: write_3dpw, DatasetKind.MPI_INF_3DHP: write_3dhp_train,
    DatasetKind.COCO: write_coco,
}  # fmt: skip


@pytest.fixture(scope="module")
def people():
    return make_people(3, 3)


def change(path, change_entry, key="annotations", place=1):
    content = json.loads(path.read_text())
    change_entry(content[key][place])
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("kind", [DatasetKind.HUMAN36M, DatasetKind.PW3D])
def test_a_whole_body_is_read_in_metres_and_its_joints_fall_on_the_drawn_ones(kind, people, tmp_path):
    annotations, images = WRITERS[kind](tmp_path, people)
    table = open_dataset(kind, annotations, images)
    assert len(table) == len(people)
    points = 29 if kind is DatasetKind.HUMAN36M else 24
    for index, sample in enumerate(table[i] for i in range(len(table))):
        np.testing.assert_allclose(sample.joints_px[:points, :2], people.pixels[index, :points], atol=1e-3)
        relative = people.joints[index] - people.root[index]
        np.testing.assert_allclose(sample.joints_px[:points, 2], relative[:points, 2], atol=1e-5)
        np.testing.assert_allclose(sample.positions_m, relative[:24], atol=1e-5)
        np.testing.assert_allclose(sample.regressed_m, people.regressed[index], atol=1e-5)
        np.testing.assert_allclose(sample.root_m, people.root[index], atol=1e-5)
        np.testing.assert_allclose(sample.rotvecs, people.rotvecs[index], atol=1e-6)
        np.testing.assert_allclose(sample.betas, people.betas[index], atol=1e-6)
        known = people.twist[index] > -10
        assert 15 < known.sum() < 24
        np.testing.assert_array_equal(sample.twist_weights[:, 0] > 0, known)
        np.testing.assert_allclose(sample.twist[known, 0], np.cos(people.twist[index, known]), atol=1e-6)
        np.testing.assert_allclose(sample.twist[known, 1], np.sin(people.twist[index, known]), atol=1e-6)
        assert (sample.joint_weights[:points] == 1).all()
        assert (sample.joint_weights[points:] == 0).all()
        x, y, w, h = people.boxes_xywh[index]
        np.testing.assert_allclose(sample.box_xyxy, [x, y, x + w - 1, y + h - 1], atol=1e-3)
        np.testing.assert_array_equal(
            read_picture(sample.picture, sample.size_wh, sample.origin), draw_person(people.pixels[index])
        )
    assert table[0].margin == (1.0 if kind is DatasetKind.HUMAN36M else 1.25)
    assert table[0].sequence == ((9, 5, 1) if kind is DatasetKind.HUMAN36M else (0, 0, 0))


def test_3dhp_labels_joints_without_a_body(people, tmp_path):
    sample = open_dataset(DatasetKind.MPI_INF_3DHP, *write_3dhp_train(tmp_path, people))[2]
    smpl = list(THREEDHP28_TO_SMPL)
    np.testing.assert_allclose(sample.joints_px[smpl, :2], people.pixels[2, smpl], atol=1e-3)
    np.testing.assert_allclose(sample.joints_px[smpl, 2], (people.joints[2] - people.root[2])[smpl, 2], atol=1e-5)
    assert sample.joint_weights.sum() == 3 * len(smpl) == 36
    assert sample.smpl_weight == 0
    assert not sample.twist_weights.any()
    np.testing.assert_allclose(sample.focal_px, FOCAL)
    np.testing.assert_allclose(sample.centre_px, CENTRE)


def test_3dhp_test_joints_keep_their_own_order(people, tmp_path):
    sample = open_dataset(DatasetKind.MPI_INF_3DHP, *write_3dhp_test(tmp_path, people))[0]
    np.testing.assert_allclose(sample.regressed_m[14], 0.0, atol=1e-6)
    np.testing.assert_allclose(sample.regressed_m[11], people.regressed[0, 1] - people.regressed[0, 0], atol=1e-5)
    np.testing.assert_allclose(sample.root_m, people.root[0] + people.regressed[0, 0], atol=1e-5)


def test_coco_labels_places_in_the_picture_only(people, tmp_path):
    annotations, images = write_coco(tmp_path, people)
    change(annotations, lambda entry: entry.update(iscrowd=1))
    table = open_dataset(DatasetKind.COCO, annotations, images)
    assert len(table) == len(people) - 1
    sample, smpl = table[1], [joint for joint in COCO_TO_SMPL if joint != 20]
    np.testing.assert_allclose(sample.joints_px[smpl, :2], people.pixels[2, smpl], atol=1e-3)
    assert sample.joint_weights[:, :2].sum() == 2 * len(smpl)
    assert not sample.joint_weights[:, 2].any()
    assert not sample.joint_weights[20].any()
    assert not sample.focal_px.any()
    assert sample.smpl_weight == 0


def test_corrupt_sequences_and_tiny_boxes_are_left_out(people, tmp_path):
    annotations, images = write_human36m(tmp_path / "a", people)
    change(annotations, lambda entry: entry.update(subaction_idx=2), key="images")
    assert len(open_dataset(DatasetKind.HUMAN36M, annotations, images)) == 2
    annotations, images = write_3dpw(tmp_path / "b", people)
    change(annotations, lambda entry: entry.update(bbox=[10, 10, 5.5, 100]))
    assert len(open_dataset(DatasetKind.PW3D, annotations, images)) == 2


def test_action_numbers_are_read_from_the_name_where_the_file_does_not_state_them(people, tmp_path):
    annotations, images = write_human36m(tmp_path, people)
    change(annotations, lambda entry: entry.pop("action_idx"), key="images")
    assert open_dataset(DatasetKind.HUMAN36M, annotations, images)[1].sequence == (9, 5, 1)


@pytest.mark.parametrize(
    ("kind", "key"),
    [(DatasetKind.HUMAN36M, "thetas"), (DatasetKind.HUMAN36M, "bbox"), (DatasetKind.PW3D, "smpl_joints"),
     (DatasetKind.MPI_INF_3DHP, "joint_cam"), (DatasetKind.COCO, "keypoints")],
)  # fmt: skip
def test_a_missing_key_is_named_with_its_place(kind, key, people, tmp_path):
    annotations, images = WRITERS[kind](tmp_path, people)
    change(annotations, lambda entry: entry.pop(key))
    with pytest.raises(InputError, match=rf"{annotations.name}, annotation 1 has none of the keys .*{key}"):
        open_dataset(kind, annotations, images)


def test_what_is_wrong_with_a_file_is_said(people, tmp_path):
    annotations, images = write_human36m(tmp_path, people)
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        open_dataset(DatasetKind.HUMAN36M, tmp_path / "none.json", images)
    with pytest.raises(InputError, match=r"folder of pictures .* does not exist"):
        open_dataset(DatasetKind.HUMAN36M, annotations, tmp_path / "no pictures")
    change(annotations, lambda entry: entry.update(betas=["x"] * 10))
    with pytest.raises(InputError, match="annotation 1: betas does not hold the numbers"):
        open_dataset(DatasetKind.HUMAN36M, annotations, images)
    change(annotations, lambda entry: entry.update(betas=[float("nan")] * 10))
    with pytest.raises(InputError, match="annotation 1: betas holds numbers that are not finite"):
        open_dataset(DatasetKind.HUMAN36M, annotations, images)
    change(annotations, lambda entry: entry.update(betas=[0.0] * 10, image_id=7))
    with pytest.raises(InputError, match="belongs to the picture 7, which the file lacks"):
        open_dataset(DatasetKind.HUMAN36M, annotations, images)
    annotations.write_text('{"images": [')
    with pytest.raises(InputError, match="is not JSON"):
        open_dataset(DatasetKind.HUMAN36M, annotations, images)
    annotations.write_text("[1]")
    with pytest.raises(InputError, match="does not hold the lists"):
        open_dataset(DatasetKind.HUMAN36M, annotations, images)
    annotations.write_text('{"images": [], "annotations": []}')
    with pytest.raises(InputError, match="no usable person"):
        open_dataset(DatasetKind.HUMAN36M, annotations, images)


def test_a_person_of_unknown_place_is_refused(people, tmp_path):
    annotations, images = write_human36m(tmp_path, people)
    change(annotations, lambda entry: entry.pop("root_cam"))
    with pytest.raises(InputError, match="0 m before the camera, expected more than 0 under root_cam"):
        open_dataset(DatasetKind.HUMAN36M, annotations, images)


def test_pictures_are_opened_late_and_missing_or_wrong_ones_are_named(people, tmp_path):
    annotations, images = write_human36m(tmp_path, people)
    table = open_dataset(DatasetKind.HUMAN36M, annotations, images)
    sample = table[1]
    sample.picture[0].unlink()
    with pytest.raises(InputError, match=r"picture .*000001\.png of .*annotation 1 is missing"):
        read_picture(sample.picture, sample.size_wh, sample.origin)
    sample.picture[0].write_bytes(b"GIF")
    with pytest.raises(InputError, match="damaged or no picture"):
        read_picture(sample.picture, sample.size_wh, sample.origin)
    with pytest.raises(InputError, match=f"has {SIZE_WH[0]} x {SIZE_WH[1]} px, .* says 3 x 4"):
        read_picture(table[0].picture, (3, 4), table[0].origin)

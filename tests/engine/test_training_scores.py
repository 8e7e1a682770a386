"""Tests of scoring a network on a data set: rows, units, actions, vertex errors and the command."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dataset_files import make_people, write_3dhp_test, write_3dpw, write_coco, write_human36m  # noqa: E402
from tiny_network import tiny_network  # noqa: E402

from engine.errors import InputError  # noqa: E402
from engine.evaluation.dataset_metrics import LSP14, THREEDHP_TO_HUMAN36M  # noqa: E402
from engine.evaluation.procrustes import align_similarity  # noqa: E402
from engine.training.datasets.kinds import DatasetKind, open_dataset  # noqa: E402
from engine.training.evaluate_dataset import Predictions, format_score, predict, score_predictions  # noqa: E402

PEOPLE = make_people(3, 5)
REGRESSED_MM = 1000.0 * PEOPLE.regressed
JOINTS_MM = 1000.0 * PEOPLE.joints[:, :24]
NOISE = np.random.default_rng(2).normal(0, 30.0, REGRESSED_MM.shape)
ERRORS = np.array([1.0, 2.0, 3.0, 4.0, 50.0])


def predictions(noise=NOISE):
    return Predictions(REGRESSED_MM + noise, JOINTS_MM + 0.0, ERRORS)


def mean_distance(a, b):
    return np.linalg.norm(a - b, axis=-1).mean()


def rooted(array):
    return array - array[:, :1]


@pytest.fixture
def pw3d(tmp_path):
    return open_dataset(DatasetKind.PW3D, *write_3dpw(tmp_path, PEOPLE))


def test_3dpw_is_scored_on_14_joints_and_vertices_by_batches(pw3d):
    score = score_predictions(DatasetKind.PW3D, pw3d, predictions(), batch_size=2)
    found, true = rooted(REGRESSED_MM + NOISE)[:, LSP14], rooted(REGRESSED_MM)[:, LSP14]
    assert score.row["MPJPE mm"] == pytest.approx(mean_distance(found, true), rel=1e-5)
    assert score.row["PA-MPJPE mm"] == pytest.approx(mean_distance(align_similarity(found, true), true), rel=1e-5)
    assert score.row["PVE mm"] == pytest.approx(np.mean([1.5, 3.5, 50.0]))
    assert score.more["24 joints: MPJPE mm"] < 0.01
    assert list(score.row) == ["PA-MPJPE mm", "MPJPE mm", "PVE mm"]


def test_human36m_is_aligned_on_17_joints_and_told_by_action(tmp_path):
    annotations, images = write_human36m(tmp_path, PEOPLE)
    content = json.loads(annotations.read_text())
    content["images"][0]["action_idx"] = 14
    annotations.write_text(json.dumps(content))
    table = open_dataset(DatasetKind.HUMAN36M, annotations, images)
    score = score_predictions(DatasetKind.HUMAN36M, table, predictions())
    found, true = rooted(REGRESSED_MM + NOISE), rooted(REGRESSED_MM)
    aligned = align_similarity(found, true)[:, LSP14]
    assert score.row["PA-MPJPE mm"] == pytest.approx(mean_distance(aligned, true[:, LSP14]), rel=1e-5)
    assert list(score.by_action) == ["Greet", "Walk"]
    assert score.by_action["Walk"].mpjpe_mm == pytest.approx(mean_distance(found[:1, LSP14], true[:1, LSP14]), rel=1e-5)
    text = format_score(score)
    assert "Walk" in text
    assert "mean of actions" in text


def test_3dhp_has_the_published_groups_and_the_right_ones(tmp_path):
    table = open_dataset(DatasetKind.MPI_INF_3DHP, *write_3dhp_test(tmp_path, PEOPLE))
    right_wrist = 16
    assert THREEDHP_TO_HUMAN36M[right_wrist] == 4
    wrong = np.zeros_like(NOISE)
    wrong[:, right_wrist] = 400.0
    score = score_predictions(DatasetKind.MPI_INF_3DHP, table, predictions(wrong))
    assert score.row["PCK"] == pytest.approx(100.0)
    assert score.more["correct groups: PCK"] == pytest.approx(100.0 * 13 / 14)
    assert score.row["MPJPE mm"] == pytest.approx(400.0 * np.sqrt(3) / 17, rel=1e-4)
    assert list(score.row) == ["PCK", "AUC", "PA-MPJPE mm", "MPJPE mm"]


def test_a_file_without_truth_is_refused(tmp_path):
    coco = open_dataset(DatasetKind.COCO, *write_coco(tmp_path, PEOPLE))
    with pytest.raises(InputError, match=r"coco\.json holds no true joints of coco"):
        score_predictions(DatasetKind.COCO, coco, predictions())


def test_the_vertex_error_is_that_of_the_meshes_and_zero_for_the_truth(pw3d):
    """A network whose layer returns the labels' own body has none; a shifted one has, though its pelvis is shared."""
    network = tiny_network()
    found = predict(network, pw3d, batch_size=2, flip=False)
    assert (found.vertex_error_mm > 10).all()
    layer = network.hybrik_layer

    class Truth(type(layer)):
        def forward(self, betas, *_):
            from engine.body.lbs import forward
            from engine.training.targets import label_quats_wxyz

            start = self.place
            self.place += len(betas)
            quats = label_quats_wxyz(pw3d.column("rotvecs")[start : self.place]).astype(np.float32)
            return forward(
                self.body, torch.from_numpy(pw3d.column("betas")[start : self.place]), torch.from_numpy(quats)
            )

    layer.__class__ = Truth
    layer.place = 0
    perfect = predict(network, pw3d, batch_size=2, flip=False)
    assert (perfect.vertex_error_mm < 0.01).all()
    np.testing.assert_allclose(perfect.regressed_mm, rooted(REGRESSED_MM), atol=0.01)
    score = score_predictions(DatasetKind.PW3D, pw3d, perfect)
    assert max(score.row.values()) < 0.01

"""Tests of the settings of a training: published values, TOML files, and the network that a training starts with."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engine.errors import InputError  # noqa: E402
from engine.evaluation import recipe  # noqa: E402
from engine.models.architectures import Architecture, build_network  # noqa: E402
from engine.training.augmentation import Augmentation  # noqa: E402
from engine.training.datasets.kinds import DatasetKind  # noqa: E402
from engine.training.initial_network import copy_matching, initial_network  # noqa: E402
from engine.training.train_settings import LossKind, RateSchedule, read_train_settings  # noqa: E402

DATA = '[[training]]\nkind = "coco"\nannotations = "coco.json"\nimages = "coco"\n'
START = 'architecture = "hybrik-transformer-resnet34"\nrun = "run"\nbody = "body.npz"\n'


def read(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return read_train_settings(path)


def test_what_a_file_does_not_state_is_as_published(tmp_path):
    settings = read(tmp_path, START + DATA)
    assert settings.run == tmp_path / "run"
    assert settings.training[0].kind is DatasetKind.COCO
    assert settings.training[0].images == tmp_path / "coco"
    assert (settings.epochs, settings.batch_size, settings.learning_rate, settings.warm_up_steps) == (
        200,
        64,
        5e-4,
        4000,
    )
    assert (settings.loss, settings.schedule) == (LossKind.TRANSFORMER, RateSchedule.INVERSE_SQUARE_ROOT)
    assert (settings.clip_norm, settings.transformer.dropout, settings.augmentation) == (0.0, 0.1, Augmentation())


@pytest.mark.parametrize(
    ("architecture", "batch", "loss", "drops", "flip", "clip"),
    [
        ("hybrik-transformer-hrnet48", 56, LossKind.TRANSFORMER, (), 0.5, 0.0),
        ("hybrik-deconvolution-resnet34", 64, LossKind.TRANSFORMER, (), 0.5, 0.0),
        ("hybrik-camera-resnet34", 32, LossKind.CAMERA_L1, (90, 120), 0.25, 5.0),
        ("hybrik-camera-hrnet48", 36, LossKind.CAMERA_LAPLACE, (60, 80), 0.25, 5.0),
    ],
)
def test_each_network_has_its_own_published_settings(architecture, batch, loss, drops, flip, clip, tmp_path):
    settings = read(tmp_path, START.replace("hybrik-transformer-resnet34", architecture) + DATA)
    found = (settings.batch_size, settings.loss, settings.drop_epochs, settings.augmentation.flip_probability)
    assert (*found, settings.clip_norm) == (batch, loss, drops, flip, clip)


def test_a_file_changes_single_values_in_nested_tables(tmp_path):
    text = START.replace("hybrik-transformer-resnet34", "hybrik-camera-hrnet48") + "epochs = 3\n" + DATA
    settings = read(tmp_path, text + "share = 2\n[augmentation]\nscale = 0.1\n[transformer]\nkept_tokens = [0.5, 1]\n")
    assert settings.augmentation == Augmentation(scale=0.1, flip_probability=0.25)
    assert settings.transformer.kept_tokens == (0.5, 1.0)
    assert (settings.epochs, settings.training[0].share) == (3, 2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DATA, "states no architecture; choose one of hybrik-transformer-resnet34"),
        (START.replace("resnet34", "resnet35") + DATA, "architecture is 'hybrik-transformer-resnet35', expected"),
        (START, "does not state training"),
        (START + "training = []\n", "no data set to train on"),
        (START + "epoch = 3\n" + DATA, "the setting 'epoch' is unknown; there are .*epochs"),
        (START + 'epochs = "3"\n' + DATA, "epochs is '3', expected a whole number"),
        (START + "epochs = 0\n" + DATA, "epochs is 0, expected a whole number from 1"),
        (START + "learning_rate = 5\n" + DATA, "learning_rate is 5.0, expected more than 0"),
        (START + 'loss = "camera-l1"\n' + DATA, "the loss camera-l1 is not one of"),
        (START + DATA.replace("coco\"\na", "mnist\"\na"), "kind is 'mnist', expected one of human36m"),
        (START + "[training]\nkind = 1\n", r"write \[\[training\]\] above"),
        (START + DATA + DATA.replace("training", "validation"), "coco has no truth in 3-D"),
        (START + DATA + "[augmentation]\nscale = -1\n", "scale of the augmentation is -1.0"),
        (START + DATA + "[transformer]\nheads = 7\n", "no multiple of 7 heads"),
        (START + "a = ", "is not valid TOML"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_what_is_wrong(text, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text)
    assert "config.toml" in str(caught.value)


def test_a_training_starts_with_the_users_body_and_a_pretrained_backbone(tmp_path):
    arrays = recipe.body(2)
    regressor = arrays.pop("J_regressor_h36m")
    np.savez(tmp_path / "body.npz", **arrays)
    np.save(tmp_path / "h36m.npy", regressor)
    np.save(tmp_path / "mean.npy", np.arange(10.0))
    with pytest.raises(InputError, match=r"no regressor of Human3.6M's joints"):
        initial_network(read(tmp_path, START + DATA))
    donor = build_network(Architecture.HYBRIK_TRANSFORMER_RESNET34).backbone.state_dict()
    torch.save({**donor, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, tmp_path / "resnet.pth")
    files = 'h36m_regressor = "h36m.npy"\nmean_shape = "mean.npy"\nbackbone_weights = "resnet.pth"\n'
    settings = read(tmp_path, START + files + DATA)
    network = initial_network(settings)
    layer = network.hybrik_layer
    np.testing.assert_allclose(layer.v_template.numpy(), arrays["v_template"], atol=1e-6)
    np.testing.assert_allclose(layer.J_regressor_h36m.numpy(), regressor, atol=1e-6)
    np.testing.assert_allclose(network.head.init_shape.numpy(), np.arange(10.0))
    assert all(torch.equal(value, donor[name]) for name, value in network.backbone.state_dict().items())
    again = initial_network(settings)
    assert torch.equal(again.head.decjoint.weight, network.head.decjoint.weight)
    with pytest.raises(InputError, match=r"0 of the .* entries of ResNet34"):
        copy_matching(network.backbone, {"other": torch.zeros(1)}, "file")
    np.save(tmp_path / "mean.npy", np.arange(9.0))
    with pytest.raises(InputError, match=r"init_shape has the shape \(9,\), expected \(10,\)"):
        initial_network(settings)

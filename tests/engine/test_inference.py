"""Networks made ready for inference say the same; training in less memory learns the same."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engine.evaluation import recipe  # noqa: E402
from engine.evaluation.parity_networks import seeded_network  # noqa: E402
from engine.models.architectures import Architecture  # noqa: E402
from engine.models.inference import FastNetwork, Precision, fold_norms  # noqa: E402
from engine.models.network import tensors_of  # noqa: E402
from engine.models.transformer import LadderTransformer, Normalisation, TransformerSettings  # noqa: E402


@pytest.mark.parametrize(
    "architecture",
    [
        pytest.param(Architecture.HYBRIK_TRANSFORMER_RESNET34, marks=pytest.mark.slow),
        Architecture.HYBRIK_CAMERA_RESNET34,
        pytest.param(Architecture.HYBRIK_CAMERA_HRNET48, marks=pytest.mark.slow),
    ],
    ids=lambda architecture: architecture.value,
)
def test_networks_made_ready_say_the_same(architecture: Architecture) -> None:
    network = seeded_network(architecture, 1)
    crops = recipe.images(2, 2)
    with torch.no_grad():
        expected = tensors_of(network.evidence(torch.from_numpy(crops)))
    norms = sum(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    said = tensors_of(FastNetwork(network).evidence(crops))
    assert norms > 30
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    for name, tensor in expected.items():
        assert said[name].numpy() == pytest.approx(tensor.numpy(), abs=2e-4), name


def test_a_norm_that_follows_no_convolution_stays() -> None:
    network = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.BatchNorm2d(3), torch.nn.Conv2d(3, 4, 1)).eval()
    assert fold_norms(network) == 0
    folded = torch.nn.Sequential(torch.nn.ConvTranspose2d(3, 5, 4, 2, 1), torch.nn.BatchNorm2d(5)).eval()
    folded[1].running_mean.normal_()
    folded[1].running_var.uniform_(0.5, 2.0)
    plain = copy.deepcopy(folded)
    assert fold_norms(folded) == 1
    images = torch.randn(2, 3, 6, 6)
    assert torch.allclose(folded(images), plain(images), atol=1e-5)


def test_half_the_bits_give_nearly_the_same_in_single_precision() -> None:
    network = seeded_network(Architecture.HYBRIK_CAMERA_RESNET34, 1)
    crops = recipe.images(2, 1)
    with torch.no_grad():
        expected = network.evidence(torch.from_numpy(crops)).uvd.numpy()
    said = FastNetwork(network, Precision.BRAIN).evidence(crops).uvd
    assert said.dtype == torch.float32
    assert 0 < np.abs(said.numpy() - expected).max() < 0.05


def test_the_norm_of_training_has_the_gradients_of_its_formula() -> None:
    torch.manual_seed(0)
    norm = Normalisation(8).double()
    torch.nn.init.normal_(norm.a_2)
    tokens = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 8, dtype=torch.float64)
    norm.train()
    assert torch.autograd.gradcheck(norm, (tokens,))
    (lean,) = torch.autograd.grad((norm(tokens) * weights).sum(), tokens)
    norm.eval()
    (formula,) = torch.autograd.grad((norm(tokens) * weights).sum(), tokens)
    assert torch.allclose(lean, formula)
    flat = torch.ones(2, 8, dtype=torch.float64, requires_grad=True)
    (finite,) = torch.autograd.grad(norm.train()(flat).sum(), flat)
    assert finite.isfinite().all()


def test_blocks_calculated_again_learn_the_same() -> None:
    torch.manual_seed(0)
    settings = TransformerSettings(blocks=2, heads=2, model_width=16, feed_forward_width=16, dropout=0.2)
    kept = LadderTransformer(12, settings).train()
    again = copy.deepcopy(kept)
    again.recompute = True
    sources, targets = torch.randn(2, 5, 12), torch.randn(2, 3, 12)
    gradients = []
    for transformer in (kept, again):
        torch.manual_seed(7)
        transformer(sources, targets).square().sum().backward()
        gradients.append([parameter.grad for parameter in transformer.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert torch.allclose(a, b)

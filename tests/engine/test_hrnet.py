"""Tests of the HRNet-W48 backbone against its published wiring, written out by weight names."""

import pytest
import torch
from torch.nn import functional

from engine.models.hrnet import BRANCH_WIDTHS, HighResolutionModule, HRNetW48


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        network = HRNetW48()
    generator = torch.Generator().manual_seed(5)
    state = {name: _random_entry(name, entry, generator) for name, entry in network.state_dict().items()}
    network.load_state_dict(state, assign=True)
    return network.eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(6))


def _random_entry(name, entry, generator):
    if name.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    if name.endswith("running_var"):
        return 0.5 + torch.rand(entry.shape, generator=generator)
    scale = entry[0].numel() ** -0.5 if entry.ndim > 1 else 0.3
    return scale * torch.randn(entry.shape, generator=generator)


def convolved(state, name, features, stride=1, norm=None):
    """A convolution and the normalisation after it, by the names of their weights."""
    weight = state[f"{name}.weight"]
    features = functional.conv2d(features, weight, state.get(f"{name}.bias"), stride, padding=weight.shape[-1] // 2)
    entries = (state[f"{norm}.{entry}"] for entry in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(features, *entries, eps=1e-5)


def residual(state, name, features, convolutions):
    """A block of two (basic) or three (bottleneck) convolutions."""
    hidden = features
    for number in range(1, convolutions + 1):
        hidden = convolved(state, f"{name}.conv{number}", hidden, norm=f"{name}.bn{number}")
        if number < convolutions:
            hidden = hidden.clamp(min=0)
    if f"{name}.downsample.0.weight" in state:
        features = convolved(state, f"{name}.downsample.0", features, norm=f"{name}.downsample.1")
    return (hidden + features).clamp(min=0)


def fused(state, name, branches):
    """One module: blocks on every branch, then output i = relu(sum over j of branch j brought to resolution i)."""
    for j in range(len(branches)):
        for block in range(4):
            branches[j] = residual(state, f"{name}.branches.{j}.{block}", branches[j], 2)
    outputs = []
    for i in range(len(branches)):
        total = torch.zeros_like(branches[i])
        for j, branch in enumerate(branches):
            layer = f"{name}.fuse_layers.{i}.{j}"
            if j > i:
                branch = convolved(state, f"{layer}.0", branch, norm=f"{layer}.1")
                branch = branch.repeat_interleave(2 ** (j - i), dim=2).repeat_interleave(2 ** (j - i), dim=3)
            for k in range(i - j):
                branch = convolved(state, f"{layer}.{k}.0", branch, 2, norm=f"{layer}.{k}.1")
                branch = branch.clamp(min=0) if k < i - j - 1 else branch
            total += branch
        outputs.append(total.clamp(min=0))
    return outputs


def test_the_whole_network_is_its_published_wiring(network, images):
    state = network.state_dict()

    def rectified(name, features, stride=1):
        return convolved(state, f"{name}.0", features, stride, norm=f"{name}.1").clamp(min=0)

    with torch.no_grad():
        stem = convolved(state, "conv1", images, 2, norm="bn1").clamp(min=0)
        stem = convolved(state, "conv2", stem, 2, norm="bn2").clamp(min=0)
        for block in range(4):
            stem = residual(state, f"layer1.{block}", stem, 3)
        branches = [rectified("transition1.0", stem), rectified("transition1.1.0", stem, 2)]
        branches = fused(state, "stage2.0", branches)
        branches.append(rectified("transition2.2.0", branches[-1], 2))
        for module in range(4):
            branches = fused(state, f"stage3.{module}", branches)
        branches.append(rectified("transition3.3.0", branches[-1], 2))
        for module in range(3):
            branches = fused(state, f"stage4.{module}", branches)
        features = residual(state, "incre_modules.0.0", branches[0], 3)
        for k in range(3):
            smaller = rectified(f"downsamp_modules.{k}", features, 2)
            features = residual(state, f"incre_modules.{k + 1}.0", branches[k + 1], 3) + smaller
        features = rectified("final_feat_layer", features)

        found = network.branches(images)
        assert [tuple(branch.shape) for branch in found] == [
            (2, width, 16 // 2**k, 16 // 2**k) for k, width in enumerate(BRANCH_WIDTHS)
        ]
        for ours, theirs in zip(found, branches, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.std()))
        assert features.std() > 0
        torch.testing.assert_close(network(images), features, rtol=1e-4, atol=1e-4 * float(features.std()))


def test_pictures_do_not_see_each_other(network, images):
    with torch.no_grad():
        together, alone = network(images), network(images[1:])
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5 * float(alone.std()))


def test_a_module_leaves_what_it_was_given_alone():
    module = HighResolutionModule((8, 16)).eval()
    branches = [torch.randn(1, 8, 8, 8), torch.randn(1, 16, 4, 4)]
    before = [branch.clone() for branch in branches]
    with torch.no_grad():
        module(branches)
    assert all(torch.equal(a, b) for a, b in zip(branches, before, strict=True))


def test_every_branch_learns_from_every_other():
    module = HighResolutionModule((4, 8, 16)).train()
    branches = [torch.randn(2, 4 * 2**k, 16 // 2**k, 16 // 2**k, requires_grad=True) for k in range(3)]
    for target in range(3):
        gradients = torch.autograd.grad(module(branches)[target].sum(), branches)
        assert all(gradient.abs().sum() > 0 for gradient in gradients)

"""Tests of the transformer and of the head around it, on small sizes, against a slow NumPy version."""

import numpy as np
import pytest
import torch

from engine.errors import InputError
from engine.models.architectures import Architecture, build_network
from engine.models.network import RayGeometry
from engine.models.transformer import LadderTransformer, Normalisation, Rectifier, TransformerSettings
from engine.models.transformer_head import TransformerHead, random_subset

SMALL = TransformerSettings(blocks=2, heads=3, model_width=12, feed_forward_width=10)
CHANNELS = 8


def seeded(module, seed=0):
    """The module in double precision, with every parameter random, also those of normalisations."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class SlowLadder:
    """The transformer's formulas entry by entry, for one picture."""

    def __init__(self, module, heads, slope):
        self.state = {name: array.detach().numpy() for name, array in module.state_dict().items()}
        self.heads, self.slope = heads, slope
        self.blocks = len(module.mha_src)

    def linear(self, name, tokens):
        return np.array([self.state[f"{name}.weight"] @ token + self.state[f"{name}.bias"] for token in tokens])

    def normalised(self, name, tokens):
        rows = []
        for token in tokens:
            mean = sum(token) / len(token)
            deviation = (sum((x - mean) ** 2 for x in token) / (len(token) - 1)) ** 0.5
            rows.append(self.state[f"{name}.a_2"] * (token - mean) / (deviation + 1e-6) + self.state[f"{name}.b_2"])
        return np.array(rows)

    def attention(self, name, asking, asked):
        q, k, v = (
            self.linear(f"{name}.linear_{part}", tokens) for part, tokens in (("q", asking), ("k", asked), ("v", asked))
        )
        read = np.zeros_like(q)
        width = q.shape[1] // self.heads
        for head in range(self.heads):
            part = slice(head * width, (head + 1) * width)
            for t in range(len(q)):
                scores = np.array([q[t, part] @ k[s, part] / width**0.5 for s in range(len(k))])
                shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
                read[t, part] = sum(share * v[s, part] for s, share in enumerate(shares))
        return self.linear(f"{name}.linear_o", read)

    def attended(self, part, block, asking, asked):
        summed = self.attention(f"mha_{part}.{block}", asking, asked) + asking
        return np.maximum(self.normalised(f"layer_norm_{part}.{block}", summed), 0)

    def feed_forward(self, name, tokens):
        hidden = tokens
        for layer in range(3):
            hidden = self.linear(f"{name}.fc_layers.{layer}", hidden)
            hidden = np.where(hidden > 0, hidden, self.slope * hidden)
        return self.normalised(f"{name}.layer_norm", hidden + tokens)

    def __call__(self, sources, targets):
        s, t = self.linear("input_projection_src", sources), self.linear("input_projection_tgt", targets)
        for block in range(self.blocks):
            s = self.feed_forward(f"ffn_src.{block}", self.attended("src", block, s, s))
            t = self.attended("tgt", block, t, t)
            t = self.feed_forward(f"ffn_tgt.{block}", self.attended("cross", block, t, s))
        return self.linear("output_projection", t)


@pytest.mark.parametrize(("rectifier", "slope"), [(Rectifier.LEAKY_RELU, 0.01), (Rectifier.RELU, 0.0)])
def test_the_ladder_is_that_of_the_slow_version(rectifier, slope):
    settings = TransformerSettings(blocks=2, heads=3, model_width=12, feed_forward_width=10, rectifier=rectifier)
    ladder = seeded(LadderTransformer(CHANNELS, settings))
    sources, targets = normal(2, 5, CHANNELS), normal(2, 4, CHANNELS, seed=2)
    slow = SlowLadder(ladder, 3, slope)
    expected = [slow(s.numpy(), t.numpy()) for s, t in zip(sources, targets, strict=True)]
    with torch.no_grad():
        np.testing.assert_allclose(ladder(sources, targets), expected, atol=1e-9)


def test_both_rectifiers_have_the_same_names():
    relu = TransformerSettings(rectifier=Rectifier.RELU)
    ours, other = (LadderTransformer(512, settings).state_dict() for settings in (TransformerSettings(), relu))
    assert list(ours) == list(other)


def test_normalisation_of_a_constant_token_has_a_finite_gradient():
    tokens = torch.ones(2, 6, requires_grad=True)
    Normalisation(6)(tokens).square().sum().backward()
    assert tokens.grad.isfinite().all()


@pytest.mark.parametrize(
    "wrong",
    [{"blocks": 0}, {"heads": 5}, {"dropout": 1.0}, {"kept_tokens": (0.5, 0.2)}, {"kept_tokens": (0.0, 1.0)}],
)
def test_sizes_that_make_no_network_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong)) if "heads" not in wrong else "heads"):
        TransformerSettings(**wrong)


def test_a_source_token_is_its_cell_with_the_columns_half_of_the_position_first():
    head = seeded(TransformerHead(CHANNELS, SMALL))
    feature_map = normal(1, CHANNELS, 8, 8)
    tokens = head.source_tokens(feature_map)
    row, column = 5, 2
    position = torch.cat([head.pos_embedding.col_embed.weight[column], head.pos_embedding.row_embed.weight[row]])
    torch.testing.assert_close(tokens[0, 8 * row + column], feature_map[0, :, row, column] + position)


def test_templates_are_sums_of_the_two_tables():
    head = seeded(TransformerHead(CHANNELS, SMALL))
    templates, joints, types = head.target_templates()[0], head.joint_embeddings, head.type_embeddings
    assert templates.shape == (53, CHANNELS)
    torch.testing.assert_close(templates[17], joints[17] + types[0])
    torch.testing.assert_close(templates[24 + 6], joints[6] + types[1])  # the twist of joint 7
    torch.testing.assert_close(templates[47 + 2], joints[26] + types[2])
    torch.testing.assert_close(templates[52], types[3])


@torch.no_grad()
def test_once_they_know_their_place_the_order_of_source_tokens_is_of_no_matter():
    head = seeded(TransformerHead(CHANNELS, SMALL))
    sources, templates = head.source_tokens(normal(2, CHANNELS, 8, 8)), head.target_templates().expand(2, -1, -1)
    shuffled = sources[:, torch.randperm(64, generator=torch.Generator().manual_seed(3))]
    torch.testing.assert_close(head.transformer(shuffled, templates), head.transformer(sources, templates))
    moved = normal(2, CHANNELS, 8, 8).roll(1, dims=3)  # cells of a moved picture do not keep their place
    assert not torch.allclose(head(moved).uvd, head(moved.roll(-1, dims=3)).uvd)


def count_read(head, feature_map, times):
    """How many source tokens the transformer was given, each time."""
    counts = []
    hook = head.transformer.register_forward_pre_hook(lambda _, given: counts.append(given[0].shape[1]))
    for _ in range(times):
        head(feature_map)
    hook.remove()
    return counts


@torch.no_grad()
def test_tokens_are_left_out_in_training_only():
    head = seeded(TransformerHead(CHANNELS, SMALL))
    feature_map = normal(2, CHANNELS, 8, 8)
    assert count_read(head, feature_map, 3) == [64, 64, 64]
    torch.manual_seed(0)
    counts = count_read(head.train(), feature_map, 8)
    assert len(set(counts)) > 4
    assert head.kept_tokens == (12, 64)
    assert set(counts) <= set(range(12, 65))
    keeps_all = TransformerHead(CHANNELS, TransformerSettings(2, 3, 12, kept_tokens=(1.0, 1.0))).double().train()
    assert count_read(keeps_all, feature_map, 2) == [64, 64]


def test_a_random_subset_has_no_token_twice_and_differs_between_pictures():
    torch.manual_seed(1)
    tokens = torch.arange(64.0)[None, :, None].expand(30, -1, 2)
    chosen = random_subset(tokens, 20, 20)
    assert chosen.shape == (30, 20, 2)
    assert all(len(set(row.tolist())) == 20 for row in chosen[..., 0])
    assert len({tuple(sorted(row.tolist())) for row in chosen[..., 0]}) == 30
    torch.testing.assert_close(chosen[..., 0], chosen[..., 1])
    assert abs(chosen.mean().item() - 31.5) < 3
    assert {random_subset(tokens[:1], 12, 64).shape[1] for _ in range(600)} == set(range(12, 65))


@torch.no_grad()
def test_dropout_acts_in_training_only():
    settings = TransformerSettings(2, 3, 12, dropout=0.5, kept_tokens=(1.0, 1.0))
    head = seeded(TransformerHead(CHANNELS, settings))
    feature_map = normal(1, CHANNELS, 8, 8)
    torch.testing.assert_close(head(feature_map).uvd, head(feature_map).uvd, rtol=0, atol=0)
    head.train()
    assert not torch.allclose(head(feature_map).uvd, head(feature_map).uvd)


def test_training_reaches_every_parameter_but_the_unused_rows_and_the_keys_biases():
    torch.manual_seed(2)
    network = build_network(Architecture.HYBRIK_TRANSFORMER_RESNET34, TransformerSettings(dropout=0.0)).train()
    network.hybrik_layer.v_template.normal_()
    network.hybrik_layer.J_regressor.uniform_(0, 1e-3)
    network.hybrik_layer.lbs_weights.fill_(1 / 24)
    geometry = RayGeometry(
        torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]).expand(2, -1, -1),
        torch.tensor([[1e-3, 0.0, -0.128], [0.0, 1e-3, -0.128], [0.0, 0.0, 1.0]]).expand(2, -1, -1),
        torch.tensor([[0.0, 0.0, 4.0]]).expand(2, -1),
        torch.full((2, 1), 2.0),
    )
    output = network(torch.randn(2, 3, 256, 256), geometry)
    parts = (output.uvd, output.skeleton, output.betas, output.twist, output.rotmats, output.vertices)
    sum(part.square().mean() for part in parts).backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []
    still = [name for name, parameter in network.named_parameters() if not parameter.grad.any()]
    assert all(name.endswith("linear_k.bias") for name in still)  # a softmax does not feel what all keys share
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    types, embeddings = network.head.type_embeddings.grad, network.head.joint_embeddings.grad
    assert types[:4].abs().amax(dim=1).all()
    assert not types[4:].any()
    assert embeddings.abs().amax(dim=1).all()  # that of the unused leaf slot too: other templates attend to it

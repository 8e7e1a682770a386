"""Tests of the hybrid layer inside the image networks."""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from engine.body.lbs import hybrid_forward
from engine.errors import InputError
from engine.evaluation.parity_networks import seeded_body_state
from engine.ik.plan import TIPS_24
from engine.ik.reference import RELEASED_TIPS_24, ReferenceForm
from engine.models.hybrik_layer import HybrIKLayer, released_children

PREFIX = "smpl."


def layer_of(point_count):
    layer = HybrIKLayer(point_count).eval()
    state = seeded_body_state(3, point_count)
    layer.load_state_dict({name.removeprefix(PREFIX): torch.from_numpy(array) for name, array in state.items()})
    return layer


@pytest.fixture(scope="module")
def layer():
    return layer_of(24)


@pytest.fixture(scope="module")
def layer29():
    return layer_of(29)


def inputs(point_count, count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(count, *shape, generator=generator)

    leaves = normal(5, 4) if point_count == 24 else None
    return 0.5 * normal(10), 0.3 * normal(point_count, 3), normal(23, 2), leaves


def posed_arrays(posed):
    return posed.vertices, posed.joints, posed.h36m_joints, posed.rotmats


@pytest.mark.parametrize("point_count", [24, 29])
def test_evaluation_is_the_adaptive_hybrid_forward(layer, layer29, point_count):
    used = layer if point_count == 24 else layer29
    given = inputs(point_count)
    expected = hybrid_forward(used.body, *given)
    for ours, theirs in zip(posed_arrays(used(*given)), posed_arrays(expected), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize(("point_count", "form"), [(24, ReferenceForm.TRAINING), (29, ReferenceForm.NAIVE)])
def test_training_mode_takes_the_form_of_the_programs_training(point_count, form):
    trained = layer_of(point_count).train()
    given = inputs(point_count)
    torch.testing.assert_close(trained(*given).rotmats, trained(*given, form=form).rotmats, rtol=0, atol=0)
    assert not torch.allclose(trained(*given).rotmats, trained.eval()(*given).rotmats, atol=1e-2)


def test_only_the_right_hand_differs_where_the_file_holds_a_tree_without_the_accident(layer):
    mended = layer_of(24)
    state = mended.state_dict()
    assert state["children_map"][23] == 0
    state["children_map"][23] = -1
    mended.load_state_dict(state)
    assert (layer.tips, mended.tips) == (RELEASED_TIPS_24, TIPS_24)
    given = inputs(24)
    ours, theirs = mended(*given).rotmats, layer(*given).rotmats
    torch.testing.assert_close(ours[:, :23], theirs[:, :23])
    last = given[3][:, 4] / given[3][:, 4].norm(dim=1, keepdim=True)
    cosine = 2 * last[:, 0] ** 2 - 1
    trace = torch.einsum("nii->n", ours[:, 23])
    torch.testing.assert_close(trace, 1 + 2 * cosine)  # the leaf rotation that the released tree never uses
    assert not torch.allclose(ours[:, 23], theirs[:, 23], atol=1e-2)


def test_trees_of_averaged_files_are_floats_and_unknown_trees_are_refused():
    fresh = HybrIKLayer(24)
    state = fresh.state_dict()
    fresh.load_state_dict(state | {"children_map": state["children_map"].float()})
    assert fresh.tips == RELEASED_TIPS_24
    assert fresh.children_map.dtype == torch.int64
    with pytest.raises(InputError, match="children_map"):
        fresh.load_state_dict(state | {"children_map": torch.arange(24)})


def test_trees_are_those_of_the_released_files():
    assert released_children(24)[9] == released_children(29)[9] == 12
    assert released_children(24)[10:12] == (-1, -1)
    assert released_children(29)[10:12] == (27, 28)
    assert (len(released_children(24)), len(released_children(29))) == (24, 29)
    assert released_children(24)[23] == 0
    assert released_children(29)[23:] == (26, -1, -1, -1, -1, -1)
    with pytest.raises(InputError, match="24 or 29"):
        released_children(17)


def test_leaf_rotations_belong_to_24_joints_only(layer, layer29):
    short, long = inputs(24), inputs(29)
    with pytest.raises(InputError, match="leaf rotations"):
        layer(*short[:3])
    with pytest.raises(InputError, match="leaf rotations"):
        layer29(*long[:3], short[3])


def gradients(layer, given, form):
    """Gradients of a fixed mixture of all outputs with respect to the inputs, and the mixture."""
    leaves = [None if array is None else array.clone().requires_grad_() for array in given]
    generator = torch.Generator().manual_seed(8)
    total = sum(
        (array * torch.randn(array.shape[1:], generator=generator).to(array)).sum()
        for array in posed_arrays(layer(*leaves, form=form))
    )
    total.backward()
    return [None if array is None else array.grad for array in leaves], total.detach()


@pytest.mark.parametrize("form", [ReferenceForm.TRAINING, ReferenceForm.ADAPTIVE])
@pytest.mark.parametrize("point_count", [24, 29])
def test_gradients_are_those_of_finite_differences(point_count, form):
    double = layer_of(point_count).double()
    given = [None if array is None else array.double() for array in inputs(point_count, 1, seed=4)]
    if form is ReferenceForm.TRAINING and point_count == 29:
        form = ReferenceForm.NAIVE
    slopes, _ = gradients(double, given, form)
    step = 1e-6
    for k, array in enumerate(given):
        if array is None:
            continue
        direction = torch.randn(array.shape, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
        ahead, behind = list(given), list(given)
        ahead[k], behind[k] = array + step * direction, array - step * direction
        slope = (gradients(double, ahead, form)[1] - gradients(double, behind, form)[1]) / (2 * step)
        torch.testing.assert_close((slopes[k] * direction).sum(), slope, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("form", list(ReferenceForm))
@pytest.mark.parametrize("point_count", [24, 29])
def test_gradients_stay_finite_for_degenerate_inputs(layer, layer29, point_count, form):
    used = layer if point_count == 24 else layer29
    betas, targets, twist, leaves = inputs(point_count, 5)
    rest = used.J_regressor @ used.v_template
    targets[0] = 0.0  # every joint in one place
    targets[1] = torch.zeros(3) + targets[1, 0]
    twist[2] = 0.0
    targets[3, :24] = rest  # nothing turned
    targets[4, :24] = -rest  # everything reversed
    if leaves is not None:
        leaves[2] = 0.0
    slopes, total = gradients(used, (betas, targets, twist, leaves), form)
    assert total.isfinite()
    for slope in slopes:
        assert slope is None or slope.isfinite().all()


def test_a_turned_target_turns_the_body(layer29):
    betas, targets, twist, _ = inputs(29)
    cosine, sine = np.cos(0.7), np.sin(0.7)
    turn = torch.tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float32)
    plain = layer29(betas, targets, twist)
    turned = layer29(betas, targets @ turn.T + torch.tensor([0.3, -2.0, 5.0]), twist)
    torch.testing.assert_close(turned.joints, plain.joints @ turn.T, rtol=0, atol=2e-4)
    torch.testing.assert_close(turned.rotmats[:, 0], turn @ plain.rotmats[:, 0], rtol=0, atol=2e-3)
    torch.testing.assert_close(turned.rotmats[:, 1:], plain.rotmats[:, 1:], rtol=0, atol=5e-3)


def test_no_step_depends_on_numbers_in_python(layer):
    """Tensors without numbers pass through, so the layer may be compiled whole or recorded as a CUDA graph."""
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True) as mode:
        posed = layer(*(mode.from_tensor(array) for array in inputs(24, 2)))
        assert posed.vertices.shape == (2, 6890, 3)
        with pytest.raises(DataDependentOutputException):
            bool(posed.joints.sum() > 0)

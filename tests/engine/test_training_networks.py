"""Tests that the released networks, whole and in full size, take training steps that lower their loss."""

import pytest

torch = pytest.importorskip("torch")

from dataset_files import make_people, write_human36m  # noqa: E402
from tiny_network import fill_body  # noqa: E402

from engine.evaluation import recipe  # noqa: E402
from engine.models.architectures import Architecture, build_network  # noqa: E402
from engine.training.datasets.kinds import DatasetKind, open_dataset  # noqa: E402
from engine.training.network_input import Collate, ScoredPeople  # noqa: E402
from engine.training.train_settings import LossKind  # noqa: E402
from engine.training.training_step import PosingStep, loss_of  # noqa: E402

PEOPLE, STEPS = 2, 4


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [
        (Architecture.HYBRIK_DECONVOLUTION_RESNET34, LossKind.TRANSFORMER),
        (Architecture.HYBRIK_CAMERA_RESNET34, LossKind.CAMERA_LAPLACE),
    ],
)
def test_steps_lower_the_loss_and_reach_every_weight(tmp_path, architecture: Architecture, kind: LossKind) -> None:
    torch.manual_seed(1)
    table = open_dataset(DatasetKind.HUMAN36M, *write_human36m(tmp_path, make_people(3, PEOPLE)))
    network = build_network(architecture).train()
    fill_body(network, recipe.body(1))
    people = ScoredPeople(table, architecture)
    batch = Collate(architecture)([people[index] for index in range(PEOPLE)])
    step = PosingStep(network, bfloat16=False)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-4)
    losses = []
    for _ in range(STEPS):
        output, finite = step(batch.images, batch.geometry)
        loss = loss_of(kind, output, batch.targets).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert finite.all()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0], losses
    silent = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert silent == []

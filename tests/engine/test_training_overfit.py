"""Tests that a network learns a few people by heart: pictures, labels, loss, gradients and scores fit together."""

import pytest

torch = pytest.importorskip("torch")

from dataset_files import make_people, write_human36m  # noqa: E402
from tiny_network import tiny_network  # noqa: E402

from engine.training.datasets.kinds import DatasetKind, open_dataset  # noqa: E402
from engine.training.evaluate_dataset import predict, score_predictions  # noqa: E402
from engine.training.network_input import Collate, ScoredPeople  # noqa: E402
from engine.training.train_settings import LossKind  # noqa: E402
from engine.training.training_step import PosingStep, loss_of  # noqa: E402

PEOPLE, STEPS, RATE, WARM_UP = 16, 1100, 3e-3, 30


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for each other over so small arrays cost more than they save, most on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_sixteen_people_are_learnt_by_heart(tmp_path):
    table = open_dataset(DatasetKind.HUMAN36M, *write_human36m(tmp_path, make_people(3, PEOPLE)))
    network = tiny_network()
    people = ScoredPeople(table, network.architecture)
    batch = Collate(network.architecture)([people[index] for index in range(PEOPLE)])

    def score():
        return score_predictions(DatasetKind.HUMAN36M, table, predict(network, table, PEOPLE, flip=False))

    before = score()
    step = PosingStep(network.train(), bfloat16=False)
    optimiser = torch.optim.Adam(network.parameters())
    losses = []
    for count in range(STEPS):
        optimiser.param_groups[0]["lr"] = RATE * min((count + 1) / WARM_UP, (STEPS - count) / (STEPS - WARM_UP))
        output, finite = step(batch.images, batch.geometry)
        loss = loss_of(LossKind.TRANSFORMER, output, batch.targets).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        assert finite.all()
    after = score()
    summary = f"loss {losses[0]:.2f} to {losses[-1]:.3f}, {before.row} to {after.row}, {after.more}"
    assert losses[-1] < 0.01 * losses[0], summary
    assert after.row["MPJPE mm"] < 0.06 * before.row["MPJPE mm"], summary
    assert after.row["PA-MPJPE mm"] < 0.06 * before.row["PA-MPJPE mm"], summary

"""Image networks run over a video: batches, storage, interruptions, progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_networks import (
    ScriptedNetwork,
    walker,
)
from sample_pieces import pictures, write_piece

from engine.camera import Camera
from engine.errors import InputError
from engine.image_poses.evidence import NetworkFacts, PersonEvidence
from engine.image_poses.network_poses import network_poses
from engine.image_poses.run_network import NetworkOptions, person_folder, run_network
from engine.image_poses.store import EvidenceStore
from engine.poses import LandmarkSequence
from engine.progress import RateMeter
from engine.video import ReadOptions

RAYS_24 = NetworkFacts(point_count=24, depth_factor_m=2.0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of 320 x 180 px."""
    return write_piece(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures(12, (320, 180)))


def look(
    clip: Path,
    folder: Path,
    network: ScriptedNetwork,
    people: list[LandmarkSequence],
    told: Callable[[int, int], None] = lambda done, total: None,
    **options: object,
) -> None:
    chosen = NetworkOptions(**{"name": "some", "model_hash": "1", "batch_size": 5, **options})  # type: ignore[arg-type]
    run_network(
        clip, ReadOptions(), people, (320, 180), chosen, lambda: network, folder, {"video": "v"}, on_progress=told
    )


def kept(folder: Path, person_id: int) -> PersonEvidence:
    return EvidenceStore(person_folder(folder, person_id)).read()


def test_an_interrupted_run_goes_on_and_ends_the_same(clip: Path, tmp_path: Path) -> None:
    people = [walker(1), walker(2, missing=slice(0, 3))]
    whole, told = ScriptedNetwork(RAYS_24), []
    look(clip, tmp_path / "whole", whole, people, lambda done, total: told.append((done, total)))
    assert whole.crops == 12 + 9
    assert max(whole.batches) == 5
    assert told[0] == (0, 21)
    assert told[-1] == (21, 21)
    assert told == sorted(told)
    assert list(kept(tmp_path / "whole", 2).rows) == list(range(3, 12))

    for at in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            look(clip, tmp_path / "parts", ScriptedNetwork(RAYS_24, interrupted_at=at), people)
    rest = ScriptedNetwork(RAYS_24)
    look(clip, tmp_path / "parts", rest, people)
    assert 0 < rest.crops < 21 - 5
    for person in (1, 2):
        a, b = kept(tmp_path / "whole", person), kept(tmp_path / "parts", person)
        assert np.array_equal(a.rows, b.rows)
        assert np.array_equal(a.squares_xyxy, b.squares_xyxy)
        for name, array in a.network.arrays().items():
            assert b.network.arrays()[name] == pytest.approx(array, abs=1e-6), name


def test_nothing_is_looked_at_twice_but_for_another_network(clip: Path, tmp_path: Path) -> None:
    look(clip, tmp_path, ScriptedNetwork(RAYS_24), [walker(1)])
    again = ScriptedNetwork(RAYS_24)
    look(clip, tmp_path, again, [walker(1)], batch_size=2)
    assert again.crops == 0
    look(clip, tmp_path, again, [walker(2)])
    assert again.crops == 12
    assert len(kept(tmp_path, 1).rows) == 12
    for change in ({"model_hash": "2"}, {"flip_test": True}, {"half": True}):
        other = ScriptedNetwork(RAYS_24)
        look(clip, tmp_path, other, [walker(1)], **change)
        assert other.crops == (24 if "flip_test" in change else 12)
        assert not person_folder(tmp_path, 2).exists()


def test_a_half_looked_at_person_is_not_read(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        look(clip, tmp_path, ScriptedNetwork(RAYS_24, interrupted_at=1), [walker(1)])
    with pytest.raises(InputError, match="only 5 crops"):
        kept(tmp_path, 1)


def test_somebody_who_is_never_large_enough_is_missing(clip: Path, tmp_path: Path) -> None:
    far = replace(walker(1), landmarks_2d=0.01 * walker(1).landmarks_2d)
    network = ScriptedNetwork(RAYS_24)
    look(clip, tmp_path, network, [far])
    assert network.crops == 0
    poses = network_poses(kept(tmp_path, 1), far, Camera.from_fov((320, 180)))
    assert (poses.scores == 0).all()
    assert np.isnan(poses.joints).all()


def test_slow_work_has_a_rate_too(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 8.0, 16.0, 24.0])
    monkeypatch.setattr("engine.progress.time.monotonic", lambda: next(times))
    meter = RateMeter(window_s=5.0)
    told = [meter.update("network", done, 64) for done in (0, 16, 32, 48)]
    assert told[1:] == [(2.0, 24.0), (2.0, 16.0), (2.0, 8.0)]

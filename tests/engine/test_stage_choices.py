"""What the settings ask of the stages: a region's factor touches that region only, outliers can be kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sample_motions import wandering

from engine.settings import REGIONS, Settings
from engine.smoothing import joint_region, smooth
from engine.stage_choices import outlier_config, smoothing_config
from rig.motion import Motion
from rig.skeleton import SMPL_JOINT_NAMES

_COVERS = {"torso": {"torso"}, "head": {"head"}, "arms": {"arms", "hands"}, "legs": {"legs", "feet"}, "root": set()}


def noisy() -> Motion:
    rng = np.random.default_rng(3)
    motion = wandering(90)
    rotvecs = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    rotvecs = rotvecs + rng.normal(0.0, 0.03, rotvecs.shape)
    transl = motion.transl + rng.normal(0.0, 0.01, (90, 3))
    return replace(motion, global_orient=rotvecs[:, 0], body_pose=rotvecs[:, 1:], transl=transl)


def changed(one: Motion, other: Motion) -> set[str]:
    """Which joints, and "path", differ."""
    both = [np.concatenate([m.global_orient[:, None], m.body_pose], axis=1) for m in (one, other)]
    far = np.abs(both[0] - both[1]).max(axis=(0, 2)) > 1e-9
    joints = {name for name, differs in zip(SMPL_JOINT_NAMES, far, strict=True) if differs}
    return joints | ({"path"} if np.abs(one.transl - other.transl).max() > 1e-9 else set())


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("factor", [0.0, 2.5])
def test_a_regions_factor_touches_that_region_only(region: str, factor: float) -> None:
    motion = noisy()
    usual = smooth(motion, smoothing_config(Settings()))
    other = smooth(motion, smoothing_config(Settings(**{f"smooth_{region}": factor})))
    expected = {name for name in SMPL_JOINT_NAMES if joint_region(name).value in _COVERS[region]}
    assert changed(usual, other) == (expected or {"path"})
    if factor == 0.0:
        assert changed(motion, other).isdisjoint(expected or {"path"})


def test_outliers_are_kept_where_the_strength_is_nothing() -> None:
    assert outlier_config(Settings(outliers=0.0)) is None
    usual, strict = outlier_config(Settings()), outlier_config(Settings(outliers=2.0))
    assert strict.limit_deg == usual.limit_deg / 2
    assert strict.root_limit_m == usual.root_limit_m / 2

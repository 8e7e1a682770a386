"""What the settings, which are plain values, ask of each stage behind the network."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .foot_lock import FootLockConfig, FootLockMode
from .gaps import GapConfig, GapPolicy
from .ik.solve import IKMode
from .image_poses.network_poses import Placement
from .lifting import Lifting
from .outliers import OutlierConfig
from .settings import REGIONS, Settings
from .smoothing import SmoothingConfig, SmoothingPreset


@dataclass(frozen=True)
class PoseConfig:
    """How poses become rotations: the person's height, m, or None, who lifts and who places the person, and the IK."""

    height_m: float | None = None
    lifting: Lifting = Lifting.LEARNED
    placement: Placement = Placement.NETWORK
    ik: IKMode = IKMode.ADAPTIVE


def pose_config(settings: Settings) -> PoseConfig:
    """How the settings ask for poses."""
    lifting, placement = Lifting(settings.lifting), Placement(settings.placement)
    return PoseConfig(settings.height or None, lifting, placement, IKMode(settings.ik))


def outlier_config(settings: Settings) -> OutlierConfig | None:
    """How the settings ask for outliers to be rejected; None is not at all."""
    return OutlierConfig().stricter(settings.outliers) if settings.outliers > 0 else None


def gap_config(settings: Settings) -> GapConfig:
    """How the settings ask for gaps to be filled."""
    return GapConfig(settings.fill, GapPolicy(settings.gaps))


def smoothing_config(settings: Settings) -> SmoothingConfig:
    """How the settings ask for smoothing, in each region."""
    preset = SmoothingPreset(settings.smoothing).config
    factors = {region: getattr(settings, f"smooth_{region}") for region in REGIONS}
    return replace(preset, strengths=preset.strengths.times(**factors))


def foot_lock_config(settings: Settings, *, given: bool = False) -> FootLockConfig:
    """How the settings ask for feet to be pinned; `given` where the contacts are."""
    return FootLockConfig(mode=FootLockMode(settings.foot_lock), given=given)

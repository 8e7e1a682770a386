"""Zero-phase smoothing of a motion on SO(3), in presets with a strength for each region of the body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

import numpy as np

from rig.local_regression import smooth_rotations, smooth_series
from rig.motion import Motion
from rig.rotations import quat_wxyz_to_rotvec, rotvec_to_quat_wxyz


class Region(Enum):
    """A part of the body with a smoothing strength of its own."""

    ROOT = "root"
    TORSO = "torso"
    HEAD = "head"
    ARMS = "arms"
    LEGS = "legs"
    HANDS = "hands"
    FEET = "feet"


_REGION_OF_PART = {
    "pelvis": Region.TORSO, "spine1": Region.TORSO, "spine2": Region.TORSO, "spine3": Region.TORSO,
    "neck": Region.HEAD, "head": Region.HEAD, "collar": Region.ARMS, "shoulder": Region.ARMS,
    "elbow": Region.ARMS, "wrist": Region.HANDS, "hand": Region.HANDS, "hip": Region.LEGS,
    "knee": Region.LEGS, "ankle": Region.FEET, "foot": Region.FEET,
}  # fmt: skip


def joint_region(joint_name: str) -> Region:
    """The region a SMPL joint is smoothed with; joints of other skeletons count as torso."""
    return _REGION_OF_PART.get(joint_name.removeprefix("left_").removeprefix("right_"), Region.TORSO)


@dataclass(frozen=True)
class RegionStrengths:
    """Factor on the smoothing window for each region; 0 leaves a region as it is."""

    root: float = 1.2
    torso: float = 1.2
    head: float = 1.1
    arms: float = 1.0
    legs: float = 1.0
    hands: float = 1.3
    feet: float = 1.3

    def of(self, region: Region) -> float:
        """The factor of one region."""
        return {
            Region.ROOT: self.root,
            Region.TORSO: self.torso,
            Region.HEAD: self.head,
            Region.ARMS: self.arms,
            Region.LEGS: self.legs,
            Region.HANDS: self.hands,
            Region.FEET: self.feet,
        }[region]

    def times(self, *, root: float, torso: float, head: float, arms: float, legs: float) -> RegionStrengths:
        """These strengths multiplied; hands go with the arms, feet with the legs."""
        return RegionStrengths(
            root=self.root * root,
            torso=self.torso * torso,
            head=self.head * head,
            arms=self.arms * arms,
            legs=self.legs * legs,
            hands=self.hands * arms,
            feet=self.feet * legs,
        )


@dataclass(frozen=True)
class SmoothingConfig:
    """How much to smooth.

    bandwidth_s     standard deviation of the Gaussian window in time, s; 0 is off
    strengths       factor on the bandwidth for each region
    order           of the local polynomial: 2 keeps the height of peaks, 1 smooths more at the same bandwidth
    weight_floor    weight of a frame whose confidence is 0 (filled-in poses still shape the curve a little)
    """

    bandwidth_s: float = 0.06
    strengths: RegionStrengths = RegionStrengths()
    order: int = 2
    weight_floor: float = 0.05


class SmoothingPreset(Enum):
    """Named amounts of smoothing."""

    OFF = "off"
    LIGHT = "light"
    DEFAULT = "default"
    HEAVY = "heavy"

    @property
    def config(self) -> SmoothingConfig:
        """The preset's settings; measured at 24 to 60 fps on walks, dance and boxing with detector-like noise."""
        return _PRESETS[self]


_PRESETS: Mapping[SmoothingPreset, SmoothingConfig] = MappingProxyType(
    {
        SmoothingPreset.OFF: SmoothingConfig(bandwidth_s=0.0),
        SmoothingPreset.LIGHT: SmoothingConfig(bandwidth_s=0.04),
        SmoothingPreset.DEFAULT: SmoothingConfig(),
        SmoothingPreset.HEAVY: SmoothingConfig(bandwidth_s=0.12),
    }
)
_DEFAULT = SmoothingConfig()


def smooth(motion: Motion, config: SmoothingConfig = _DEFAULT) -> Motion:
    """The motion with every joint's rotation and the root's path smoothed without lag, at its own timestamps.

    Frames weigh by their confidence. Constant poses stay constant, quaternion signs do not matter, and mirrored or
    time-reversed motion gives the mirrored or reversed result.
    """
    if config.bandwidth_s <= 0 or len(motion) < 3:
        return motion
    weights = np.maximum(motion.confidence, config.weight_floor)
    rotvecs = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    bandwidths = np.array(
        [config.bandwidth_s * config.strengths.of(joint_region(name)) for name in motion.skeleton.joint_names]
    )
    for bandwidth_s in np.unique(bandwidths):
        group = np.flatnonzero(bandwidths == bandwidth_s)
        quats = rotvec_to_quat_wxyz(rotvecs[:, group])
        smoothed = smooth_rotations(motion.times_s, quats, bandwidth_s, weights[:, group], config.order)
        rotvecs[:, group] = quat_wxyz_to_rotvec(smoothed)
    root_bandwidth_s = config.bandwidth_s * config.strengths.of(Region.ROOT)
    transl = smooth_series(motion.times_s, motion.transl, root_bandwidth_s, weights[:, 0], config.order)
    return replace(motion, global_orient=rotvecs[:, 0], body_pose=rotvecs[:, 1:], transl=transl)

"""Varies a picture and its labels at random, in the order in which the published networks were trained.

Scale and rotation are drawn, a part of the picture is covered, the picture is mirrored, the crop is cut, its colours
are changed. Source: Li et al., HybrIK, CVPR 2021, and Oreshkin, HybrIK-Transformer, 2023. The camera and the pelvis'
place are not mirrored with the picture, an inexactness of theirs for principal points off the middle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from engine.errors import InputError
from engine.ik.plan import MIRROR_24, MIRROR_29
from engine.models.crops import CropFrame, crop_frame, warp_crop

from .datasets.kinds import DatasetKind
from .datasets.sample import Sample
from .label_flips import flip_keypoints, flip_positions, flip_rotvecs, flip_twist

SCALE_LIMITS = (0.7, 1.3)
ROTATION_LIMIT_DEG = 60.0
PLACING_TRIES = 100


@dataclass(frozen=True)
class Augmentation:
    """How much is varied.

    scale                 standard deviation of the crop's size, a share; cut at 0.7 and 1.3
    rotation_deg          standard deviation of its rotation, cut at +-60 degrees, for a share of rotation_probability
    occlusion             whether a rectangle of noise covers a part of the person
    flip_probability      share of mirrored pictures
    colour                largest change of each channel's gain
    """

    scale: float = 0.3
    rotation_deg: float = 30.0
    rotation_probability: float = 0.6
    occlusion: bool = True
    flip_probability: float = 0.5
    colour: float = 0.2

    def __post_init__(self) -> None:
        """Raises InputError for numbers that no variation has."""
        for name in ("scale", "rotation_deg"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name} of the augmentation is {getattr(self, name)}, expected 0 or more")
        for name in ("rotation_probability", "flip_probability", "colour"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} of the augmentation is {getattr(self, name)}, expected 0 to 1")


NO_AUGMENTATION = Augmentation(0.0, 0.0, 0.0, False, 0.0, 0.0)


@dataclass(frozen=True)
class Cover:
    """What a covering rectangle is drawn from: its share of the box's area, height over width, and which box."""

    largest_share: float
    aspects: tuple[float, float]
    of_crop: bool


COVERS = {
    DatasetKind.HUMAN36M: Cover(0.3, (0.5, 2.0), of_crop=True),
    DatasetKind.PW3D: Cover(0.3, (0.5, 2.0), of_crop=True),
    DatasetKind.COCO: Cover(0.7, (0.3, 1 / 0.3), of_crop=False),
}
"""None for MPI-INF-3DHP. of_crop: shares of the square that is cut out, else of the person's box."""


@dataclass(frozen=True)
class Crop:
    """A picture as the network gets it: pixels (256, 256, 3) uint8, where they lie, labels as they then are.

    sample's labels are mirrored with the picture but not rotated: `frame` is. rotation_deg is that of the frame.
    """

    pixels: np.ndarray
    frame: CropFrame
    sample: Sample
    rotation_deg: float


def varied_crop(
    sample: Sample, picture: np.ndarray, kind: DatasetKind, amount: Augmentation, rng: np.random.Generator
) -> Crop:
    """Draw all variations of a picture (H, W, 3) uint8 from `rng` and cut the person out.

    Raises InputError, naming the annotation, for a box without an area or outside of the picture.
    """
    scale = float(np.clip(1.0 + amount.scale * rng.standard_normal(), *SCALE_LIMITS))
    angle = float(np.clip(amount.rotation_deg * rng.standard_normal(), -ROTATION_LIMIT_DEG, ROTATION_LIMIT_DEG))
    rotation_deg = angle if rng.random() < amount.rotation_probability else 0.0
    try:
        frame = crop_frame(sample.box_xyxy, sample.margin * scale, rotation_deg)
        if amount.occlusion and kind in COVERS:
            cover = COVERS[kind]
            box = frame.square_box_xyxy if cover.of_crop else np.asarray(sample.box_xyxy, np.float64)
            picture = covered(picture, box, cover, rng)
        if rng.random() < amount.flip_probability:
            picture, sample = picture[:, ::-1], mirrored(sample)
            frame = crop_frame(sample.box_xyxy, sample.margin * scale, rotation_deg)
        pixels = warp_crop(picture, frame)
    except InputError as error:
        raise InputError(f"{sample.origin}: {error}") from error
    if amount.colour > 0:
        gain = rng.uniform(1.0 - amount.colour, 1.0 + amount.colour, 3)
        pixels = np.clip(pixels * gain, 0, 255).astype(np.uint8)
    return Crop(pixels, frame, sample, rotation_deg)


def plain_crop(sample: Sample, picture: np.ndarray) -> Crop:
    """The crop that networks are scored with. Raises InputError as `varied_crop`."""
    try:
        frame = crop_frame(sample.box_xyxy, sample.margin)
        return Crop(warp_crop(picture, frame), frame, sample, 0.0)
    except InputError as error:
        raise InputError(f"{sample.origin}: {error}") from error


def covered(picture: np.ndarray, box: np.ndarray, cover: Cover, rng: np.random.Generator) -> np.ndarray:
    """A copy of the picture (H, W, 3) with a rectangle of uniform noise whose corner lies in the box (4,).

    Size and place are drawn again until the rectangle lies in the picture; after 100 vain tries, as with a box that
    is mostly outside, nothing is covered.
    """
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box
    for _ in range(PLACING_TRIES):
        area = rng.uniform(0.0, cover.largest_share) * (x1 - x0) * (y1 - y0)
        aspect = rng.uniform(*cover.aspects)
        high, wide = int(sqrt(area * aspect)), int(sqrt(area / aspect))
        left, top = int(rng.uniform(x0, x1)), int(rng.uniform(y0, y1))
        if left >= 0 and top >= 0 and left + wide < width and top + high < height:
            result = picture.copy()
            result[top : top + high, left : left + wide] = rng.integers(0, 256, (high, wide, 3), np.uint8)
            return result
    return picture


def mirrored(sample: Sample) -> Sample:
    """The labels of the mirrored picture; camera and pelvis as before."""
    width = sample.size_wh[0]
    joints, weights = flip_keypoints(sample.joints_px, sample.joint_weights, width, MIRROR_29)
    twist, twist_weights = flip_twist(sample.twist, sample.twist_weights)
    x0, y0, x1, y1 = sample.box_xyxy
    return replace(
        sample,
        box_xyxy=np.array([width - x1 - 1, y0, width - x0 - 1, y1]),
        joints_px=joints,
        joint_weights=weights,
        positions_m=flip_positions(sample.positions_m, MIRROR_24),
        position_weights=sample.position_weights[list(MIRROR_24)],
        rotvecs=flip_rotvecs(sample.rotvecs),
        twist=twist,
        twist_weights=twist_weights,
    )

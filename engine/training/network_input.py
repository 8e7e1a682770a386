"""Turns crops with labels into the batches of tensors that the image networks are trained and scored with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Sampler

from engine.errors import InputError
from engine.ik.reference_rotations import rotvec_to_rotmat
from engine.models.architectures import Architecture
from engine.models.crops import image_centre, normalise
from engine.models.network import BoxGeometry, Geometry, RayGeometry, moved_to

from .augmentation import Augmentation, Crop, plain_crop, varied_crop
from .camera_targets import camera_targets
from .crop_labels import labels_in_crop
from .datasets.sample import SampleTable
from .losses import Targets
from .mixing import Mixture
from .picture_file import read_picture

Arrays = dict[str, np.ndarray]
Item = tuple[Arrays, str]
"""Arrays of one person, and where they come from."""


@dataclass(frozen=True)
class Batch:
    """N people: images (N, 3, 256, 256), their geometry and labels, and the annotation each comes from."""

    images: Tensor
    geometry: Geometry
    targets: Targets
    origins: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        geometry = self.geometry if self.geometry is None else moved_to(self.geometry, device, non_blocking=True)
        return replace(
            self,
            images=self.images.to(device, non_blocking=True),
            geometry=geometry,
            targets=moved_to(self.targets, device, non_blocking=True),
        )


def network_arrays(crop: Crop, architecture: Architecture) -> Arrays:
    """Everything a network and its loss take of one person, float32."""
    sample, frame = crop.sample, crop.frame
    labels = labels_in_crop(crop, architecture)
    rotations = rotvec_to_rotmat(labels.rotvecs) if architecture.predicts_camera else labels.quats_wxyz
    uvd, uvd_weights = labels.uvd, labels.uvd_weights
    camera = camera_targets(labels.xyz[None], uvd[None, :24], (labels.xyz_weights * (uvd_weights[:24] > 0))[None])
    inverse = np.zeros((3, 3))
    if (sample.focal_px > 0).all():
        focal, centre = sample.focal_px.astype(np.float64), sample.centre_px.astype(np.float64)
        inverse[[0, 1], [0, 1]], inverse[:2, 2], inverse[2, 2] = 1.0 / focal, -centre / focal, 1.0
    arrays = {
        "images": normalise(crop.pixels[None])[0],
        "smpl_weight": np.array([sample.smpl_weight]),
        "betas": sample.betas,
        "rotations": np.asarray(rotations).reshape(-1),
        "rotation_weights": np.full(np.asarray(rotations).size, sample.smpl_weight),
        "twist": sample.twist,
        "twist_weights": sample.twist_weights,
        "uvd": uvd,
        "uvd_weights": uvd_weights,
        "xyz_weights": labels.xyz_weights,
        "camera_scale": camera.scale,
        "camera_trans": camera.trans[0],
        "crop_to_image": frame.crop_to_image,
        "inv_intrinsics": inverse,
        "root": sample.root_m,
        "depth_factor": np.array([architecture.depth_factor_m]),
        "boxes_xyxy": frame.square_box_xyxy,
        "image_centre": image_centre(sample.size_wh),
    }
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}


_TARGETS = ("smpl_weight", "betas", "rotations", "rotation_weights", "twist", "twist_weights", "uvd", "uvd_weights",
            "xyz_weights", "camera_scale", "camera_trans")  # fmt: skip
_RAYS = ("crop_to_image", "inv_intrinsics", "root", "depth_factor")
_BOXES = ("boxes_xyxy", "image_centre")


@dataclass(frozen=True)
class Collate:
    """Stacks items to a `Batch`; a person that could not be read comes out in its place, to be raised by the reader."""

    architecture: Architecture

    def __call__(self, items: Sequence[Item | InputError]) -> Batch | InputError:
        """Stack the arrays of each item; the first error among them instead, if there is one."""
        people: list[Item] = []
        for item in items:
            if isinstance(item, InputError):
                return item
            people.append(item)
        tensors = {name: torch.from_numpy(np.stack([arrays[name] for arrays, _ in people])) for name in people[0][0]}
        geometry: Geometry = (
            BoxGeometry(*(tensors[name] for name in _BOXES))
            if self.architecture.predicts_camera
            else RayGeometry(*(tensors[name] for name in _RAYS))
        )
        targets = Targets(**{name: tensors[name] for name in _TARGETS})
        return Batch(tensors["images"], geometry, targets, tuple(origin for _, origin in people))


@dataclass(frozen=True)
class TrainingPeople(Dataset[Item | InputError]):
    """The varied people of a mixture, asked for by (epoch, place)."""

    mixture: Mixture
    architecture: Architecture
    amount: Augmentation

    def __len__(self) -> int:
        return len(self.mixture)

    def __getitem__(self, key: tuple[int, int]) -> Item | InputError:
        # An error raised in a loading process would reach the user as a traceback in a traceback.
        try:
            kind, sample, rng = self.mixture.draw(*key)
            picture = read_picture(sample.picture, sample.size_wh, sample.origin)
            crop = varied_crop(sample, picture, kind, self.amount, rng)
            return network_arrays(crop, self.architecture), f"{sample.picture[0]} ({sample.origin})"
        except InputError as error:
            return error


@dataclass(frozen=True)
class ScoredPeople(Dataset[Item | InputError]):
    """The people of one data set as networks are scored on them."""

    table: SampleTable
    architecture: Architecture

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Item | InputError:
        try:
            sample = self.table[index]
            picture = read_picture(sample.picture, sample.size_wh, sample.origin)
            return network_arrays(plain_crop(sample, picture), self.architecture), sample.origin
        except InputError as error:
            return error


class EpochPlaces(Sampler[tuple[int, int]]):
    """(epoch, place) of each sample that one of `world` processes reads, shuffled anew each epoch."""

    def __init__(self, length: int, rank: int, world: int, seed: int) -> None:
        numbered: Any = range(length)  # the sampler asks for nothing but a length
        self._places: DistributedSampler[Any] = DistributedSampler(
            numbered, world, rank, shuffle=True, seed=seed, drop_last=True
        )
        self._epoch, self._skipped = 0, 0

    def set_epoch(self, epoch: int, skipped: int = 0) -> None:
        """Go to an epoch, of which `skipped` samples of this process were had before."""
        self._epoch, self._skipped = epoch, skipped
        self._places.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._places) - self._skipped

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for count, place in enumerate(self._places):
            if count >= self._skipped:
                yield self._epoch, place


def training_loader(
    people: TrainingPeople, places: EpochPlaces, batch_size: int, workers: int, pinned: bool
) -> DataLoader[Any]:
    """Whole batches of one process, each a `Batch` or an InputError; the people left over at an epoch's end are not."""
    return DataLoader(
        people, batch_size, sampler=places, num_workers=workers, collate_fn=Collate(people.architecture),
        drop_last=True, pin_memory=pinned, persistent_workers=workers > 0,
    )  # fmt: skip

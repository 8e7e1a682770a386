"""The pinhole camera that sees the scene: intrinsics, its place in the world, projection."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_inverse, rigid_transform, transform
from rig.validation import check_array

from .errors import InputError

DEFAULT_FOV_DEG = 55.0
"""Assumed field of view along the picture's longer side, a phone's or webcam's main lens."""


@dataclass(frozen=True)
class Camera:
    """intrinsics (3, 3) px, image_size (width, height) px, world_to_camera (4, 4); still for the whole clip."""

    intrinsics: np.ndarray
    image_size: tuple[int, int]
    world_to_camera: np.ndarray

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "intrinsics", check_array("intrinsics", self.intrinsics, (3, 3), finite=True))
        put(self, "world_to_camera", check_array("world_to_camera", self.world_to_camera, (4, 4), finite=True))
        put(self, "image_size", (int(self.image_size[0]), int(self.image_size[1])))

    @classmethod
    def from_fov(cls, image_size: tuple[int, int], fov_deg: float = DEFAULT_FOV_DEG) -> Camera:
        """A level camera at the origin with square pixels and `fov_deg` along the longer side of the picture."""
        if not 5.0 <= fov_deg <= 150.0:
            raise InputError(f"field of view is {fov_deg} degrees, expected 5 to 150")
        width, height = image_size
        focal_px = 0.5 * max(width, height) / np.tan(np.radians(fov_deg) / 2)
        intrinsics = np.array([[focal_px, 0.0, width / 2], [0.0, focal_px, height / 2], [0.0, 0.0, 1.0]])
        return cls(intrinsics, image_size, rigid_transform(WORLD_TO_CAMERA_UPRIGHT, np.zeros(3)))

    def moved(self, world_to_camera: np.ndarray) -> Camera:
        """The same lens at another place."""
        return replace(self, world_to_camera=world_to_camera)

    def rays(self, points_px: np.ndarray) -> np.ndarray:
        """(..., 2) pixels to (..., 2) bearing (x/z, y/z) in the camera frame."""
        points = np.asarray(points_px, dtype=np.float64)
        k = self.intrinsics
        y = (points[..., 1] - k[1, 2]) / k[1, 1]
        x = (points[..., 0] - k[0, 2] - k[0, 1] * y) / k[0, 0]
        return np.stack([x, y], axis=-1)

    def sight(self, points_world: np.ndarray) -> np.ndarray:
        """(..., 3) unit vectors, world axes, from the camera to world points (..., 3)."""
        way = np.asarray(points_world, dtype=np.float64) - rigid_inverse(self.world_to_camera)[:3, 3]
        return way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)

    def project(self, points_world: np.ndarray) -> np.ndarray:
        """(..., 3) world points, m, to (..., 2) px; NaN for points not in front of the camera."""
        points = transform(self.world_to_camera, np.asarray(points_world, dtype=np.float64))
        depth = points[..., 2:]
        homogeneous = points / np.where(depth > 1e-6, depth, np.nan)
        return (homogeneous @ self.intrinsics.T)[..., :2]

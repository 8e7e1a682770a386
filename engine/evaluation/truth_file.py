"""Reads true joint positions of one person in a video from an npz file."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass

import numpy as np

from rig.errors import RigError
from rig.frames import rigid_inverse, transform
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import LANDMARK_NAMES, SMPL_JOINT_NAMES
from rig.validation import check_array

from ..errors import InputError

KNOWN_NAMES = SMPL_JOINT_NAMES + LANDMARK_NAMES
"""The points a truth file may name; others in it are left out of the comparison."""

_REQUIRED = ("joint_names", "joints_camera_m", "times_s")


@dataclass(frozen=True)
class Truth:
    """Where the points of one person truly are, T frames, in the OpenCV camera frame (x right, y down, z forward).

    names            P names out of KNOWN_NAMES
    joints_camera    (T, P, 3) m; NaN where not known
    times_s          (T,) strictly increasing, s, on the clock of the video's presentation times
    intrinsics       (3, 3) px, or None
    world_to_camera  (T, 4, 4) from a world in which the floor stands still, or None for a camera that stands still
    local_rotmats    (T, 24, 3, 3) true local rotations, the pelvis' relative to the camera frame, or None
    ignored_names    names in the file that are not in KNOWN_NAMES
    """

    names: tuple[str, ...]
    joints_camera: np.ndarray
    times_s: np.ndarray
    intrinsics: np.ndarray | None = None
    world_to_camera: np.ndarray | None = None
    local_rotmats: np.ndarray | None = None
    ignored_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        frames, points = len(self.times_s), len(self.names)
        put = object.__setattr__
        put(self, "times_s", check_array("times_s", self.times_s, (frames,), finite=True))
        put(self, "joints_camera", check_array("joints_camera_m", self.joints_camera, (frames, points, 3)))
        for name, shape in (
            ("intrinsics", (3, 3)),
            ("world_to_camera", (frames, 4, 4)),
            ("local_rotmats", (frames, len(SMPL_JOINT_NAMES), 3, 3)),
        ):
            value = getattr(self, name)
            if value is not None:
                put(self, name, check_array(name, value, shape, finite=name != "local_rotmats"))
        if frames == 0:
            raise RigError("times_s is empty, expected at least one frame")
        if np.any(np.diff(self.times_s) <= 0):
            raise RigError("times_s is not strictly increasing, expected each frame later than the one before")

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def present(self) -> np.ndarray:
        """(T,) bool: at least one point of the frame is known."""
        return np.isfinite(self.joints_camera).all(-1).any(-1)

    def joints_still(self) -> np.ndarray:
        """(T, P, 3) m in a frame of reference in which the floor stands still."""
        if self.world_to_camera is None:
            return self.joints_camera
        return transform(rigid_inverse(self.world_to_camera)[:, None], self.joints_camera)


def load_truth(path: str | os.PathLike[str]) -> Truth:
    """Read a truth file; `docs/formats.md` describes its arrays. Nothing in the file is executed.

    Raises InputError naming the file and the array when one is missing, has the wrong shape, or when fewer than three
    of the names are known.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {key: archive[key] for key in archive.files}
    except FileNotFoundError as error:
        raise InputError(f"truth file {path} does not exist") from error
    except (OSError, ValueError, zipfile.BadZipFile, TypeError, EOFError) as error:
        raise InputError(f"truth file {path} is not an npz file of plain arrays: {error}") from error
    missing = [key for key in _REQUIRED if key not in data]
    if missing:
        raise InputError(f"truth file {path} lacks {', '.join(missing)}, expected at least {', '.join(_REQUIRED)}")
    try:
        return _truth_from(data)
    except RigError as error:
        raise InputError(f"truth file {path}: {error}") from error


def _truth_from(data: dict[str, np.ndarray]) -> Truth:
    if data["joint_names"].ndim != 1 or data["joint_names"].dtype.kind not in "US":
        raise RigError(f"joint_names has shape {data['joint_names'].shape}, expected a list of names")
    names = [n.decode("utf-8", "replace") if isinstance(n, bytes) else n for n in data["joint_names"].tolist()]
    times_s = check_array("times_s", data["times_s"], ("T",), finite=True)
    joints = check_array("joints_camera_m", data["joints_camera_m"], (len(times_s), len(names), 3))
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise RigError(f"joint_names has {', '.join(repeated)} more than once, expected each name once")
    known = [index for index, name in enumerate(names) if name in KNOWN_NAMES]
    if len(known) < 3:
        raise RigError(
            f"joint_names has {len(known)} known names in {names}, expected at least 3 of {', '.join(KNOWN_NAMES)}"
        )
    if not np.isfinite(joints[:, known]).all(-1).any():
        raise RigError("joints_camera_m holds no finite position, expected some")
    world_to_camera = _world_to_camera(data, len(times_s))
    return Truth(
        names=tuple(names[index] for index in known),
        joints_camera=joints[:, known],
        times_s=times_s,
        intrinsics=data.get("intrinsics"),
        world_to_camera=world_to_camera,
        local_rotmats=_local_rotmats(data, len(times_s), world_to_camera),
        ignored_names=tuple(name for name in names if name not in KNOWN_NAMES),
    )


def _world_to_camera(data: dict[str, np.ndarray], frames: int) -> np.ndarray | None:
    if "world_to_camera" not in data:
        return None
    matrix = data["world_to_camera"]
    if matrix.shape == (4, 4):
        matrix = np.broadcast_to(matrix, (frames, 4, 4))
    return check_array("world_to_camera", matrix, (frames, 4, 4), finite=True)


def _local_rotmats(data: dict[str, np.ndarray], frames: int, world_to_camera: np.ndarray | None) -> np.ndarray | None:
    """True local rotations where the file has them together with the camera that ties their world to the joints'."""
    if not {"global_orient", "body_pose"} <= data.keys() or world_to_camera is None:
        return None
    orient = check_array("global_orient", data["global_orient"], (frames, 3))
    pose = check_array("body_pose", data["body_pose"], (frames, len(SMPL_JOINT_NAMES) - 1, 3))
    rotmats = rotvec_to_rotmat(np.concatenate([orient[:, None], pose], axis=1))
    rotmats[:, 0] = world_to_camera[:, :3, :3] @ rotmats[:, 0]
    return rotmats

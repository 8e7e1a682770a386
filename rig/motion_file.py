"""Reading and writing `motion.npz`, the interface file between the engine and every other program."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from .array_file import save_arrays
from .errors import RigError
from .motion import Motion
from .skeleton import Skeleton
from .validation import check_array

SCHEMA = 1

_REQUIRED = (
    "schema", "fps", "times_s", "joint_names", "parents", "rest_joints", "betas", "global_orient", "body_pose",
    "transl", "contacts", "confidence", "world_to_camera", "intrinsics", "image_size", "person_id", "provenance",
)  # fmt: skip


@dataclass(frozen=True)
class MotionRecord:
    """A Motion with the camera that saw it and where it came from; the content of one `motion.npz`.

    world_to_camera (T, 4, 4), intrinsics (3, 3) px, image_size (width, height) px, person_id, and
    provenance: a JSON-serialisable dictionary (version, settings, model and body with licences, input hash).
    """

    motion: Motion
    world_to_camera: np.ndarray
    intrinsics: np.ndarray
    image_size: tuple[int, int]
    person_id: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frames = len(self.motion)
        put = object.__setattr__
        put(self, "world_to_camera", check_array("world_to_camera", self.world_to_camera, (frames, 4, 4), finite=True))
        put(self, "intrinsics", check_array("intrinsics", self.intrinsics, (3, 3), finite=True))
        width, height = check_array("image_size", self.image_size, (2,), dtype=np.int64)
        put(self, "image_size", (int(width), int(height)))


def save_motion(path: str | os.PathLike[str], record: MotionRecord) -> None:
    """Write `record` to `path`, under a temporary name first and then moved into place.

    Arrays only, no pickled objects: any NumPy reads the file with allow_pickle=False.
    """
    motion, skeleton = record.motion, record.motion.skeleton
    arrays = {
        "schema": np.int64(SCHEMA),
        "fps": np.array([motion.fps.numerator, motion.fps.denominator], np.int64),
        "times_s": motion.times_s,
        "joint_names": np.array(skeleton.joint_names),
        "parents": np.array(skeleton.parents, np.int64),
        "rest_joints": skeleton.rest_joints,
        "landmark_names": np.array(skeleton.landmark_names, dtype=np.str_),
        "landmark_joints": np.array(skeleton.landmark_joints, np.int64),
        "rest_landmarks": skeleton.rest_landmarks,
        "betas": motion.betas,
        "global_orient": motion.global_orient,
        "body_pose": motion.body_pose,
        "transl": motion.transl,
        "contacts": motion.contacts,
        "confidence": motion.confidence,
        "world_to_camera": record.world_to_camera,
        "intrinsics": record.intrinsics,
        "image_size": np.array(record.image_size, np.int64),
        "person_id": np.int64(record.person_id),
        "provenance": np.array(json.dumps(record.provenance, ensure_ascii=False, sort_keys=True)),
    }
    save_arrays(path, arrays)


def load_motion(path: str | os.PathLike[str]) -> MotionRecord:
    """Read a `motion.npz` of schema 1; nothing in the file is executed.

    Raises RigError naming the file when it is not one, is of a newer schema, or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {key: archive[key] for key in archive.files}
    except FileNotFoundError as error:
        raise RigError(f"{path} does not exist, expected a motion.npz file") from error
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError, TypeError, EOFError) as error:
        raise RigError(f"{path} is not a motion.npz file: {error}") from error
    missing = [key for key in _REQUIRED if key not in data]
    if missing:
        raise RigError(f"{path} lacks {', '.join(missing)}, expected a motion.npz of schema {SCHEMA}")
    if int(data["schema"]) != SCHEMA:
        raise RigError(
            f"{path} has schema {int(data['schema'])}, this version reads schema {SCHEMA}; update the reader"
        )
    try:
        skeleton = Skeleton(
            joint_names=tuple(data["joint_names"].tolist()),
            parents=tuple(data["parents"].tolist()),
            rest_joints=data["rest_joints"],
            landmark_names=tuple(data["landmark_names"].tolist()) if "landmark_names" in data else (),
            landmark_joints=tuple(data["landmark_joints"].tolist()) if "landmark_joints" in data else (),
            rest_landmarks=data.get("rest_landmarks", np.zeros((0, 3))),
        )
        motion = Motion(
            fps=Fraction(int(data["fps"][0]), int(data["fps"][1])),
            skeleton=skeleton,
            **{
                key: data[key]
                for key in ("times_s", "betas", "global_orient", "body_pose", "transl", "contacts", "confidence")
            },
        )
        return MotionRecord(
            motion=motion,
            world_to_camera=data["world_to_camera"],
            intrinsics=data["intrinsics"],
            image_size=data["image_size"],
            person_id=int(data["person_id"]),
            provenance=json.loads(str(data["provenance"])),
        )
    except (RigError, IndexError, ZeroDivisionError, TypeError, json.JSONDecodeError) as error:
        raise RigError(f"{path} is damaged: {error}") from error

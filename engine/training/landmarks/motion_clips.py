"""Reads clips of joint rotations from npz files that hold many clips on several skeletons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import InputError
from rig.frames import rotate
from rig.kinematics import global_rotations
from rig.rotations import quat_wxyz_to_rotmat


@dataclass(frozen=True)
class MotionClip:
    """One clip of T frames at `fps` on a skeleton of J joints.

    clip_id, category   its name and kind of motion;  skeleton: the name of its skeleton
    names, parents      of the J joints; parents precede children, -1 for the root
    offsets             (J, 3) at rest from the parent, m;  quats_wxyz (T, J, 4) local;  root (T, 3) place, m, y up
    """

    clip_id: str
    category: str
    skeleton: str
    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    quats_wxyz: np.ndarray
    root: np.ndarray
    fps: float

    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Global rotations (T, J, 3, 3) and places (T, J, 3) m of the joints."""
        turned = global_rotations(self.parents, quat_wxyz_to_rotmat(self.quats_wxyz))
        places = np.zeros((len(self.root), len(self.names), 3))
        for joint, parent in enumerate(self.parents):
            if parent < 0:
                places[:, joint] = self.root
            else:
                places[:, joint] = places[:, parent] + rotate(turned[:, parent], self.offsets[joint])
        return turned, places


def read_clips(path: Path) -> Iterator[MotionClip]:
    """Every clip of a file.

    For each name S of its `skeletons` the file holds S__joint_names, S__parents, S__offsets_m (J, 3),
    S__quats_wxyz (F, J, 4), S__root_m (F, 3), S__clip_id, S__clip_start, S__clip_end, S__clip_category; `fps` beside
    them, 30 if absent. Raises InputError where it does not.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            fps = float(stored["fps"]) if "fps" in stored.files else 30.0
            for skeleton in stored["skeletons"]:
                yield from _clips_of(stored, str(skeleton), fps)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read as motion clips ({error}); give files with skeletons, quats_wxyz, root_m and so on."
        ) from error


def read_clip(path: Path, clip_id: str, skeleton: str) -> MotionClip:
    """One clip by its id. Raises InputError where the file has no such clip."""
    for clip in read_clips(path):
        if clip.clip_id == clip_id and clip.skeleton == skeleton:
            return clip
    raise InputError(f"{path} holds no clip {clip_id!r} on the skeleton {skeleton!r}; look at its clip ids.")


def _clips_of(stored: Any, skeleton: str, fps: float) -> Iterator[MotionClip]:
    def array(name: str) -> np.ndarray:
        return stored[f"{skeleton}__{name}"]

    names = tuple(str(name) for name in array("joint_names"))
    parents = tuple(int(parent) for parent in array("parents"))
    offsets, quats, root = array("offsets_m").astype(np.float64), array("quats_wxyz"), array("root_m")
    table = zip(array("clip_id"), array("clip_category"), array("clip_start"), array("clip_end"), strict=True)
    for clip_id, category, start, end in table:
        yield MotionClip(
            clip_id=str(clip_id),
            category=str(category),
            skeleton=skeleton,
            names=names,
            parents=parents,
            offsets=offsets,
            quats_wxyz=quats[int(start) : int(end)].astype(np.float64),
            root=root[int(start) : int(end)].astype(np.float64),
            fps=fps,
        )

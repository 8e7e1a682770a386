"""A character to animate: the bones of somebody's armature as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import RigError
from .validation import check_array


@dataclass(frozen=True)
class Character:
    """B bones of any armature, parents before children, in the armature's own space and unit.

    bone_names        B names
    parents           B indices, -1 for bones without a parent
    rest              (B, 4, 4) rest matrices, bone -> armature; y runs along the bone
    lengths           (B,) lengths of the bones
    world             (4, 4) armature -> Blender's world (z up), with every parent, scale included
    held              (B, 4, 4) basis matrices of the pose that bones keep which are not animated; None: rest
    reference         (B, 4, 4) matrices of the pose that stands for the T- or A-pose; None: the rest pose
    deform            (B,) bool: the bone moves skin
    inherits_rotation (B,) bool: the bone turns with its parent
    local_location    (B,) bool: its location is along its own axes, not along its parent's
    connected         (B,) bool: its head sits on its parent's tail and cannot leave it
    skin_points       (P, 3) points of the skin at rest, armature space; none without skin
    skin_bones        (P,) index of the bone that moves each most
    """

    bone_names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: np.ndarray
    lengths: np.ndarray
    world: np.ndarray
    held: np.ndarray | None = None
    reference: np.ndarray | None = None
    deform: np.ndarray | None = None
    inherits_rotation: np.ndarray | None = None
    local_location: np.ndarray | None = None
    connected: np.ndarray | None = None
    skin_points: np.ndarray | None = None
    skin_bones: np.ndarray | None = None

    def __post_init__(self) -> None:
        count = len(self.bone_names)
        sizes = {"B": count}
        put = object.__setattr__
        if count == 0:
            raise RigError("the armature has no bones, expected a character")
        if len(set(self.bone_names)) != count:
            raise RigError("two bones of the armature have the same name, expected names that differ")
        if len(self.parents) != count or any(not parent < bone for bone, parent in enumerate(self.parents)):
            raise RigError("parents of the bones are not in order, expected every parent before its children")
        put(self, "rest", check_array("rest", self.rest, ("B", 4, 4), sizes=sizes, finite=True))
        put(self, "lengths", check_array("lengths", self.lengths, ("B",), sizes=sizes, finite=True))
        put(self, "world", check_array("world", self.world, (4, 4), finite=True))
        if abs(np.linalg.det(self.world[:3, :3])) < 1e-18:
            raise RigError("the armature's scale is zero along an axis, expected a scale other than zero")
        held = np.tile(np.eye(4), (count, 1, 1)) if self.held is None else self.held
        put(self, "held", check_array("held", held, ("B", 4, 4), sizes=sizes, finite=True))
        reference = self.rest if self.reference is None else self.reference
        put(self, "reference", check_array("reference", reference, ("B", 4, 4), sizes=sizes, finite=True))
        for name in ("deform", "inherits_rotation", "local_location", "connected"):
            usual = np.full(count, name != "connected")
            flags = usual if getattr(self, name) is None else getattr(self, name)
            put(self, name, check_array(name, flags, ("B",), sizes=sizes, dtype=np.bool_))
        points = np.zeros((0, 3)) if self.skin_points is None else self.skin_points
        owners = np.zeros(0) if self.skin_bones is None else self.skin_bones
        put(self, "skin_points", check_array("skin_points", points, ("P", 3), sizes=sizes, finite=True))
        put(self, "skin_bones", check_array("skin_bones", owners, ("P",), sizes=sizes, dtype=np.int64))
        indices = np.asarray(self.skin_bones)
        if np.any((indices < 0) | (indices >= count)):
            raise RigError(f"skin_bones holds indices outside 0..{count - 1}, expected indices of bones")

    @property
    def heads(self) -> np.ndarray:
        """(B, 3) heads of the bones in the reference pose."""
        return np.asarray(self.reference)[:, :3, 3]

    @property
    def tails(self) -> np.ndarray:
        """(B, 3) tails of the bones in the reference pose."""
        reference = np.asarray(self.reference)
        return reference[:, :3, 3] + reference[:, :3, 1] * self.lengths[:, None]

    def index(self, bone_name: str) -> int:
        """Index of a bone. Raises RigError when the armature has none of that name."""
        try:
            return self.bone_names.index(bone_name)
        except ValueError:
            raise RigError(f"the armature has no bone {bone_name!r}, expected one of its bones") from None

    def children(self, bone: int) -> list[int]:
        """Indices of the bones that hang from a bone."""
        return [child for child, parent in enumerate(self.parents) if parent == bone]

    def path(self, bone: int) -> list[int]:
        """Indices from the topmost ancestor down to the bone itself."""
        path = [bone]
        while self.parents[path[-1]] >= 0:
            path.append(self.parents[path[-1]])
        return path[::-1]

    def below(self, bone: int) -> list[int]:
        """Indices of a bone and everything that hangs from it, parents first."""
        found = {bone}
        for child, parent in enumerate(self.parents):
            if parent in found:
                found.add(child)
        return sorted(found)

    def with_ancestors(self, bones: list[int]) -> list[int]:
        """The bones with everything they hang from, parents first."""
        return sorted({above for bone in bones for above in self.path(bone)})


def common_ancestor(character: Character, bones: list[int]) -> int:
    """The lowest bone from which all the bones hang, one of themselves possibly; -1 when there is none."""
    paths = [character.path(bone) for bone in bones]
    found = -1
    for level in zip(*paths, strict=False):
        if len(set(level)) != 1:
            break
        found = level[0]
    return found

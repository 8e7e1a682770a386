"""Forward kinematics of a character whose animated bones have given turns in armature space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .character import Character


@dataclass(frozen=True)
class PosedBones:
    """Posed bones over T frames, by index; only the animated ones and what they hang from.

    matrices  bone -> (T, 4, 4) bone -> armature
    bases     animated bone -> (T, 3, 3) rotation relative to rest, in the bone's own axes
    places    animated bone with a free head -> (T, 3) location in the bone's own axes
    """

    matrices: dict[int, np.ndarray]
    bases: dict[int, np.ndarray]
    places: dict[int, np.ndarray]

    def head(self, bone: int) -> np.ndarray:
        """(T, 3) where the bone's head is, armature space."""
        return self.matrices[bone][:, :3, 3]


def pose_bones(
    character: Character, frames: int, rotations: Mapping[int, np.ndarray], heads: Mapping[int, np.ndarray]
) -> PosedBones:
    """Pose the bones so that those in `rotations` have these axes (T, 3, 3) and those in `heads` lie there (T, 3).

    Everything is in armature space. Bones between them keep the pose they hold. Blender's rule for a bone with parent
    P is pose = pose_P inverse(rest_P) rest basis (bone_mat in armature.c); a bone that does not turn with
    its parent keeps its own rest axes before its basis.
    """
    held, rest = np.asarray(character.held), character.rest
    matrices: dict[int, np.ndarray] = {}
    bases: dict[int, np.ndarray] = {}
    places: dict[int, np.ndarray] = {}
    for bone in character.with_ancestors(sorted({*rotations, *heads})):
        parent = character.parents[bone]
        if parent < 0:
            before = np.broadcast_to(rest[bone], (frames, 4, 4))
        else:
            before = matrices[parent] @ (np.linalg.inv(rest[parent]) @ rest[bone])
            if not np.asarray(character.inherits_rotation)[bone]:
                before = before.copy()
                before[:, :3, :3] = rest[bone, :3, :3]
        if bone not in rotations:
            matrices[bone] = before @ held[bone]
            continue
        # Pose scales of bones that hold a pose do not turn what hangs from them.
        axes = before[:, :3, :3] / np.maximum(np.linalg.norm(before[:, :3, :3], axis=1, keepdims=True), 1e-12)
        bases[bone] = np.swapaxes(axes, 1, 2) @ rotations[bone]
        posed = np.array(before)
        posed[:, :3, :3] = before[:, :3, :3] @ bases[bone]
        if bone in heads:
            step = heads[bone] - before[:, :3, 3]
            own = parent < 0 or np.asarray(character.local_location)[bone]
            along = before[:, :3, :3] if own else matrices[parent][:, :3, :3]
            places[bone] = np.linalg.solve(along, step[..., None])[..., 0]
            posed[:, :3, 3] = heads[bone]
        matrices[bone] = posed
    return PosedBones(matrices, bases, places)

"""What each game engine wants of an exported character, as settings that the user's own override."""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType


class FileUnit(Enum):
    """What the number 1 means in a file."""

    METRE = "m"
    CENTIMETRE = "cm"


PRESETS = MappingProxyType(
    {
        "generic": {"bones": "smpl", "root_motion": "planar+yaw", "fbx_unit": "m"},
        "unreal": {"bones": "unreal", "root_motion": "planar+yaw", "fbx_unit": "cm"},
        "unity": {"bones": "mixamo", "root_motion": "planar+yaw", "fbx_unit": "m"},
        "godot": {"bones": "mixamo", "root_motion": "planar+yaw", "fbx_unit": "m"},
    }
)
"""Settings by preset. Axes, one take from time 0, a single root bone and scale 1 are right for all of them:

Unreal knows its own mannequin's bone names, and its importer takes a file's numbers for centimetres unless told to
convert them: 1.7 m must be 170 in the file. Unity and Godot read the unit from the file and recognise Mixamo's names as
a humanoid. `root` lies on the floor and carries the travel, which Unreal's and Unity's root motion and Godot's root
motion track take from there.
"""

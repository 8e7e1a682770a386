"""What each game engine wants of an exported character, as settings that the user's own override."""

from __future__ import annotations

from types import MappingProxyType

PRESETS = MappingProxyType(
    {
        "generic": {"bones": "smpl", "root_motion": "planar+yaw"},
        "unreal": {"bones": "unreal", "root_motion": "planar+yaw"},
        "unity": {"bones": "mixamo", "root_motion": "planar+yaw"},
        "godot": {"bones": "mixamo", "root_motion": "planar+yaw"},
    }
)
"""Settings by preset. Unit, axes, one take from time 0 and a single root bone are right for all of them:

Unreal reads FBX's unit (1.7 m are 170 of its units) and its own mannequin's bone names; Unity and Godot recognise
Mixamo's names as a humanoid. `root` lies on the floor and carries the travel, which Unreal's and Unity's root motion
and Godot's root motion track take from there.
"""

# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure core `rig`: vendored inside an installed add-on, its neighbour in the source tree."""

import importlib.util

if importlib.util.find_spec(f"{__package__}.rig"):
    from .rig import (
        body_mesh,
        bone_mapping,
        bone_maps,
        bone_matching,
        character,
        character_retarget,
        errors,
        euler_angles,
        frames,
        key_reduction,
        motion_file,
        resample,
        retarget,
        root_motion,
        rotations,
        skeleton,
        timing,
    )
else:
    from rig import (
        body_mesh,
        bone_mapping,
        bone_maps,
        bone_matching,
        character,
        character_retarget,
        errors,
        euler_angles,
        frames,
        key_reduction,
        motion_file,
        resample,
        retarget,
        root_motion,
        rotations,
        skeleton,
        timing,
    )

__all__ = [
    "body_mesh",
    "bone_mapping",
    "bone_maps",
    "bone_matching",
    "character",
    "character_retarget",
    "errors",
    "euler_angles",
    "frames",
    "key_reduction",
    "motion_file",
    "resample",
    "retarget",
    "root_motion",
    "rotations",
    "skeleton",
    "timing",
]

# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure core `rig`: vendored inside an installed add-on, its neighbour in the source tree."""

import importlib.util

if importlib.util.find_spec(f"{__package__}.rig"):
    from .rig import body_mesh, bone_maps, errors, frames, motion_file, retarget, root_motion, skeleton, timing
else:
    from rig import body_mesh, bone_maps, errors, frames, motion_file, retarget, root_motion, skeleton, timing

__all__ = [
    "body_mesh",
    "bone_maps",
    "errors",
    "frames",
    "motion_file",
    "retarget",
    "root_motion",
    "skeleton",
    "timing",
]

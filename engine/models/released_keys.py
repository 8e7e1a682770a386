"""Translates names of network state between this package and the released checkpoints."""

from __future__ import annotations

from .architectures import Architecture

BACKBONE, HEAD, LAYER = "backbone.", "head.", "hybrik_layer."
RELEASED_BACKBONE, RELEASED_LAYER = "preact.", "smpl."

HEAD_INSIDE_BACKBONE = "final_layer."
"""The HRNet camera network keeps its heat-map layer inside the backbone; here it is part of the head."""


def released_name(name: str, architecture: Architecture) -> str:
    """The name in a released checkpoint of the entry `name` of a network here."""
    if name.startswith(BACKBONE):
        return RELEASED_BACKBONE + name.removeprefix(BACKBONE)
    if name.startswith(LAYER):
        return RELEASED_LAYER + name.removeprefix(LAYER)
    name = name.removeprefix(HEAD)
    inside = architecture is Architecture.HYBRIK_CAMERA_HRNET48 and name.startswith(HEAD_INSIDE_BACKBONE)
    return RELEASED_BACKBONE + name if inside else name


def network_name(released: str) -> str:
    """The name in a network here of an entry of a released checkpoint; the reverse of `released_name`."""
    if released.startswith(RELEASED_LAYER):
        return LAYER + released.removeprefix(RELEASED_LAYER)
    if not released.startswith(RELEASED_BACKBONE):
        return HEAD + released
    name = released.removeprefix(RELEASED_BACKBONE)
    return HEAD + name if name.startswith(HEAD_INSIDE_BACKBONE) else BACKBONE + name

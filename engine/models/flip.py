"""Turns what was read from a mirrored picture into what the picture itself shows, to average both (the flip test)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from engine.ik.plan import MIRROR_24, MIRROR_29, MIRROR_TWIST

from .compatibility import LEAF_MIRROR
from .network import Evidence


def mirrored_joints(count: int) -> tuple[int, ...]:
    """Index of each of 24 or 29 joints' counterpart on the other side, itself for those in the middle."""
    return MIRROR_29 if count == len(MIRROR_29) else MIRROR_24


def mirrored_images(images: Tensor) -> Tensor:
    """(N, 3, H, W) with left and right exchanged."""
    return images.flip(3)


def mirrored_uvd(uvd: Tensor) -> Tensor:
    """(N, 24 or 29, 3): u negated, sides exchanged."""
    return uvd[:, mirrored_joints(uvd.shape[1])] * uvd.new_tensor([-1.0, 1.0, 1.0])


def mirrored_twist(twist: Tensor) -> Tensor:
    """(N, 23, 2) (cos, sin): sine negated, sides exchanged."""
    return twist[:, MIRROR_TWIST] * twist.new_tensor([1.0, -1.0])


def mirrored_leaves(leaf_quats_wxyz: Tensor) -> Tensor:
    """(N, 5, 4): y and z negated, slots exchanged as the released programs do (see LEAF_MIRROR)."""
    return leaf_quats_wxyz[:, LEAF_MIRROR] * leaf_quats_wxyz.new_tensor([1.0, 1.0, -1.0, -1.0])


def averaged_evidence(plain: Evidence, mirrored: Evidence) -> Evidence:
    """The mean of evidence from pictures and from their mirror images; what depends on the network's kind stays plain:

    maxvals, camera and features. Raw numbers are averaged: quaternions without aligning their signs. `delta_betas` is
    the mirrored picture's alone, as in the released programs.
    """
    leaves, sigma = plain.leaf_quats_wxyz, plain.sigma
    if leaves is not None and mirrored.leaf_quats_wxyz is not None:
        leaves = (leaves + mirrored_leaves(mirrored.leaf_quats_wxyz)) / 2
    if sigma is not None and mirrored.sigma is not None:
        sigma = (sigma + mirrored.sigma[:, mirrored_joints(sigma.shape[1])]) / 2
    return replace(
        plain,
        uvd=(plain.uvd + mirrored_uvd(mirrored.uvd)) / 2,
        twist=(plain.twist + mirrored_twist(mirrored.twist)) / 2,
        leaf_quats_wxyz=leaves,
        sigma=sigma,
        betas=(plain.betas + mirrored.betas) / 2,
        delta_betas=mirrored.delta_betas,
    )

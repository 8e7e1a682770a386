"""Writes a motion as a BVH file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from .atomic_file import replacing
from .bone_maps import ROOT_BONE, BoneNaming, bone_name
from .motion import Motion
from .root_motion import RootMode, split_root_motion
from .rotations import rotvec_to_rotmat
from .skeleton import Skeleton

_CM_PER_M = 100.0
_POSITIONS = ("Xposition", "Yposition", "Zposition")
_ROTATIONS = ("Zrotation", "Xrotation", "Yrotation")
_GIMBAL = 1e-6  # cosine of the middle angle below which the outer two turn about the same axis
_CHUNK_FRAMES = 2048  # frames turned to text at a time; keeps memory flat over long clips


@dataclass(frozen=True)
class _Node:
    """One joint of the file: its name, rest offset (cm), children, and the End Sites (cm) that hang from it."""

    name: str
    offset: np.ndarray
    joint: int | None
    moves: bool
    children: tuple[_Node, ...]
    ends: tuple[np.ndarray, ...]


def write_bvh(
    path: str | os.PathLike[str],
    motion: Motion,
    root_mode: RootMode | None = None,
    naming: BoneNaming = BoneNaming.SMPL,
) -> None:
    """Write one person as BVH: centimetres, y up, rest offsets of the T-pose, ZXY Euler angles without jumps.

    root_mode None makes the pelvis the root with six channels, in the world. Any RootMode puts a `root` joint on the
    floor above it, which carries its part of the travel, and gives the pelvis six channels relative to it. The
    motion must be evenly sampled; the frame time is 1 / fps in full precision. Joints that `naming` does not have
    become the End Sites of their parents. Joints with position channels have a zero OFFSET, because some readers add it
    to the channels and others do not. Raises OSError when the file cannot be written.
    """
    top = _hierarchy(motion.skeleton, naming, with_root=root_mode is not None)
    nodes = list(_depth_first(top))
    with replacing(path) as temporary, open(temporary, "w", encoding="ascii", newline="\n") as stream:
        stream.write("HIERARCHY\n")
        _write_node(stream, top, 0)
        stream.write(f"MOTION\nFrames: {len(motion)}\nFrame Time: {float(1 / motion.fps)!r}\n")
        for rows in _channel_rows(motion, nodes, root_mode):
            stream.writelines(" ".join(f"{value:.6f}" for value in row) + "\n" for row in rows.tolist())


def euler_zxy_deg(rotmats: np.ndarray, previous: np.ndarray | None = None) -> np.ndarray:
    """(T, J, 3, 3) rotations to (T, J, 3) angles (z, x, y), degrees, of R = Rz(z) Rx(x) Ry(y), without jumps.

    Of the two triples that give a rotation, and their whole turns, each frame takes the one nearest to the frame
    before; `previous` (J, 3) continues an earlier block. Where z and y turn about one axis (x = 90 degrees), y is kept.
    """
    r = np.asarray(rotmats, np.float64)
    cosine = np.hypot(r[..., 0, 1], r[..., 1, 1])
    locked = cosine < _GIMBAL
    x = np.arctan2(r[..., 2, 1], cosine)
    z = np.where(locked, np.arctan2(r[..., 1, 0], r[..., 0, 0]), np.arctan2(-r[..., 0, 1], r[..., 1, 1]))
    y = np.where(locked, 0.0, np.arctan2(-r[..., 2, 0], r[..., 2, 2]))
    first = np.degrees(np.stack([z, x, y], axis=-1))
    result = np.empty_like(first)
    before = np.zeros(first.shape[1:]) if previous is None else previous
    sign = np.where(r[..., 2, 1] > 0, 1.0, -1.0)
    for frame, angles in enumerate(first):
        lock = locked[frame]
        if lock.any():
            # Rz(z) Rx(+-90) Ry(y) depends on z +- y only.
            angles[lock, 2] = before[lock, 2]
            angles[lock, 0] -= sign[frame, lock] * before[lock, 2]
        other = angles * [1.0, -1.0, 1.0] + 180.0
        candidates = np.stack([angles, other])
        candidates -= 360.0 * np.round((candidates - before) / 360.0)
        cost = np.abs(candidates - before).sum(-1)
        before = np.where((cost[1] < cost[0] - 1e-9)[:, None], candidates[1], candidates[0])
        result[frame] = before
    return result


def _hierarchy(skeleton: Skeleton, naming: BoneNaming, *, with_root: bool) -> _Node:
    offsets = skeleton.offsets * _CM_PER_M
    names = [bone_name(joint, naming) for joint in skeleton.joint_names]

    def build(joint: int, offset: np.ndarray, moves: bool) -> _Node:
        below = [child for child, parent in enumerate(skeleton.parents) if parent == joint]
        kept = [child for child in below if names[child]]
        ends = [offsets[child] for child in below if not names[child]]
        if not below:
            ends = [offsets[joint]]  # a leaf goes on straight, as long as it is far from its parent
        children = tuple(build(child, offsets[child], False) for child in kept)
        return _Node(str(names[joint]), offset, joint, moves, children, tuple(ends))

    pelvis = build(0, np.zeros(3), True)
    if not with_root:
        return pelvis
    return _Node(ROOT_BONE, np.zeros(3), None, True, (pelvis,), ())


def _depth_first(node: _Node) -> Iterator[_Node]:
    yield node
    for child in node.children:
        yield from _depth_first(child)


def _write_node(stream: TextIO, node: _Node, depth: int) -> None:
    indent, inner = "\t" * depth, "\t" * (depth + 1)
    channels = (_POSITIONS if node.moves else ()) + _ROTATIONS
    stream.write(f"{indent}{'JOINT' if depth else 'ROOT'} {node.name}\n{indent}{{\n")
    stream.write(f"{inner}OFFSET {_triple(node.offset)}\n{inner}CHANNELS {len(channels)} {' '.join(channels)}\n")
    for child in node.children:
        _write_node(stream, child, depth + 1)
    for end in node.ends:
        stream.write(f"{inner}End Site\n{inner}{{\n{inner}\tOFFSET {_triple(end)}\n{inner}}}\n")
    stream.write(f"{indent}}}\n")


def _triple(values: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in values)


def _channel_rows(motion: Motion, nodes: list[_Node], root_mode: RootMode | None) -> Iterator[np.ndarray]:
    """(frames, channels) blocks in the order of the file: cm and degrees."""
    pelvis = motion.transl + motion.skeleton.rest_joints[0]
    orient = rotvec_to_rotmat(motion.global_orient)
    root, turn = np.zeros_like(pelvis), np.broadcast_to(np.eye(3), orient.shape)
    if root_mode is not None:
        split = split_root_motion(motion, root_mode)
        root, turn, pelvis, orient = (
            split.root_positions, split.root_rotmats, split.pelvis_positions, split.pelvis_rotmats,
        )  # fmt: skip
    previous: np.ndarray | None = None
    for start in range(0, len(motion), _CHUNK_FRAMES):
        rows = slice(start, start + _CHUNK_FRAMES)
        local = np.concatenate([orient[rows, None], rotvec_to_rotmat(motion.body_pose[rows])], axis=1)
        by_node = [turn[rows] if node.joint is None else local[:, node.joint] for node in nodes]
        angles = euler_zxy_deg(np.stack(by_node, axis=1), previous)
        previous = angles[-1]
        columns = []
        for number, node in enumerate(nodes):
            if node.moves:
                columns.append(_CM_PER_M * (root if node.joint is None else pelvis)[rows])
            columns.append(angles[:, number])
        # Adding zero turns -0.0 into 0.0.
        yield np.round(np.concatenate(columns, axis=1), 6) + 0.0

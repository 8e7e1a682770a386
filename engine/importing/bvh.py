"""Turns BVH files of common skeletons into motion of the body, whatever their rest pose, unit and up axis."""

from __future__ import annotations

import numpy as np

from rig.frames import rotate
from rig.rotations import rotation_angle
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

from ..body.model import BodyModel
from ..errors import InputError
from .bvh_file import BvhFile, read_bvh
from .bvh_names import find_joints
from .importers import Ground, ImportedMotion, ImportRequest, UpAxis
from .person_track import LONGEST_FRAMES, PersonTrack, shape_from_joints, track_motion
from .smpl_parameters import Z_UP_TO_Y_UP, lying_notes
from .source_file import SourceFile
from .watching_camera import watching_camera

LICENCE = "as the file's data set says"
_UNITS_M = {"m": 1.0, "cm": 0.01, "CMU's unit": 2.54 / 45.0, "inch": 0.0254, "mm": 0.001}
_LEG_M = (0.55, 1.1)
"""Shortest and longest leg, hip to ankle, by which the unit is told: no two units fit one file."""

SAME_POSE_DEG = 12.0
"""Limbs that point less apart than this in two rest poses are the same T-pose, drawn for different bodies."""

_LIMB_ENDS = {
    "hip": "knee", "knee": "ankle", "ankle": "foot", "shoulder": "elbow", "elbow": "wrist", "wrist": "hand",
}  # fmt: skip
_CHUNK_FRAMES = 2048


def import_bvh(source: SourceFile, request: ImportRequest, body: BodyModel) -> list[ImportedMotion]:
    """The person of the file on a body of its proportions, its path in metres.

    Raises InputError for a damaged file, unknown names, or a rest pose that is no person's.
    """
    path = source.path
    file = read_bvh(source.text, path)
    found = find_joints(file, path)
    if len(file.rows) > LONGEST_FRAMES:
        raise InputError(f"{path} has {len(file.rows)} frames, expected at most {LONGEST_FRAMES}.")
    notes: list[str] = []
    if file.declared_frames != len(file.rows):
        notes.append(f"{path.name} declares {file.declared_frames} frames but holds {len(file.rows)}")
    rest = file.rest_positions()
    to_rest = _rest_axes(rest, found, source)
    to_world = _file_to_world(to_rest, request.up)

    leg = _leg_length(rest, found)
    unit_m = next((unit for unit in _UNITS_M.values() if _LEG_M[0] <= leg * unit <= _LEG_M[1]), None)
    joints = np.full((1, 24, 3), np.nan)
    for name, joint in found.items():
        joints[0, SMPL_JOINT_NAMES.index(name)] = rest[joint] * (unit_m or np.nan)
    betas = shape_from_joints(joints, body, request.settings.height or None)
    skeleton = body.skeleton(betas)
    if unit_m is None:
        unit_m = _skeleton_leg_m(skeleton) / leg
        notes.append(
            f"{path.name} has legs of {leg:.3g} units, no person's in any known unit: it is scaled to the body"
        )

    with np.errstate(invalid="ignore"):
        local = _local_rotations(file, found, _rest_turns(rest, found, to_rest, skeleton), to_world)
        pelvis = unit_m * rotate(to_world, file.positions(found["pelvis"]))
    track = PersonTrack(np.arange(len(local)), local, pelvis, np.ones((len(local), 24), dtype=bool))
    motion = track_motion(track, request.rate(path, file.fps), skeleton, betas, str(path))
    camera = watching_camera([motion], request.settings.fov)
    notes += lying_notes(path, track)
    return [ImportedMotion(motion, camera, 0, "BVH file", LICENCE, tuple(notes), Ground.LEVEL)]


def _rest_axes(rest: np.ndarray, found: dict[str, int], source: SourceFile) -> np.ndarray:
    """(3, 3) rotation from SMPL's axes (x left, y up, z ahead) to those of the person in the file's rest pose."""
    left = rest[found["left_hip"]] - rest[found["right_hip"]]
    shoulders = (rest[found["left_shoulder"]] + rest[found["right_shoulder"]]) / 2
    hips = (rest[found["left_hip"]] + rest[found["right_hip"]]) / 2
    up = shoulders - hips
    ahead = np.cross(left, up)
    if np.linalg.norm(ahead) < 1e-6 * np.linalg.norm(up) ** 2 or not np.linalg.norm(up) > 0:
        raise InputError(f"{source.path} has a rest pose in which hips and shoulders lie on one line or point.")
    ahead /= np.linalg.norm(ahead)
    up = up / np.linalg.norm(up)
    axes = np.stack([np.cross(up, ahead), up, ahead], axis=1)
    snapped = np.zeros((3, 3))
    snapped[np.abs(axes).argmax(axis=0), np.arange(3)] = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(3)])
    proper = np.isclose(np.linalg.det(snapped), 1.0)
    return snapped if proper and np.degrees(rotation_angle(snapped.T @ axes)) < 30.0 else axes


def _file_to_world(to_rest: np.ndarray, up: UpAxis) -> np.ndarray:
    """(3, 3) rotation from the file's axes to a world with y up: the axis along which the rest pose stands is up."""
    if up is not UpAxis.FILE:
        return np.eye(3) if up is UpAxis.Y else Z_UP_TO_Y_UP
    axis = int(np.abs(to_rest[:, 1]).argmax())
    upward = np.sign(to_rest[axis, 1])
    if axis == 1:
        return np.diag([1.0, upward, upward])
    if axis == 2:
        return np.diag([1.0, upward, upward]) @ Z_UP_TO_Y_UP
    return np.array([[0.0, -upward, 0.0], [upward, 0.0, 0.0], [0.0, 0.0, 1.0]])


def _rest_turns(
    rest: np.ndarray, found: dict[str, int], to_rest: np.ndarray, skeleton: Skeleton
) -> dict[str, np.ndarray]:
    """For each joint found the rotation (3, 3) from the body's rest pose to the file's, in the file's axes.

    Limbs get the swing from one rest pose to the other where the two differ by more than a body's proportions do.
    """
    turns: dict[str, np.ndarray] = {}
    up = to_rest[:, 1]
    for name in SMPL_JOINT_NAMES:
        if name not in found:
            continue
        turns[name] = to_rest
        side, _, part = name.partition("_")
        end = f"{side}_{_LIMB_ENDS[part]}" if part in _LIMB_ENDS else ""
        if end in found:
            ours = skeleton.rest_joints[SMPL_JOINT_NAMES.index(end)]
            ours = to_rest @ (ours - skeleton.rest_joints[SMPL_JOINT_NAMES.index(name)])
            theirs = rest[found[end]] - rest[found[name]]
            if part == "ankle":  # how far the toes lie below the ankle is the shape of the foot
                ours, theirs = ours - up * (up @ ours), theirs - up * (up @ theirs)
            turns[name] = _swing(ours, theirs) @ to_rest
        elif part in ("wrist", "hand", "foot"):
            parent = SMPL_JOINT_NAMES[SMPL_PARENTS[SMPL_JOINT_NAMES.index(name)]]
            turns[name] = turns.get(parent, to_rest)
    return turns


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3, 3) shortest turn of one direction to another; none where they are nearly the same or unknown."""
    lengths = np.linalg.norm(start) * np.linalg.norm(end)
    if lengths < 1e-12:
        return np.eye(3)
    cosine = float(np.clip(start @ end / lengths, -1.0, 1.0))
    if np.degrees(np.arccos(cosine)) < SAME_POSE_DEG or cosine < -0.9999:
        return np.eye(3)
    axis = np.cross(start, end) / lengths
    k = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    return np.eye(3) + k + k @ k / (1.0 + cosine)


def _local_rotations(
    file: BvhFile, found: dict[str, int], turns: dict[str, np.ndarray], to_world: np.ndarray
) -> np.ndarray:
    """(F, 24, 3, 3) local rotations of SMPL's joints; one that the file has not keeps its parent's direction."""
    names = [name for name in SMPL_JOINT_NAMES if name in found]
    local = np.tile(np.eye(3), (len(file.rows), 24, 1, 1))
    for start in range(0, len(file.rows), _CHUNK_FRAMES):
        rows = slice(start, start + _CHUNK_FRAMES)
        turned = file.global_rotations([found[name] for name in names], rows)
        whole: dict[int, np.ndarray] = {}
        for joint, name in enumerate(SMPL_JOINT_NAMES):
            parent = SMPL_PARENTS[joint]
            if name in found:
                whole[joint] = to_world @ turned[:, names.index(name)] @ turns[name]
                above = whole[parent] if parent >= 0 else np.eye(3)
                local[rows, joint] = np.swapaxes(above, -1, -2) @ whole[joint]
            else:
                whole[joint] = whole[parent]
    return local


def _leg_length(rest: np.ndarray, found: dict[str, int]) -> float:
    """Mean length of thigh and shin in the file's unit; twice the thigh where there is no ankle."""
    lengths = []
    for side in ("left", "right"):
        hip, knee = rest[found[f"{side}_hip"]], rest[found[f"{side}_knee"]]
        ankle = rest[found[f"{side}_ankle"]] if f"{side}_ankle" in found else 2 * knee - hip
        lengths.append(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))
    return max(float(np.mean(lengths)), 1e-9)


def _skeleton_leg_m(skeleton: Skeleton) -> float:
    lengths = skeleton.bone_lengths
    return float(lengths[SMPL_JOINT_NAMES.index("left_knee")] + lengths[SMPL_JOINT_NAMES.index("left_ankle")])

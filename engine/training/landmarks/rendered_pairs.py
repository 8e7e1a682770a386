"""Reads rendered sequences, with what the real detector saw in them, as windows of training data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.body.model import BodyModel
from engine.body.open_body import load_open_body
from engine.errors import InputError
from engine.ik.plan import TIPS_24
from engine.lifting.landmark_anatomy import LANDMARK_OWNERS, rest_landmarks
from engine.lifting.landmark_transformer import mirror_landmarks
from engine.poses import BLAZEPOSE
from rig.frames import rotate, transform
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotvec_to_rotmat, swing_twist
from rig.skeleton import Skeleton

from .rendering.performance import mirrored_pose
from .sightings import Sighting
from .windows import LEAVES

DETECTED = ("detected_2d_px", "detected_scores", "landmarks_world")
"""Arrays that a batch of rendered windows holds beside those of `BATCH_FIELDS`: (n, T, 33, 2) px, (n, T, 33) and
(n, T, 33, 3) m, the detector's; NaN, scores 0, where it did not see the person."""

_FEET = [BLAZEPOSE[f"{side}_{part}"] for side in ("left", "right") for part in ("heel", "foot_index")]
_LOW_M, _STILL_M_S = 0.07, 0.4
_ROLL_DEG, _ROLL_MAX_DEG = 8.0, 20.0
_STEADY, _QUICK, _WORLD_M = 0.012, 0.004, 0.015
_MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


class RenderedPairs:
    """All sequences of a folder that `render_pairs` fills, and their mirror images; windows are drawn at random.

    Sequences that were added to the folder later are not seen. Frames in which the detector followed somebody else
    count as unseen. There are far fewer renders than sampled windows, and a network learns them by heart: each window
    is rolled about the camera's axis a little, and `blurred` disturbs what the detector saw.
    """

    def __init__(self, folder: Path, least_seen: float = 0.3) -> None:
        """least_seen: part of the frames in which the person must be seen. Raises InputError for no sequence."""
        body = load_open_body()
        paths = sorted(folder.glob("*.npz"))
        sequences = [read_sequence(path, body, mirrored) for mirrored in (False, True) for path in paths]
        self.sequences = [s for s in sequences if (s["detected_scores"] > 0).any(-1).mean() >= least_seen]
        if not self.sequences:
            raise InputError(f"{folder} holds no rendered sequence in which the person is seen, expected some")

    def batch(self, count: int, window: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Arrays of `count` windows: those of BATCH_FIELDS that the truth gives, and DETECTED."""
        lengths = np.array([len(s["times_s"]) for s in self.sequences])
        drawn = rng.choice(len(lengths), count, p=lengths / lengths.sum())
        rows = []
        for number in drawn:
            sequence = self.sequences[number]
            length = len(sequence["times_s"])
            # One in a few windows is read at half the rate, so that 30 frames a second are seen at 15 too.
            step = 2 if length >= 2 * window and rng.random() < 0.25 else 1
            start = rng.integers(0, max(length - step * (window - 1), 1))
            index = np.minimum(np.arange(start, start + step * window, step), length - 1)
            rows.append({k: v[index] if k not in _WHOLE else v for k, v in sequence.items()})
            rows[-1]["times_s"] = rows[-1]["times_s"] - rows[-1]["times_s"][0]
            roll = np.clip(_ROLL_DEG * rng.standard_normal(), -_ROLL_MAX_DEG, _ROLL_MAX_DEG)
            rows[-1] = rolled(rows[-1], np.radians(roll))
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


_WHOLE = ("image_size", "intrinsics", "betas", "rest_joints", "rest_landmarks")


def read_sequence(path: Path, body: BodyModel, mirrored: bool = False) -> dict[str, np.ndarray]:
    """One sequence of T frames, float32, named and shaped as in BATCH_FIELDS without the leading n, and DETECTED.

    mirrored: as a mirror would show it. Raises InputError where the file is none of `render_pairs`.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            data = {name: stored[name] for name in stored.files}
        if mirrored:
            data = _mirrored(data)
        local = data["world_rotmats"].astype(np.float64)
        skeleton = body.skeleton(data["betas"])
        to_camera, times = data["world_to_camera"], data["times_s"]
        seen = data["on_subject"].astype(bool) & np.isfinite(data["detected_2d_px"]).all((1, 2))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"rendered sequence {path} cannot be read: {error}") from error
    rotmats = global_rotations(skeleton.parents, local)
    joints = joint_positions(skeleton, rotmats, data["transl"])
    rest = rest_landmarks(skeleton)
    owners = list(LANDMARK_OWNERS)
    landmarks = joints[:, owners] + rotate(rotmats[:, owners], rest - skeleton.rest_joints[owners])
    landmarks_camera = transform(to_camera[:, None], landmarks)
    turn = to_camera[:, :3, :3]
    facing = _heading(rotmats[:, 0])
    pixels = landmarks_camera / np.maximum(landmarks_camera[..., 2:], 0.05)
    in_camera = local.copy()
    in_camera[:, 0] = turn @ local[:, 0]
    arrays = {
        "times_s": times - times[0],
        "image_size": data["image_size"],
        "intrinsics": data["intrinsics"],
        "world_to_camera": to_camera,
        "landmarks_2d_px": (pixels @ data["intrinsics"].T)[..., :2],
        "landmarks_camera": landmarks_camera,
        "joints_camera": transform(to_camera[:, None], joints),
        "local_rotmats": in_camera,
        "twist": bone_twists(local, skeleton),
        "leaf_rotmats": turn[:, None] @ rotmats[:, list(LEAVES)],
        "gravity_camera": -turn[:, :, 1],
        "root_velocity": rotate(np.swapaxes(facing, 1, 2), _rates(joints[:, 0], times)),
        "contacts": (landmarks[:, _FEET, 1] - rest[_FEET, 1] < _LOW_M)
        & (np.linalg.norm(_rates(landmarks[:, _FEET], times), axis=-1) < _STILL_M_S),
        "betas": data["betas"],
        "rest_joints": skeleton.rest_joints,
        "rest_landmarks": rest,
        "detected_2d_px": np.where(seen[:, None, None], data["detected_2d_px"], 0.0),
        "detected_scores": np.where(seen[:, None], data["detected_scores"], 0.0),
        "landmarks_world": np.where(seen[:, None, None], data["detected_world"], np.nan),
    }
    return {name: np.asarray(value, np.float32) for name, value in arrays.items()}


def detected(batch: dict[str, np.ndarray], rng: np.random.Generator) -> Sighting:
    """What the real detector saw of rendered windows; a `Sight`."""
    return batch["detected_2d_px"].copy(), batch["detected_scores"], batch["landmarks_world"]


def blurred(batch: dict[str, np.ndarray], rng: np.random.Generator) -> Sighting:
    """`detected` with small errors added, which last through the window or are new in every frame; a `Sight`."""
    points, scores, world = detected(batch, rng)
    strength = rng.random((len(points), 1, 1, 1))
    size = np.ptp(batch["landmarks_2d_px"], axis=2).max(-1)[..., None, None]
    steady = _STEADY * rng.standard_normal((len(points), 1, 33, 2))
    points = points + strength * size * (steady + _QUICK * rng.standard_normal(points.shape))
    world = world + strength * _WORLD_M * rng.standard_normal((len(points), 1, 33, 3))
    return points.astype(np.float32), scores, world.astype(np.float32)


def rolled(sequence: dict[str, np.ndarray], angle_rad: float) -> dict[str, np.ndarray]:
    """A sequence or window (see `read_sequence`) as seen by a camera turned about its optical axis."""
    turn = rotvec_to_rotmat(np.array([0.0, 0.0, angle_rad])).astype(np.float32)
    focal, middle = sequence["intrinsics"][[0, 1], [0, 1]], sequence["intrinsics"][:2, 2]
    result = dict(sequence)
    for name in ("landmarks_2d_px", "detected_2d_px"):
        result[name] = (sequence[name] - middle) / focal @ turn[:2, :2].T * focal + middle
    for name in ("landmarks_camera", "joints_camera", "gravity_camera", "landmarks_world"):
        result[name] = sequence[name] @ turn.T
    result["leaf_rotmats"] = turn @ sequence["leaf_rotmats"]
    result["local_rotmats"] = sequence["local_rotmats"].copy()
    result["local_rotmats"][:, 0] = turn @ sequence["local_rotmats"][:, 0]
    result["world_to_camera"] = sequence["world_to_camera"].copy()
    result["world_to_camera"][:, :3] = turn @ sequence["world_to_camera"][:, :3]
    return result


def _mirrored(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stored arrays of the mirror image: of the world in x = 0, of the picture in its middle column."""
    local, transl = mirrored_pose(data["world_rotmats"].astype(np.float64), data["transl"])
    intrinsics = data["intrinsics"].copy()
    intrinsics[0, 2] = data["image_size"][0] - intrinsics[0, 2]
    pixels = data["detected_2d_px"].copy()
    pixels[..., 0] = data["image_size"][0] - pixels[..., 0]
    return data | {
        "world_rotmats": local,
        "transl": transl,
        "world_to_camera": _MIRROR @ data["world_to_camera"] @ _MIRROR,
        "intrinsics": intrinsics,
        "detected_2d_px": mirror_landmarks(pixels),
        "detected_scores": mirror_landmarks(data["detected_scores"][..., None])[..., 0],
        "detected_world": mirror_landmarks(data["detected_world"] * [-1.0, 1.0, 1.0]),
    }


def bone_twists(local_rotmats: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, 24, 3, 3) local rotations to (T, 23, 2) cos and sin of each twist about its rest bone; (1, 0) for leaves."""
    twist = np.zeros((len(local_rotmats), len(TIPS_24) - 1, 2))
    twist[..., 0] = 1.0
    for joint in range(1, len(TIPS_24)):
        if TIPS_24[joint] >= 0:
            bone = skeleton.offsets[TIPS_24[joint]]
            angle = swing_twist(local_rotmats[:, joint], bone / np.linalg.norm(bone))[1]
            twist[:, joint - 1] = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return twist


def _heading(rotmats: np.ndarray) -> np.ndarray:
    """(T, 3, 3) the part of rotations that turns about the vertical y axis, the swing coming after it."""
    angle = swing_twist(rotmats, np.array([0.0, 1.0, 0.0]))[1]
    cosine, sine, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = [[cosine, zero, sine], [zero, one, zero], [-sine, zero, cosine]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _rates(places: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.gradient(places, times, axis=0)

"""Draws windows of frames with everything the landmark network learns from, many at a time."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import numpy as np

from engine.errors import InputError
from engine.poses import BLAZEPOSE

from .augment import (
    NO_CHANGE,
    AugmentConfig,
    Motions,
    disturb,
    face_anywhere,
    lay_down,
    mirror,
    recombine,
    take_postures,
)
from .bodies import Bodies, load_bodies, mean_skeleton
from .cameras import CameraConfig, Cameras, draw_cameras
from .columns import conjugate, heading, multiply, rotate, to_rotmats
from .motion_corpus import CORPUS_FILE, CORPUS_FPS, Corpus
from .posed_people import bone_twists, pose_people
from .self_occlusion import hidden_landmarks
from .window_choice import clip_weights, draw_times

BATCH_FIELDS: dict[str, tuple[str | int, ...]] = {
    "times_s": ("n", "T"),
    "image_size": ("n", 2),
    "intrinsics": ("n", 3, 3),
    "world_to_camera": ("n", "T", 4, 4),
    "landmarks_2d_px": ("n", "T", 33, 2),
    "landmarks_camera": ("n", "T", 33, 3),
    "inside": ("n", "T", 33),
    "hidden": ("n", "T", 33),
    "joints_camera": ("n", "T", 24, 3),
    "local_rotmats": ("n", "T", 24, 3, 3),
    "twist": ("n", "T", 23, 2),
    "leaf_rotmats": ("n", "T", 5, 3, 3),
    "gravity_camera": ("n", "T", 3),
    "heading_to_camera": ("n", "T", 3, 3),
    "root_velocity": ("n", "T", 3),
    "contacts": ("n", "T", 4),
    "betas": ("n", 10),
    "rest_joints": ("n", 24, 3),
    "rest_landmarks": ("n", 33, 3),
}
"""Name and shape of every array of a batch, all float32; n windows of T frames.

times_s            first frame 0, s; 15 to 60 frames/s
image_size         width, height, px
intrinsics         pinhole; px; u to the right, v downwards
world_to_camera    rigid; world y up, floor y = 0; camera x right, y down, z forward
landmarks_2d_px    true projections of BlazePose's 33 landmarks (`engine.poses.BLAZEPOSE_NAMES`); behind the camera: the
                   projection with the depth held at 5 cm
landmarks_camera   the same in three dimensions, m, camera axes and origin
inside             1 where the landmark is before the camera and inside the picture
hidden             0..1 how likely the person's own body covers the landmark
joints_camera      SMPL's 24 joints, m, camera axes and origin; the pelvis' place is joint 0
local_rotmats      of the 24 joints; the pelvis' is global in camera axes, like `engine.ik` gives them
twist              cos, sin of joints 1..23 about their rest bone as `engine.ik` takes it; (1, 0) for the leaves
leaf_rotmats       global, camera axes, of LEAVES
gravity_camera     unit, downwards, camera axes
heading_to_camera  axes of the heading frame (x the person's left, y up, z forward) in camera axes
root_velocity      of the pelvis in the world, in the axes of the heading frame, m/s
contacts           0 or 1 for left heel, left big toe, right heel, right big toe
betas              of the open body fitted to the person; the person's own rest_joints differ from it a little
rest_joints        of the person, m, T-pose as the open body's;  rest_landmarks: landmarks in the same pose, m
"""

LEAVES = (15, 10, 11, 22, 23)
"""Joints of `leaf_rotmats`: head, left foot, right foot, left hand, right hand."""


_FEET = [BLAZEPOSE[f"{side}_{part}"] for side in ("left", "right") for part in ("heel", "foot_index")]
_LOW_M = 0.07
_STILL_M_S = 0.4


class Split(Enum):
    """Which people's motion to draw from."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class WindowSampler:
    """Windows from a prepared folder, the same for the same folder, split, seed and sizes.

    >>> sampler = WindowSampler(folder, Split.TRAIN, seed=1, window=64)
    >>> batch = sampler.batch(32)  # then the next batch, and so on
    >>> sampler.batch(32, step=100)  # batch 100 of the same sequence, whatever came before
    """

    def __init__(
        self,
        folder: Path,
        split: Split,
        seed: int,
        window: int = 64,
        augment: bool = True,
        bodies: Bodies | None = None,
        cameras: CameraConfig | None = None,
        changes: AugmentConfig | None = None,
        fps: tuple[float, float] = (15.0, 60.0),
    ) -> None:
        """window: frames; augment False leaves motion as captured (cameras, bodies and frame rates still vary).

        bodies: people to draw from, by default those that ship with the program; fps: rates of the windows.
        Raises InputError for a folder that was not prepared, a split without clips, a window below 2 frames.
        """
        if window < 2:
            raise InputError(f"window is {window} frames, expected at least 2")
        corpus = Corpus.load(Path(folder) / CORPUS_FILE)
        chosen = np.flatnonzero(corpus.splits == split.value)
        if not len(chosen):
            raise InputError(f"{folder} holds no motion of the split {split.value!r}; prepare it with other folders.")
        self.window = window
        self.step = 0
        self._seed = (seed, list(Split).index(split))
        self._corpus = corpus
        self._starts, self._ends = corpus.starts[chosen], corpus.ends[chosen]
        self._weights = clip_weights(corpus.categories[chosen], self._ends - self._starts)
        self._bodies = bodies or load_bodies()
        self._rest_joints, self._rest_landmarks = self._bodies.rest_joints, self._bodies.rest_landmarks
        self._stature = float(mean_skeleton().rest_joints[0, 1])
        self._cameras = cameras or CameraConfig()
        self._changes = (changes or AugmentConfig()) if augment else NO_CHANGE
        self._fps = fps

    def batch(self, count: int, step: int | None = None) -> dict[str, np.ndarray]:
        """The arrays of BATCH_FIELDS for `count` windows."""
        if step is None:
            step, self.step = self.step, self.step + 1
        rng = np.random.default_rng([*self._seed, step])
        times = draw_times(rng, count, self.window, self._fps)
        body = rng.integers(0, len(self._bodies.betas), count)
        return self._filmed(rng, times, body, self._changed(rng, times))

    def stretches(self) -> Iterator[dict[str, np.ndarray]]:
        """Every frame of the split's motion once, as captured, before a camera and on a body drawn for each stretch.

        Yields arrays like those of `batch` for one window after the other: clips at the motion's own rate, cut evenly
        into as few stretches as are no longer than a window.
        """
        number = 0
        for clip, length in enumerate(self._ends - self._starts):
            for rows in np.array_split(np.arange(length), -(-length // self.window)):
                rng = np.random.default_rng([*self._seed, number])
                body = rng.integers(0, len(self._bodies.betas), 1)
                motions = face_anywhere(self._at(np.array([clip]), rows[None].astype(np.float64)), rng)
                yield self._filmed(rng, (rows - rows[0])[None] / CORPUS_FPS, body, motions)
                number += 1

    def _filmed(
        self, rng: np.random.Generator, times: np.ndarray, body: np.ndarray, motions: Motions
    ) -> dict[str, np.ndarray]:
        """Windows at times (n, T) of people of bodies (n,), before cameras."""
        size = self._rest_joints[body, 0, 1] / self._stature
        posed, feet_low = self._stand(motions, body, size.astype(np.float32))
        cameras = draw_cameras(rng, times, posed[1], self._cameras)
        return self._arrays(times, motions, body, posed, feet_low, cameras)

    def _changed(self, rng: np.random.Generator, times: np.ndarray) -> Motions:
        """Motion for windows at times (n, T), changed in every way that is asked for."""
        config, count = self._changes, len(times)
        motions = self._draw(rng, times)
        chosen = np.flatnonzero(rng.random(count) < config.recombined)
        if len(chosen):
            motions = recombine(motions, chosen, self._draw(rng, times[chosen]), rng)
        kind = rng.random(count)
        chosen = np.flatnonzero(kind < config.posed)
        if len(chosen):
            motions = take_postures(motions, chosen, rng)
        chosen = np.flatnonzero((kind >= config.posed) & (kind < config.posed + config.laid))
        if len(chosen):
            motions = lay_down(motions, chosen, rng)
        if config.disturbed:
            legs = rng.random(count) < config.disturbed_legs
            motions = disturb(motions, rng.random(count) < config.disturbed, legs, rng)
        if config.mirrored:
            motions = mirror(motions, rng.random(count) < config.mirrored)
        return face_anywhere(motions, rng)

    def _draw(self, rng: np.random.Generator, times: np.ndarray) -> Motions:
        """Stretches of clips at times (n, T) from a random start, backwards and at other speeds now and then."""
        config, count = self._changes, len(times)
        clips = rng.choice(len(self._starts), count, p=self._weights)
        slow, fast = config.warp
        speed = slow * (fast / slow) ** rng.random(count)
        place = times * (speed * CORPUS_FPS)[:, None]
        last = (self._ends - self._starts)[clips][:, None] - 1.0
        spare = np.maximum(last - place[:, -1:], 0.0)
        begin = np.where(spare > 0, rng.random((count, 1)) * spare, rng.random((count, 1)) * last)
        place = begin + np.where(rng.random((count, 1)) < config.reversed_, place[:, -1:] - place, place)
        place = place % (2.0 * last)  # a clip that is too short goes back and forth
        return self._at(clips, np.minimum(place, 2.0 * last - place))

    def _at(self, clips: np.ndarray, place: np.ndarray) -> Motions:
        """What clips (n,) show at places (n, T) from their start, frames, between which is interpolated."""
        last = (self._ends - self._starts)[clips][:, None] - 1
        first = np.minimum(place.astype(np.int64), last - 1)
        share = (place - first).astype(np.float32)[..., None]
        frame = first + self._starts[clips][:, None]
        store = self._corpus
        quats = store.quats_wxyz[frame]
        quats += share[..., None] * (store.quats_wxyz[frame + 1] - quats)
        quats /= np.sqrt(np.einsum("ntjc,ntjc->ntj", quats, quats))[..., None]
        pelvis = store.pelvis[frame]
        pelvis += share * (store.pelvis[frame + 1] - pelvis)
        return Motions(
            np.ascontiguousarray(quats.transpose(3, 2, 0, 1)),
            np.ascontiguousarray(pelvis.transpose(2, 0, 1)),
            store.low[frame].transpose(2, 0, 1),
            np.zeros(len(clips), dtype=bool),
        )

    def _stand(
        self, motions: Motions, body: np.ndarray, size: np.ndarray
    ) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
        """Posed people on the floor, and which of their heels and toes are low: (4, n, T) 0 or 1."""
        pelvis = motions.pelvis * size[:, None]
        offsets, away = self._bodies.joint_offsets[body], self._bodies.landmark_offsets[body]
        globals_, joints, landmarks = pose_people(motions.quats, pelvis, offsets, away)
        # A foot's landmark lies in the shoe; a body lies on its skin, a hand's breadth round the joints.
        lowest = np.minimum(joints.min(axis=1)[1] - 0.07, landmarks[1].min(axis=0) - 0.02).min(axis=1)
        rise = np.where(motions.on_ground, -lowest, 0.0).astype(np.float32)[:, None]
        joints[1] += rise
        landmarks[1] += rise
        rest = self._rest_landmarks[body][:, _FEET, 1].T[..., None]
        low = np.where(motions.on_ground[:, None], landmarks[1, _FEET] - rest < _LOW_M, motions.low > 0)
        return (globals_, joints, landmarks), low

    def _arrays(
        self,
        times: np.ndarray,
        motions: Motions,
        body: np.ndarray,
        posed: tuple[np.ndarray, np.ndarray, np.ndarray],
        feet_low: np.ndarray,
        cameras: Cameras,
    ) -> dict[str, np.ndarray]:
        globals_, joints_world, landmarks_world = posed
        joints, landmarks = cameras.seen(joints_world), cameras.seen(landmarks_world)
        pixels = cameras.project(landmarks)
        width, height = cameras.image_size.T[..., None]
        inside = (landmarks[2] > 0.05) & (pixels[0] >= 0) & (pixels[1] >= 0)
        inside &= (pixels[0] <= width) & (pixels[1] <= height)
        bodies = self._bodies
        size = bodies.heights[body] / np.float32(1.7)
        locals_ = motions.quats.copy()
        locals_[:, 0] = multiply(cameras.quats, locals_[:, 0])
        leaves = multiply(cameras.quats[:, None], globals_[:, list(LEAVES)])
        facing = heading(globals_[:, 0])
        velocity = rotate(conjugate(facing), _rate(joints_world[:, 0], times))
        foot_speed = np.sqrt((_rate(landmarks_world[:, _FEET], times) ** 2).sum(axis=0))
        contacts = feet_low & (foot_speed < _STILL_M_S)
        to_camera = np.zeros((*times.shape, 4, 4), dtype=np.float32)
        to_camera[..., :3, :3] = np.moveaxis(to_rotmats(cameras.quats), (0, 1), (2, 3))
        to_camera[..., :3, 3] = np.moveaxis(cameras.translations, 0, 2)
        to_camera[..., 3, 3] = 1.0
        return {
            "times_s": times.astype(np.float32),
            "image_size": cameras.image_size,
            "intrinsics": cameras.intrinsics,
            "world_to_camera": to_camera,
            "landmarks_2d_px": _rows(pixels),
            "landmarks_camera": _rows(landmarks),
            "inside": _of_frames(inside),
            "hidden": _of_frames(hidden_landmarks(landmarks, joints, size)),
            "joints_camera": _rows(joints),
            "local_rotmats": np.ascontiguousarray(to_rotmats(locals_).transpose(3, 4, 2, 0, 1)),
            "twist": _rows(bone_twists(motions.quats, bodies.joint_offsets[body])),
            "leaf_rotmats": np.ascontiguousarray(to_rotmats(leaves).transpose(3, 4, 2, 0, 1)),
            "gravity_camera": -to_camera[..., :3, 1],
            "heading_to_camera": np.ascontiguousarray(
                to_rotmats(multiply(cameras.quats, facing)).transpose(2, 3, 0, 1)
            ),
            "root_velocity": np.ascontiguousarray(velocity.transpose(1, 2, 0)),
            "contacts": _of_frames(contacts),
            "betas": bodies.betas[body],
            "rest_joints": self._rest_joints[body],
            "rest_landmarks": self._rest_landmarks[body],
        }


def _rate(places: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Velocities of (3, ..., n, T) places at (n, T) times, central differences, one-sided at the ends."""
    after = np.minimum(np.arange(places.shape[-1]) + 1, places.shape[-1] - 1)
    before = np.maximum(np.arange(places.shape[-1]) - 1, 0)
    return (places[..., after] - places[..., before]) / (times[:, after] - times[:, before]).astype(np.float32)


def _rows(values: np.ndarray) -> np.ndarray:
    """(C, K, n, T) to (n, T, K, C)."""
    return np.ascontiguousarray(values.transpose(2, 3, 1, 0), dtype=np.float32)


def _of_frames(values: np.ndarray) -> np.ndarray:
    """(K, n, T) to (n, T, K) float32."""
    return np.ascontiguousarray(values.transpose(1, 2, 0), dtype=np.float32)

"""Renders people in motion and runs the product's detector on them: pairs of detected and true landmarks.

    python -m engine.training.landmarks.render_pairs --motion clips.npz --out FOLDER --sequences 300 --seed 1

Sequence i of a seed is always the same; files that exist are kept, so that a stopped run goes on where it was.
Needs the `train` extra (moderngl) and an EGL driver.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path

import numpy as np

from engine.body.model import BodyModel
from engine.body.open_body import load_open_body
from engine.detection.detections import FrameDetections
from engine.detection.landmark_detector import DetectorOptions, LandmarkDetector
from engine.detection.track import to_landmark_sequence
from engine.detection.tracks import build_tracks
from engine.poses import BLAZEPOSE_NAMES, LandmarkSequence
from rig.array_file import save_arrays
from rig.frames import transform
from rig.skeleton import Skeleton

from .motion_clips import MotionClip, read_clips
from .rendering.filming import Shot, random_shot
from .rendering.painter import Figure, Painter, Picture, PosedFigure
from .rendering.performance import SHORTEST_FRAMES, Performance, random_performance
from .rendering.scene import SUBJECT, THING, Scene
from .rendering.staging import develop, random_outfit, random_scene

VISIBLE, SELF_HIDDEN, HIDDEN, OUTSIDE = range(4)
"""Values of `visibility`: seen, behind the own body, behind something else, not in the picture."""

NEAREST_M = 0.05
_INSIDE_M = {"shoulder": 0.16, "hip": 0.18, "knee": 0.11, "elbow": 0.09, "ear": 0.05}
_LEAST_SEEN, _MOST_TRIES = 0.5, 6  # share of landmarks in sight that a shot must have on average
_FOUND_WITHIN = 0.25  # of the true body's extent in the picture: median distance below which the detector has it

_log = logging.getLogger(__name__)


def make_sequence(
    rng: np.random.Generator, body: BodyModel, painter: Painter, clips: list[MotionClip]
) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Arrays of one sequence (see `pairs_file`) without detections, and its pictures (H, W, 3) uint8."""
    fps, seconds = (30.0, rng.uniform(2.5, 4.0)) if rng.random() < 0.45 else (15.0, rng.uniform(4.0, 6.0))
    acting = random_performance(rng, body, clips, seconds, fps)
    globals_, joints = acting.pose()
    middle = 0.5 * (joints.min(axis=1) + joints.max(axis=1))
    figure = painter.figure(acting.betas, random_outfit(rng), rng)
    cast: list[tuple[Figure, np.ndarray, np.ndarray]] = [(figure, globals_, joints)]
    places = acting.landmarks()

    def look(shot: Shot, scene: Scene, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture of a frame, and how the landmarks are seen in it."""
        people = [PosedFigure(who, turns[frame % len(turns)], at[frame % len(at)]) for who, turns, at in cast]
        view = shot.world_to_camera[frame]
        picture = painter.paint(scene, people, shot.intrinsics, view, shot.image_size)
        landmarks = transform(view, places[frame])
        return picture.image_rgb, _visibility(picture, project(landmarks, shot.intrinsics), landmarks[:, 2])

    for _ in range(_MOST_TRIES):
        shot = random_shot(rng, middle, acting.fps)
        scene = random_scene(rng, middle, shot.eye, occluded=bool(rng.random() < 0.35))
        tries = [look(shot, scene, frame)[1] for frame in range(0, len(joints), len(joints) // 4)]
        if np.mean([(seen <= SELF_HIDDEN).mean() for seen in tries]) > _LEAST_SEEN:
            break
    if rng.random() < 0.18:
        cast.append(_company(rng, body, painter, clips, middle, len(joints) / acting.fps, acting.fps))
    pictures, seen = zip(*(look(shot, scene, frame) for frame in range(len(joints))), strict=True)
    for who, _, _ in cast:
        who.vertices.release()
    return _truth(acting, shot, np.stack(seen)), develop(rng, list(pictures))


def _company(
    rng: np.random.Generator,
    body: BodyModel,
    painter: Painter,
    clips: list[MotionClip],
    path: np.ndarray,
    seconds: float,
    fps: float,
) -> tuple[Figure, np.ndarray, np.ndarray]:
    """Another person near the path (T, 3) m of the first."""
    other = random_performance(rng, body, clips, seconds, fps)
    azimuth, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 2.0)
    place = path.mean(axis=0) + away * np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
    by = place - other.transl.mean(axis=0)
    globals_, joints = other.moved(np.array([by[0], 0.0, by[2]])).pose()
    return painter.figure(other.betas, random_outfit(rng), rng), globals_, joints


def project(points: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """(..., 3) m, camera axes, to (..., 2) px; depth held at 5 cm behind the camera and near it."""
    bearing = points / np.maximum(points[..., 2:], NEAREST_M)
    bearing[..., 2] = 1.0
    return (bearing @ intrinsics.T)[..., :2]


def _visibility(picture: Picture, points_px: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
    """(33,) VISIBLE, SELF_HIDDEN, HIDDEN or OUTSIDE of landmarks at (33, 2) px and (33,) m depth."""
    height, width = picture.identity.shape
    inside = ((points_px >= 0) & (points_px < [width, height])).all(axis=1) & (depth_m > NEAREST_M)
    column, row = np.clip(np.nan_to_num(points_px), 0, [width - 1, height - 1]).astype(np.int64).T
    identity, surface = picture.identity[row, column], picture.depth_m[row, column]
    under = np.array(
        [next((m for part, m in _INSIDE_M.items() if name.endswith(part)), 0.07) for name in BLAZEPOSE_NAMES]
    )
    result = np.full(len(points_px), VISIBLE, np.uint8)
    result[(identity == SUBJECT) & (surface < depth_m - under)] = SELF_HIDDEN
    result[(identity == THING) & (surface < depth_m)] = HIDDEN
    result[~inside] = OUTSIDE
    return result


def _truth(acting: Performance, shot: Shot, visibility: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "times_s": np.arange(len(acting.transl)) / acting.fps,
        "image_size": np.array(shot.image_size),
        "intrinsics": shot.intrinsics,
        "world_to_camera": shot.world_to_camera,
        "betas": acting.betas,
        "world_rotmats": acting.local_rotmats.astype(np.float32),
        "transl": acting.transl,
        "visibility": visibility,
        "clip_id": np.array(acting.clip_id),
        "mirrored": np.array(acting.mirrored),
    }


def detect_subject(
    detector: LandmarkDetector, pictures: list[np.ndarray], times_s: np.ndarray, truth_px: np.ndarray
) -> LandmarkSequence | None:
    """The track that follows the true landmarks (T, 33, 2) px best, over all frames; None where nobody does."""
    frames = [FrameDetections(i, float(times_s[i]), detector.detect(picture)) for i, picture in enumerate(pictures)]
    best, most = None, 0
    for track in build_tracks(frames):
        sequence = to_landmark_sequence(track, np.arange(len(pictures)), times_s)
        count = int(on_subject(sequence.landmarks_2d, truth_px).sum())
        if count > most:
            best, most = sequence, count
    return best


def on_subject(found_px: np.ndarray, truth_px: np.ndarray) -> np.ndarray:
    """(T,) whether detected landmarks (T, 33, 2) are the subject's, not another's; False where there are none."""
    extent = np.linalg.norm(np.ptp(truth_px, axis=1), axis=-1)
    distance = np.median(np.linalg.norm(found_px - truth_px, axis=-1), axis=1)
    return np.nan_to_num(distance / extent, nan=np.inf) < _FOUND_WITHIN


def render_pair(
    seed: int, index: int, body: BodyModel, painter: Painter, clips: list[MotionClip]
) -> dict[str, np.ndarray]:
    """All arrays of sequence `index`: truth, and what the detector reports (NaN and score 0 where it has nobody)."""
    arrays, pictures = make_sequence(np.random.default_rng([seed, index]), body, painter, clips)
    return arrays | detect_in(pictures, arrays, true_landmarks_px(arrays, body.skeleton(arrays["betas"])))


def detect_in(pictures: list[np.ndarray], arrays: dict[str, np.ndarray], truth_px: np.ndarray) -> dict[str, np.ndarray]:
    """What the detector reports of the person at truth_px (T, 33, 2) px in the pictures of a sequence."""
    with LandmarkDetector(DetectorOptions(max_people=2)) as detector:
        seen = detect_subject(detector, pictures, arrays["times_s"], truth_px)
    frames = len(pictures)
    found = np.full((frames, 33, 2), np.nan) if seen is None else seen.landmarks_2d
    world = np.full((frames, 33, 3), np.nan) if seen is None else seen.landmarks_3d
    scores = np.zeros((frames, 33)) if seen is None else seen.scores
    return {
        "detected_2d_px": found.astype(np.float32),
        "detected_world": world.astype(np.float32),
        "detected_scores": scores.astype(np.float32),
        "on_subject": on_subject(found, truth_px),
    }


def true_landmarks_px(arrays: dict[str, np.ndarray], skeleton: Skeleton) -> np.ndarray:
    """(T, 33, 2) px true landmarks of a stored sequence."""
    acting = Performance(
        str(arrays["clip_id"]), bool(arrays["mirrored"]), 1.0, arrays["betas"], skeleton,
        arrays["world_rotmats"].astype(np.float64), arrays["transl"],
    )  # fmt: skip
    camera = transform(arrays["world_to_camera"][:, None], acting.landmarks())
    return project(camera, arrays["intrinsics"])


def main(argv: list[str] | None = None) -> int:
    """Render what is asked for; returns 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--motion", type=Path, nargs="+", required=True, help="npz files of clips")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sequences")
    parser.add_argument("--sequences", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of the first sequence")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    clips = [clip for path in options.motion for clip in read_clips(path) if len(clip.root) >= SHORTEST_FRAMES]
    options.out.mkdir(parents=True, exist_ok=True)
    body = load_open_body()
    frames, start = 0, time.monotonic()
    with Painter(body) as painter:
        for index in range(options.first, options.first + options.sequences):
            path = options.out / f"{options.seed}_{index:05d}.npz"
            if path.exists():
                continue
            arrays = render_pair(options.seed, index, body, painter, clips)
            save_arrays(path, arrays)
            frames += len(arrays["times_s"])
            rate, score = frames / (time.monotonic() - start), float(arrays["detected_scores"].mean())
            _log.info("%s: %d frames, %.1f frames/s, score %.2f", path.name, frames, rate, score)
    return 0


if __name__ == "__main__":
    sys.exit(main())

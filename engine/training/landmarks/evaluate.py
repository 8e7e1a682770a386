"""Measures lifters side by side on motion with truth: one table for all rows, from one run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.errors import InputError
from engine.evaluation import metrics
from engine.ik.plan import TIPS_24
from engine.ik.solve import IKMode
from engine.lifting.landmark_transformer import LANDMARK_MODEL_FILE, WindowConfig
from engine.lifting.window_fit import FRAME_BY_FRAME
from engine.poses import LandmarkSequence
from rig.frames import rotate
from rig.skeleton import JOINT, SMPL_PARENTS

from .detector_errors import DetectorErrors
from .ingredients import Ingredient
from .lifters import (
    LIMBS,
    Answer,
    Method,
    TrueSequence,
    detector_method,
    geometric_method,
    learned_method,
    martinez_method,
)
from .motion_corpus import CORPUS_FILE
from .occlusion import DEGREES, UNCOVERED, Pattern, folder_name
from .rendered_pairs import detected, read_sequence
from .sightings import Sight, exact_sight, learned_world_sight, sharp_sight
from .windows import Split, WindowSampler

_BONES = np.array([(joint, parent) for joint, parent in enumerate(SMPL_PARENTS) if parent >= 0])


@dataclass(frozen=True)
class LiftingScores:
    """Means over all frames of all sequences; distances mm, angles degrees. NaN where a method does not answer.

    limbs  over LIMB_JOINTS, relative to the middle of the hips;  24  over all joints, relative to the pelvis
    skate  displacement of ankles and feet while the true ones stand, mm a frame, with the true root
    drift  distance between the paths of the pelvis in the world from where both begin, mm per metre of the true one
    jitter divided by the truth's;  bones  standard deviation of the lengths over time
    calibration  (10, 2) mean expected and mean real distance of the joints in each tenth by what is expected, mm
    """

    name: str
    limbs_mpjpe: float
    limbs_pa: float
    mpjpe: float
    pa: float
    angle: float
    swing: float
    twist: float
    root_angle: float
    acceleration: float
    jitter: float
    skate: float
    drift: float
    bones: float
    coverage: float
    frames_per_s: float
    calibration: np.ndarray | None = None


def read_sequences(
    folder: Path, sight: Sight, split: Split = Split.TEST, frames: int = 90, least_seen: float = 0.5
) -> list[TrueSequence]:
    """Sequences with truth: of a prepared folder the motion of a split as `sight` sees it; else rendered pairs.

    Of the former every frame comes once, in stretches of at most `frames`, the same in every run; least_seen is the
    part of the frames in which a rendered person must be seen. Raises InputError for other folders.
    """
    if (folder / CORPUS_FILE).is_file():
        sequences = []
        for number, batch in enumerate(WindowSampler(folder, split, seed=7, window=frames).stretches()):
            seen = sight(batch, np.random.default_rng((7, number)))
            sequences.append(_sequence({name: value[0] for name, value in batch.items()}, *(part[0] for part in seen)))
        return sequences
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise InputError(f"{folder} holds neither prepared motion ({CORPUS_FILE}) nor rendered sequences (*.npz)")
    body = load_open_body()
    rng = np.random.default_rng(0)
    found = []
    for path in paths:
        arrays = read_sequence(path, body)
        points, scores, world = detected(arrays, rng)
        if (scores > 0).any(-1).mean() >= least_seen:
            found.append(_sequence(arrays, points, scores, world))
    return found


def evaluate_folder(
    folder: Path,
    network: Path | None = None,
    martinez: Path | None = None,
    ablations: bool = False,
    trained_without: Sequence[tuple[Ingredient | None, Path]] = (),
    every: int = 1,
) -> str:
    """Tables of every lifter on a folder (see `read_sequences`); prepared motion is seen in four ways.

    A folder that `render_occluded` fills gives curves. network: an ONNX file, by default the one that ships with the
    program, where there is one; martinez: weights; ablations: also the network without parts of what surrounds it;
    trained_without: ONNX files of networks for whose training a part was left out, None for a whole one;
    every: only each so-manieth sequence is used. Raises InputError for a number below one.
    """
    if every < 1:
        raise InputError(f"--every {every}: expected 1 or more")
    methods = _learned_methods(network, martinez, ablations, trained_without)
    with_world = methods | {"geometric": geometric_method(), "detector": detector_method}
    if (folder / UNCOVERED).is_dir():
        return _occlusion_curves(folder, with_world, every)
    if not (folder / CORPUS_FILE).is_file():
        return format_lifting(evaluate_methods(with_world, read_sequences(folder, exact_sight)[::every]))
    errors = DetectorErrors.load()
    parts: list[tuple[str, Sight, dict[str, Method]]] = [
        ("true landmarks, no world landmarks", exact_sight, methods),
        ("true landmarks, guessed errors of the world landmarks", sharp_sight, with_world),
        ("true landmarks, learned errors of the world landmarks", learned_world_sight(errors), with_world),
        ("learned errors of all landmarks", errors.observe_with_world, with_world),
    ]
    tables = []
    for title, sight, rows in parts:
        tables.append(f"{title}\n{format_lifting(evaluate_methods(rows, read_sequences(folder, sight)[::every]))}")
    return "\n\n".join(tables)


def _learned_methods(
    network: Path | None,
    martinez: Path | None,
    ablations: bool,
    trained_without: Sequence[tuple[Ingredient | None, Path]],
) -> dict[str, Method]:
    """The lifters that learned, by the name of their row; see `evaluate_folder`."""
    methods: dict[str, Method] = {}
    network = network or (LANDMARK_MODEL_FILE if LANDMARK_MODEL_FILE.is_file() else None)
    if network is not None:
        methods |= {
            "transformer": learned_method(network),
            "transformer, causal": learned_method(network, WindowConfig(causal=True), FRAME_BY_FRAME),
        }
    if network is not None and ablations:
        methods |= {
            "windows of 12 frames": learned_method(network, WindowConfig(frames=12, overlap=6)),
            "windows of 32 frames": learned_method(network, WindowConfig(frames=32, overlap=16)),
            "no mirror image": learned_method(network, WindowConfig(mirrored=False)),
            "no fit to the body": learned_method(network, fit=None),
            "fit frame by frame": learned_method(network, fit=FRAME_BY_FRAME),
            "unknown lens": learned_method(network, known_lens=False),
            "naive IK": learned_method(network, mode=IKMode.NAIVE),
        }
    for part, path in trained_without:
        left_out = "nothing" if part is None else part.value
        methods[f"without {left_out}"] = learned_method(path, known_lens=part is not Ingredient.LENS)
    if martinez is not None:
        methods["martinez"] = martinez_method(martinez)
    return methods


def _occlusion_curves(folder: Path, methods: dict[str, Method], every: int) -> str:
    """MPJPE and PA-MPJPE of the limb joints, mm, of every method under every pattern, from degree 0 to the last."""
    plain = _covered_scores(folder / UNCOVERED, methods, every)
    lines = []
    for pattern in Pattern:
        columns = [
            plain,
            *(_covered_scores(folder / folder_name(pattern, degree), methods, every) for degree in DEGREES),
        ]
        heads = "".join(f"{degree:>14}" for degree in (0, *DEGREES))
        lines.append(f"{pattern.value:<22}{heads}{'change':>16}")
        for name in methods:
            cells = [column[name] for column in columns]
            change = cells[-1] - cells[0]
            parts = [f"{mpjpe:>7.1f} /{pa:>5.1f}" for mpjpe, pa, _ in cells]
            lines.append("".join([f"{name:<22}", *parts, f"{change[0]:>9.1f} /{change[1]:>5.1f}"]))
        lines.append(f"{'seen':<22}" + "".join(f"{max(c[2] for c in column.values()):>14.2f}" for column in columns))
    return "\n".join([*lines, "MPJPE / PA-MPJPE of 12 limb joints, mm, by degree of occlusion, where somebody is seen"])


def _covered_scores(folder: Path, methods: dict[str, Method], every: int) -> dict[str, np.ndarray]:
    """(3,) MPJPE, PA-MPJPE, mm, and coverage by method; NaN where the detector sees nobody in any sequence."""
    sequences = read_sequences(folder, exact_sight, least_seen=0.1)[::every]
    if not sequences:
        return dict.fromkeys(methods, np.full(3, np.nan))
    rows = evaluate_methods(methods, sequences)
    return {row.name: np.array([row.limbs_mpjpe, row.limbs_pa, row.coverage]) for row in rows}


def evaluate_methods(methods: dict[str, Method], sequences: Sequence[TrueSequence]) -> list[LiftingScores]:
    """A row a method."""
    return [_scores(name, method, sequences) for name, method in methods.items()]


def format_lifting(rows: Sequence[LiftingScores]) -> str:
    """The rows as one table; "-" where a method does not answer."""
    titles = (
        "limbs_mpjpe", "limbs_pa", "mpjpe", "pa", "angle", "swing", "twist", "root_angle", "acceleration", "jitter",
        "skate", "drift", "bones", "coverage", "frames_per_s",
    )  # fmt: skip
    heads = (
        "MPJPE", "PA", "MPJPE24", "PA24", "angle", "swing", "twist", "root", "accel", "jitter", "skate", "drift",
        "bones", "seen", "fps",
    )  # fmt: skip
    lines = ["".join([f"{'':<22}", *(f"{head:>9}" for head in heads)])]
    for row in rows:
        values = [getattr(row, title) for title in titles]
        cells = [f"{'-':>9}" if np.isnan(v) else f"{v:>9.{0 if v >= 1000 else 2 if v < 10 else 1}f}" for v in values]
        lines.append("".join([f"{row.name:<22}", *cells]))
    lines.append(
        "mm and degrees; accel m/s^2; jitter over the truth's; MPJPE and PA of 12 limb joints, the others of 24"
    )
    for row in rows:
        if row.calibration is not None:
            lines.append(f"{row.name}: expected and real distance of joints, mm, by tenths of what is expected")
            lines += [
                f"  {name:<20}" + "".join(f"{value:>7.0f}" for value in values)
                for name, values in zip(("expected", "real"), row.calibration.T, strict=True)
            ]
    return "\n".join(lines)


def _sequence(arrays: dict[str, np.ndarray], points: np.ndarray, scores: np.ndarray, world: np.ndarray) -> TrueSequence:
    seen = (scores > 0).any(-1)
    points = np.where(seen[:, None, None], points, np.nan).astype(np.float64)
    boxes = np.concatenate([points.min(1), points.max(1)], axis=-1)
    width, height = arrays["image_size"]
    return TrueSequence(
        landmarks=LandmarkSequence(
            person_id=1,
            frame_indices=np.arange(len(points)),
            times_s=arrays["times_s"].astype(np.float64),
            landmarks_2d=points,
            landmarks_3d=np.where(seen[:, None, None], world, np.nan),
            scores=scores,
            boxes_xyxy=boxes,
        ),
        camera=Camera(arrays["intrinsics"].astype(np.float64), (int(width), int(height)), np.eye(4)),
        joints=arrays["joints_camera"].astype(np.float64),
        local_rotmats=arrays["local_rotmats"].astype(np.float64),
        world_to_camera=arrays["world_to_camera"].astype(np.float64),
    )


def _scores(name: str, method: Method, sequences: Sequence[TrueSequence]) -> LiftingScores:
    parts: dict[str, list[np.ndarray]] = {}
    expected: list[np.ndarray] = []
    real: list[np.ndarray] = []
    drifts_m: list[float] = []
    paths_m: list[float] = []
    seconds, frames = 0.0, 0
    for sequence in sequences:
        began = time.perf_counter()
        answer = method(sequence)
        seconds += time.perf_counter() - began
        frames += len(sequence.joints)
        for key, values in _errors(answer, sequence).items():
            parts.setdefault(key, []).append(np.ravel(values))
        drift_m, path_m = _drift(answer, sequence)
        if np.isfinite(drift_m):
            drifts_m.append(drift_m)
            paths_m.append(path_m)
        if answer.expected_m is not None:
            expected.append(answer.expected_m[:, 1:].ravel())
            true = sequence.joints - sequence.joints[:, :1]
            real.append(metrics.position_errors(answer.joints, true)[:, 1:].ravel())
    means = {key: float(metrics.mean_present(np.concatenate(values))) for key, values in parts.items()}
    tenths = calibration(np.concatenate(expected), np.concatenate(real)) if expected else None
    drift = 1e3 * sum(drifts_m) / sum(paths_m) if paths_m else float("nan")
    return LiftingScores(name=name, frames_per_s=frames / seconds, drift=drift, calibration=tenths, **means)


def calibration(expected_m: np.ndarray, real_m: np.ndarray, parts: int = 10) -> np.ndarray:
    """(parts, 2) mean expected and real distance, mm, of (N,) joints in equal parts by what is expected."""
    known = np.isfinite(expected_m) & np.isfinite(real_m)
    order = np.argsort(expected_m[known], kind="stable")
    pairs = 1e3 * np.stack([expected_m[known], real_m[known]], axis=1)[order]
    return np.stack([part.mean(axis=0) if len(part) else np.full(2, np.nan) for part in np.array_split(pairs, parts)])


def _errors(answer: Answer, sequence: TrueSequence) -> dict[str, np.ndarray]:
    true = sequence.joints - sequence.joints[:, :1]
    joints, times = answer.joints, sequence.landmarks.times_s
    seen = sequence.landmarks.seen
    hips = [JOINT["left_hip"], JOINT["right_hip"]]
    centred = joints - joints[:, hips].mean(1, keepdims=True)
    centred_true = true - true[:, hips].mean(1, keepdims=True)
    limbs, limbs_true = centred[:, LIMBS], centred_true[:, LIMBS]
    whole = np.isfinite(joints).all((1, 2))
    all_joints = np.where(whole[:, None, None], joints, np.nan)
    # Where the floor stands: the answer hung on the true root.
    feet = [JOINT[f"{side}_{part}"] for side in ("left", "right") for part in ("ankle", "foot")]
    skated, stood = (_in_world(sequence, sequence.joints[:, :1] + relative[:, feet]) for relative in (joints, true))
    true_jitter = metrics.jitter(limbs_true, times)
    errors = {
        "limbs_mpjpe": 1e3 * metrics.position_errors(limbs, limbs_true),
        "limbs_pa": 1e3 * metrics.procrustes_errors(limbs, limbs_true),
        "mpjpe": 1e3 * metrics.position_errors(all_joints, true)[:, 1:],
        "pa": 1e3 * metrics.procrustes_errors(all_joints, true),
        "acceleration": metrics.acceleration_errors(limbs, limbs_true, times),
        "jitter": np.array([metrics.jitter(limbs, times) / max(true_jitter, 1.0)]),
        "skate": np.array([1e3 * metrics.foot_skate(skated, stood)]),
        "bones": np.array([1e3 * metrics.bone_length_variation(metrics.bone_lengths(joints, _BONES))]),
        "coverage": whole.astype(np.float64) if whole.any() else np.isfinite(limbs).all((1, 2)).astype(np.float64),
    }
    names = ("angle", "swing", "twist", "root_angle")
    return errors | (
        dict.fromkeys(names, np.array([np.nan]))
        if answer.local_rotmats is None
        else _angles(np.where(seen[:, None, None, None], answer.local_rotmats, np.nan), sequence)
    )


def _drift(answer: Answer, sequence: TrueSequence) -> tuple[float, float]:
    """Mean distance, m, between the path of the pelvis in the world and the true one, and the length of that, m."""
    found, true = (_in_world(sequence, path[:, None])[:, 0] for path in (answer.pelvis, sequence.joints[:, 0]))
    return float(metrics.mean_present(metrics.root_drift(found, true))), metrics.path_length(true)


def _in_world(sequence: TrueSequence, points: np.ndarray) -> np.ndarray:
    """(T, N, 3) points in the camera frame, m, where the true camera of each frame says that they are."""
    view = sequence.world_to_camera[:, None]
    return rotate(np.swapaxes(view[..., :3, :3], -1, -2), points - view[..., :3, 3])


def _angles(rotmats: np.ndarray, sequence: TrueSequence) -> dict[str, np.ndarray]:
    """Errors of joint rotations, degrees: swing and twist of joints that have a bone, angle of the same."""
    true = sequence.local_rotmats
    aimed = [joint for joint in range(1, 24) if TIPS_24[joint] >= 0]
    offsets = load_open_body().skeleton(np.zeros(10)).offsets
    pairs = [
        metrics.swing_twist_errors_deg(
            rotmats[:, joint], true[:, joint], offsets[TIPS_24[joint]] / np.linalg.norm(offsets[TIPS_24[joint]])
        )
        for joint in aimed
    ]
    angles = metrics.rotation_errors_deg(rotmats, true)
    return {
        "angle": angles[:, aimed],
        "swing": np.stack([swing for swing, _ in pairs]),
        "twist": np.stack([twist for _, twist in pairs]),
        "root_angle": angles[:, 0],
    }

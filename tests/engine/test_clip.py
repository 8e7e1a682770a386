"""Scoring a motion against a truth file, including bad files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import InputError
from engine.evaluation.clip import evaluate_clip, evaluate_record, format_scores, nearest_record
from engine.evaluation.truth_file import Truth, load_truth
from engine.motion_points import camera_points, points_at_times
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.motion import Motion
from rig.motion_file import MotionRecord
from rig.rotations import rotvec_to_rotmat
from tests.sample_motions import walking, wandering

_CAMERA = rigid_transform(rotvec_to_rotmat(np.array([0.2, 0.0, 0.0])) @ WORLD_TO_CAMERA_UPRIGHT, np.array([0, 1.0, 5]))
_INTRINSICS = np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]])


def _record(motion: Motion, person_id: int = 1) -> MotionRecord:
    cameras = np.broadcast_to(_CAMERA, (len(motion), 4, 4))
    return MotionRecord(motion, cameras, _INTRINSICS, (1280, 720), person_id)


def _save_truth(path: Path, record: MotionRecord, **changes: object) -> Path:
    names, points = camera_points(record)
    motion = record.motion
    arrays: dict[str, object] = {
        "joint_names": np.array(names),
        "joints_camera_m": points,
        "times_s": motion.times_s,
        "intrinsics": record.intrinsics,
        "world_to_camera": record.world_to_camera,
        "global_orient": motion.global_orient,
        "body_pose": motion.body_pose,
    }
    arrays.update(changes)
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items() if value is not None})
    return path


def test_the_truth_itself_scores_perfectly(tmp_path: Path) -> None:
    record = _record(walking(2.0)[0])
    scores = evaluate_record(record, load_truth(_save_truth(tmp_path / "t.npz", record)), 12.5)
    assert scores.coverage == 1.0
    assert scores.compared_frames == scores.truth_frames == 60
    assert len(scores.compared_points) == 29
    for value in (scores.mpjpe_mm, scores.pa_mpjpe_mm, scores.root_error_mm, scores.root_drift_mm):
        assert value < 1e-6
    assert scores.joint_angle_error_deg < 1e-3
    assert scores.swing_error_deg < 1e-3
    assert scores.twist_error_deg < 1e-3
    assert scores.root_angle_error_deg < 1e-3
    assert scores.acceleration_error_m_s2 < 1e-6
    assert scores.jitter == pytest.approx(scores.true_jitter)
    assert scores.foot_skate_mm == pytest.approx(scores.true_foot_skate_mm)
    assert scores.true_path_m == pytest.approx(np.linalg.norm(np.ptp(record.motion.transl, axis=0)), rel=0.05)


def test_known_errors_come_out_as_numbers(tmp_path: Path) -> None:
    record = _record(walking(2.0)[0])
    truth = load_truth(_save_truth(tmp_path / "t.npz", record))
    motion = record.motion
    away = np.arange(len(motion))[:, None] * np.array([0.001, 0, 0])  # 1 mm a frame sideways
    moved = _record(replace(motion, transl=motion.transl + np.array([0, 0, -0.3]) + away))
    scores = evaluate_record(moved, truth)
    assert scores.mpjpe_mm < 1e-6
    assert scores.root_error_mm == pytest.approx(1e3 * np.hypot(0.3, np.arange(60) / 1000).mean())
    assert scores.root_drift_mm == pytest.approx(29.5)
    assert scores.root_drift_mm_per_m == pytest.approx(29.5 / scores.true_path_m)
    assert 0.5 < scores.foot_skate_mm - scores.true_foot_skate_mm <= 1.0
    bent = motion.body_pose.copy()
    bent[:, 17] += np.radians([0, 30.0, 0])  # the left elbow
    scores = evaluate_record(_record(replace(motion, body_pose=bent)), truth)
    assert scores.joint_angle_error_deg_by_joint["left_elbow"] == pytest.approx(30.0, abs=1e-3)
    assert scores.joint_angle_error_deg == pytest.approx(30.0 / 23, abs=1e-3)
    assert set(name for name, error in scores.mpjpe_mm_by_point.items() if error > 1) == {"left_wrist", "left_hand"}


def test_only_names_of_both_sides_are_compared_and_unknown_ones_are_reported(tmp_path: Path) -> None:
    record = _record(wandering(20))
    names, points = camera_points(record)
    pick = [names.index(name) for name in ("left_hip", "right_hip", "left_wrist", "nose")]
    path = _save_truth(
        tmp_path / "t.npz",
        record,
        joint_names=[*(names[i] for i in pick), "left_antenna"],
        joints_camera_m=np.concatenate([points[:, pick], points[:, :1]], axis=1),
        global_orient=None,
    )
    truth = load_truth(path)
    assert truth.ignored_names == ("left_antenna",)
    scores = evaluate_record(record, truth)
    assert scores.compared_points == ("left_hip", "right_hip", "left_wrist", "nose")
    assert scores.mpjpe_mm < 1e-6
    assert np.isnan(scores.joint_angle_error_deg)
    assert scores.as_dict()["joint_angle_error_deg"] is None
    json.dumps(scores.as_dict(), allow_nan=False)


def test_coverage_counts_frames_that_were_seen(tmp_path: Path) -> None:
    record = _record(wandering(40))
    truth = load_truth(_save_truth(tmp_path / "t.npz", record))
    motion = record.motion
    confidence = motion.confidence.copy()
    confidence[5:10] = 0.0
    half = replace(
        motion,
        times_s=motion.times_s[:20],
        global_orient=motion.global_orient[:20],
        body_pose=motion.body_pose[:20],
        transl=motion.transl[:20],
        contacts=motion.contacts[:20],
        confidence=confidence[:20],
    )
    scores = evaluate_record(_record(half), truth)
    assert scores.compared_frames == 15
    assert scores.coverage == pytest.approx(15 / 40)
    assert scores.mpjpe_mm < 1e-6


def test_missing_truth_is_not_charged(tmp_path: Path) -> None:
    record = _record(wandering(12))
    points = camera_points(record)[1].copy()
    points[3] = np.nan
    points[:, 5] = np.nan
    scores = evaluate_record(record, load_truth(_save_truth(tmp_path / "t.npz", record, joints_camera_m=points)))
    assert scores.truth_frames == 11
    assert scores.coverage == 1.0
    assert scores.mpjpe_mm < 1e-6


def test_a_prediction_at_another_rate_is_read_between_its_frames() -> None:
    fine, coarse = wandering(times_s=np.arange(200) / 100.0), wandering(times_s=np.arange(60) / 30.0)
    points = camera_points(_record(fine))[1]
    truth = Truth(names=fine.skeleton.joint_names, joints_camera=points[:, :24], times_s=fine.times_s)
    scores = evaluate_record(_record(coarse), truth)
    assert scores.mpjpe_mm < 1.0
    sampled = points_at_times(coarse, camera_points(_record(coarse))[1], np.array([1.0, 5.0]))
    assert np.isfinite(sampled[0]).all()
    assert np.isnan(sampled[1]).all()


def test_the_person_nearest_to_the_truth_is_scored(tmp_path: Path) -> None:
    motion = wandering(20)
    truth = load_truth(_save_truth(tmp_path / "t.npz", _record(motion)))
    aside = _record(replace(motion, transl=motion.transl + np.array([1.5, 0, 0])), person_id=7)
    deep = _record(replace(motion, transl=motion.transl + np.array([0.02, 0, 0])), person_id=9)
    assert nearest_record([aside, deep], truth).person_id == 9
    assert evaluate_clip([aside, deep], truth).person_id == 9
    with pytest.raises(InputError, match="at least one person"):
        evaluate_clip([], truth)


def test_the_table_names_every_measure(tmp_path: Path) -> None:
    record = _record(wandering(20))
    text = format_scores(evaluate_record(record, load_truth(_save_truth(tmp_path / "t.npz", record)), 31.25))
    for word in ("MPJPE", "PA-MPJPE", "root", "acceleration", "jitter", "foot skate", "coverage", "31.2 frames/s"):
        assert word in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joint_names": None}, "lacks joint_names"),
        ({"times_s": np.arange(3)}, "joints_camera_m has shape"),
        ({"joint_names": np.array(["a"] * 29)}, "more than once"),
        ({"joint_names": np.array([f"point{i}" for i in range(29)])}, "0 known names"),
        ({"joint_names": np.zeros(29)}, "list of names"),
        ({"times_s": np.arange(12)[::-1]}, "strictly increasing"),
        ({"times_s": np.full(12, np.nan)}, "not finite"),
        ({"joints_camera_m": np.full((12, 29, 3), np.nan)}, "no finite position"),
        ({"intrinsics": np.eye(2)}, "intrinsics has shape"),
        ({"world_to_camera": np.zeros((2, 4, 4))}, "world_to_camera has shape"),
        ({"body_pose": np.zeros((12, 21, 3))}, "body_pose has shape"),
    ],
)
def test_bad_truth_files_are_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = _save_truth(tmp_path / "bad.npz", _record(wandering(12)), **changes)
    with pytest.raises(InputError, match=message) as caught:
        load_truth(path)
    assert "bad.npz" in str(caught.value)


def test_files_that_are_no_truth_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_truth(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match="not an npz file"):
        load_truth(tmp_path / "text.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(InputError, match="not an npz file"):
        load_truth(tmp_path / "array.npy")
    np.savez(tmp_path / "pickle.npz", joint_names=np.array([{}], object), joints_camera_m=0, times_s=0)
    with pytest.raises(InputError, match="plain arrays"):
        load_truth(tmp_path / "pickle.npz")

"""The whole program against the exact truth of the sample clip."""

import json
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.cli import main
from engine.estimate import read_people
from engine.evaluation.metrics import mean_present, procrustes_errors
from engine.evaluation.truth_file import load_truth
from engine.job import open_job
from engine.motion_points import camera_points
from engine.pipeline import reconstruct
from engine.poses import BLAZEPOSE
from engine.progress import SilentReporter

SAMPLE = next((Path(__file__).parents[2] / "samples").glob("*.mp4"))
TRUTH = SAMPLE.with_name(SAMPLE.stem + "_truth.npz")


@pytest.fixture(scope="module")
def job_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("truth") / "sample.mocap"


@pytest.fixture(scope="module")
def scores(job_folder) -> dict:
    """What `mocap evaluate clip --json` prints; bounds below lie a fifth or more above what was measured."""
    arguments = ["evaluate", "clip", str(SAMPLE), "--truth", str(TRUTH), "--json", "--progress", "none"]
    with redirect_stdout(StringIO()) as said:
        assert main([*arguments, "--job", str(job_folder)]) == 0
    return json.loads(said.getvalue())


def test_everything_is_covered(scores):
    assert scores["coverage"] == 1.0
    assert scores["frames_per_s"] > 0


def test_joints_are_near_the_truth(scores):
    assert scores["mpjpe_mm"] < 85
    assert scores["pa_mpjpe_mm"] < 68
    assert scores["root_error_mm"] < 150
    assert scores["joint_angle_error_deg"] < 17
    assert scores["bone_length_variation_mm"] == pytest.approx(0, abs=1e-6)


def test_the_motion_is_steady_but_not_frozen(scores):
    assert 0.25 * scores["true_jitter"] < scores["jitter"] < 1.2 * scores["true_jitter"]
    assert scores["foot_skate_mm"] < scores["true_foot_skate_mm"] + 2


def test_it_beats_the_detectors_own_joints(scores, job_folder):
    truth = load_truth(TRUTH)
    parts = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    limbs = [f"{side}_{part}" for side in ("left", "right") for part in parts]
    job = open_job(job_folder)
    people = read_people(job)
    camera = replace(Camera.from_fov(job.clip.image_size), intrinsics=truth.intrinsics)
    [record] = reconstruct(people, camera, load_open_body(), job.settings, SilentReporter())
    names, points = camera_points(record)
    true = truth.joints_camera[:, [truth.names.index(name) for name in limbs]]
    ours = points[: len(true), [names.index(name) for name in limbs]]
    detectors = people.landmarks[0].landmarks_3d[:, [BLAZEPOSE[name] for name in limbs]]
    assert mean_present(procrustes_errors(ours, true)) < 0.95 * mean_present(procrustes_errors(detectors, true))

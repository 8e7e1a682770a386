"""Image networks in the whole program: a clip's truth comes back, refining needs no network, misuse is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from captures import Capture
from image_networks import (
    TRUTH,
    TruthNetwork,
    sample_landmarks,
    true_camera_evidence,
    truth_arrays,
)
from sample_pieces import sample_video
from video_samples import write_clip

from engine.body.open_body import load_open_body
from engine.camera import Camera
from engine.errors import InputError, MissingTool
from engine.estimate import estimate_people, open_clip, read_people
from engine.evaluation.clip import evaluate_clip
from engine.evaluation.truth_file import Truth, load_truth
from engine.image_poses.network_poses import network_poses
from engine.image_poses.person_boxes import person_boxes
from engine.job import Job, open_job
from engine.pipeline import reconstruct, refine_job
from engine.progress import SilentReporter
from engine.settings import Settings
from rig.kinematics import global_rotations
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import JOINT, SMPL_PARENTS

# A clip's truth through the whole program


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder in which a network was added, of which only the name and hash are true."""
    monkeypatch.setenv("SWINGTWIST_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "models" / "hybrik-24"
    folder.mkdir(parents=True)
    (folder / "weights.pth").write_bytes(b"no weights")
    entry = {
        "schema": 1, "name": "hybrik-24", "path": "weights.pth", "architecture": "hybrik-deconvolution-resnet34",
        "licence": "a licence", "format": "torch", "blake2b": "0" * 128, "size": 10, "body": "", "linked": False,
    }  # fmt: skip
    (folder / "entry.json").write_text(json.dumps(entry))
    return folder


@pytest.fixture
def job_folder(sample_capture: Capture, tmp_path: Path, home: Path) -> Path:
    """The sample's first 1.2 s, looked at by a network that knows the truth."""
    folder = tmp_path / "job"
    shutil.copytree(sample_capture.job, folder)
    settings = replace(open_job(folder).settings, model="hybrik-24", flip_test=False, batch_size=7)
    job = open_clip(str(sample_video()), settings, folder)
    boxes = person_boxes(sample_landmarks(sample_capture), job.clip.image_size)
    told: list[str] = []
    reporter = SilentReporter()
    reporter.progress = lambda stage, done, total: told.append(stage)  # type: ignore[method-assign]
    estimate_people(job, reporter, load=lambda settings: TruthNetwork(boxes))
    assert told[-1] == "network"
    return folder


def true_part(frames: int) -> Truth:
    """The sample's truth in its first frames."""
    truth = load_truth(TRUTH)
    names = ("joints_camera", "times_s", "world_to_camera", "local_rotmats")
    return replace(truth, **{name: getattr(truth, name)[:frames] for name in names})


def true_camera(job: Job) -> Camera:
    return replace(Camera.from_fov(job.clip.image_size), intrinsics=truth_arrays()["intrinsics"])


def test_a_network_that_knows_the_truth_gives_it_back(job_folder: Path) -> None:
    job = open_job(job_folder)
    people, camera = read_people(job), true_camera(job)
    frames = len(people.landmarks[0])
    part = true_part(frames)
    plain = replace(job.settings, smoothing="off", foot_lock="off")
    scores = evaluate_clip(reconstruct(people, camera, load_open_body(), plain, SilentReporter()), part)
    assert scores.mpjpe_mm < 5
    assert scores.joint_angle_error_deg < 1.5
    assert scores.root_angle_error_deg < 0.5
    assert scores.root_error_mm < 50
    # The network's own body gets the network's own shape, and then everything is in its place.
    own_body = replace(load_open_body(), name="smpl")
    [record] = reconstruct(people, camera, own_body, plain, SilentReporter())
    assert record.motion.betas == pytest.approx(truth_arrays()["betas"], abs=1e-6)
    scores = evaluate_clip([record], part)
    assert scores.mpjpe_mm < 3
    assert scores.root_error_mm < 8
    smoothed = evaluate_clip(reconstruct(people, camera, load_open_body(), job.settings, SilentReporter()), part)
    assert smoothed.mpjpe_mm < 25

    # The right hand, of which such networks say nothing, rides on its wrist.
    poses = network_poses(people.evidence[1], people.landmarks[0], camera)
    hand, wrist = poses.leaf_rotmats[:, JOINT["right_hand"]], JOINT["right_wrist"]
    assert np.isfinite(hand).all()
    arrays = truth_arrays()
    local = rotvec_to_rotmat(np.concatenate([arrays["global_orient"][:, None], arrays["body_pose"]], axis=1))[:frames]
    turned = arrays["world_to_camera"][:frames, :3, :3] @ global_rotations(SMPL_PARENTS, local)[:, wrist]
    assert np.abs(hand - turned).max() < 0.02


def test_a_network_of_29_points_that_knows_the_truth_is_placed_by_bones_or_by_its_own_camera(
    sample_capture: Capture,
) -> None:
    job = open_job(sample_capture.job)
    people, camera = read_people(job), true_camera(job)
    boxes = person_boxes(people.landmarks[0], job.clip.image_size)
    people = replace(people, evidence={1: true_camera_evidence(boxes)})
    settings = Settings(smoothing="off", foot_lock="off")
    own_body = replace(load_open_body(), name="smpl")
    part = true_part(len(boxes))
    for placement, joints_mm, root_mm in (("bones", 5, 8), ("network", 20, 70)):
        chosen = replace(settings, placement=placement)
        scores = evaluate_clip(reconstruct(people, camera, own_body, chosen, SilentReporter()), part)
        assert scores.mpjpe_mm < joints_mm
        assert scores.root_error_mm < root_mm


def test_refining_needs_neither_the_network_nor_the_video(
    job_folder: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(home)
    job = open_job(job_folder)
    outputs = [tmp_path / "refined.npz"]
    _, people = refine_job(job, outputs, replace(job.settings, smoothing="heavy"), SilentReporter())
    assert people == [1]
    with np.load(outputs[0], allow_pickle=False) as motion:
        model = json.loads(str(motion["provenance"]))["model"]
    assert model["licence"] == "truth only"
    assert model["derived_from"] == "SMPL"
    assert "wrist" in model["right_hand"]
    with pytest.raises(InputError, match="model"):
        refine_job(job, outputs, replace(job.settings, model="landmarks"), SilentReporter())
    shutil.rmtree(job_folder / "network")
    with pytest.raises(InputError, match="person 1"):
        refine_job(job, outputs, job.settings, SilentReporter())


# What can be refused before the work


def test_a_network_without_weights_is_refused_with_what_to_download(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SWINGTWIST_HOME", str(tmp_path / "home"))
    with pytest.raises(MissingTool, match="mocap models add hybrik-transformer"):
        open_clip(str(sample_video()), Settings(model="hybrik-transformer"), tmp_path / "job")
    with pytest.raises(InputError, match=r"hybrik-transformer.*hybrik-24"):
        open_clip(str(sample_video()), Settings(model="openpose"), tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_a_video_smaller_than_the_crop_is_refused(home: Path, tmp_path: Path) -> None:
    video = write_clip(tmp_path / "tiny.mp4", size=(200, 160))
    with pytest.raises(InputError, match=r"tiny\.mp4 is 200 x 160 px, expected at least 256 px"):
        open_clip(str(video), Settings(model="hybrik-24"), tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_a_camera_and_a_missing_torch_are_refused(home: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(InputError, match="second time"):
        open_clip("webcam:0", Settings(model="hybrik-24", end=3.0), tmp_path / "job")
    monkeypatch.setattr("engine.image_poses.choice.find_spec", lambda name: None)
    with pytest.raises(MissingTool, match="pip install torch"):
        open_clip(str(sample_video()), Settings(model="hybrik-24"), tmp_path / "job")

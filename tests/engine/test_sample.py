"""The sample clip and its truth: exact times, a person in the picture, joints that follow from the stored rotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.body.open_body import load_open_body
from rig.frames import transform
from rig.kinematics import global_rotations, joint_positions, landmark_positions
from rig.rotations import rotvec_to_rotmat

SAMPLE = Path(__file__).parents[2] / "samples" / "walk_and_kick.mp4"


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    with np.load(SAMPLE.with_name(SAMPLE.stem + "_truth.npz"), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def test_the_files_are_small():
    assert SAMPLE.stat().st_size < 2_000_000
    assert "mocap.cs.cmu.edu" in (SAMPLE.parent / "README.md").read_text(encoding="utf-8")


def test_every_frame_has_its_truth(truth):
    av = pytest.importorskip("av")
    with av.open(str(SAMPLE)) as container:
        stream = container.streams.video[0]
        size = [stream.width, stream.height]
        times = [float(frame.pts * stream.time_base) for frame in container.decode(stream)]
    np.testing.assert_allclose(times, truth["times_s"], atol=1e-6)
    assert size == [1280, 720] == truth["image_size"].tolist()


def test_joints_follow_from_the_rotations(truth):
    body = load_open_body()
    skeleton = body.skeleton(truth["betas"])
    np.testing.assert_allclose(skeleton.rest_joints, truth["rest_joints"], atol=1e-6)
    rotvecs = np.concatenate([truth["global_orient"][:, None], truth["body_pose"]], axis=1)
    rotmats = global_rotations(skeleton.parents, rotvec_to_rotmat(rotvecs))
    joints = joint_positions(skeleton, rotmats, truth["transl"])
    points = np.concatenate([joints, landmark_positions(skeleton, rotmats, joints)], axis=1)
    assert tuple(truth["joint_names"]) == skeleton.joint_names + skeleton.landmark_names
    np.testing.assert_allclose(
        transform(truth["world_to_camera"][:, None], points), truth["joints_camera_m"], atol=1e-5
    )


def test_the_person_stays_in_the_picture(truth):
    points = truth["joints_camera_m"] @ truth["intrinsics"].T
    pixels = points[..., :2] / points[..., 2:]
    assert (points[..., 2] > 1.0).all()
    assert (pixels >= 0).all()
    assert (pixels < truth["image_size"]).all()


def test_it_moves_and_turns(truth):
    assert np.ptp(truth["transl"], axis=0)[[0, 2]].max() > 1.0
    facing = rotvec_to_rotmat(truth["global_orient"])[:, :, 2]
    heading = np.unwrap(np.arctan2(facing[:, 0], facing[:, 2]))
    assert np.degrees(np.ptp(heading)) > 60.0


@pytest.mark.slow
def test_the_detector_sees_the_joints(truth):
    """The picture shows the person where the truth says, as the detector that the program uses sees it."""
    av, mediapipe = pytest.importorskip("av"), pytest.importorskip("mediapipe")
    names = [str(name) for name in truth["joint_names"]]
    places = truth["joints_camera_m"] @ truth["intrinsics"].T
    pixels = places[..., :2] / places[..., 2:]
    landmarks = {"nose": 0, "left_shoulder": 11, "right_shoulder": 12, "left_elbow": 13, "right_elbow": 14,
                 "left_wrist": 15, "right_wrist": 16, "left_knee": 25, "right_knee": 26, "left_ankle": 27,
                 "right_ankle": 28}  # fmt: skip
    errors, scores = [], []
    pose = mediapipe.solutions.pose.Pose(model_complexity=1)
    with av.open(str(SAMPLE)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            found = pose.process(frame.to_ndarray(format="rgb24")).pose_landmarks
            if found is None or number % 3:
                continue
            for name, index in landmarks.items():
                point = found.landmark[index]
                scores.append(point.visibility)
                errors.append(
                    np.hypot(*(np.array([point.x * 1280, point.y * 720]) - pixels[number, names.index(name)]))
                )
    pose.close()
    assert len(errors) > 40 * len(landmarks)
    assert np.mean(scores) > 0.85
    assert np.median(errors) < 12.0
